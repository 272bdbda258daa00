/* SPDX-License-Identifier: Apache-2.0 */
/* Each detection: what it must see, what is nearly that and is not, and ways round it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <fcntl.h>

#include "analyzer/detect/matcher.h"
#include "analyzer/detect/world.h"

static struct world world;
static struct engine *engine;
static struct record record;

static int open_world(void **state)
{
    (void)state;
    const char *error = NULL;
    world_open(&world);
    engine = engine_new(world.schema, NULL, 0, &error);
    if (engine == NULL)
        print_error("%s\n", error);
    return engine != NULL ? 0 : -1;
}

static int close_world(void **state)
{
    (void)state;
    engine_free(engine);
    world_close(&world);
    return 0;
}

/* For those who make a container of the same name. */
static int new_world(void **state)
{
    close_world(state);
    return open_world(state);
}

/* Exactly one finding in the whole set, and it is that detection's. */
static struct finding fires(const char *name)
{
    struct world_findings found = world_judge(&world, engine, &record);
    assert_int_equal(found.n, 1);
    assert_string_equal(found.list[0].detection->name, name);
    return found.list[0];
}

/* The finding has an argument of that name and value. */
static void assert_data(const struct finding *finding, const char *name, const char *value)
{
    for (size_t i = 0; i < finding->n_data; i++)
        if (strcmp(finding->data[i].name, name) == 0) {
            assert_int_equal(finding->data[i].string.length, strlen(value));
            assert_memory_equal(finding->data[i].string.data, value, strlen(value));
            return;
        }
    fail_msg("no argument %s", name);
}

static void quiet(void)
{
    struct world_findings found = world_judge(&world, engine, &record);
    if (found.n > 0)
        print_error("%s fired\n", found.list[0].detection->name);
    assert_int_equal(found.n, 0);
}

/* Ids are in people's stored JSON: append a line for a new detection, change none. */
static const struct {
    const char *id, *name;
    uint16_t event_id;
    enum severity severity;
    const char *technique_id;
} frozen[] = {
    {"TRC-102", "anti_debugging", 6000, SEVERITY_LOW, "T1622"},
    {"TRC-103", "ptrace_code_injection", 6001, SEVERITY_HIGH, "T1055.008"},
    {"TRC-104", "dynamic_code_loading", 6002, SEVERITY_MEDIUM, "T1027.002"},
    {"TRC-105", "fileless_execution", 6003, SEVERITY_HIGH, "T1620"},
    {"TRC-107", "ld_preload", 6004, SEVERITY_MEDIUM, "T1574"},
    {"TRC-1016", "illegitimate_shell", 6005, SEVERITY_MEDIUM, "T1190"},
    {"TRC-1018", "k8s_cert_theft", 6006, SEVERITY_HIGH, "T1528"},
    {"TRC-1010", "cgroup_release_agent", 6007, SEVERITY_HIGH, "T1611"},
    {"TRC-108", "k8s_service_account_token", 6008, SEVERITY_INFO, "T1212"},
    {"TRC-1014", "disk_mount", 6009, SEVERITY_HIGH, "T1611"},
    {"TRC-1022", "dropped_executable", 6010, SEVERITY_MEDIUM, "T1036"},
};

static void test_detections_ids_are_frozen(void **state)
{
    (void)state;
    size_t count;
    const struct detection *const *all = detections_all(&count);
    assert_int_equal(count, sizeof(frozen) / sizeof(frozen[0]));
    for (size_t i = 0; i < count; i++) {
        const struct detection *detection = detection_by_name(frozen[i].name);
        assert_non_null(detection);
        assert_ptr_equal(detection_by_name(frozen[i].id), detection);
        assert_string_equal(detection->id, frozen[i].id);
        assert_int_equal(detection->event_id, frozen[i].event_id);
        assert_int_equal(detection->severity, frozen[i].severity);
        assert_string_equal(detection->technique_id, frozen[i].technique_id);
        if (i > 0)
            assert_true(strcmp(all[i - 1]->name, all[i]->name) < 0);
    }
    assert_null(detection_by_name("no_such"));
}

static void test_detections_rows_are_complete(void **state)
{
    (void)state;
    size_t count;
    const struct detection *const *all = detections_all(&count);
    for (size_t i = 0; i < count; i++) {
        assert_true(all[i]->title[0] != '\0' && all[i]->description[0] != '\0' && all[i]->category[0] != '\0' &&
                    all[i]->technique[0] != '\0');
        assert_int_equal(strncmp(all[i]->technique_stix, "attack-pattern--", 16), 0);
        assert_non_null(all[i]->triggers[0].event);
        assert_true(all[i]->event_id >= 6000);
        for (size_t t = 0; t < DETECTION_MAX_TRIGGERS; t++)
            for (size_t d = 0; d < TRIGGER_MAX_DATA; d++)
                assert_true((all[i]->triggers[t].data[d].name == NULL) == (all[i]->triggers[t].data[d].field == NULL));
    }
}

/* A trigger may wait for an event that the table does not have yet, and for nothing else. */
static void test_detections_load_against_our_own_table(void **state)
{
    (void)state;
    struct engine_gap gaps[16];
    size_t n = engine_gaps(engine, gaps, 16);
    for (size_t i = 0; i < n; i++)
        if (event_by_name(gaps[i].trigger->event) != NULL)
            fail_msg("%s: %s", gaps[i].detection->name, gaps[i].reason);
}

static void begin_ptrace(int64_t request, int64_t ret)
{
    record_begin(&record, "ptrace");
    record_integer(&record, "request", request);
    record_integer(&record, "pid", 4300);
    record.header.ret = ret;
}

static void test_anti_debugging(void **state)
{
    (void)state;
    begin_ptrace(0, 0);
    struct finding finding = fires("anti_debugging");
    assert_true(finding.succeeded);
    assert_int_equal(finding.severity, SEVERITY_LOW);
    begin_ptrace(0, -1); /* already traced: it was asked all the same */
    finding = fires("anti_debugging");
    assert_false(finding.succeeded);
    assert_int_equal(finding.severity, SEVERITY_INFO);
    begin_ptrace(16, 0); /* ATTACH */
    quiet();
    begin_ptrace(0x4206, 0); /* SEIZE */
    quiet();
}

static void test_ptrace_code_injection(void **state)
{
    (void)state;
    begin_ptrace(4, 0);
    assert_int_equal(fires("ptrace_code_injection").severity, SEVERITY_HIGH);
    begin_ptrace(5, 0);
    assert_true(fires("ptrace_code_injection").succeeded);
    begin_ptrace(5, -3); /* not attached */
    struct finding finding = fires("ptrace_code_injection");
    assert_false(finding.succeeded);
    assert_int_equal(finding.severity, SEVERITY_MEDIUM);
    static const int64_t others[] = {1, 2, 3, 6, 7, 12, 13, 16, 17, 0x4206};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        begin_ptrace(others[i], 0);
        quiet();
    }
}

enum { TMPFS = 0x01021994, EXT4 = 0xef53 };

static void begin_exec(const char *pathname, int64_t link_count, int64_t fs_magic)
{
    record_begin(&record, "sched_process_exec");
    record_string(&record, "pathname", pathname, ITEM_COMPLETE);
    record_string(&record, "cmdpath", pathname, ITEM_COMPLETE);
    record_string(&record, "prev_comm", "bash", ITEM_COMPLETE);
    record_integer(&record, "link_count", link_count);
    record_integer(&record, "fs_magic", fs_magic);
    record_list(&record, "env", STRINGS("HOME=/root", "PATH=/bin"), ITEM_COMPLETE);
}

static void test_fileless_execution(void **state)
{
    (void)state;
    begin_exec("memfd:", 0, TMPFS);
    assert_int_equal(fires("fileless_execution").severity, SEVERITY_HIGH);
    begin_exec("memfd:x", 0, 0x958458f6); /* MFD_HUGETLB */
    fires("fileless_execution");
    begin_exec("/dev/shm/x", 1, TMPFS);
    fires("fileless_execution");
    begin_exec("/run/shm/x", 1, TMPFS);
    fires("fileless_execution");
    /* Round the name: written to any tmpfs and deleted before it runs, or a memfd shown under another name. */
    begin_exec("/tmp/x", 0, TMPFS);
    fires("fileless_execution");
    begin_exec("/usr/bin/ls", 0, TMPFS);
    fires("fileless_execution");
    /* A script in shared memory: the file that is executed is the interpreter. */
    record_begin(&record, "sched_process_exec");
    record_string(&record, "pathname", "/usr/bin/dash", ITEM_COMPLETE);
    record_string(&record, "cmdpath", "/dev/shm/x.sh", ITEM_COMPLETE);
    record_integer(&record, "link_count", 1);
    record_integer(&record, "fs_magic", EXT4);
    fires("fileless_execution");
}

static void test_fileless_execution_near_misses(void **state)
{
    (void)state;
    begin_exec("/usr/bin/ls", 1, EXT4);
    quiet();
    begin_exec("/tmp/x", 1, TMPFS); /* an ordinary file of a tmpfs */
    quiet();
    begin_exec("/opt/app/old", 0, EXT4); /* replaced by an upgrade while it ran, started again through /proc/self/exe */
    quiet();
    begin_exec("/home/memfd:x", 1, EXT4);
    quiet();
    begin_exec("/home/dev/shm/x", 1, EXT4);
    quiet();
    record_begin(&record, "memfd_create"); /* made, not executed */
    record_string(&record, "name", "x", ITEM_COMPLETE);
    quiet();
}

static void begin_exec_with(const char *variable)
{
    record_begin(&record, "sched_process_exec");
    record_string(&record, "pathname", "/usr/bin/id", ITEM_COMPLETE);
    record_integer(&record, "link_count", 1);
    record_integer(&record, "fs_magic", EXT4);
    record_list(&record, "env", STRINGS("HOME=/root", variable, "TERM=dumb"), ITEM_COMPLETE);
}

static void fires_with(const char *variable, const char *name)
{
    begin_exec_with(variable);
    struct finding finding = fires("ld_preload");
    assert_data(&finding, name, variable);
}

static void test_ld_preload_environment(void **state)
{
    (void)state;
    fires_with("LD_PRELOAD=/tmp/x.so", "LD_PRELOAD");
    fires_with("LD_PRELOAD= :x.so", "LD_PRELOAD");
    fires_with("LD_PRELOAD=\n", "LD_PRELOAD");
    fires_with("LD_LIBRARY_PATH=/tmp", "LD_LIBRARY_PATH");
    fires_with("LD_LIBRARY_PATH=:", "LD_LIBRARY_PATH"); /* the current directory */
    fires_with("LD_LIBRARY_PATH=\n", "LD_LIBRARY_PATH");
    static const char *const misses[] = {
        "LD_PRELOAD=",       "LD_PRELOAD=:",     "LD_PRELOAD= ",       "LD_PRELOAD",         "LD_LIBRARY_PATH=",
        "XLD_PRELOAD=/x.so", "ld_preload=/x.so", "LD_PRELOAD_X=/x.so", "X=LD_PRELOAD=/x.so", "X=\nLD_PRELOAD=/x.so",
    };
    for (size_t i = 0; i < sizeof(misses) / sizeof(misses[0]); i++) {
        begin_exec_with(misses[i]);
        quiet();
    }
    /* Both set is one finding; the first variable of two of a name is enough. */
    record_begin(&record, "sched_process_exec");
    record_list(&record, "env", STRINGS("LD_LIBRARY_PATH=/a", "LD_PRELOAD=", "LD_PRELOAD=/x.so"), ITEM_COMPLETE);
    assert_string_equal(fires("ld_preload").data[0].name, "LD_PRELOAD");
    /* Hidden behind more environment than is carried. */
    record_begin(&record, "sched_process_exec");
    record_list(&record, "env", STRINGS("A=aaaaaaaaaaaaaaaaaaaaaaaaaaaa"), ITEM_TRUNCATED);
    assert_int_equal(fires("ld_preload").n_data, 0);
}

static void begin_open(const char *path, int64_t flags)
{
    record_begin(&record, "security_file_open");
    record_path(&record, "pathname", path, ITEM_COMPLETE);
    record_integer(&record, "flags", flags);
    record.header.ret = 3;
}

static void begin_rename(const char *old_path, const char *new_path)
{
    record_begin(&record, "security_inode_rename");
    record_string(&record, "old_path", old_path, ITEM_USER);
    record_string(&record, "new_path", new_path, ITEM_USER);
}

static void test_ld_preload_file(void **state)
{
    (void)state;
    static const int64_t writes[] = {O_WRONLY, O_RDWR, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, O_RDWR | O_APPEND};
    for (size_t i = 0; i < sizeof(writes) / sizeof(writes[0]); i++) {
        begin_open("/etc/ld.so.preload", writes[i]);
        assert_int_equal(fires("ld_preload").n_data, 0);
    }
    begin_open("/var/lib/docker/overlay2/x/merged/etc/ld.so.preload", O_WRONLY);
    fires("ld_preload");
    static const int64_t reads[] = {O_RDONLY, O_RDONLY | O_CLOEXEC, O_PATH, O_PATH | O_WRONLY, O_ACCMODE};
    for (size_t i = 0; i < sizeof(reads) / sizeof(reads[0]); i++) {
        begin_open("/etc/ld.so.preload", reads[i]);
        quiet();
    }
    static const char *const others[] = {"/etc/ld.so.preload2", "/etc/xld.so.preload",  "/my-etc/ld.so.preload",
                                         "/etc/ld.so.cache",    "/etc/ld.so.preload/x", "/ld.so.preload"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        begin_open(others[i], O_WRONLY);
        quiet();
    }
    begin_open("/etc/ld.so.preload", O_WRONLY);
    record.header.ret = -13; /* never shown as an open, and refused if it were */
    quiet();
}

static void test_ld_preload_rename(void **state)
{
    (void)state;
    static const char *const names[] = {"/etc/ld.so.preload",          "//etc/ld.so.preload",
                                        "/etc//ld.so.preload",         "/etc/./ld.so.preload",
                                        "/etc/x/../ld.so.preload",     "/etc/x/y/../../ld.so.preload",
                                        "/etc/../etc/./ld.so.preload", "/mnt/etc/ld.so.preload"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        begin_rename("/tmp/x", names[i]);
        fires("ld_preload");
    }
    static const char *const misses[] = {"/etc/ld.so.preload.bak", "/my-etc/ld.so.preload", "/etc/x/ld.so.preload",
                                         "/etc/../ld.so.preload", "/etc/ld.so.preload\n"};
    for (size_t i = 0; i < sizeof(misses) / sizeof(misses[0]); i++) {
        begin_rename("/tmp/x", misses[i]);
        quiet();
    }
    begin_rename("/etc/ld.so.preload", "/tmp/x"); /* moved away */
    quiet();
    begin_rename("/tmp/x", "/etc/ld.so.preload");
    record.header.ret = -1;
    quiet();
}

static void begin_shell(const char *prev_comm, const char *comm)
{
    begin_exec_with("A=b");
    record_string(&record, "prev_comm", prev_comm, ITEM_COMPLETE);
    record_comm(&record, comm);
}

static void test_illegitimate_shell(void **state)
{
    (void)state;
    static const char *const servers[] = {"nginx",  "httpd",   "httpd-foregroun", "lighttpd",
                                          "apache", "apache2", "http-nio",        "http-nio-8080-e"};
    static const char *const shells[] = {"ash", "bash", "csh", "ksh", "sh", "tcsh", "zsh", "dash"};
    for (size_t i = 0; i < 8; i++) {
        begin_shell(servers[i], "sh");
        assert_int_equal(fires("illegitimate_shell").severity, SEVERITY_MEDIUM);
        begin_shell("apache2", shells[i]);
        fires("illegitimate_shell");
    }
    static const char *const misses[][2] = {{"apache2", "ls"},  {"apache2", "apache2"}, {"bash", "sh"},
                                            {"sshd", "bash"},   {"nginx", "shx"},       {"nginx2", "sh"},
                                            {"apache", "shuf"}, {"sh", "nginx"},        {"http-nioX", "sh"}};
    for (size_t i = 0; i < sizeof(misses) / sizeof(misses[0]); i++) {
        begin_shell(misses[i][0], misses[i][1]);
        quiet();
    }
}

/* What the state knows the reader as: its executable at its last exec. */
static void become(const char *executable)
{
    record_begin(&record, "sched_process_exec");
    record_path(&record, "pathname", executable, ITEM_COMPLETE);
    record_integer(&record, "link_count", 1);
    quiet();
}

static void test_k8s_cert_theft_open(void **state)
{
    (void)state;
    begin_open("/etc/kubernetes/pki/ca.key", O_RDONLY); /* by a process that nothing is known of */
    record.header.tgid = record.header.tid = 999;
    assert_int_equal(fires("k8s_cert_theft").severity, SEVERITY_HIGH);

    become("/usr/bin/cat");
    begin_open("/etc/kubernetes/pki/ca.key", O_RDONLY);
    fires("k8s_cert_theft");
    begin_open("/etc/kubernetes/pki/etcd/server.key", O_RDWR | O_CLOEXEC);
    fires("k8s_cert_theft");
    static const int64_t no_reads[] = {O_WRONLY, O_WRONLY | O_CREAT | O_TRUNC, O_PATH, O_PATH | O_RDWR};
    for (size_t i = 0; i < sizeof(no_reads) / sizeof(no_reads[0]); i++) {
        begin_open("/etc/kubernetes/pki/ca.key", no_reads[i]);
        quiet();
    }
    static const char *const others[] = {"/etc/kubernetes/pki", "/etc/kubernetes/admin.conf",
                                         "/etc/kubernetes/pki2/ca.key", "/home/etc/kubernetes/pki/ca.key"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        begin_open(others[i], O_RDONLY);
        quiet();
    }

    /* The components themselves; and copies that only bear their names. */
    static const char *const components[] = {"/usr/bin/kubelet", "/usr/local/bin/kube-apiserver", "/usr/local/bin/etcd",
                                             "/usr/local/bin/kube-controller-manager"};
    for (size_t i = 0; i < sizeof(components) / sizeof(components[0]); i++) {
        become(components[i]);
        begin_open("/etc/kubernetes/pki/ca.key", O_RDONLY);
        quiet();
    }
    static const char *const copies[] = {"/tmp/kubelet", "/usr/local/bin/x/etcd", "/home/u/usr/bin/kubelet", "/etcd"};
    for (size_t i = 0; i < sizeof(copies) / sizeof(copies[0]); i++) {
        become(copies[i]);
        begin_open("/etc/kubernetes/pki/ca.key", O_RDONLY);
        record_comm(&record, "kubelet");
        fires("k8s_cert_theft");
    }
}

static void test_k8s_cert_theft_rename(void **state)
{
    (void)state;
    become("/usr/bin/mv");
    static const char *const names[] = {"/etc/kubernetes/pki/ca.key",
                                        "//etc/kubernetes/pki/ca.key",
                                        "/etc/kubernetes//pki/ca.key",
                                        "/etc/./kubernetes/pki/./ca.key",
                                        "/etc/../etc/kubernetes/pki/etcd/../ca.key",
                                        "/../etc/kubernetes/x/../pki/ca.key"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        begin_rename(names[i], "/tmp/x");
        fires("k8s_cert_theft");
    }
    static const char *const misses[] = {"/etc/kubernetes/pki", "/etc/kubernetes/pki/../admin.conf",
                                         "/home/etc/kubernetes/pki/ca.key", "/etc/kubernetes/pkix/ca.key",
                                         "/etc/../kubernetes/pki/ca.key"};
    for (size_t i = 0; i < sizeof(misses) / sizeof(misses[0]); i++) {
        begin_rename(misses[i], "/tmp/x");
        quiet();
    }
    begin_rename("/tmp/x", "/etc/kubernetes/pki/ca.key"); /* put there */
    quiet();
}

enum { CONTAINER_CGROUP = 77, HOST_CGROUP = 1, CGROUP_MAGIC = 0x27e0eb };

#define CONTAINER "/docker/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* A container is made; what happens in it before its first own program is the runtime's doing. */
static void make_container(void)
{
    record_begin(&record, "cgroup_mkdir");
    record_integer(&record, "cgroup_id", CONTAINER_CGROUP);
    record_path(&record, "cgroup_path", CONTAINER, ITEM_COMPLETE);
    quiet();
}

enum { NOT_KNOWN, OF_IMAGE, WRITTEN_SINCE }; /* overlay_layer */

/* A program of its own, the first and others. */
static void start_container(const char *program, int64_t overlay_layer)
{
    begin_exec(program, 1, EXT4);
    record_path(&record, "cgroup_path", CONTAINER, ITEM_COMPLETE);
    record_integer(&record, "overlay_layer", overlay_layer);
    record.header.cgroup_id = CONTAINER_CGROUP;
    record.header.flags = RECORD_OWN_MOUNTS;
    quiet();
}

/* The record that was begun, in the container, and then on the host: there it never fires. */
static struct finding fires_in_container(const char *name)
{
    const uint32_t mnt_ns = record.header.mnt_ns;
    record.header.cgroup_id = HOST_CGROUP;
    record.header.mnt_ns++;
    quiet();
    record.header.mnt_ns = mnt_ns;
    fires(name); /* moving itself to another cgroup is no way out */
    record.header.cgroup_id = CONTAINER_CGROUP;
    return fires(name);
}

static void quiet_in_container(void)
{
    record.header.cgroup_id = CONTAINER_CGROUP;
    quiet();
}

static void test_cgroup_release_agent(void **state)
{
    (void)state;
    make_container();
    begin_open("/tmp/cg/release_agent", O_WRONLY);
    record_integer(&record, "fs_magic", CGROUP_MAGIC);
    quiet_in_container(); /* nothing of its own has run yet */
    start_container("/bin/sh", OF_IMAGE);

    begin_open("/tmp/cg/release_agent", O_WRONLY);
    record_integer(&record, "fs_magic", CGROUP_MAGIC);
    assert_int_equal(fires_in_container("cgroup_release_agent").severity, SEVERITY_HIGH);
    begin_open("/tmp/release_agent", O_RDWR | O_CREAT);
    record_integer(&record, "fs_magic", TMPFS);
    assert_int_equal(fires_in_container("cgroup_release_agent").severity, SEVERITY_MEDIUM);
    begin_rename("/tmp/x", "/tmp/release_agent");
    assert_int_equal(fires_in_container("cgroup_release_agent").severity, SEVERITY_MEDIUM);

    static const struct {
        const char *path;
        int64_t flags;
    } misses[] = {{"/tmp/cg/release_agent", O_RDONLY},
                  {"/tmp/cg/release_agent", O_PATH},
                  {"/tmp/cg/release_agent.txt", O_WRONLY},
                  {"/tmp/cg/my_release_agent", O_WRONLY},
                  {"/tmp/release_agent/x", O_WRONLY}};
    for (size_t i = 0; i < sizeof(misses) / sizeof(misses[0]); i++) {
        begin_open(misses[i].path, misses[i].flags);
        quiet_in_container();
    }
    begin_rename("/tmp/release_agent", "/tmp/x");
    quiet_in_container();
}

static void test_k8s_service_account_token(void **state)
{
    (void)state;
    static const char token[] = "/run/secrets/kubernetes.io/serviceaccount/..2024_01_02_03_04_05.678/token";
    make_container();
    start_container("/usr/bin/cat", OF_IMAGE);
    begin_open(token, O_RDONLY);
    assert_int_equal(fires_in_container("k8s_service_account_token").severity, SEVERITY_INFO);
    begin_open("/var/run/secrets/kubernetes.io/serviceaccount/token", O_RDWR);
    fires_in_container("k8s_service_account_token");
    static const struct {
        const char *path;
        int64_t flags;
    } misses[] = {{"/run/secrets/kubernetes.io/serviceaccount/..2024_01_02_03_04_05.678/ca.crt", O_RDONLY},
                  {"/run/secrets/kubernetes.io/serviceaccount/..2024_01_02_03_04_05.678/token", O_WRONLY},
                  {"/run/secrets/kubernetes.io/serviceaccount/..2024_01_02_03_04_05.678/token.bak", O_RDONLY},
                  {"/run/secrets/kubernetes_io/serviceaccount/token", O_RDONLY}};
    for (size_t i = 0; i < sizeof(misses) / sizeof(misses[0]); i++) {
        begin_open(misses[i].path, misses[i].flags);
        quiet_in_container();
    }
    /* A component that came with the image may; a copy under its name may not. */
    start_container("/usr/local/bin/kube-proxy", OF_IMAGE);
    begin_open(token, O_RDONLY);
    quiet_in_container();
    start_container("/usr/local/bin/kube-proxy", WRITTEN_SINCE);
    begin_open(token, O_RDONLY);
    fires_in_container("k8s_service_account_token");
    start_container("/usr/local/bin/kube-proxy", NOT_KNOWN);
    begin_open(token, O_RDONLY);
    fires_in_container("k8s_service_account_token");
    start_container("/tmp/kube-proxy", OF_IMAGE);
    begin_open(token, O_RDONLY);
    fires_in_container("k8s_service_account_token");
}

static void begin_mount(const char *device, const char *type, int64_t flags, int64_t ret)
{
    record_begin(&record, "security_sb_mount");
    record_string(&record, "dev_name", device, ITEM_COMPLETE | ITEM_USER);
    record_string(&record, "path", "/mnt", ITEM_COMPLETE | ITEM_USER);
    record_string(&record, "type", type, ITEM_COMPLETE | ITEM_USER);
    record_integer(&record, "flags", flags);
    record.header.ret = ret;
}

static void test_disk_mount(void **state)
{
    (void)state;
    enum { READ_ONLY = 1, REMOUNT = 0x20, BIND = 0x1000, MOVE = 0x2000, RECURSIVE = 0x4000, PRIVATE = 1 << 18 };
    make_container();
    begin_mount("/dev/sda1", "ext4", 0, 0);
    quiet_in_container(); /* the runtime's */
    start_container("/bin/sh", OF_IMAGE);
    begin_mount("/dev/sda1", "ext4", READ_ONLY, 0);
    struct finding finding = fires_in_container("disk_mount");
    assert_int_equal(finding.severity, SEVERITY_HIGH);
    begin_mount("/dev/null", "ext4", 0, -15); /* ENOTBLK */
    finding = fires_in_container("disk_mount");
    assert_int_equal(finding.severity, SEVERITY_MEDIUM);
    assert_false(finding.succeeded);

    static const int64_t others[] = {BIND, BIND | RECURSIVE, REMOUNT | BIND, REMOUNT, MOVE, PRIVATE | RECURSIVE};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        begin_mount("/dev/sda1", "ext4", others[i], 0);
        quiet_in_container();
    }
    begin_mount("/tmp/innocent", "ext4", 0, 0); /* a link, or a node of its own */
    fires_in_container("disk_mount");
    begin_mount("/dev/sdb", "", 0, 0);
    fires_in_container("disk_mount");
    begin_mount("/tmp/innocent", "ext4", MOVE, 0); /* the new API's second half */
    quiet_in_container();
    begin_mount("overlay", "overlay", 0, 0);
    quiet_in_container();
    begin_mount("tmpfs", "tmpfs", 0, 0);
    quiet_in_container();
    begin_mount("/dev/shm", "tmpfs", 0, 0);
    quiet_in_container();
    begin_mount("/device/x", "9p", 0, 0);
    quiet_in_container();
}

static void begin_write(const char *path, const char *bytes, enum item_state state)
{
    record_begin(&record, "magic_write");
    record_string(&record, "pathname", path, ITEM_COMPLETE);
    record_string(&record, "bytes", bytes, state);
    record.header.ret = 8;
}

static void test_dropped_executable(void **state)
{
    (void)state;
    make_container();
    start_container("/bin/sh", OF_IMAGE);
    begin_write("/tmp/x", "\177ELF\2\1\1", ITEM_COMPLETE);
    struct finding finding = fires_in_container("dropped_executable");
    assert_int_equal(finding.severity, SEVERITY_MEDIUM);
    assert_data(&finding, "path", "/tmp/x");
    begin_write("/usr/bin/.x", "\177ELF", ITEM_TRUNCATED); /* more was written than is shown */
    fires_in_container("dropped_executable");

    begin_write("/tmp/x", "#!/bin/sh\n", ITEM_COMPLETE);
    quiet_in_container();
    begin_write("/tmp/x", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", ITEM_TRUNCATED);
    quiet_in_container();
    begin_write("/tmp/x", "x\177ELF", ITEM_COMPLETE);
    quiet_in_container();
    begin_write("/tmp/x", "", ITEM_UNREADABLE); /* by sendfile */
    quiet_in_container();
    begin_write("memfd:x", "\177ELF\2\1\1", ITEM_COMPLETE);
    quiet_in_container();
    begin_write("/dev/shm/x", "\177ELF\2\1\1", ITEM_COMPLETE);
    quiet_in_container();
}

/* By its fields, so that it holds before the collector has the event and after. */
static void test_dynamic_code_loading(void **state)
{
    (void)state;
    const struct detection *detection = detection_by_name("dynamic_code_loading");
    assert_string_equal(detection->triggers[0].event, "mem_prot_alert");
    assert_true(detection->triggers[0].attempt);
    char event_name[] = "mem_prot_alert", arg_name[] = "alert";
    char *names[] = {arg_name};
    uint32_t types[] = {ARG_UINT32};
    Vedette__V1__Hello hello;
    Vedette__V1__EventSchema row, *rows[] = {&row};
    vedette__v1__hello__init(&hello);
    vedette__v1__event_schema__init(&row);
    row.id = 760;
    row.name = event_name;
    row.arg_name = names;
    row.arg_type = types;
    row.n_arg_name = row.n_arg_type = 1;
    hello.schema = rows;
    hello.n_schema = 1;
    struct schema *schema = schema_new(&hello);
    assert_non_null(schema);

    struct matcher *matcher = matcher_new();
    const struct condition *condition;
    struct event_view event = {.schema = schema_event_by_id(schema, 760)};
    struct event_context context = {.event = &event};
    assert_int_equal(matcher_add(matcher, event.schema, "test", detection->triggers[0].when, &condition), 0);
    for (uint64_t alert = 0; alert < 8; alert++) {
        event.args[0].u = alert;
        assert_int_equal(matcher_judge(matcher, condition, &context), alert == 4 ? VERDICT_YES : VERDICT_NO);
    }
    matcher_free(matcher);
    schema_free(schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_detections_ids_are_frozen),
        cmocka_unit_test(test_detections_rows_are_complete),
        cmocka_unit_test(test_detections_load_against_our_own_table),
        cmocka_unit_test(test_anti_debugging),
        cmocka_unit_test(test_ptrace_code_injection),
        cmocka_unit_test(test_fileless_execution),
        cmocka_unit_test(test_fileless_execution_near_misses),
        cmocka_unit_test(test_ld_preload_environment),
        cmocka_unit_test(test_ld_preload_file),
        cmocka_unit_test(test_ld_preload_rename),
        cmocka_unit_test(test_illegitimate_shell),
        cmocka_unit_test(test_k8s_cert_theft_open),
        cmocka_unit_test(test_k8s_cert_theft_rename),
        cmocka_unit_test(test_dynamic_code_loading),
        cmocka_unit_test_setup(test_cgroup_release_agent, new_world),
        cmocka_unit_test_setup(test_k8s_service_account_token, new_world),
        cmocka_unit_test_setup(test_disk_mount, new_world),
        cmocka_unit_test_setup(test_dropped_executable, new_world),
    };
    return cmocka_run_group_tests(tests, open_world, close_world);
}
