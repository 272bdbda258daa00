// SPDX-License-Identifier: Apache-2.0
#include "analyzer/policy/tuner.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "analyzer/detect/world.h"

static struct record record;

static const struct {
    const char *text, *words;
} bad[] = {
    {"", "t.yaml:1:1: empty"},
    {"a: b\n", "a: a file of detections has no such key"},
    {"detections: [a]\n", "t.yaml:1:13: detections: must be a mapping of names"},
    {"detections:\n  ld_prelod: {}\n", "ld_prelod: no detection has that name: did you mean 'ld_preload'; see"},
    {"detections:\n  ld_preload: {}\n  ld_preload: {}\n", "ld_preload: given twice"},
    {"detections:\n  ld_preload: {enabld: true}\n",
     "enabld: ld_preload has no such key: did you mean 'enabled'; it takes"},
    {"detections:\n  ld_preload: {enabled: yes}\n", "t.yaml:2:25: enabled: must be true or false"},
    {"detections:\n  ld_preload: {severity: hihg}\n",
     "severity: must be info, low, medium, high or critical: did you mean 'high'"},
    {"detections:\n  ld_preload: {scope: all}\n", "scope: must be 'any'"},
    {"detections:\n  ld_preload: {exceptions: [{match: [comm=x]}]}\n", "an exception: lacks the key reason"},
    {"detections:\n  ld_preload: {exceptions: [{reason: x}]}\n", "an exception: lacks the key match"},
    {"detections:\n  ld_preload: {exceptions: [{reason: x, match: []}]}\n", "match: must not be empty"},
    {"detections:\n  ld_preload: {exceptions: [{reason: x, match: [com=x]}]}\n",
     "match: there is no field 'com': did you mean 'comm'"},
    {"detections:\n  ld_preload: {exceptions: [{reason: x, match: [data.nothing=x]}]}\n",
     "has no field 'data.nothing'"},
    {"detections:\n  ld_preload: {exceptions: [{reason: x, match: [uid=x]}]}\n", "'x' is no number"},
    {"detections:\n  ld_preload: {exceptions: [{reason: x, expires: soon, match: [comm=x]}]}\n",
     "expires: must be a day, as in"},
    {"detections:\n  ld_preload: {exceptions: [{reason: x, expires: 2027-02-31, match: [comm=x]}]}\n",
     "expires: there is no such day"},
    {"detections:\n  ld_preload: {exceptions: [{reason: x, expires: 9871-01-31, match: [comm=x]}]}\n",
     "expires: there is no such day"},
    {"detections:\n  ld_preload: {deduplicate: {key: [comm]}}\n", "deduplicate: lacks the key window"},
    {"detections:\n  ld_preload: {deduplicate: {window: 5}}\n", "window: must be a duration"},
    {"detections:\n  ld_preload: {deduplicate: {window: 31d}}\n", "window: must be a duration of at most 30 days"},
    {"detections:\n  ld_preload: {deduplicate: {window: 5m, key: [com]}}\n", "key: there is no field 'com'"},
    {"detections:\n  ld_preload: {threshold: {window: 5m, count: 0}}\n", "count: must be a number from 1"},
    {"detections:\n  ld_preload: {rate_limit: {window: 5m}}\n", "rate_limit: lacks the key count"},
};

static void test_tuning_refused(void **test)
{
    (void)test;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct tuning tuning;
        struct policy_error error = {0};
        char words[POLICY_ERROR_BYTES];
        assert_int_equal(tuning_init(&tuning), 0);
        int result = tuning_parse(&tuning, "t.yaml", bad[i].text, strlen(bad[i].text), true, &error);
        policy_error_words(&error, words);
        if (result == 0 || strstr(words, bad[i].words) == NULL)
            fail_msg("%s -> %s, wanted %s", bad[i].text, words, bad[i].words);
        tuning_fini(&tuning);
    }
}

static void tune(struct tuning *tuning, const char *text)
{
    struct policy_error error = {0};
    if (tuning_parse(tuning, "t.yaml", text, strlen(text), false, &error) < 0)
        fail_msg("%s: %zu: %s: %s", text, error.line, error.key, error.message);
}

static void test_tuning_of_several_files(void **test)
{
    (void)test;
    struct tuning tuning;
    struct policy_error error = {0};
    assert_int_equal(tuning_init(&tuning), 0);
    tune(&tuning, "other: {things: [1]}\ndetections:\n  ld_preload: {severity: low, exceptions: [{reason: a, match: "
                  "[comm=a]}]}\n");
    tune(&tuning, "detections:\n  TRC-107: {exceptions: [{reason: b, match: [comm=b]}]}\n");
    tune(&tuning, "nothing: here\n");
    size_t n, at = 0;
    const struct detection *const *all = detections_all(&n);
    while (strcmp(all[at]->name, "ld_preload") != 0)
        at++;
    assert_int_equal(tuning.tuned[at].n_exceptions, 2);
    assert_string_equal(tuning.tuned[at].exceptions[1].reason, "b");
    static const char twice[] = "detections:\n  ld_preload: {severity: high}\n";
    assert_int_equal(tuning_parse(&tuning, "u.yaml", twice, sizeof(twice) - 1, true, &error), -EINVAL);
    assert_string_equal(error.message, "ld_preload has this key already, in another file");
    tuning_fini(&tuning);
}

/* -- what is told -- */

struct tuned_world {
    struct tuning tuning;
    struct tuner *tuner;
    const struct detection **table;
    struct engine *engine;
};

static void tuned_open(struct tuned_world *tuned, const char *text)
{
    struct policy_error error = {0};
    const char *words = "";
    size_t n, n_all;
    const struct detection *const *all = detections_all(&n_all);
    assert_int_equal(tuning_init(&tuned->tuning), 0);
    tune(&tuned->tuning, text);
    if (tuning_apply(&tuned->tuning, all, n_all, &tuned->table, &n, &error) < 0)
        fail_msg("%s", error.message);
    tuned->engine = engine_new_from(world.schema, tuned->table, n, &words);
    tuned->tuner = tuner_new(&tuned->tuning, world.schema, ARCHITECTURE_X86_64, &words);
    if (tuned->engine == NULL || tuned->tuner == NULL)
        fail_msg("%s", words);
}

static void tuned_close(struct tuned_world *tuned)
{
    tuner_free(tuned->tuner);
    engine_free(tuned->engine);
    free(tuned->table);
    tuning_fini(&tuned->tuning);
}

struct told {
    struct tuned_world *tuned;
    unsigned findings;
    enum severity severity;
    enum suppression suppression;
};

static void keep(void *arg, const struct finding *finding)
{
    struct told *told = arg;
    told->findings++;
    told->severity = finding->severity;
    told->suppression = tuner_judge(told->tuned->tuner, finding);
}

static struct told tell(struct tuned_world *tuned, uint64_t seconds)
{
    struct told told = {.tuned = tuned};
    record.header.time_ns = seconds * UINT64_C(1000000000);
    const struct event_context *context = world_send(&world, &record);
    engine_begin_batch(tuned->engine, decoder_string_count(context->decoder));
    engine_judge(tuned->engine, context, keep, &told);
    return told;
}

/* One finding of k8s_cert_theft, by a task of that name. */
static struct told theft(struct tuned_world *tuned, const char *comm, uint64_t seconds)
{
    record_begin(&record, "security_file_open");
    record_path(&record, "pathname", "/etc/kubernetes/pki/token", ITEM_COMPLETE);
    record_integer(&record, "flags", 0);
    record_comm(&record, comm);
    return tell(tuned, seconds);
}

static void test_tuning_exceptions(void **test)
{
    (void)test;
    struct tuned_world tuned;
    /* The world's wall clock is 1,700,000,000 s ahead: 2023-11-14. */
    tuned_open(&tuned, "detections:\n  k8s_cert_theft:\n    severity: critical\n    exceptions:\n"
                       "    - {reason: backup, match: [comm=backup*, data.pathname=/etc/kubernetes/*]}\n"
                       "    - {reason: until then, expires: 2023-11-16, match: ['comm=~^tmp[0-9]+$']}\n"
                       "    - {reason: other, match: [comm=other, uid=0]}\n");
    struct told told = theft(&tuned, "cat", 10);
    assert_int_equal(told.findings, 1);
    assert_int_equal(told.severity, SEVERITY_CRITICAL);
    assert_int_equal(told.suppression, SUPPRESSED_NOT);
    assert_int_equal(theft(&tuned, "backup-1", 11).suppression, SUPPRESSED_EXCEPTION);
    assert_int_equal(theft(&tuned, "other", 12).suppression, SUPPRESSED_NOT);
    assert_int_equal(theft(&tuned, "tmp12", 13).suppression, SUPPRESSED_EXCEPTION);
    assert_int_equal(theft(&tuned, "tmp12x", 14).suppression, SUPPRESSED_NOT);
    assert_int_equal(theft(&tuned, "tmp12", 3 * 86400).suppression, SUPPRESSED_NOT); /* it has expired */
    assert_int_equal(theft(&tuned, "backup-1", 3 * 86400).suppression, SUPPRESSED_EXCEPTION);
    tuned_close(&tuned);
}

/* What cannot be answered is no exception. */
static void test_tuning_truncated(void **test)
{
    (void)test;
    struct tuned_world tuned;
    tuned_open(&tuned, "detections:\n  k8s_cert_theft:\n    exceptions:\n"
                       "    - {reason: x, match: ['data.pathname!=/tmp/*']}\n");
    record_begin(&record, "security_file_open");
    record_path(&record, "pathname", "/etc/kubernetes/pki/token", ITEM_TRUNCATED);
    record_integer(&record, "flags", 0);
    struct told told = tell(&tuned, 10);
    assert_int_equal(told.findings, 1);
    assert_int_equal(told.suppression, SUPPRESSED_NOT);
    assert_int_equal(theft(&tuned, "cat", 11).suppression, SUPPRESSED_EXCEPTION);
    tuned_close(&tuned);
}

static void test_tuning_windows(void **test)
{
    (void)test;
    struct tuned_world tuned, next;
    tuned_open(&tuned, "detections:\n  k8s_cert_theft:\n    deduplicate: {key: [comm], window: 1m}\n");
    assert_int_equal(theft(&tuned, "a", 100).suppression, SUPPRESSED_NOT);
    assert_int_equal(theft(&tuned, "a", 101).suppression, SUPPRESSED_DUPLICATE);
    assert_int_equal(theft(&tuned, "b", 101).suppression, SUPPRESSED_NOT);
    assert_int_equal(theft(&tuned, "a", 159).suppression, SUPPRESSED_DUPLICATE);
    assert_int_equal(theft(&tuned, "a", 160).suppression, SUPPRESSED_NOT);
    assert_int_equal(theft(&tuned, "a", 161).suppression, SUPPRESSED_DUPLICATE);
    /* Another set goes on counting. */
    tuned_open(&next, "detections:\n  k8s_cert_theft:\n    deduplicate: {key: [comm], window: 2m}\n");
    tuner_inherit(next.tuner, tuned.tuner);
    tuned_close(&tuned);
    assert_int_equal(theft(&next, "a", 240).suppression, SUPPRESSED_DUPLICATE);
    tuned_close(&next);

    tuned_open(&tuned, "detections:\n  k8s_cert_theft:\n    threshold: {count: 3, window: 1m}\n");
    assert_int_equal(theft(&tuned, "a", 100).suppression, SUPPRESSED_BELOW_THRESHOLD);
    assert_int_equal(theft(&tuned, "b", 101).suppression, SUPPRESSED_BELOW_THRESHOLD);
    assert_int_equal(theft(&tuned, "c", 102).suppression, SUPPRESSED_NOT);
    assert_int_equal(theft(&tuned, "d", 103).suppression, SUPPRESSED_BELOW_THRESHOLD);
    assert_int_equal(theft(&tuned, "d", 104).suppression, SUPPRESSED_BELOW_THRESHOLD);
    assert_int_equal(theft(&tuned, "d", 164).suppression, SUPPRESSED_BELOW_THRESHOLD); /* too late */
    tuned_close(&tuned);

    tuned_open(&tuned, "detections:\n  k8s_cert_theft:\n    rate_limit: {count: 2, window: 10s}\n");
    assert_int_equal(theft(&tuned, "a", 100).suppression, SUPPRESSED_NOT);
    assert_int_equal(theft(&tuned, "b", 101).suppression, SUPPRESSED_NOT);
    assert_int_equal(theft(&tuned, "c", 102).suppression, SUPPRESSED_RATE_LIMIT);
    assert_int_equal(theft(&tuned, "d", 110).suppression, SUPPRESSED_NOT);
    tuned_close(&tuned);
}

/* A pattern that never ends is no exception either, and one that cannot be made is refused with its place. */
static void test_tuning_patterns(void **test)
{
    (void)test;
    struct tuned_world tuned;
    tuned_open(&tuned, "detections:\n  k8s_cert_theft:\n    exceptions:\n"
                       "    - {reason: x, match: ['data.pathname=~^/etc/kubernetes/pki/((x+)+)+$']}\n");
    char path[200] = "/etc/kubernetes/pki/";
    memset(path + strlen(path), 'x', 100);
    path[120] = '!';
    record_begin(&record, "security_file_open");
    record_path(&record, "pathname", path, ITEM_COMPLETE);
    record_integer(&record, "flags", 0);
    struct told told = tell(&tuned, 10);
    assert_int_equal(told.findings, 1);
    assert_int_equal(told.suppression, SUPPRESSED_NOT);
    path[120] = '\0';
    record_begin(&record, "security_file_open");
    record_path(&record, "pathname", path, ITEM_COMPLETE);
    record_integer(&record, "flags", 0);
    assert_int_equal(tell(&tuned, 11).suppression, SUPPRESSED_EXCEPTION);
    tuned_close(&tuned);

    static const char *const patterns[] = {"(((a{1000}){1000}){1000})", "(a"};
    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        struct tuning tuning;
        const char *words = "";
        char text[200];
        assert_int_equal(tuning_init(&tuning), 0);
        snprintf(text, sizeof(text),
                 "detections:\n  k8s_cert_theft:\n    exceptions:\n    - {reason: x, match: ['comm=~%s']}\n",
                 patterns[i]);
        tune(&tuning, text);
        assert_null(tuner_new(&tuning, world.schema, ARCHITECTURE_X86_64, &words));
        if (strstr(words, "t.yaml:4: ") != words || strstr(words, "the pattern ") == NULL)
            fail_msg("%s", words);
        tuning_fini(&tuning);
    }
}

/* Keys are bounded: the oldest go. */
static void test_tuning_many_keys(void **test)
{
    (void)test;
    struct tuned_world tuned;
    tuned_open(&tuned, "detections:\n  k8s_cert_theft:\n    deduplicate: {key: [timestamp], window: 1d}\n");
    for (uint64_t i = 0; i < TUNER_MAX_KEYS + 10; i++)
        assert_int_equal(theft(&tuned, "a", 1000 + i).suppression, SUPPRESSED_NOT);
    assert_int_equal(tuner_evicted(tuned.tuner), 10);
    tuned_close(&tuned);
}

static void test_tuning_switches(void **test)
{
    (void)test;
    struct tuned_world tuned;
    tuned_open(&tuned, "detections:\n  k8s_cert_theft: {enabled: false}\n");
    assert_int_equal(theft(&tuned, "cat", 10).findings, 0);
    tuned_close(&tuned);

    /* Of a container only, unless told otherwise. */
    const char *const texts[] = {"detections: {}\n",
                                 "detections:\n  cgroup_release_agent: {scope: any, severity: info}\n"};
    for (unsigned i = 0; i < 2; i++) {
        tuned_open(&tuned, texts[i]);
        record_begin(&record, "security_file_open");
        record_path(&record, "pathname", "/tmp/cg/release_agent", ITEM_COMPLETE);
        record_integer(&record, "flags", 1);
        struct told told = tell(&tuned, 10);
        assert_int_equal(told.findings, i);
        assert_int_equal(told.severity, SEVERITY_INFO);
        tuned_close(&tuned);
    }
    struct tuning tuning;
    struct policy_error error = {0};
    const struct detection **table;
    size_t n, n_all;
    const struct detection *const *all = detections_all(&n_all);
    assert_int_equal(tuning_init(&tuning), 0);
    tune(&tuning, "detections:\n  k8s_cert_theft: {scope: any}\n");
    assert_int_equal(tuning_apply(&tuning, all, n_all, &table, &n, &error), -EINVAL);
    assert_string_equal(error.message, "detections.k8s_cert_theft: it is not bound to containers");
    tuning_fini(&tuning);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tuning_refused),    cmocka_unit_test(test_tuning_of_several_files),
        cmocka_unit_test(test_tuning_exceptions), cmocka_unit_test(test_tuning_truncated),
        cmocka_unit_test(test_tuning_windows),    cmocka_unit_test(test_tuning_many_keys),
        cmocka_unit_test(test_tuning_switches),   cmocka_unit_test(test_tuning_patterns),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
