/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>

#include "analyzer/detect/matcher.h"
#include "analyzer/detect/world.h"

static struct record record;

static const struct schema_event *row(const char *name)
{
    return schema_event_by_id(world.schema, event_by_name(name)->id);
}

static enum verdict ask(const struct predicate *tree)
{
    return world_ask(&world, &record, tree);
}

static void refused(const char *event, const struct predicate *tree, const char *words)
{
    char error[512];
    world_refusal(&world, event, tree, error, sizeof(error));
    assert_string_equal(error, words);
}

static void begin_open(const char *path, unsigned state, int64_t flags)
{
    record_begin(&record, "security_file_open");
    record_path(&record, "pathname", path, state);
    record_integer(&record, "flags", flags);
}

#define YES(tree)     assert_int_equal(ask(tree), VERDICT_YES)
#define NO(tree)      assert_int_equal(ask(tree), VERDICT_NO)
#define UNKNOWN(tree) assert_int_equal(ask(tree), VERDICT_UNKNOWN)

static void test_predicate_strings(void **state)
{
    (void)state;
    begin_open("/etc/passwd", ITEM_COMPLETE, 0);
    YES(STRING("data.pathname", "/etc/passwd"));
    YES(STRING("data.pathname", "/etc/shadow", "/etc/passwd"));
    NO(STRING("data.pathname", "/etc/passw"));
    NO(STRING("data.pathname", "/etc/passwd2", ""));
    YES(PREFIX("data.pathname", "/var/", "/etc/"));
    YES(PREFIX("data.pathname", "/etc/passwd"));
    NO(PREFIX("data.pathname", "/etc/passwd/"));
    NO(PREFIX("data.pathname", "etc"));
    YES(SUFFIX("data.pathname", "/passwd"));
    NO(SUFFIX("data.pathname", "passw", "/x/etc/passwd"));
    YES(CONTAINS("data.pathname", "c/p"));
    NO(CONTAINS("data.pathname", "c//p"));
    YES(BASENAME("data.pathname", "passwd"));
    NO(BASENAME("data.pathname", "/passwd", "etc"));
    YES(REGEX("data.pathname", "^/etc/[a-z]+$"));
    NO(REGEX("data.pathname", "^/etc/[a-z]{3}$"));
    YES(STRING("task.comm", "cat"));
    YES(STRING("task.hostname", "node1"));
    NO(STRING("task.hostname", "node"));
}

static void test_predicate_strings_in_large_sets(void **state)
{
    (void)state;
    begin_open("/etc/passwd", ITEM_COMPLETE, 0);
    YES(STRING("data.pathname", "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "/etc/passwd"));
    NO(STRING("data.pathname", "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "/etc/passwc"));
    begin_open("/", ITEM_COMPLETE, 0);
    YES(STRING("data.pathname", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "/", "", "x"));
    YES(BASENAME("data.pathname", ""));
}

static void test_predicate_strings_hold_any_byte(void **state)
{
    (void)state;
    record_begin(&record, "memfd_create");
    record_bytes(&record, "name", "a\0b\n", 4, ITEM_COMPLETE);
    NO(STRING("data.name", "a"));
    NO(REGEX("data.name", "b$")); /* '$' is the end, not "before the last newline" */
    YES(REGEX("data.name", "b\\n$"));
    YES(PREFIX("data.name", "a"));
    record_begin(&record, "memfd_create");
    record_bytes(&record, "name", "\xff\xfe", 2, ITEM_COMPLETE);
    YES(REGEX("data.name", "^..$"));
    YES(STRING("data.name", "\xff\xfe"));
}

static void test_predicate_numbers(void **state)
{
    (void)state;
    static const int64_t some[] = {7, -1, INT64_MIN};
    const struct predicate in_some = {.op = PREDICATE_NUMBERS, .field = "data.flags", .numbers = some, .n_numbers = 3};
    begin_open("/x", ITEM_COMPLETE, -1);
    record.header.ret = -13;
    YES(NUMBER("data.flags", -1));
    NO(NUMBER("data.flags", 0xffffffff));
    YES(&in_some);
    YES(RANGE("data.flags", -1, 0));
    NO(RANGE("data.flags", 0, INT64_MAX));
    YES(BITS("data.flags", 0xff, 0xff));
    YES(NUMBER("returnValue", -13));
    YES(RANGE("returnValue", INT64_MIN, -1));
    YES(NUMBER("task.uid", 1000));
    YES(NUMBER("task.pid", 4242));
    YES(NUMBER("task.tid", 4243));
    YES(NUMBER("task.ppid", 4200));
    YES(NUMBER("task.mntns", 4026531841));
    YES(NUMBER("task.pidns", 4026531836));
    begin_open("/x", ITEM_COMPLETE, 6);
    NO(&in_some);
    YES(BITS("data.flags", 3, 2));
    NO(BITS("data.flags", 3, 1));
}

static void test_predicate_unsigned_numbers_do_not_wrap(void **state)
{
    (void)state;
    record_begin(&record, "openat2");
    record_integer(&record, "size", -1); /* UINT64_MAX */
    NO(RANGE("data.size", 0, INT64_MAX));
    NO(RANGE("data.size", -5, 5));
    YES(NUMBER("data.size", -1)); /* equal bits */
    record_begin(&record, "openat2");
    record_integer(&record, "size", 3);
    YES(RANGE("data.size", -5, 3));
    NO(RANGE("data.size", -5, -1));
}

static void test_predicate_three_valued_logic(void **state)
{
    (void)state;
    begin_open("/x/y", ITEM_TRUNCATED, 1);
    const struct predicate *y = NUMBER("data.flags", 1), *n = NUMBER("data.flags", 0);
    const struct predicate *u = PREFIX("data.pathname", "/etc/");
    UNKNOWN(u);
    const struct predicate *values[] = {n, y, u}; /* in the order of enum verdict */
    static const enum verdict all[3][3] = {{VERDICT_NO, VERDICT_NO, VERDICT_NO},
                                           {VERDICT_NO, VERDICT_YES, VERDICT_UNKNOWN},
                                           {VERDICT_NO, VERDICT_UNKNOWN, VERDICT_UNKNOWN}};
    static const enum verdict any[3][3] = {{VERDICT_NO, VERDICT_YES, VERDICT_UNKNOWN},
                                           {VERDICT_YES, VERDICT_YES, VERDICT_YES},
                                           {VERDICT_UNKNOWN, VERDICT_YES, VERDICT_UNKNOWN}};
    static const enum verdict not [3] = {VERDICT_YES, VERDICT_NO, VERDICT_UNKNOWN};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ask(NOT(values[i])), not [i]);
        for (int j = 0; j < 3; j++) {
            assert_int_equal(ask(ALL_OF(values[i], values[j])), all[i][j]);
            assert_int_equal(ask(ANY_OF(values[i], values[j])), any[i][j]);
        }
    }
    YES(NULL);
}

/* A walked path has lost its head: what its end decides is decided. */
static void test_predicate_truncated_path(void **state)
{
    (void)state;
    begin_open("/etc/ld.so.preload", ITEM_TRUNCATED, 0);
    UNKNOWN(PREFIX("data.pathname", "/etc/"));
    UNKNOWN(PREFIX("data.pathname", "/var/"));
    YES(SUFFIX("data.pathname", "/ld.so.preload"));
    NO(SUFFIX("data.pathname", "/passwd"));
    UNKNOWN(SUFFIX("data.pathname", "/root/etc/ld.so.preload"));
    YES(BASENAME("data.pathname", "ld.so.preload"));
    NO(BASENAME("data.pathname", "passwd"));
    YES(CONTAINS("data.pathname", "ld.so"));
    UNKNOWN(CONTAINS("data.pathname", "passwd"));
    NO(STRING("data.pathname", "/etc/ld.so.preload", "/etc/passwd"));
    UNKNOWN(STRING("data.pathname", "/mnt/etc/ld.so.preload"));
    YES(REGEX("data.pathname", "preload$"));
    UNKNOWN(REGEX("data.pathname", "passwd$"));
}

static void test_predicate_truncated_user_string(void **state)
{
    (void)state;
    record_begin(&record, "security_inode_rename");
    record_string(&record, "old_path", "/etc/ld.so", ITEM_TRUNCATED | ITEM_USER);
    record_string(&record, "new_path", "/etc/ld.so", ITEM_USER);
    UNKNOWN(PREFIX("data.old_path", "/etc/"));
    UNKNOWN(SUFFIX("data.old_path", "ld.so"));
    UNKNOWN(BASENAME("data.old_path", "ld.so"));
    UNKNOWN(STRING("data.old_path", "/mnt/etc/ld.so.preload"));
    NO(STRING("data.old_path", "/etc/ld.so", "short"));
    YES(CONTAINS("data.old_path", "ld"));
    record_begin(&record, "sched_process_exec"); /* not the user's, and not walked either */
    record_string(&record, "cmdpath", "/etc/ld.so", ITEM_TRUNCATED);
    UNKNOWN(PREFIX("data.cmdpath", "/etc/"));
    UNKNOWN(SUFFIX("data.cmdpath", "/nc"));
    UNKNOWN(BASENAME("data.cmdpath", "nc"));
    record_begin(&record, "security_inode_rename");
    record_string(&record, "new_path", "/etc/ld.so", ITEM_USER);
    /* Being the user's copy takes nothing from a complete one. */
    YES(PREFIX("data.new_path", "/etc/"));
    NO(STRING("data.new_path", "/etc/ld.so.preload"));
}

static void test_predicate_missing(void **state)
{
    (void)state;
    record_begin(&record, "security_file_open"); /* no item at all */
    NO(STRING("data.pathname", ""));
    NO(PREFIX("data.pathname", ""));
    YES(NOT(STRING("data.pathname", "/x")));
    NO(EXISTS("data.pathname"));
    YES(EXISTS("data.flags"));
    NO(EXISTS("process.executable"));
    NO(STRING("process.executable", ""));
    NO(EXISTS("container.id"));
    YES(STRING("container.id", ""));
    YES(NUMBER("container.started", 0));
    record_begin(&record, "security_file_open");
    record_string(&record, "pathname", "", ITEM_COMPLETE);
    YES(EXISTS("data.pathname"));
    YES(STRING("data.pathname", ""));
    record_begin(&record, "sched_process_exec");
    NO(EXISTS("data.env"));
    NO(PREFIX("data.env", ""));
}

static void test_predicate_lists(void **state)
{
    (void)state;
    record_begin(&record, "sched_process_exec");
    record_list(&record, "env", STRINGS("HOME=/", "LD_PRELOAD=/x.so", "A=b"), ITEM_COMPLETE);
    YES(PREFIX("data.env", "LD_PRELOAD="));
    NO(PREFIX("data.env", "LD_AUDIT="));
    YES(STRING("data.env", "A=b"));
    YES(REGEX("data.env", "^HOME=."));
    record_begin(&record, "sched_process_exec");
    record_list(&record, "env", STRINGS("HOME=/"), ITEM_TRUNCATED);
    YES(PREFIX("data.env", "HOME="));
    UNKNOWN(PREFIX("data.env", "LD_PRELOAD="));
    record_begin(&record, "sched_process_exec");
    record_list(&record, "env", STRINGS(NULL), ITEM_COMPLETE);
    NO(PREFIX("data.env", ""));
    YES(EXISTS("data.env"));
}

static void test_predicate_process_and_container(void **state)
{
    (void)state;
    record_begin(&record, "sched_process_exec");
    record_path(&record, "pathname", "/usr/bin/etcd", ITEM_COMPLETE);
    record_string(&record, "prev_comm", "sh", ITEM_COMPLETE);
    record_string(&record, "cgroup_path", "/docker/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
                  ITEM_COMPLETE);
    YES(STRING("process.executable", "/usr/bin/etcd"));
    YES(STRING("process.prev_comm", "sh"));
    YES(EXISTS("container.id"));
    YES(STRING("container.id", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"));
    YES(NUMBER("container.started", 1));
    YES(NUMBER("container.new", 0)); /* it was there before */
    YES(STRING("container.runtime", "docker"));
    YES(STRING("container.pod_uid", ""));
    /* What the process is known for holds for its later events. */
    begin_open("/x", ITEM_COMPLETE, 0);
    YES(STRING("process.executable", "/usr/bin/etcd"));
}

/* A pattern that exhausts the limit must not pass for "no match". */
static void test_predicate_regex_limit_is_unknown(void **state)
{
    (void)state;
    begin_open("/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", ITEM_COMPLETE, 0);
    UNKNOWN(REGEX("data.pathname", "^/((a|aa)+)+[bc]$"));
}

static void test_predicate_refuses_unknown_fields(void **state)
{
    (void)state;
    refused("security_file_open", PREFIX("data.pathnam", "/"),
            "detection \"x\": event security_file_open has no field \"data.pathnam\"; did you mean \"data.pathname\"?");
    refused("security_file_open", PREFIX("pathname", "/"),
            "detection \"x\": event security_file_open has no field \"pathname\"; did you mean \"data.pathname\"?");
    refused("security_file_open", EXISTS("task.com"),
            "detection \"x\": event security_file_open has no field \"task.com\"; did you mean \"task.comm\"?");
    refused("security_file_open", EXISTS("zebra"), "detection \"x\": event security_file_open has no field \"zebra\"");
    refused("security_file_open", EXISTS(NULL),
            "detection \"x\": a condition on event security_file_open names no field");
}

static void test_predicate_refuses_wrong_types(void **state)
{
    (void)state;
    refused(
        "security_file_open", PREFIX("data.flags", "/"),
        "detection \"x\": field data.flags of event security_file_open is a signed integer, and prefix wants a string");
    refused(
        "security_file_open", NUMBER("data.pathname", 1),
        "detection \"x\": field data.pathname of event security_file_open is a string, and number wants an integer");
    refused(
        "sched_process_exec", BITS("data.env", 1, 1),
        "detection \"x\": field data.env of event sched_process_exec is a list of strings, and bits wants an integer");
    refused(
        "security_file_open", REGEX("task.uid", "."),
        "detection \"x\": field task.uid of event security_file_open is an unsigned integer, and regex wants a string");
}

static void test_predicate_refuses_malformed_trees(void **state)
{
    (void)state;
    const char *const nothing[] = {NULL};
    const struct predicate *const no_children[] = {NULL};
    const struct predicate *yes = NUMBER("task.uid", 0);
    const struct predicate *const two[] = {yes, yes, NULL};
    refused("ptrace", &(const struct predicate){.op = PREDICATE_STRING, .field = "task.comm", .strings = nothing},
            "detection \"x\": string on field task.comm lists no string");
    refused("ptrace", &(const struct predicate){.op = PREDICATE_ALL, .children = no_children},
            "detection \"x\": \"all\" holds no condition");
    refused("ptrace", &(const struct predicate){.op = PREDICATE_NOT, .children = two},
            "detection \"x\": \"not\" holds 2 conditions, and takes one");
    refused("ptrace", &(const struct predicate){.op = PREDICATE_NUMBERS, .field = "task.uid"},
            "detection \"x\": numbers on field task.uid lists no number");
    refused("ptrace", &(const struct predicate){.op = PREDICATE_OP_COUNT}, "detection \"x\": there is no operator 22");
    refused("ptrace", RANGE("task.uid", 2, 1), "detection \"x\": the range for field task.uid begins after its end");
    refused("ptrace", REGEX("task.comm", "a(b"),
            "detection \"x\": the pattern \"a(b\" for task.comm is wrong at byte 3: missing closing parenthesis");
}

static void test_predicate_depth_is_limited(void **state)
{
    (void)state;
    struct predicate nested[PREDICATE_MAX_DEPTH + 1];
    const struct predicate *children[PREDICATE_MAX_DEPTH + 1][2];
    nested[0] = (struct predicate){.op = PREDICATE_NUMBER, .field = "task.uid", .number = 1000};
    for (int i = 1; i <= PREDICATE_MAX_DEPTH; i++) {
        children[i][0] = &nested[i - 1];
        children[i][1] = NULL;
        nested[i] = (struct predicate){.op = PREDICATE_NOT, .children = children[i]};
    }
    begin_open("/x", ITEM_COMPLETE, 0);
    NO(&nested[PREDICATE_MAX_DEPTH - 1]); /* 15 times "not" */
    refused("ptrace", &nested[PREDICATE_MAX_DEPTH], "detection \"x\": conditions are nested deeper than 16");
}

/* Many batches with the same matcher: an answer of a batch before must never be taken for one of this. */
static void test_predicate_cache_forgets_each_batch(void **state)
{
    (void)state;
    struct matcher *matcher = matcher_new();
    const struct condition *condition;
    assert_int_equal(
        matcher_add(matcher, row("security_file_open"), "test", SUFFIX("data.pathname", "/yes"), &condition), 0);
    for (int i = 0; i < 300; i++) {
        bool expected = i % 3 == 0;
        begin_open(expected ? "/x/yes" : "/x/nay", ITEM_COMPLETE, 0);
        const struct event_context *context = world_send(&world, &record);
        matcher_begin_batch(matcher, decoder_string_count(context->decoder));
        assert_int_equal(matcher_judge(matcher, condition, context), expected ? VERDICT_YES : VERDICT_NO);
    }
    matcher_free(matcher);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_predicate_strings),
        cmocka_unit_test(test_predicate_strings_in_large_sets),
        cmocka_unit_test(test_predicate_strings_hold_any_byte),
        cmocka_unit_test(test_predicate_numbers),
        cmocka_unit_test(test_predicate_unsigned_numbers_do_not_wrap),
        cmocka_unit_test(test_predicate_three_valued_logic),
        cmocka_unit_test(test_predicate_truncated_path),
        cmocka_unit_test(test_predicate_truncated_user_string),
        cmocka_unit_test(test_predicate_missing),
        cmocka_unit_test(test_predicate_lists),
        cmocka_unit_test(test_predicate_process_and_container),
        cmocka_unit_test(test_predicate_regex_limit_is_unknown),
        cmocka_unit_test(test_predicate_refuses_unknown_fields),
        cmocka_unit_test(test_predicate_refuses_wrong_types),
        cmocka_unit_test(test_predicate_refuses_malformed_trees),
        cmocka_unit_test(test_predicate_depth_is_limited),
        cmocka_unit_test(test_predicate_cache_forgets_each_batch),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
