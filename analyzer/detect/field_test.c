/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>

#include "analyzer/detect/matcher.h"
#include "analyzer/detect/world.h"

static struct record record;

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

#define YES(tree)     assert_int_equal(ask(tree), VERDICT_YES)
#define NO(tree)      assert_int_equal(ask(tree), VERDICT_NO)
#define UNKNOWN(tree) assert_int_equal(ask(tree), VERDICT_UNKNOWN)

static void begin_open(const char *path, unsigned state)
{
    record_begin(&record, "security_file_open");
    record_path(&record, "pathname", path, state);
}

static void begin_connect(const void *address, size_t size, unsigned state)
{
    record_begin(&record, "security_socket_connect");
    record_bytes(&record, "remote_addr", address, size, state);
    record_integer(&record, "sockfd", 3);
}
#define CONNECT(literal, state) begin_connect(literal, sizeof(literal) - 1, state)

/* 10.1.2.3:443 and fd00::7, port 6443. */
#define INET  "\2\0\1\273\12\1\2\3\0\0\0\0\0\0\0\0"
#define INET6 "\12\0\31\53\0\0\0\0\375\0\0\0\0\0\0\0\0\0\0\0\0\0\0\7\0\0\0\0"

static void test_field_socket_addresses(void **state)
{
    (void)state;
    CONNECT(INET, ITEM_COMPLETE);
    YES(STRING("data.remote_addr.sa_family", "AF_INET"));
    YES(STRING("data.remote_addr.sin_addr", "10.1.2.3"));
    YES(STRING("data.remote_addr.address", "10.1.2.3"));
    YES(NUMBER("data.remote_addr.sin_port", 443));
    YES(NUMBER("data.remote_addr.port", 443));
    NO(STRING("data.remote_addr.sin6_addr", "10.1.2.3", ""));
    NO(EXISTS("data.remote_addr.sin6_addr"));
    NO(EXISTS("data.remote_addr.sun_path"));
    YES(EXISTS("data.remote_addr.sin_port"));
    YES(CIDR("data.remote_addr", "192.168.0.0/16", "10.0.0.0/8"));
    YES(CIDR("data.remote_addr.address", "10.1.2.3"));
    NO(CIDR("data.remote_addr", "fd00::/8", "10.1.2.4/31"));

    CONNECT(INET6, ITEM_COMPLETE);
    YES(STRING("data.remote_addr.sin6_addr", "fd00::7"));
    YES(STRING("data.remote_addr.address", "fd00::7"));
    YES(NUMBER("data.remote_addr.port", 6443));
    YES(CIDR("data.remote_addr", "fd00::/8"));
    NO(CIDR("data.remote_addr", "0.0.0.0/0"));

    CONNECT("\1\0/run/x.sock\0", ITEM_COMPLETE);
    YES(STRING("data.remote_addr.sa_family", "AF_UNIX"));
    YES(STRING("data.remote_addr.sun_path", "/run/x.sock"));
    YES(STRING("basename(data.remote_addr.sun_path)", "x.sock"));
    NO(EXISTS("data.remote_addr.port"));
    NO(CIDR("data.remote_addr", "0.0.0.0/0", "::/0"));
    NO(NUMBER("data.remote_addr.port", 0));
}

/* Bytes that are there are right; those that are gone are unknown. */
static void test_field_socket_addresses_cut(void **state)
{
    (void)state;
    CONNECT(INET, ITEM_TRUNCATED);
    YES(STRING("data.remote_addr.sin_addr", "10.1.2.3"));
    NO(STRING("data.remote_addr.sin_addr", "10.1.2.4"));
    CONNECT("\2\0\1\273", ITEM_TRUNCATED);
    YES(STRING("data.remote_addr.sa_family", "AF_INET"));
    UNKNOWN(STRING("data.remote_addr.sin_addr", "10.1.2.3"));
    UNKNOWN(CIDR("data.remote_addr", "10.0.0.0/8"));
    UNKNOWN(NUMBER("data.remote_addr.port", 443));
    CONNECT("", ITEM_UNREADABLE);
    NO(STRING("data.remote_addr.sa_family", "AF_INET"));
    NO(CIDR("data.remote_addr", "0.0.0.0/0"));
    NO(EXISTS("data.remote_addr.port"));
}

static void test_field_transforms(void **state)
{
    (void)state;
    begin_open("/Etc/Cron.d/JOB", ITEM_COMPLETE);
    YES(STRING("basename(data.pathname)", "JOB"));
    YES(STRING("dirname(data.pathname)", "/Etc/Cron.d"));
    YES(STRING("basename(dirname(data.pathname))", "Cron.d"));
    YES(STRING("lower(data.pathname)", "/etc/cron.d/job"));
    NO(STRING("lower(data.pathname)", "/Etc/Cron.d/JOB")); /* it is the field that is folded */
    YES(STRING("lower(basename(data.pathname))", "job"));
    YES(NUMBER("length(data.pathname)", 15));
    YES(NUMBER("length(basename(data.pathname))", 3));
    begin_open("/x", ITEM_COMPLETE);
    YES(STRING("dirname(data.pathname)", "/"));
    begin_open("/Etc/Cron.d/JOB", ITEM_TRUNCATED); /* its head is gone */
    YES(STRING("basename(data.pathname)", "JOB"));
    NO(STRING("basename(data.pathname)", "xJOB"));
    UNKNOWN(STRING("dirname(data.pathname)", "/mnt/Etc/Cron.d"));
    NO(LESS("length(data.pathname)", 15));
    UNKNOWN(LESS("length(data.pathname)", 16));
    YES(GREATER("length(data.pathname)", 14));
    UNKNOWN(GREATER("length(data.pathname)", 15));
    UNKNOWN(NUMBER("length(data.pathname)", 15));
    NO(NUMBER("length(data.pathname)", 14));
    UNKNOWN(RANGE("length(data.pathname)", 0, 15));
    NO(RANGE("length(data.pathname)", 0, 14));
    refused("security_file_open", STRING("lower(data.flags)", "x"),
            "detection \"x\": event security_file_open has no field \"lower(data.flags)\"");
}

static void test_field_ignore_case(void **state)
{
    (void)state;
    begin_open("/Etc/Cron.d/JOB", ITEM_COMPLETE);
    YES(IGNORE_CASE(STRING("data.pathname", "/eTC/cron.D/job")));
    YES(IGNORE_CASE(PREFIX("data.pathname", "/ETC/")));
    YES(IGNORE_CASE(SUFFIX("data.pathname", "/Job")));
    YES(IGNORE_CASE(CONTAINS("data.pathname", "CRON")));
    YES(IGNORE_CASE(BASENAME("data.pathname", "job")));
    YES(IGNORE_CASE(GLOB("data.pathname", "/etc/[c]ron.?/*B")));
    YES(IGNORE_CASE(REGEX("data.pathname", "^/etc/CRON")));
    YES(IGNORE_CASE(ALL_OF(PREFIX("data.pathname", "/etc"), NOT(SUFFIX("data.pathname", "x")))));
    NO(PREFIX("data.pathname", "/etc/"));
    NO(ANY_OF(IGNORE_CASE(SUFFIX("data.pathname", "jab")), SUFFIX("data.pathname", "job")));
    begin_open("/Etc/Cron.d/JOB", ITEM_TRUNCATED);
    YES(IGNORE_CASE(SUFFIX("data.pathname", "/Job")));
    NO(IGNORE_CASE(SUFFIX("data.pathname", "/jab")));
    UNKNOWN(IGNORE_CASE(PREFIX("data.pathname", "/ETC/")));
}

static void test_field_globs(void **state)
{
    (void)state;
    begin_open("/etc/cron.d/job", ITEM_COMPLETE);
    YES(GLOB("data.pathname", "/var/*", "/etc/cron*"));
    NO(GLOB("data.pathname", "/etc/cron?/*", "*/job?"));
    begin_open("/etc/cron.d/job", ITEM_TRUNCATED);
    YES(GLOB("data.pathname", "*/cron.d/*"));
    YES(GLOB("data.pathname", "*/job"));
    UNKNOWN(GLOB("data.pathname", "/etc/*"));
    UNKNOWN(GLOB("data.pathname", "*/jab*"));
    refused("ptrace", GLOB("task.comm", "a["),
            "detection \"x\": the glob \"a[\" for task.comm has a '[' without ']', ends with '\\', or is longer than "
            "4096 bytes");
    refused("ptrace", CIDR("task.comm", "10/8"),
            "detection \"x\": \"10/8\" for task.comm is no network: write \"10.0.0.0/8\" or \"fd00::/8\"");
}

static void test_field_pairs(void **state)
{
    (void)state;
    record_begin(&record, "security_inode_rename");
    record_string(&record, "old_path", "/a/X", ITEM_COMPLETE);
    record_string(&record, "new_path", "/b/x", ITEM_COMPLETE);
    NO(FIELD_EQUAL("data.old_path", "data.new_path"));
    NO(FIELD_EQUAL("basename(data.old_path)", "basename(data.new_path)"));
    YES(IGNORE_CASE(FIELD_EQUAL("basename(data.old_path)", "basename(data.new_path)")));
    YES(FIELD_EQUAL("lower(basename(data.old_path))", "basename(data.new_path)"));
    YES(FIELD_EQUAL("task.comm", "process.comm"));
    NO(FIELD_EQUAL("task.comm", "process.parent.comm")); /* not known */
    YES(FIELD_EQUAL("task.pid", "process.pid"));
    NO(FIELD_EQUAL("task.pid", "task.tid"));
    YES(FIELD_LESS("task.pid", "task.tid"));
    NO(FIELD_LESS("task.tid", "task.pid"));
    record.header.ret = -1;
    YES(FIELD_LESS("returnValue", "task.pid"));
    NO(FIELD_LESS("task.pid", "returnValue"));
    NO(FIELD_EQUAL("returnValue", "task.pid"));
    record_begin(&record, "security_inode_rename");
    record_string(&record, "old_path", "/a/X", ITEM_TRUNCATED);
    record_string(&record, "new_path", "/b/x", ITEM_COMPLETE);
    UNKNOWN(FIELD_EQUAL("data.old_path", "data.new_path"));
    refused("ptrace", FIELD_EQUAL("task.comm", "task.pid"),
            "detection \"x\": field task.comm of event ptrace is a string and task.pid is an unsigned integer: field "
            "equal cannot compare them");
    refused("ptrace", FIELD_LESS("task.comm", "task.comm"),
            "detection \"x\": field task.comm of event ptrace is a string and task.comm is a string: field less cannot "
            "compare them");
}

static void test_field_comparisons(void **state)
{
    (void)state;
    begin_open("/x", ITEM_COMPLETE);
    record.header.ret = -2;
    YES(LESS("returnValue", -1));
    NO(LESS("returnValue", -2));
    YES(GREATER("returnValue", -3));
    NO(GREATER("returnValue", 0));
    YES(NOT(NUMBER("returnValue", 0)));
    record_begin(&record, "openat2");
    record_integer(&record, "size", -1); /* UINT64_MAX */
    YES(GREATER("data.size", INT64_MAX));
    YES(GREATER("data.size", -1));
    NO(LESS("data.size", INT64_MAX));
    NO(LESS("data.size", -1));
}

static void test_field_list_items(void **state)
{
    (void)state;
    record_begin(&record, "sched_process_exec");
    record_list(&record, "argv", STRINGS("sh", "-c", "id"), ITEM_COMPLETE);
    record_list(&record, "env", STRINGS("A=1", "HOST=10.0.0.1", "HOST=x", "B"), ITEM_COMPLETE);
    YES(STRING("data.argv[0]", "sh"));
    YES(STRING("data.argv[2]", "id"));
    NO(EXISTS("data.argv[3]"));
    YES(STRING("data.env[HOST]", "10.0.0.1"));
    YES(CIDR("data.env[HOST]", "10.0.0.0/8"));
    NO(EXISTS("data.env[HOS]"));
    NO(EXISTS("data.env[B]"));
    YES(NUMBER("length(data.argv)", 3));
    YES(STRING("process.cmdline", "sh -c id"));
    YES(EVERY(GLOB("data.argv", "??")));
    NO(EVERY(PREFIX("data.argv", "-")));
    YES(PREFIX("data.argv", "-"));
    YES(IGNORE_CASE(STRING("data.argv", "SH")));
    YES(STRING("basename(data.argv)", "id"));

    record_begin(&record, "sched_process_exec");
    record_list(&record, "argv", STRINGS("sh", "-c"), ITEM_TRUNCATED);
    record_list(&record, "env", STRINGS("A=1"), ITEM_TRUNCATED);
    YES(STRING("data.argv[1]", "-c"));
    UNKNOWN(STRING("data.argv[2]", "id"));
    UNKNOWN(STRING("data.env[HOST]", "10.0.0.1"));
    YES(STRING("data.env[A]", "1"));
    UNKNOWN(EVERY(GLOB("data.argv", "??")));
    NO(EVERY(GLOB("data.argv", "?")));
    UNKNOWN(SUFFIX("process.cmdline", "id"));
    YES(PREFIX("process.cmdline", "sh -"));
    YES(GREATER("length(data.argv)", 1));
    UNKNOWN(NUMBER("length(data.argv)", 2));

    record_begin(&record, "sched_process_exec");
    record_list(&record, "argv", STRINGS(NULL), ITEM_COMPLETE);
    NO(EVERY(PREFIX("data.argv", "-")));
    NO(EXISTS("process.cmdline"));
}

static void begin_fork(uint32_t parent, uint32_t child, const char *comm)
{
    record_begin(&record, "sched_process_fork");
    record.header.tgid = record.header.tid = parent;
    record.header.leader_start_ns = record.header.thread_start_ns = parent * UINT64_C(1000);
    record_integer(&record, "child_pid", child);
    record_integer(&record, "child_tid", child);
    record_integer(&record, "start_time", child * INT64_C(1000));
    record_comm(&record, comm);
    world_send(&world, &record);
}

static void test_field_ancestors(void **state)
{
    (void)state;
    begin_fork(5001, 5002, "grandparent");
    begin_fork(5002, 5003, "parent");
    begin_open("/x", ITEM_COMPLETE);
    record.header.tgid = record.header.tid = 5003;
    record.header.ppid = 5002;
    record.header.leader_start_ns = 5003000;
    record.header.parent_start_ns = 5002000;
    YES(STRING("process.parent.comm", "parent"));
    YES(STRING("process.ancestor[1].comm", "parent"));
    YES(STRING("process.ancestor[2].comm", "grandparent"));
    NO(EXISTS("process.ancestor[3].comm"));
    YES(NUMBER("process.parent.pid", 5002));
    YES(NUMBER("process.ancestor[2].pid", 5001));
    NO(NUMBER("process.ancestor[3].pid", 0));
    NO(EXISTS("process.ancestor[3].pid"));
    YES(STRING("process.ancestors.comm", "grandparent"));
    NO(STRING("process.ancestors.comm", "cat"));
    YES(EVERY(SUFFIX("process.ancestors.comm", "parent")));
    YES(NUMBER("length(process.ancestors.comm)", 2));
    NO(FIELD_EQUAL("process.id", "process.parent.id"));
    YES(FIELD_EQUAL("process.parent.id", "process.ancestor[1].id"));
    refused("ptrace", EXISTS("process.ancestor[0].comm"),
            "detection \"x\": event ptrace has no field \"process.ancestor[0].comm\"");
    refused("ptrace", EXISTS("process.ancestor[17].comm"),
            "detection \"x\": event ptrace has no field \"process.ancestor[17].comm\"");
    refused("ptrace", EXISTS("process.parent.com"),
            "detection \"x\": event ptrace has no field \"process.parent.com\"; did you mean \"process.parent.comm\"?");
}

static void test_field_tasks_and_containers(void **state)
{
    (void)state;
    begin_open("/x", ITEM_COMPLETE);
    YES(NUMBER("task.ns_pid", 42));
    YES(NUMBER("event.cpu", 2));
    YES(NUMBER("event.time", INT64_C(1700000010000000000)));
    YES(NUMBER("task.start_time", 1500000000));
    NO(EXISTS("event.syscall"));
    record.header.syscall = 257;
    YES(STRING("event.syscall", "openat"));
    NO(EXISTS("container.image"));
    NO(STRING("container.image", ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_field_socket_addresses),
        cmocka_unit_test(test_field_socket_addresses_cut),
        cmocka_unit_test(test_field_transforms),
        cmocka_unit_test(test_field_ignore_case),
        cmocka_unit_test(test_field_globs),
        cmocka_unit_test(test_field_pairs),
        cmocka_unit_test(test_field_comparisons),
        cmocka_unit_test(test_field_list_items),
        cmocka_unit_test(test_field_ancestors),
        cmocka_unit_test(test_field_tasks_and_containers),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
