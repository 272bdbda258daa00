/* SPDX-License-Identifier: Apache-2.0 */
/* Each detection: what it must see, what is nearly that and is not, and ways round it. */
#include "analyzer/detections/detections_testing.h"

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
    {"TRC-106", "cgroup_notify_on_release", 6011, SEVERITY_HIGH, "T1611"},
    {"TRC-109", "aslr_inspection", 6012, SEVERITY_INFO, "T1068"},
    {"TRC-1011", "core_pattern_modification", 6013, SEVERITY_HIGH, "T1611"},
    {"TRC-1021", "proc_kcore_read", 6014, SEVERITY_MEDIUM, "T1611"},
    {"TRC-1029", "sched_debug_recon", 6015, SEVERITY_LOW, "T1613"},
    {"TRC-1031", "system_request_key_mod", 6016, SEVERITY_HIGH, "T1611"},
    {"TRC-1023", "proc_mem_access", 6017, SEVERITY_HIGH, "T1003.007"},
    {"TRC-1024", "proc_mem_code_injection", 6018, SEVERITY_HIGH, "T1055.009"},
    {"TRC-1028", "sudoers_modification", 6019, SEVERITY_MEDIUM, "T1548.003"},
    {"TRC-1027", "scheduled_task_mod", 6020, SEVERITY_MEDIUM, "T1053.003"},
    {"TRC-1026", "rcd_modification", 6021, SEVERITY_MEDIUM, "T1037.004"},
    {"TRC-1012", "default_loader_mod", 6022, SEVERITY_HIGH, "T1574"},
    {"TRC-1015", "hidden_file_created", 6023, SEVERITY_MEDIUM, "T1564.001"},
    {"TRC-1017", "kernel_module_loading", 6024, SEVERITY_MEDIUM, "T1547.006"},
    {"TRC-1020", "proc_fops_hooking", 6025, SEVERITY_HIGH, "T1014"},
    {"TRC-1030", "syscall_hooking", 6026, SEVERITY_HIGH, "T1014"},
    {"DRV-002", "hooked_syscall_detector", 6027, SEVERITY_CRITICAL, "T1014"},
    {"DRV-003", "hooked_seq_ops_detector", 6028, SEVERITY_CRITICAL, "T1014"},
    {"TRC-1019", "docker_abuse", 6030, SEVERITY_MEDIUM, "T1068"},
    {"TRC-1025", "process_vm_write_inject", 6031, SEVERITY_HIGH, "T1055"},
    {"TRC-101", "stdio_over_socket", 6029, SEVERITY_HIGH, "T1059.004"},
    {"TRC-1013", "k8s_api_connection", 6032, SEVERITY_LOW, "T1526"},
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
    become("/usr/lib/llvm-19/bin/lldb-server");
    begin_ptrace(4, 0);
    assert_int_equal(fires("ptrace_code_injection").severity, SEVERITY_MEDIUM);
    become("/home/u/usr/lib/llvm-19/bin/lldb-server");
    begin_ptrace(4, 0);
    assert_int_equal(fires("ptrace_code_injection").severity, SEVERITY_HIGH);
    static const int64_t others[] = {1, 2, 3, 6, 7, 12, 13, 16, 17, 0x4206};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        begin_ptrace(others[i], 0);
        quiet();
    }
}

static void begin_process_vm(int64_t pid, int64_t ret)
{
    record_begin(&record, "process_vm_writev");
    record_integer(&record, "pid", pid);
    record.header.ret = ret;
}

static void test_process_vm_write_inject(void **state)
{
    (void)state;
    begin_process_vm(4300, 8);
    assert_int_equal(fires("process_vm_write_inject").severity, SEVERITY_HIGH);
    begin_process_vm(4242, 8); /* its own number in the host's, which is another process in its namespace */
    fires("process_vm_write_inject");
    begin_process_vm(4300, -1);
    struct finding finding = fires("process_vm_write_inject");
    assert_int_equal(finding.severity, SEVERITY_MEDIUM);
    assert_false(finding.succeeded);
    begin_process_vm(42, 8);
    quiet();
    record_begin(&record, "process_vm_readv");
    record_integer(&record, "pid", 4300);
    quiet();
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
    static const char *const misses[][2] = {
        {"apache2", "ls"}, {"apache2", "apache2"}, {"bash", "sh"},         {"sshd", "bash"}, {"nginx", "shx"},
        {"nginx2", "sh"},  {"apache", "shuf"},     {"xhttp-nio-80", "sh"}, {"sh", "nginx"},  {"http-nioX", "sh"}};
    for (size_t i = 0; i < sizeof(misses) / sizeof(misses[0]); i++) {
        begin_shell(misses[i][0], misses[i][1]);
        quiet();
    }
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
    begin_rename("/tmp/x", "/tmp/my_release_agent");
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
    begin_mount("/tmp/dev/x", "9p", 0, 0);
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
    begin_write("/home/dev/shm/x", "\177ELF\2\1\1", ITEM_COMPLETE);
    fires_in_container("dropped_executable");
    begin_write("/usr/bin/x", "\177ELF", ITEM_TRUNCATED); /* more was written than is shown */
    fires_in_container("dropped_executable");

    start_container("/usr/bin/dpkg", OF_IMAGE);
    begin_write("/usr/bin/x.dpkg-new", "\177ELF\2\1\1", ITEM_COMPLETE);
    assert_int_equal(fires_in_container("dropped_executable").severity, SEVERITY_LOW);
    start_container("/usr/bin/dpkg", WRITTEN_SINCE);
    begin_write("/usr/bin/x.dpkg-new", "\177ELF\2\1\1", ITEM_COMPLETE);
    assert_int_equal(fires_in_container("dropped_executable").severity, SEVERITY_MEDIUM);

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

static void test_kernel_module_loading(void **state)
{
    (void)state;
    record_begin(&record, "module_load");
    record_string(&record, "name", "dummy", ITEM_COMPLETE);
    assert_int_equal(fires("kernel_module_loading").severity, SEVERITY_MEDIUM);
    record_begin(&record, "module_free");
    record_string(&record, "name", "dummy", ITEM_COMPLETE);
    quiet();
    record_begin(&record, "security_kernel_read_file"); /* read, and refused as far as is known */
    record_path(&record, "pathname", "/tmp/x.ko", ITEM_COMPLETE);
    quiet();
}

/* Two detections share the event, as Tracee's do. */
static void test_hooked_system_call(void **state)
{
    (void)state;
    record_begin(&record, "hooked_syscall");
    record_string(&record, "syscall", "getdents64", ITEM_COMPLETE);
    record_string(&record, "address", "0xffffffffc0001000", ITEM_COMPLETE);
    record_string(&record, "function", "hide", ITEM_COMPLETE);
    record_string(&record, "owner", "rootkit", ITEM_COMPLETE);
    struct world_findings found = world_judge(&world, engine, &record);
    assert_int_equal(found.n, 2);
    assert_string_equal(found.list[0].detection->name, "hooked_syscall_detector");
    assert_int_equal(found.list[0].severity, SEVERITY_CRITICAL);
    assert_data(&found.list[0], "syscall", "getdents64");
    assert_data(&found.list[0], "address", "0xffffffffc0001000");
    assert_data(&found.list[0], "function", "hide");
    assert_data(&found.list[0], "owner", "rootkit");
    assert_string_equal(found.list[1].detection->name, "syscall_hooking");
    assert_int_equal(found.list[1].severity, SEVERITY_HIGH);
    /* What the symbols do not tell is left out, not made up. */
    record_begin(&record, "hooked_syscall");
    record_string(&record, "syscall", "read", ITEM_COMPLETE);
    found = world_judge(&world, engine, &record);
    assert_int_equal(found.n, 2);
    assert_int_equal(found.list[0].n_data, 1);
    record_begin(&record, "ftrace_hook");
    quiet();
}

static void begin_hooked(const char *event, const char *arg, const char *value)
{
    record_begin(&record, event);
    record_string(&record, arg, value, ITEM_COMPLETE);
}

static void test_hooked_tables(void **state)
{
    (void)state;
    static const char proc[] = "[{\"symbol\":\"iterate_shared\",\"owner\":\"rootkit\"}]";
    begin_hooked("hooked_proc_fops", "hooked_fops_pointers", proc);
    struct finding finding = fires("proc_fops_hooking");
    assert_int_equal(finding.severity, SEVERITY_HIGH);
    assert_data(&finding, "Hooked proc file operations", proc);
    static const char sockets[] = "{\"tcp4_seq_ops_show\":{\"symbol\":\"hide\",\"owner\":\"rootkit\"}}";
    begin_hooked("hooked_seq_ops", "hooked_seq_ops", sockets);
    finding = fires("hooked_seq_ops_detector");
    assert_int_equal(finding.severity, SEVERITY_CRITICAL);
    assert_data(&finding, "hooked_seq_ops", sockets);
    static const char *const none[] = {"", "[]", "{}", "null"};
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        begin_hooked("hooked_proc_fops", "hooked_fops_pointers", none[i]);
        quiet();
        begin_hooked("hooked_seq_ops", "hooked_seq_ops", none[i]);
        quiet();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_detections_ids_are_frozen),
        cmocka_unit_test(test_detections_rows_are_complete),
        cmocka_unit_test(test_detections_load_against_our_own_table),
        cmocka_unit_test(test_anti_debugging),
        cmocka_unit_test(test_ptrace_code_injection),
        cmocka_unit_test(test_process_vm_write_inject),
        cmocka_unit_test(test_fileless_execution),
        cmocka_unit_test(test_fileless_execution_near_misses),
        cmocka_unit_test(test_ld_preload_environment),
        cmocka_unit_test(test_ld_preload_file),
        cmocka_unit_test(test_ld_preload_rename),
        cmocka_unit_test(test_illegitimate_shell),
        cmocka_unit_test(test_k8s_cert_theft_open),
        cmocka_unit_test(test_k8s_cert_theft_rename),
        cmocka_unit_test(test_dynamic_code_loading),
        cmocka_unit_test(test_kernel_module_loading),
        cmocka_unit_test(test_hooked_system_call),
        cmocka_unit_test(test_hooked_tables),
        cmocka_unit_test_setup(test_cgroup_release_agent, new_world),
        cmocka_unit_test_setup(test_k8s_service_account_token, new_world),
        cmocka_unit_test_setup(test_disk_mount, new_world),
        cmocka_unit_test_setup(test_dropped_executable, new_world),
    };
    return cmocka_run_group_tests(tests, open_world, close_world);
}
