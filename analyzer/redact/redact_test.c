// SPDX-License-Identifier: Apache-2.0
#include "analyzer/redact/redact.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "common/testing/records.h"

enum { ITEMS = 12 };

/* `shown` is what becomes of `items`; an empty one: nothing changes. */
struct shape {
    const char *items[ITEMS];
    const char *shown[ITEMS];
};

static const struct shape secrets[] = {
#include "analyzer/redact/shapes.def"
};

/* What looks like a secret and is none, or says only where one is. */
static const struct shape harmless[] = {
    {{"ls", "-la", "/root"}, {0}},
    {{"tool", "--password-file", "/run/secrets/db"}, {0}},
    {{"tool", "--token-ttl=30s", "--no-password", "x"}, {0}},
    {{"PGPASSFILE=/root/.pgpass", "PASSWORD_FILE=/run/secrets/db", "AWS_WEB_IDENTITY_TOKEN_FILE=/var/run/token"}, {0}},
    {{"PWD=/root", "OLDPWD=/tmp", "SSH_AUTH_SOCK=/tmp/agent", "XAUTHORITY=/root/.Xauthority", "GIT_ASKPASS=/bin/ask"},
     {0}},
    {{"docker", "run", "-p", "8080:80", "-v", "/a:/b", "nginx"}, {0}},
    {{"mkdir", "-p", "/tmp/a/b"}, {0}},
    {{"ssh", "-p", "2222", "host"}, {0}},
    {{"curl", "-s", "https://host:8443/path@2x.png", "-o", "user:file"}, {0}},
    {{"git", "log", "--author=me", "--grep=token ring"}, {0}},
    {{"sort", "--key=2", "-k", "1,1"}, {0}},
    {{"grep", "-r", "password", "/etc"}, {0}},
    {{"keyctl", "show"}, {0}},
    {{"LESSKEY=/root/.less", "KEYBOARD=us", "MONKEY=1", "LD_PRELOAD=/lib/x.so"}, {0}},
};

enum { MANY = 4096 };

struct fixture {
    struct schema *schema;
    struct test_batch *batch;
};

static int setup(void **state)
{
    static struct fixture fixture;
    char error[REDACT_ERROR_BYTES];
    fixture = (struct fixture){.schema = schema_new_builtin(), .batch = test_batch_new()};
    assert_int_equal(redact_configure(true, NULL, 0, error), 0);
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    test_batch_free(fixture->batch);
    schema_free(fixture->schema);
    redact_reset();
    return 0;
}

/* argv of an exec, through the encoder and the decoder. */
static struct decoder *send(struct fixture *fixture, const char *const *items, struct event_view *ret_event)
{
    static struct record record;
    record_begin(&record, "sched_process_exec");
    record_list(&record, "argv", items, ITEM_COMPLETE);
    test_batch_begin(fixture->batch, 1, 1);
    test_batch_add(fixture->batch, &record);
    struct decoder *decoder = test_batch_open(fixture->batch, fixture->schema);
    assert_int_equal(decoder_next(decoder, ret_event), 1);
    return decoder;
}

static const struct value *argv_of(const struct event_view *event)
{
    for (uint8_t i = 0; i < event->schema->n_args; i++)
        if (strcmp(event->schema->args[i].name, "argv") == 0)
            return &event->args[i];
    fail_msg("no argv");
    return NULL;
}

static void check(struct fixture *fixture, const struct shape *shape)
{
    const char *const *expected = shape->shown[0] == NULL ? shape->items : shape->shown;
    struct event_view event;
    struct decoder *decoder = send(fixture, shape->items, &event);
    struct redacted redacted;
    /* No program's name has a '='. */
    redact_list(&redacted, decoder, argv_of(&event),
                strchr(shape->items[0], '=') != NULL ? REDACT_ENVIRONMENT : REDACT_ARGUMENTS);
    for (uint32_t i = 0; shape->items[i] != NULL; i++) {
        struct string_view item = redacted_item(&redacted, i);
        if (item.length != strlen(expected[i]) || memcmp(item.data, expected[i], item.length) != 0)
            fail_msg("\"%s\" of \"%s ...\" became \"%.*s\", not \"%s\"", shape->items[i], shape->items[0],
                     (int)item.length, item.data, expected[i]);
    }
    redacted_fini(&redacted);
}

static void secrets_are_replaced(void **state)
{
    const size_t n = sizeof(secrets) / sizeof(secrets[0]);
    assert_true(n >= 50);
    for (size_t i = 0; i < n; i++)
        check(*state, &secrets[i]);
}

static void what_is_no_secret_stays(void **state)
{
    for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++)
        check(*state, &harmless[i]);
}

static void the_state_of_an_item_stays(void **state)
{
    struct fixture *fixture = *state;
    static struct record record;
    struct event_view event;
    record_begin(&record, "sched_process_exec");
    record_list(&record, "argv", (const char *const[]){"a", "--token", "abc", NULL}, ITEM_TRUNCATED);
    test_batch_begin(fixture->batch, 1, 1);
    test_batch_add(fixture->batch, &record);
    struct decoder *decoder = test_batch_open(fixture->batch, fixture->schema);
    assert_int_equal(decoder_next(decoder, &event), 1);
    struct redacted redacted;
    redact_list(&redacted, decoder, argv_of(&event), REDACT_ARGUMENTS);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(redacted_item(&redacted, i).state, decoder_list_item(decoder, argv_of(&event), i).state);
    redacted_fini(&redacted);
}

static void a_match_ends_with_its_item(void **state)
{
    char error[REDACT_ERROR_BYTES];
    const char *const greedy[] = {"b(?s:.*)"};
    assert_int_equal(redact_configure(false, greedy, 1, error), 0);
    check(*state, &(struct shape){{"abc", "bcd", "a"}, {"a" REDACT_MARK, REDACT_MARK, "a"}});
}

static void operators_patterns_come_beside_ours(void **state)
{
    char error[REDACT_ERROR_BYTES];
    const char *const ours[] = {"acme-[0-9]+"};
    assert_int_equal(redact_configure(true, ours, 1, error), 0);
    check(*state, &(struct shape){{"x", "acme-17", "--token=z"}, {"x", REDACT_MARK, "--token=" REDACT_MARK}});
    assert_int_equal(redact_configure(false, ours, 1, error), 0);
    check(*state, &(struct shape){{"x", "acme-17", "--token=z"}, {"x", REDACT_MARK, "--token=z"}});
}

static void a_wrong_pattern_is_named(void **state)
{
    (void)state;
    char error[REDACT_ERROR_BYTES];
    const char *const wrong[] = {"good", "(unclosed"};
    assert_int_equal(redact_configure(true, wrong, 2, error), -EINVAL);
    assert_non_null(strstr(error, "redact.patterns: \"(unclosed\""));
}

/* A pattern that explodes hides the list rather than nothing. */
static void a_pattern_that_gives_up_hides_all(void **state)
{
    char error[REDACT_ERROR_BYTES];
    const char *const explodes[] = {"(?:a|aa|aaa)+$(?<!a)"};
    assert_int_equal(redact_configure(false, explodes, 1, error), 0);
    check(*state, &(struct shape){{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "x"},
                                  {REDACT_MARK, REDACT_MARK}});
}

/* The word over and over, with or without a space behind it. */
static const char *fill(char *bytes, const char *word, bool has_space)
{
    const size_t length = strlen(word);
    size_t at = 0;
    while (at + length + 2 < MANY) {
        memcpy(bytes + at, word, length);
        at += length;
        if (has_space)
            bytes[at++] = ' ';
    }
    bytes[at] = '\0';
    return bytes;
}

/* None of ours does, whatever the list holds. */
static void no_list_makes_ours_give_up(void **state)
{
    static const char *const words[] = {
        "mysql", "curl -u", "-p", "=", "token=", "eyJeyJeyJeyJ", " ", "echo a | ", "://x:", "--"};
    static char huge[8][MANY];
    for (size_t w = 0; w < sizeof(words) / sizeof(words[0]); w++) {
        const char *items[9] = {"curl"};
        for (size_t i = 0; i < 7; i++)
            items[i + 1] = fill(huge[i], words[w], (i & 1) != 0);
        struct event_view event;
        struct decoder *decoder = send(*state, items, &event);
        struct redacted redacted;
        redact_list(&redacted, decoder, argv_of(&event), REDACT_ARGUMENTS);
        struct string_view first = redacted_item(&redacted, 0);
        assert_memory_equal(first.data, "curl", first.length);
        redacted_fini(&redacted);
    }
}

static void one_string_alone(void **state)
{
    (void)state;
    struct redacted redacted;
    const struct string_view entry = {.data = "VAULT_TOKEN=abc", .length = 15};
    struct string_view shown = redact_string(&redacted, &entry);
    assert_memory_equal(shown.data, "VAULT_TOKEN=" REDACT_MARK, shown.length);
    redacted_fini(&redacted);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(secrets_are_replaced),
        TEST(what_is_no_secret_stays),
        TEST(the_state_of_an_item_stays),
        TEST(a_match_ends_with_its_item),
        TEST(operators_patterns_come_beside_ours),
        TEST(a_wrong_pattern_is_named),
        TEST(a_pattern_that_gives_up_hides_all),
        TEST(no_list_makes_ours_give_up),
        TEST(one_string_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
