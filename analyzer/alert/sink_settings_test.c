/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of outputs: what is refused and in which words, and which alerts pass. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "analyzer/alert/alert_testing.h"
#include "analyzer/alert/sink.h"

static struct sink_settings *settings_of(const char *kind)
{
    struct sink_settings *settings = sink_settings_new(sink_kind_by_name(kind), "pager");
    assert_non_null(settings);
    return settings;
}

static void set(struct sink_settings *settings, const char *key, const char *text)
{
    char why[SINK_WHY_BYTES] = "";
    if (sink_settings_set(settings, key, text, why) < 0)
        fail_msg("%s: %s", key, why);
}

/* Each table holds, its initial values too, and no key is there twice. */
static void test_settings_tables(void **state)
{
    (void)state;
    size_t count;
    const struct sink_kind *const *kinds = sink_kinds(&count);
    for (size_t i = 0; i < count; i++) {
        struct sink_settings *settings = settings_of(kinds[i]->name);
        const struct option *option, *other;
        for (size_t j = 0; (option = sink_option_at(kinds[i], j)) != NULL; j++) {
            assert_true(option->help != NULL && option->help[0] != '\0');
            assert_true(option->size > 0);
            for (size_t k = 0; k < j && (other = sink_option_at(kinds[i], k)) != NULL; k++)
                assert_string_not_equal(option->key, other->key);
        }
        assert_true(kinds[i]->summary != NULL && kinds[i]->open != NULL && kinds[i]->deliver != NULL);
        assert_int_equal(settings->retry_min_ms, SINK_BACKOFF_MIN_MS);
        assert_int_equal(settings->retry_max_ms, SINK_BACKOFF_MAX_MS);
        sink_settings_free(settings);
    }
}

static void test_settings_refused(void **state)
{
    (void)state;
    static const struct {
        const char *kind, *key, *text, *words;
    } cases[] = {
        {"webhook", "headrs", "A: b", "did you mean 'headers'?"},
        {"file", "proxy", "http://h:1", "an output of kind file has no such key"},
        {"syslog", "headers", "A: b", "an output of kind syslog has no such key"},
        {"webhook", "severity", "hihg", "did you mean 'high'?"},
        {"webhook", "timeout", "10", "is not a duration"},
        {"loki", "retry.max", "1h", "out of range"},
        {"syslog", "facility", "local9", "is not one of"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char why[SINK_WHY_BYTES] = "";
        struct sink_settings *settings = settings_of(cases[i].kind);
        assert_true(sink_settings_set(settings, cases[i].key, cases[i].text, why) < 0);
        if (strstr(why, cases[i].words) == NULL)
            fail_msg("%s %s: \"%s\"", cases[i].kind, cases[i].key, why);
        sink_settings_free(settings);
    }
}

static void test_settings_refused_as_a_whole(void **state)
{
    (void)state;
    static const struct {
        const char *keys[4][2];
        const char *words;
    } cases[] = {
        {{{"url", ""}}, "url: missing"},
        {{{"url", "http://h"}, {"url_file", "/f"}}, "one of them"},
        {{{"url", "http://h"}, {"tls.key", "/k"}}, "go together"},
        {{{"url", "http://h"}, {"auth.user", "me"}}, "go together"},
        {{{"url", "http://h"}, {"auth.user", "a:b"}, {"auth.password_file", "/p"}}, "RFC 7617"},
        {{{"url", "http://h"}, {"auth.user", "a"}, {"auth.password_file", "/p"}, {"auth.bearer_file", "/b"}},
         "one of them"},
        {{{"url", "http://h"}, {"headers", "no colon"}}, "item 1 is not"},
        {{{"url", "http://h"}, {"headers", "A: b\r\nEvil: c"}}, "item 1 is not"},
        {{{"url", "http://h"}, {"headers", "authorization: Bearer x"}}, "auth.bearer_file"},
        {{{"url", "http://h"}, {"proxy", "http://me:secret@p:1"}}, "a password does not belong in a URL"},
        {{{"url", "http://h"}, {"retry.min", "10s"}, {"retry.max", "1s"}}, "retry.max is below"},
        {{{"url", "http://h"}, {"match.node", "[a"}}, "is no glob"},
        {{{"url", "http://h"}, {"match.detection", "fileles_execution"}}, "did you mean 'fileless_execution'?"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char why[SINK_WHY_BYTES] = "";
        struct sink_settings *settings = settings_of("webhook");
        for (size_t j = 0; j < 4 && cases[i].keys[j][0] != NULL; j++)
            set(settings, cases[i].keys[j][0], cases[i].keys[j][1]);
        assert_true(sink_settings_check(settings, why) < 0);
        if (strstr(why, cases[i].words) == NULL)
            fail_msg("case %zu: \"%s\"", i, why);
        sink_settings_free(settings);
    }
}

static void test_settings_filters(void **state)
{
    (void)state;
    static const struct {
        const char *key, *text;
        bool wanted;
    } cases[] = {
        {"severity", "info", true},
        {"severity", "high", true},
        {"severity", "critical", false},
        {"match.detection", "fileless_execution", true},
        {"match.detection", "TRC-105", true},
        {"match.detection", "fileless_*", true},
        {"match.detection", "FILELESS_*", false},
        {"match.detection", "TRC-102", false},
        {"match.tag", "T1620", true},
        {"match.tag", "defense-*", true},
        {"match.tag", "TRC-10[1-4]", false},
        {"match.policy", "night", true},
        {"match.policy", "al?", true},
        {"match.policy", "day", false},
        {"match.node", "node?", true},
        {"match.node", "other", false},
        {"match.namespace", "shop", true},
        {"match.namespace", "kube-*", false},
    };
    const struct alert alert = alert_rich();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char why[SINK_WHY_BYTES] = "";
        struct sink_settings *settings = settings_of("webhook");
        set(settings, "url", "http://h");
        set(settings, cases[i].key, cases[i].text);
        if (strcmp(cases[i].text, "FILELESS_*") != 0)
            assert_int_equal(sink_settings_check(settings, why), 0);
        if (sink_settings_want(settings, &alert) != cases[i].wanted)
            fail_msg("%s %s", cases[i].key, cases[i].text);
        /* Filters of different kinds hold together, items of one alternatively. */
        set(settings, "match.node", "node1");
        if (strcmp(cases[i].key, "match.node") != 0)
            assert_int_equal(sink_settings_want(settings, &alert), cases[i].wanted);
        sink_settings_free(settings);
    }
    /* What has no namespace is in none. */
    struct alert plain = alert_of(1);
    struct sink_settings *settings = settings_of("webhook");
    set(settings, "match.namespace", "*");
    assert_false(sink_settings_want(settings, &plain));
    sink_settings_clear(settings, "match.namespace");
    assert_true(sink_settings_want(settings, &plain));
    sink_settings_free(settings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_settings_tables),
        cmocka_unit_test(test_settings_refused),
        cmocka_unit_test(test_settings_refused_as_a_whole),
        cmocka_unit_test(test_settings_filters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
