/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The form carries other languages: what a front end would make of rules as they are published for Falco and Sigma, one
 * case for each shape, with its near misses. docs/decisions/0006-predicate-form.md has the rules beside them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "analyzer/detect/world.h"

static struct record record;

#define HOLDS(tree)      assert_int_equal(world_ask(&world, &record, tree), VERDICT_YES)
#define HOLDS_NOT(tree)  assert_int_equal(world_ask(&world, &record, tree), VERDICT_NO)
#define IN_ANY_CONTAINER EXISTS("container.id")

static void begin_open(const char *path, int64_t flags, const char *comm)
{
    record_begin(&record, "security_file_open");
    record_path(&record, "pathname", path, ITEM_COMPLETE);
    record_integer(&record, "flags", flags);
    record_comm(&record, comm);
}

static void begin_exec(const char *path, const char *const *argv)
{
    record_begin(&record, "sched_process_exec");
    record_string(&record, "pathname", path, ITEM_COMPLETE);
    record_list(&record, "argv", argv, ITEM_COMPLETE);
}

static void in_container(int64_t overlay_layer)
{
    record_string(&record, "cgroup_path", "/docker/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
                  ITEM_COMPLETE);
    record_integer(&record, "overlay_layer", overlay_layer);
}

/* A process and its child, which is who acts in the record that is being made. */
static void child_of(uint32_t parent, const char *comm, const char *of_grandparent)
{
    static struct record fork;
    for (int generation = 0; generation < 2; generation++) {
        record_begin(&fork, "sched_process_fork");
        fork.header.tgid = fork.header.tid = parent + (uint32_t)generation - 1;
        fork.header.leader_start_ns = fork.header.tgid;
        record_integer(&fork, "child_pid", parent + generation);
        record_integer(&fork, "child_tid", parent + generation);
        record_integer(&fork, "start_time", parent + generation);
        record_comm(&fork, generation == 0 ? of_grandparent : comm);
        world_send(&world, &fork);
    }
    record.header.tgid = record.header.tid = parent + 1;
    record.header.leader_start_ns = parent + 1;
    record.header.ppid = parent;
    record.header.parent_start_ns = parent;
}

/*
 * Falco: evt.type in (open, openat, openat2) and evt.is_open_read=true and fd.name startswith /etc and (fd.name in
 * (/etc/shadow, /etc/sudoers) or fd.directory in (/etc/sudoers.d, /etc/pam.d)) and not proc.name in (passwd, sshd)
 */
static void test_shapes_falco_sensitive_file(void **state)
{
    (void)state;
    const struct predicate *rule =
        ALL_OF(ANY_OF(BITS("data.flags", 3, 0), BITS("data.flags", 3, 2)), PREFIX("data.pathname", "/etc"),
               ANY_OF(STRING("data.pathname", "/etc/shadow", "/etc/sudoers"),
                      STRING("dirname(data.pathname)", "/etc/sudoers.d", "/etc/pam.d")),
               NOT(STRING("task.comm", "passwd", "sshd")));
    begin_open("/etc/shadow", 0, "cat");
    HOLDS(rule);
    begin_open("/etc/pam.d/su", 2, "cat");
    HOLDS(rule);
    begin_open("/etc/pam.d/sub/su", 0, "cat");
    HOLDS_NOT(rule);
    begin_open("/etc/shadow", 1, "cat");
    HOLDS_NOT(rule);
    begin_open("/etc/shadow", 0, "passwd");
    HOLDS_NOT(rule);
}

/* Falco: spawned_process and proc.name in (shells) and proc.pname in (servers) and not proc.aname in (runsv) */
static void test_shapes_falco_shell_of_a_server(void **state)
{
    (void)state;
    const struct predicate *rule =
        ALL_OF(BASENAME("data.pathname", "bash", "sh", "dash"), STRING("process.parent.comm", "nginx", "httpd"),
               NOT(STRING("process.ancestors.comm", "runsv")));
    begin_exec("/bin/sh", STRINGS("sh"));
    child_of(7001, "nginx", "systemd");
    HOLDS(rule);
    begin_exec("/bin/sh", STRINGS("sh"));
    child_of(7101, "nginx", "runsv");
    HOLDS_NOT(rule);
    begin_exec("/bin/sh", STRINGS("sh"));
    child_of(7201, "make", "systemd");
    HOLDS_NOT(rule);
    begin_exec("/bin/sh", STRINGS("sh")); /* a parent that is not known is none of them */
    HOLDS_NOT(rule);
}

/* Falco: spawned_process and container and proc.is_exe_upper_layer=true and not container.image.repository in (...) */
static void test_shapes_falco_dropped_binary(void **state)
{
    (void)state;
    const struct predicate *rule = ALL_OF(IN_ANY_CONTAINER, NUMBER("process.overlay_layer", 2),
                                          NOT(STRING("container.image", "docker.io/library/builder")));
    begin_exec("/tmp/x", STRINGS("x"));
    in_container(2);
    HOLDS(rule); /* nobody says of which image it is */
    begin_exec("/bin/ls", STRINGS("ls"));
    in_container(1);
    HOLDS_NOT(rule);
    begin_exec("/tmp/x", STRINGS("x"));
    record.header.cgroup_id = 99; /* of the host */
    record.header.tgid = record.header.tid = 7300;
    record_integer(&record, "overlay_layer", 2);
    HOLDS_NOT(rule);
}

/* Falco: spawned_process and ((proc.name=nc and (proc.cmdline contains " -e" or ...)) or (proc.name=ncat and ...)) */
static void test_shapes_falco_netcat(void **state)
{
    (void)state;
    const struct predicate *rule =
        ANY_OF(ALL_OF(BASENAME("data.pathname", "nc"), CONTAINS("process.cmdline", " -e", " -c")),
               ALL_OF(BASENAME("data.pathname", "ncat"), CONTAINS("process.cmdline", "--sh-exec", "--exec", "-e ")));
    begin_exec("/bin/nc", STRINGS("nc", "-lvp", "1", "-e", "/bin/sh"));
    HOLDS(rule);
    begin_exec("/bin/ncat", STRINGS("ncat", "--sh-exec", "id"));
    HOLDS(rule);
    begin_exec("/bin/nc", STRINGS("nc", "-z", "host", "1"));
    HOLDS_NOT(rule);
}

/* Falco: evt.type in (dup, dup2, dup3) and container and fd.num in (0, 1, 2) and fd.type in ("ipv4", "ipv6") and not
 * fd.snet in ("127.0.0.0/8") */
static void test_shapes_falco_redirect_to_the_network(void **state)
{
    (void)state;
    static const int64_t standard[] = {0, 1, 2};
    const struct predicate *number =
        &(const struct predicate){.op = PREDICATE_NUMBERS, .field = "data.newfd", .numbers = standard, .n_numbers = 3};
    const struct predicate *rule = ALL_OF(number, STRING("data.remote_addr.sa_family", "AF_INET", "AF_INET6"),
                                          NOT(CIDR("data.remote_addr", "127.0.0.0/8", "::1")));
    record_begin(&record, "socket_dup");
    record_integer(&record, "newfd", 1);
    record_bytes(&record, "remote_addr", "\2\0\1\273\12\1\2\3\0\0\0\0\0\0\0\0", 16, ITEM_COMPLETE);
    HOLDS(rule);
    record_begin(&record, "socket_dup");
    record_integer(&record, "newfd", 1);
    record_bytes(&record, "remote_addr", "\2\0\1\273\177\1\2\3\0\0\0\0\0\0\0\0", 16, ITEM_COMPLETE);
    HOLDS_NOT(rule);
    record_begin(&record, "socket_dup");
    record_integer(&record, "newfd", 7);
    record_bytes(&record, "remote_addr", "\2\0\1\273\12\1\2\3\0\0\0\0\0\0\0\0", 16, ITEM_COMPLETE);
    HOLDS_NOT(rule);
}

/* Sigma: selection {Image|endswith: [/crontab], CommandLine|contains: [' -l']}; condition: selection */
static void test_shapes_sigma_selection(void **state)
{
    (void)state;
    const struct predicate *rule =
        IGNORE_CASE(ALL_OF(SUFFIX("data.pathname", "/crontab"), CONTAINS("process.cmdline", " -l")));
    begin_exec("/usr/bin/crontab", STRINGS("crontab", "-L"));
    HOLDS(rule);
    begin_exec("/usr/bin/crontab", STRINGS("crontab", "-e"));
    HOLDS_NOT(rule);
}

/* Sigma: CommandLine|contains|all: ['base64', '-d', '| sh'] */
static void test_shapes_sigma_contains_all(void **state)
{
    (void)state;
    const struct predicate *rule = IGNORE_CASE(ALL_OF(
        CONTAINS("process.cmdline", "base64"), CONTAINS("process.cmdline", "-d"), CONTAINS("process.cmdline", "| sh")));
    begin_exec("/bin/bash", STRINGS("bash", "-c", "echo aWQ= | BASE64 -d | sh"));
    HOLDS(rule);
    begin_exec("/bin/bash", STRINGS("bash", "-c", "echo aWQ= | base64 -d"));
    HOLDS_NOT(rule);
}

/* Sigma: condition: 1 of selection_* and not 1 of filter_*, with wildcards and a regular expression */
static void test_shapes_sigma_one_of(void **state)
{
    (void)state;
    const struct predicate *rule = IGNORE_CASE(
        ALL_OF(ANY_OF(GLOB("data.pathname", "/tmp/*", "/dev/shm/?*"),
                      REGEX("process.cmdline", "\\bpython[23]?(\\.\\d+)?\\s+-c\\s")),
               NOT(ANY_OF(SUFFIX("process.parent.executable", "/dpkg"), PREFIX("process.cmdline", "/tmp/apt-")))));
    begin_exec("/tmp/x", STRINGS("x"));
    HOLDS(rule);
    begin_exec("/usr/bin/python3", STRINGS("python3.11", "-c", "import os"));
    HOLDS(rule);
    begin_exec("/tmp/x", STRINGS("/tmp/apt-key"));
    HOLDS_NOT(rule);
    begin_exec("/dev/shm/", STRINGS("x"));
    HOLDS_NOT(rule);
}

/* Sigma, network_connection: Initiated: 'true', filter DestinationIp|cidr: [...], DestinationPort: [4444, 5555] */
static void test_shapes_sigma_network(void **state)
{
    (void)state;
    static const int64_t ports[] = {443, 4444};
    const struct predicate *port = &(const struct predicate){
        .op = PREDICATE_NUMBERS, .field = "data.remote_addr.port", .numbers = ports, .n_numbers = 2};
    const struct predicate *rule = ALL_OF(port, NOT(CIDR("data.remote_addr", "192.168.0.0/16", "fc00::/7")));
    record_begin(&record, "security_socket_connect");
    record_bytes(&record, "remote_addr", "\2\0\1\273\12\1\2\3\0\0\0\0\0\0\0\0", 16, ITEM_COMPLETE);
    HOLDS(rule);
    record_begin(&record, "security_socket_connect");
    record_bytes(&record, "remote_addr", "\2\0\1\273\300\250\2\3\0\0\0\0\0\0\0\0", 16, ITEM_COMPLETE);
    HOLDS_NOT(rule);
}

/* Sigma, auditd: type: EXECVE, a0: chmod, a1|contains: ['+s', 'u+s'] */
static void test_shapes_sigma_auditd(void **state)
{
    (void)state;
    const struct predicate *rule =
        IGNORE_CASE(ALL_OF(STRING("data.argv[0]", "chmod"), CONTAINS("data.argv[1]", "+s", "4755")));
    begin_exec("/bin/chmod", STRINGS("chmod", "u+s", "/tmp/x"));
    HOLDS(rule);
    begin_exec("/bin/chmod", STRINGS("chmod", "+x", "+s"));
    HOLDS_NOT(rule);
    begin_exec("/bin/chmod", STRINGS("chmod"));
    HOLDS_NOT(rule);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes_falco_sensitive_file),
        cmocka_unit_test(test_shapes_falco_shell_of_a_server),
        cmocka_unit_test(test_shapes_falco_dropped_binary),
        cmocka_unit_test(test_shapes_falco_netcat),
        cmocka_unit_test(test_shapes_falco_redirect_to_the_network),
        cmocka_unit_test(test_shapes_sigma_selection),
        cmocka_unit_test(test_shapes_sigma_contains_all),
        cmocka_unit_test(test_shapes_sigma_one_of),
        cmocka_unit_test(test_shapes_sigma_network),
        cmocka_unit_test(test_shapes_sigma_auditd),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
