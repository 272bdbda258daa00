/* SPDX-License-Identifier: Apache-2.0 */
#include "common/wire/golden_values.h"

#include <stdbool.h>

#include "common/events/events.h"
#include "common/wire/encode.h"
#include "common/wire/test_records.h"
#include "proto/vedette.pb-c.h"

#define COUNT(array_) (sizeof(array_) / sizeof((array_)[0]))

static size_t pack_request(Vedette__V1__Request *request, uint8_t *bytes)
{
    return vedette__v1__request__get_packed_size(request) <= WIRE_REQUEST_BYTES
               ? vedette__v1__request__pack(request, bytes)
               : 0;
}

static size_t pack_reply(Vedette__V1__Reply *reply, uint8_t *bytes)
{
    return vedette__v1__reply__get_packed_size(reply) <= WIRE_REPLY_BYTES ? vedette__v1__reply__pack(reply, bytes) : 0;
}

enum { GOLDEN_ARGS = 18 };

struct golden_event {
    const char *name;
    uint32_t id, class;
    const char *sets;
    size_t n_args;
    const char *arg_names[GOLDEN_ARGS];
    uint32_t arg_types[GOLDEN_ARGS];
};

static const struct golden_event golden_schema[] = {
    {"open",
     EVENT_open,
     CLASS_BULK,
     "syscalls,fs,fs_file_ops",
     3,
     {"pathname", "flags", "mode"},
     {ARG_STRING, ARG_INT32, ARG_UINT16}},
    {"execve",
     EVENT_execve,
     CLASS_CRITICAL,
     "default,syscalls,proc,proc_life",
     3,
     {"pathname", "argv", "envp"},
     {ARG_STRING, ARG_STRINGS, ARG_STRINGS}},
    {"ptrace",
     EVENT_ptrace,
     CLASS_CRITICAL,
     "default,syscalls,proc",
     4,
     {"request", "pid", "addr", "data"},
     {ARG_INT64, ARG_INT32, ARG_POINTER, ARG_POINTER}},
    {"memfd_create",
     EVENT_memfd_create,
     CLASS_WATCHED,
     "default,syscalls,fs,fs_file_ops",
     2,
     {"name", "flags"},
     {ARG_STRING, ARG_UINT32}},
    {"openat2",
     EVENT_openat2,
     CLASS_BULK,
     "syscalls,fs,fs_file_ops",
     4,
     {"dirfd", "pathname", "how", "size"},
     {ARG_INT32, ARG_STRING, ARG_POINTER, ARG_UINT64}},
    {"sched_process_exit",
     EVENT_sched_process_exit,
     CLASS_CRITICAL,
     "proc,proc_life",
     3,
     {"exit_code", "signal_code", "process_group_exit"},
     {ARG_INT32, ARG_INT32, ARG_BOOL}},
    {"existing_process",
     EVENT_existing_process,
     CLASS_CRITICAL,
     "",
     18,
     {"pathname", "link_count", "fs_magic", "cgroup_path", "dev", "inode", "ctime", "overlay_layer", "argv", "cred",
      "cgroup_ns", "ipc_ns", "mnt_ns", "net_ns", "pid_ns", "time_ns", "user_ns", "uts_ns"},
     {ARG_STRING, ARG_UINT32, ARG_UINT64, ARG_STRING, ARG_UINT32, ARG_UINT64, ARG_UINT64, ARG_UINT32, ARG_STRINGS,
      ARG_CREDENTIALS, ARG_UINT32, ARG_UINT32, ARG_UINT32, ARG_UINT32, ARG_UINT32, ARG_UINT32, ARG_UINT32, ARG_UINT32}},
    {"future_event",
     GOLDEN_FUTURE_ID,
     CLASS_WATCHED,
     "fs,future",
     9,
     {"a_int32", "a_uint16", "a_uint32", "a_int64", "a_uint64", "a_pointer", "a_bool", "a_string", "a_list"},
     {ARG_INT32, ARG_UINT16, ARG_UINT32, ARG_INT64, ARG_UINT64, ARG_POINTER, ARG_BOOL, ARG_STRING, ARG_STRINGS}},
};

static char *text(const char *constant)
{
    return (char *)(uintptr_t)constant; /* the generated structs want char *; packing only reads */
}

static ProtobufCBinaryData bytes_of(const char *string)
{
    return (ProtobufCBinaryData){.len = strlen(string), .data = (uint8_t *)(uintptr_t)string};
}

static size_t pack_hello(uint8_t *bytes)
{
    Vedette__V1__EventSchema events[COUNT(golden_schema)], *event_pointers[COUNT(golden_schema)];
    char *arg_names[COUNT(golden_schema)][GOLDEN_ARGS];
    uint32_t arg_types[COUNT(golden_schema)][GOLDEN_ARGS];
    for (size_t i = 0; i < COUNT(golden_schema); i++) {
        const struct golden_event *row = &golden_schema[i];
        vedette__v1__event_schema__init(event_pointers[i] = &events[i]);
        events[i].id = row->id;
        events[i].name = text(row->name);
        events[i].event_class = row->class;
        events[i].sets = text(row->sets);
        for (size_t a = 0; a < row->n_args; a++) {
            arg_names[i][a] = text(row->arg_names[a]);
            arg_types[i][a] = row->arg_types[a];
        }
        events[i].n_arg_name = events[i].n_arg_type = row->n_args;
        events[i].arg_name = arg_names[i];
        events[i].arg_type = arg_types[i];
    }
    Vedette__V1__Coverage covered, uncovered;
    vedette__v1__coverage__init(&covered);
    vedette__v1__coverage__init(&uncovered);
    covered.event_id = EVENT_open;
    covered.covered = true;
    covered.source = text("tp_btf/sys_exit");
    covered.losses = text("io_uring opens are not shown");
    uncovered.event_id = GOLDEN_FUTURE_ID;
    uncovered.reason = text("no hook");
    Vedette__V1__Coverage *coverage[] = {&covered, &uncovered};
    Vedette__V1__Hello hello;
    vedette__v1__hello__init(&hello);
    hello.wire_min = hello.wire_max = 1;
    hello.node = text("node-7");
    hello.boot_id = text("01234567-89ab-cdef-0123-456789abcdef");
    hello.session = GOLDEN_SESSION;
    hello.version = text("0.1.0");
    hello.kernel = text("6.1.0-28-amd64");
    hello.arch = text("x86_64");
    hello.n_schema = COUNT(golden_schema);
    hello.schema = event_pointers;
    hello.n_coverage = COUNT(coverage);
    hello.coverage = coverage;
    hello.wall_minus_boot_ns = 1700000000000000000;
    hello.heartbeat_ms = 5000;
    hello.credential = bytes_of("secret");
    hello.allowed_classes = 6;
    hello.scope = text("tree 4711");
    Vedette__V1__Request request;
    vedette__v1__request__init(&request);
    request.body_case = VEDETTE__V1__REQUEST__BODY_HELLO;
    request.hello = &hello;
    return pack_request(&request, bytes);
}

/* What later fields of the hello say: how a hook runs, and what the self-test saw of each event. */
static size_t pack_coverage(uint8_t *bytes)
{
    Vedette__V1__Coverage row;
    vedette__v1__coverage__init(&row);
    row.event_id = EVENT_open;
    row.covered = true;
    row.source = text("tp_btf/sys_exit");
    row.self_test = VEDETTE__V1__SELF_TEST__SELF_TEST_PASSED;
    row.better = text("lsm/file_open: not on this kernel");
    Vedette__V1__Hook hook;
    vedette__v1__hook__init(&hook);
    hook.name = text("tp_btf/sys_exit");
    hook.attached = true;
    hook.self_test = VEDETTE__V1__SELF_TEST__SELF_TEST_NOT_RUN;
    hook.preemptible = VEDETTE__V1__PREEMPTIBLE__PREEMPTIBLE_YES;
    hook.misses_counted = true;
    hook.misses = 17;
    Vedette__V1__Hook missing;
    vedette__v1__hook__init(&missing);
    missing.name = text("tp_btf/cgroup_mkdir");
    missing.reason = text("this kernel has no tracepoint cgroup_mkdir");
    missing.self_test = VEDETTE__V1__SELF_TEST__SELF_TEST_FAILED;
    missing.preemptible = VEDETTE__V1__PREEMPTIBLE__PREEMPTIBLE_NO;
    Vedette__V1__Coverage *rows[] = {&row};
    Vedette__V1__Hook *hooks[] = {&hook, &missing};
    Vedette__V1__Hello hello;
    vedette__v1__hello__init(&hello);
    hello.wire_min = hello.wire_max = 1;
    hello.node = text("node-7");
    hello.n_coverage = COUNT(rows);
    hello.coverage = rows;
    hello.n_hook = COUNT(hooks);
    hello.hook = hooks;
    Vedette__V1__Request request;
    vedette__v1__request__init(&request);
    request.body_case = VEDETTE__V1__REQUEST__BODY_HELLO;
    request.hello = &hello;
    return pack_request(&request, bytes);
}

static int add_all(struct batch_encoder *encoder, union test_record *record,
                   void (*const builders[])(union test_record *), size_t count)
{
    int result = 0;
    for (size_t i = 0; i < count && result == 0; i++) {
        builders[i](record);
        result = batch_encoder_add(encoder, &record->header, record->header.size);
    }
    return result;
}

/* One batch of these records through the encoder. */
static size_t pack_records(uint8_t *bytes, uint64_t first_seq, bool is_snapshot,
                           void (*const builders[])(union test_record *), size_t count)
{
    size_t size = 0;
    struct batch_encoder *encoder = batch_encoder_new(WIRE_REQUEST_BYTES);
    union test_record *record = malloc(sizeof(*record));
    if (encoder != NULL && record != NULL) {
        batch_encoder_begin(encoder, GOLDEN_SESSION, first_seq, is_snapshot);
        if (add_all(encoder, record, builders, count) != 0 ||
            batch_encoder_pack(encoder, 1700000000000000000, bytes, WIRE_REQUEST_BYTES, &size) != 0)
            size = 0;
    }
    free(record);
    batch_encoder_free(encoder);
    return size;
}

static void build_open(union test_record *record)
{
    test_record_begin(record, EVENT_open, 1, GOLDEN_BOOT_NS);
    record->header.ret = 3;
    record->header.flags = RECORD_SHARED_FDTABLE;
    test_record_item(record, 0, ITEM_COMPONENTS, ITEM_COMPLETE, "passwd\0etc\0", 11);
    test_record_integer(record, 1, 0100000);
    test_record_integer(record, 2, 0644);
}

static void build_open_user_truncated(union test_record *record)
{
    test_record_begin(record, EVENT_open, 2, GOLDEN_BOOT_NS + 5);
    record->header.ret = -2;
    test_record_item(record, 0, ITEM_BYTES, ITEM_TRUNCATED | ITEM_USER, "/tmp/very/lo", 12);
    test_record_integer(record, 1, -1);
}

static void build_execve(union test_record *record)
{
    test_record_begin(record, EVENT_execve, 2, GOLDEN_BOOT_NS + 400);
    record->header.ret = -13;
    test_record_item(record, 2, ITEM_LIST, ITEM_TRUNCATED | ITEM_USER, "A=1\0B", 5);
    test_record_item(record, 1, ITEM_LIST, ITEM_USER, "sh\0-c\0\0sh\0", 10);
    test_record_item(record, 0, ITEM_BYTES, ITEM_UNREADABLE | ITEM_USER, "", 0);
}

static void build_ptrace(union test_record *record)
{
    test_record_begin(record, EVENT_ptrace, 3, GOLDEN_BOOT_NS + 70000);
    test_record_integer(record, 0, INT64_MIN);
    test_record_integer(record, 1, -7);
    test_record_integer(record, 2, INT64_MAX);
    test_record_integer(record, 3, -1);
}

static void build_memfd(union test_record *record)
{
    test_record_begin(record, EVENT_memfd_create, 1, GOLDEN_BOOT_NS + 70001);
    record->header.ret = 4;
    test_record_item(record, 0, ITEM_BYTES, ITEM_USER, "payload", 7);
    test_record_integer(record, 1, UINT32_MAX);
}

static void build_openat2(union test_record *record)
{
    test_record_begin(record, EVENT_openat2, 1, GOLDEN_BOOT_NS + 70002);
    test_record_integer(record, 0, -100);
    test_record_integer(record, 3, 24);
}

static void build_exit(union test_record *record)
{
    test_record_begin(record, EVENT_sched_process_exit, 2, GOLDEN_BOOT_NS + 1000000000);
    test_record_integer(record, 0, 1);
    test_record_integer(record, 1, 9);
    test_record_integer(record, 2, 1);
}

static void build_existing(union test_record *record)
{
    test_record_begin(record, EVENT_existing_process, 1, GOLDEN_BOOT_NS);
    record->header.flags = RECORD_SCOPE_ROOT;
    test_record_item(record, 0, ITEM_COMPONENTS, ITEM_TRUNCATED, "sshd\0sbin\0", 10);
    test_record_integer(record, 1, 1);
    test_record_integer(record, 2, 0xef53);
    test_record_item(record, 3, ITEM_BYTES, ITEM_COMPLETE, "/system.slice", 13);
    const struct record_credentials credentials = {
        .uid = 1, .egid = 6, .user_ns = 0xeffffffd, .cap_effective = 1ull << 40};
    test_record_integer(record, 4, 0xfe00001);
    test_record_integer(record, 5, 18500);
    test_record_integer(record, 6, 1778312132000000000);
    test_record_integer(record, 7, 2);
    test_record_item(record, 8, ITEM_LIST, ITEM_COMPLETE | ITEM_USER, "sshd\0\0-D\0", 9);
    test_record_item(record, 9, ITEM_BYTES, ITEM_COMPLETE, &credentials, sizeof(credentials));
    for (uint8_t i = 10; i < GOLDEN_ARGS; i++)
        test_record_integer(record, i, 0xf0000000 + i);
}

static size_t pack_batch(uint8_t *bytes)
{
    static void (*const builders[])(union test_record *) = {
        build_open, build_open_user_truncated, build_execve, build_ptrace, build_memfd, build_openat2, build_exit};
    return pack_records(bytes, 100, false, builders, COUNT(builders));
}

static size_t pack_snapshot(uint8_t *bytes)
{
    static void (*const builders[])(union test_record *) = {build_existing};
    return pack_records(bytes, 50, true, builders, COUNT(builders));
}

static size_t pack_losses(uint8_t *bytes)
{
    size_t size = 0;
    struct batch_encoder *encoder = batch_encoder_new(WIRE_REQUEST_BYTES);
    if (encoder == NULL)
        return 0;
    batch_encoder_begin(encoder, GOLDEN_SESSION, 107, false);
    Vedette__V1__Loss ring, hook;
    vedette__v1__loss__init(&ring);
    vedette__v1__loss__init(&hook);
    ring.stage = VEDETTE__V1__LOSS_STAGE__LOSS_RING;
    ring.event_class = CLASS_BULK;
    ring.cpu = 3;
    ring.from_ns = GOLDEN_BOOT_NS + 10;
    ring.to_ns = GOLDEN_BOOT_NS + 20;
    ring.count = 12345;
    ring.count_exact = true;
    hook.stage = VEDETTE__V1__LOSS_STAGE__LOSS_HOOK;
    hook.event_class = UINT8_MAX;
    hook.cpu = UINT32_MAX;
    hook.from_ns = GOLDEN_BOOT_NS;
    hook.to_ns = GOLDEN_BOOT_NS + 5000;
    hook.count = 1;
    hook.hook = text("sched_process_exec");
    hook.session = GOLDEN_SESSION - 1;
    uint64_t attempts[] = {10, 20, 30}, lost[] = {0, 0, 12345}, drained[] = {10, 20, 29}, queued[] = {10, 20, 28},
             lost_queue[] = {0, 0, 1};
    Vedette__V1__Statistics statistics;
    vedette__v1__statistics__init(&statistics);
    statistics.n_attempts = statistics.n_lost_ring = statistics.n_drained = statistics.n_queued =
        statistics.n_lost_queue = CLASS_COUNT;
    statistics.attempts = attempts;
    statistics.lost_ring = lost;
    statistics.drained = drained;
    statistics.queued = queued;
    statistics.lost_queue = lost_queue;
    statistics.hook_misses = 1;
    statistics.hook_misses_counted = true;
    statistics.user_ns = 400;
    statistics.system_ns = 500;
    statistics.ring_bytes = 1 << 20;
    statistics.queue_bytes = 32 << 20;
    statistics.queue_used = 4096;
    batch_encoder_set_statistics(encoder, &statistics);
    batch_encoder_set_final(encoder);
    if (batch_encoder_add_loss(encoder, &ring) != 0 || batch_encoder_add_loss(encoder, &hook) != 0 ||
        batch_encoder_pack(encoder, -1, bytes, WIRE_REQUEST_BYTES, &size) != 0)
        size = 0;
    batch_encoder_free(encoder);
    return size;
}

/* A batch of a newer collector's event, which our encoder has no row for: written with the generated code. */
static size_t pack_future(uint8_t *bytes)
{
    uint32_t lengths[] = {0, 6, 5}, zero[] = {0}, id[] = {GOLDEN_FUTURE_ID}, tgid[] = {77}, comm[] = {1};
    uint64_t wide_zero[] = {0};
    int32_t syscall[] = {-1};
    int64_t ret[] = {-38};
    uint64_t args[] = {
        /* two rows: -1, 65535, 4294967295, -1, 2^64-1, 2^64-1, 1, "novel", ["future", "novel"]; then zeros and an
           unreadable list */
        1,
        65535,
        UINT32_MAX,
        1,
        UINT64_MAX,
        UINT64_MAX,
        1,
        2 << 3,
        2 << 3 | ITEM_USER,
        1 << 3,
        2 << 3 | ITEM_TRUNCATED,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        ITEM_UNREADABLE,
        ITEM_UNREADABLE,
    };
    Vedette__V1__Strings strings;
    vedette__v1__strings__init(&strings);
    strings.blob = bytes_of("futurenovel");
    strings.n_length = COUNT(lengths);
    strings.length = lengths;
    Vedette__V1__Tasks tasks;
    vedette__v1__tasks__init(&tasks);
    tasks.count = 1;
    tasks.n_tgid = tasks.n_tid = tasks.n_ppid = tasks.n_ns_tgid = tasks.n_ns_tid = tasks.n_ns_ppid = tasks.n_uid = 1;
    tasks.n_mnt_ns = tasks.n_pid_ns = tasks.n_leader_start_ns = tasks.n_thread_start_ns = tasks.n_parent_start_ns = 1;
    tasks.n_cgroup_id = tasks.n_comm = tasks.n_uts = 1;
    tasks.tgid = tasks.tid = tgid;
    tasks.ppid = tasks.ns_tgid = tasks.ns_tid = tasks.ns_ppid = tasks.uid = tasks.mnt_ns = tasks.pid_ns = tasks.uts =
        zero;
    tasks.leader_start_ns = tasks.thread_start_ns = tasks.parent_start_ns = tasks.cgroup_id = wide_zero;
    tasks.comm = comm;
    Vedette__V1__EventBatch batch;
    vedette__v1__event_batch__init(&batch);
    batch.session = GOLDEN_SESSION;
    batch.first_seq = 200;
    batch.count = 2;
    batch.base_boot_ns = GOLDEN_BOOT_NS;
    batch.strings = &strings;
    batch.tasks = &tasks;
    batch.n_event_id = batch.n_dt_ns = batch.n_task = batch.n_cpu = batch.n_ret = batch.n_flags = batch.n_syscall =
        batch.n_plan_epoch = 1;
    batch.event_id = id;
    batch.dt_ns = wide_zero;
    batch.task = batch.cpu = batch.flags = batch.plan_epoch = zero;
    batch.ret = ret;
    batch.syscall = syscall;
    batch.n_args = COUNT(args);
    batch.args = args;
    Vedette__V1__Request request;
    vedette__v1__request__init(&request);
    request.body_case = VEDETTE__V1__REQUEST__BODY_BATCH;
    request.batch = &batch;
    request.queue_fill_permille = 250;
    request.queue_oldest_ns = GOLDEN_BOOT_NS;
    return pack_request(&request, bytes);
}

static size_t pack_welcome(uint8_t *bytes)
{
    uint32_t events[] = {EVENT_open, EVENT_execve, GOLDEN_FUTURE_ID};
    Vedette__V1__Plan plan;
    vedette__v1__plan__init(&plan);
    plan.epoch = 9;
    plan.n_event_id = COUNT(events);
    plan.event_id = events;
    Vedette__V1__Cursor now, before;
    vedette__v1__cursor__init(&now);
    vedette__v1__cursor__init(&before);
    now.session = GOLDEN_SESSION;
    now.processed_seq = 107;
    now.durable_seq = 100;
    before.session = GOLDEN_SESSION - 1;
    before.processed_seq = before.durable_seq = UINT64_MAX;
    Vedette__V1__Cursor *cursors[] = {&now, &before};
    Vedette__V1__Welcome welcome;
    vedette__v1__welcome__init(&welcome);
    welcome.wire = 1;
    welcome.n_cursor = COUNT(cursors);
    welcome.cursor = cursors;
    welcome.max_batch_bytes = WIRE_REQUEST_BYTES;
    welcome.flush_ms = 50;
    welcome.plan = &plan;
    welcome.need_snapshot = true;
    Vedette__V1__Reply reply;
    vedette__v1__reply__init(&reply);
    reply.body_case = VEDETTE__V1__REPLY__BODY_WELCOME;
    reply.welcome = &welcome;
    return pack_reply(&reply, bytes);
}

static size_t pack_ack(uint8_t *bytes)
{
    Vedette__V1__Cursor cursor;
    vedette__v1__cursor__init(&cursor);
    cursor.session = GOLDEN_SESSION;
    cursor.processed_seq = 107;
    cursor.durable_seq = 100;
    Vedette__V1__Ack ack;
    vedette__v1__ack__init(&ack);
    ack.cursor = &cursor;
    Vedette__V1__Reply reply;
    vedette__v1__reply__init(&reply);
    reply.body_case = VEDETTE__V1__REPLY__BODY_ACK;
    reply.ack = &ack;
    return pack_reply(&reply, bytes);
}

/* Opens for writing below a directory ssh, of uids from 1000 on that are not named cron...; and writes, all of them. */
static size_t pack_plan(uint8_t *bytes)
{
    uint32_t events[] = {EVENT_security_file_open, EVENT_magic_write}, whole[] = {EVENT_magic_write};
    Vedette__V1__Watch watch;
    vedette__v1__watch__init(&watch);
    watch.event_id = EVENT_security_file_open;
    watch.part = VEDETTE__V1__WATCH_PART__WATCH_DIRECTORY;
    watch.text = bytes_of("ssh");
    watch.access = 6;
    Vedette__V1__Watch *watches[] = {&watch};
    Vedette__V1__ScopeValue uids, name;
    vedette__v1__scope_value__init(&uids);
    vedette__v1__scope_value__init(&name);
    uids.field = VEDETTE__V1__SCOPE_FIELD__SCOPE_UID;
    uids.from = 1000;
    uids.to = UINT32_MAX;
    name.field = VEDETTE__V1__SCOPE_FIELD__SCOPE_COMM;
    name.text = bytes_of("cron");
    name.is_prefix = true;
    Vedette__V1__ScopeValue *uid_values[] = {&uids}, *name_values[] = {&name};
    Vedette__V1__ScopeKey uid_key, name_key;
    vedette__v1__scope_key__init(&uid_key);
    vedette__v1__scope_key__init(&name_key);
    uid_key.n_value = name_key.n_value = 1;
    uid_key.value = uid_values;
    name_key.value = name_values;
    name_key.none_of = true;
    Vedette__V1__ScopeKey *keys[] = {&uid_key, &name_key};
    Vedette__V1__Scope scope;
    vedette__v1__scope__init(&scope);
    scope.n_key = COUNT(keys);
    scope.key = keys;
    Vedette__V1__Scope *scopes[] = {&scope};
    uint32_t scoped_events[] = {EVENT_security_file_open};
    Vedette__V1__ScopedEvents scoped;
    vedette__v1__scoped_events__init(&scoped);
    scoped.scopes = 1;
    scoped.n_event_id = COUNT(scoped_events);
    scoped.event_id = scoped_events;
    Vedette__V1__ScopedEvents *scoped_rows[] = {&scoped};
    Vedette__V1__Plan plan;
    vedette__v1__plan__init(&plan);
    plan.epoch = 10;
    plan.n_event_id = COUNT(events);
    plan.event_id = events;
    plan.n_watch = COUNT(watches);
    plan.watch = watches;
    plan.n_whole = COUNT(whole);
    plan.whole = whole;
    plan.n_scope = COUNT(scopes);
    plan.scope = scopes;
    plan.n_scoped = COUNT(scoped_rows);
    plan.scoped = scoped_rows;
    Vedette__V1__Ack ack;
    vedette__v1__ack__init(&ack);
    Vedette__V1__Cursor cursor;
    vedette__v1__cursor__init(&cursor);
    cursor.session = GOLDEN_SESSION;
    ack.cursor = &cursor;
    ack.plan = &plan;
    Vedette__V1__Reply reply;
    vedette__v1__reply__init(&reply);
    reply.body_case = VEDETTE__V1__REPLY__BODY_ACK;
    reply.ack = &ack;
    return pack_reply(&reply, bytes);
}

static size_t pack_refusal(uint8_t *bytes)
{
    Vedette__V1__Cursor cursor;
    vedette__v1__cursor__init(&cursor);
    cursor.session = GOLDEN_SESSION;
    cursor.processed_seq = 107;
    Vedette__V1__Refusal refusal;
    vedette__v1__refusal__init(&refusal);
    refusal.code = VEDETTE__V1__REFUSAL_CODE__REFUSED_SEQUENCE;
    refusal.reason = text("a gap: 107 was wanted, 110 came");
    refusal.cursor = &cursor;
    refusal.retry_ms = 1000;
    Vedette__V1__Reply reply;
    vedette__v1__reply__init(&reply);
    reply.body_case = VEDETTE__V1__REPLY__BODY_REFUSAL;
    reply.refusal = &refusal;
    return pack_reply(&reply, bytes);
}

const struct golden *golden_all(size_t *ret_count)
{
    static const struct golden all[] = {
        {"ack", pack_ack},           {"batch", pack_batch},     {"coverage", pack_coverage}, {"future", pack_future},
        {"hello", pack_hello},       {"losses", pack_losses},   {"plan", pack_plan},         {"refusal", pack_refusal},
        {"snapshot", pack_snapshot}, {"welcome", pack_welcome},
    };
    *ret_count = COUNT(all);
    return all;
}

size_t golden_read(const char *name, uint8_t bytes[WIRE_REQUEST_BYTES])
{
    char path[128];
    snprintf(path, sizeof(path), "proto/golden/%s.bin", name);
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return 0;
    size_t size = fread(bytes, 1, WIRE_REQUEST_BYTES, file);
    fclose(file);
    return size;
}
