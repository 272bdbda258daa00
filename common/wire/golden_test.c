/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stored blobs of proto/golden/ against today's code, both ways. Run in the repository's root. "golden_test
 * --write" stores blobs that are missing and touches no other: a blob that no longer matches is a change of the
 * contract, to be argued, not overwritten.
 */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <errno.h>

#include "common/wire/coverage.h"
#include "common/wire/decode.h"
#include "common/wire/golden_values.h"

struct fixture {
    struct decoder *decoder;
    struct schema *schema; /* of the stored hello */
    uint8_t stored[WIRE_REQUEST_BYTES];
    uint8_t made[WIRE_REQUEST_BYTES];
};

static const Vedette__V1__Request *unpack_stored(struct fixture *f, const char *name)
{
    const Vedette__V1__Request *request = NULL;
    size_t size = golden_read(name, f->stored);
    assert_int_not_equal(size, 0);
    if (decoder_unpack(f->decoder, f->stored, size, &request) != 0)
        fail_msg("%s: %s", name, decoder_error(f->decoder));
    return request;
}

static const Vedette__V1__Reply *unpack_stored_reply(struct fixture *f, const char *name)
{
    const Vedette__V1__Reply *reply = NULL;
    size_t size = golden_read(name, f->stored);
    assert_int_not_equal(size, 0);
    if (decoder_unpack_reply(f->decoder, f->stored, size, &reply) != 0)
        fail_msg("%s: %s", name, decoder_error(f->decoder));
    return reply;
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    *state = f;
    if (f == NULL || (f->decoder = decoder_new(WIRE_REQUEST_BYTES)) == NULL)
        return -1;
    const Vedette__V1__Request *request = unpack_stored(f, "hello");
    assert_int_equal(decoder_check_hello(f->decoder, request->hello), 0);
    f->schema = schema_new(request->hello);
    return f->schema != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    schema_free(f->schema);
    decoder_free(f->decoder);
    free(f);
    return 0;
}

static void open_stored(struct fixture *f, const Vedette__V1__EventBatch *batch)
{
    if (decoder_open_batch(f->decoder, batch, f->schema) != 0)
        fail_msg("%s", decoder_error(f->decoder));
}

static struct event_view next(struct fixture *f)
{
    struct event_view view;
    assert_true(decoder_next(f->decoder, &view));
    return view;
}

static void assert_view(struct string_view view, const char *text, uint8_t state)
{
    assert_int_equal(view.length, strlen(text));
    assert_memory_equal(view.data, text, view.length);
    assert_int_equal(view.state, state);
}

static void test_golden_bytes_are_made_again(void **state)
{
    struct fixture *f = *state;
    size_t count;
    const struct golden *all = golden_all(&count);
    for (size_t i = 0; i < count; i++) {
        size_t size = golden_read(all[i].name, f->stored);
        assert_int_not_equal(size, 0);
        if (all[i].pack(f->made) != size || memcmp(f->made, f->stored, size) != 0)
            fail_msg("proto/golden/%s.bin differs from what is encoded now", all[i].name);
    }
}

static void test_golden_hello(void **state)
{
    struct fixture *f = *state;
    const Vedette__V1__Hello *hello = unpack_stored(f, "hello")->hello;
    assert_int_equal(hello->wire_min, 1);
    assert_int_equal(hello->wire_max, 1);
    assert_string_equal(hello->node, "node-7");
    assert_string_equal(hello->boot_id, "01234567-89ab-cdef-0123-456789abcdef");
    assert_int_equal(hello->session, GOLDEN_SESSION);
    assert_string_equal(hello->version, "0.1.0");
    assert_string_equal(hello->kernel, "6.1.0-28-amd64");
    assert_string_equal(hello->arch, "x86_64");
    assert_int_equal(hello->wall_minus_boot_ns, 1700000000000000000);
    assert_int_equal(hello->heartbeat_ms, 5000);
    assert_int_equal(hello->credential.len, 6);
    assert_memory_equal(hello->credential.data, "secret", 6);
    assert_int_equal(hello->allowed_classes, 6);
    assert_string_equal(hello->scope, "tree 4711");
    assert_int_equal(hello->n_coverage, 2);
    assert_true(hello->coverage[0]->covered);
    assert_string_equal(hello->coverage[0]->source, "tp_btf/sys_exit");
    assert_string_equal(hello->coverage[0]->losses, "io_uring opens are not shown");
    assert_false(hello->coverage[1]->covered);
    assert_string_equal(hello->coverage[1]->reason, "no hook");
    assert_int_equal(schema_count(f->schema), 8);
    const struct schema_event *open = schema_event_by_id(f->schema, EVENT_open);
    assert_ptr_equal(open->known, event_by_id(EVENT_open));
    assert_string_equal(open->name, "open");
    assert_string_equal(open->sets, "syscalls,fs,fs_file_ops");
    assert_int_equal(open->class, CLASS_BULK);
    const struct schema_event *future = schema_event_by_id(f->schema, GOLDEN_FUTURE_ID);
    assert_null(future->known);
    assert_string_equal(future->args[8].name, "a_list");
    assert_int_equal(future->args[8].type, ARG_STRINGS);
}

static void test_golden_coverage(void **state)
{
    struct fixture *f = *state;
    const Vedette__V1__Hello *hello = unpack_stored(f, "coverage")->hello;
    assert_int_equal(decoder_check_hello(f->decoder, hello), 0);
    assert_int_equal(hello->n_coverage, 1);
    assert_string_equal(self_test_name(hello->coverage[0]->self_test), "passed");
    assert_string_equal(hello->coverage[0]->better, "lsm/file_open: not on this kernel");
    assert_int_equal(hello->n_hook, 2);
    assert_string_equal(hello->hook[0]->name, "tp_btf/sys_exit");
    assert_true(hello->hook[0]->attached);
    assert_string_equal(self_test_name(hello->hook[0]->self_test), "not run");
    assert_string_equal(preemptible_name(hello->hook[0]->preemptible), "yes");
    assert_true(hello->hook[0]->misses_counted);
    assert_int_equal(hello->hook[0]->misses, 17);
    assert_false(hello->hook[1]->attached);
    assert_string_equal(hello->hook[1]->reason, "this kernel has no tracepoint cgroup_mkdir");
    assert_string_equal(self_test_name(hello->hook[1]->self_test), "failed");
    assert_string_equal(preemptible_name(hello->hook[1]->preemptible), "no");
    assert_string_equal(self_test_name(99), "unknown");
    assert_string_equal(preemptible_name(99), "unknown");
}

static void test_golden_batch(void **state)
{
    struct fixture *f = *state;
    const Vedette__V1__Request *request = unpack_stored(f, "batch");
    assert_int_equal(request->body_case, VEDETTE__V1__REQUEST__BODY_BATCH);
    assert_int_equal(request->batch->session, GOLDEN_SESSION);
    assert_int_equal(request->batch->wall_minus_boot_ns, 1700000000000000000);
    open_stored(f, request->batch);

    struct event_view view = next(f);
    assert_string_equal(view.schema->name, "open");
    assert_int_equal(view.seq, 100);
    assert_int_equal(view.time_ns, GOLDEN_BOOT_NS);
    assert_int_equal(view.ret, 3);
    assert_int_equal(view.flags, RECORD_SHARED_FDTABLE);
    assert_int_equal(view.cpu, 1);
    assert_int_equal(view.syscall, EVENT_open);
    assert_int_equal(view.plan_epoch, 3);
    assert_int_equal(view.task->tgid, 20001);
    assert_int_equal(view.task->cgroup_id, 4001);
    assert_int_equal(view.task->leader_start_ns, 1001000003);
    assert_int_equal(view.task->mnt_ns, 4026531841u);
    assert_view(view.task->comm, "workerb", ITEM_COMPLETE);
    assert_view(view.task->uts, "node-7", ITEM_COMPLETE);
    assert_view(view.args[0].string, "/etc/passwd", ITEM_COMPLETE);
    assert_int_equal(view.args[1].i, 0100000);
    assert_int_equal(view.args[2].u, 0644);
    view = next(f);
    assert_int_equal(view.ret, -2);
    assert_view(view.args[0].string, "/tmp/very/lo", ITEM_TRUNCATED | ITEM_USER);
    assert_int_equal(view.args[1].i, -1);
    assert_int_equal(view.args[2].u, 0);
    view = next(f);
    assert_string_equal(view.schema->name, "execve");
    assert_view(view.args[0].string, "", ITEM_UNREADABLE | ITEM_USER);
    assert_int_equal(view.args[1].list.count, 4);
    assert_int_equal(view.args[1].list.state, ITEM_USER);
    assert_view(decoder_list_item(f->decoder, &view.args[1], 1), "-c", ITEM_USER);
    assert_view(decoder_list_item(f->decoder, &view.args[1], 2), "", ITEM_USER);
    assert_view(decoder_list_item(f->decoder, &view.args[1], 3), "sh", ITEM_USER);
    assert_int_equal(view.args[2].list.state, ITEM_TRUNCATED | ITEM_USER);
    assert_view(decoder_list_item(f->decoder, &view.args[2], 1), "B", ITEM_TRUNCATED | ITEM_USER);
    view = next(f);
    assert_true(view.args[0].i == INT64_MIN);
    assert_int_equal(view.args[1].i, -7);
    assert_true(view.args[2].u == INT64_MAX);
    assert_true(view.args[3].u == UINT64_MAX);
    view = next(f);
    assert_int_equal(view.args[1].u, UINT32_MAX);
    view = next(f);
    assert_int_equal(view.args[0].i, -100);
    assert_view(view.args[1].string, "", ITEM_UNREADABLE);
    assert_int_equal(view.args[3].u, 24);
    view = next(f);
    assert_string_equal(view.schema->name, "sched_process_exit");
    assert_int_equal(view.time_ns, GOLDEN_BOOT_NS + 1000000000);
    assert_int_equal(view.syscall, -1);
    assert_int_equal(view.args[2].u, 1);
    assert_false(decoder_next(f->decoder, &view));
}

static void test_golden_snapshot(void **state)
{
    struct fixture *f = *state;
    const Vedette__V1__Request *request = unpack_stored(f, "snapshot");
    assert_int_equal(request->body_case, VEDETTE__V1__REQUEST__BODY_SNAPSHOT);
    open_stored(f, request->snapshot);
    struct event_view view = next(f);
    assert_string_equal(view.schema->name, "existing_process");
    assert_int_equal(view.seq, 50);
    assert_int_equal(view.flags, RECORD_SCOPE_ROOT);
    assert_view(view.args[0].string, "/sbin/sshd", ITEM_TRUNCATED);
    assert_int_equal(view.args[2].u, 0xef53);
    assert_view(view.args[3].string, "/system.slice", ITEM_COMPLETE);
    assert_int_equal(view.args[7].u, 2);
    assert_int_equal(view.args[8].list.count, 3);
    assert_int_equal(view.args[8].list.state, ITEM_COMPLETE | ITEM_USER);
    assert_view(decoder_list_item(f->decoder, &view.args[8], 1), "", ITEM_COMPLETE | ITEM_USER);
    struct record_credentials credentials;
    assert_int_equal(view.args[9].string.length, sizeof(credentials));
    memcpy(&credentials, view.args[9].string.data, sizeof(credentials));
    assert_int_equal(credentials.egid, 6);
    assert_int_equal(view.args[17].u, 0xf0000011);
}

/* From a collector whose row of existing_process ended with cgroup_path: what came later is not there. */
static void test_golden_snapshot_of_an_older_collector(void **state)
{
    struct fixture *f = *state;
    const Vedette__V1__Request *request = unpack_stored(f, "hello_before_argv");
    struct schema *schema = schema_new(request->hello);
    assert_non_null(schema);
    request = unpack_stored(f, "snapshot_before_argv");
    if (decoder_open_batch(f->decoder, request->snapshot, schema) != 0)
        fail_msg("%s", decoder_error(f->decoder));
    struct event_view view = next(f);
    assert_string_equal(view.schema->name, "existing_process");
    assert_int_equal(view.schema->n_args, 4);
    assert_ptr_equal(view.schema->known, event_by_id(EVENT_existing_process));
    assert_view(view.args[0].string, "/sbin/sshd", ITEM_TRUNCATED);
    assert_view(view.args[3].string, "/system.slice", ITEM_COMPLETE);
    schema_free(schema);
}

static void test_golden_future_event_has_names(void **state)
{
    struct fixture *f = *state;
    const Vedette__V1__Request *request = unpack_stored(f, "future");
    assert_int_equal(request->queue_fill_permille, 250);
    assert_int_equal(request->queue_oldest_ns, GOLDEN_BOOT_NS);
    open_stored(f, request->batch);
    struct event_view view = next(f);
    assert_string_equal(view.schema->name, "future_event");
    assert_string_equal(view.schema->args[7].name, "a_string");
    assert_null(view.schema->known);
    assert_int_equal(view.ret, -38);
    assert_int_equal(view.args[0].i, -1);
    assert_int_equal(view.args[1].u, 65535);
    assert_int_equal(view.args[2].u, UINT32_MAX);
    assert_int_equal(view.args[3].i, -1);
    assert_true(view.args[4].u == UINT64_MAX);
    assert_int_equal(view.args[6].u, 1);
    assert_view(view.args[7].string, "novel", ITEM_COMPLETE);
    assert_int_equal(view.args[8].list.count, 2);
    assert_view(decoder_list_item(f->decoder, &view.args[8], 1), "novel", ITEM_TRUNCATED);
    view = next(f);
    assert_int_equal(view.seq, 201);
    assert_view(view.args[7].string, "", ITEM_UNREADABLE);
    assert_int_equal(view.args[8].list.count, 0);

    struct schema *builtin = schema_new_builtin();
    assert_int_equal(decoder_open_batch(f->decoder, request->batch, builtin), -EBADMSG);
    assert_string_equal(decoder_error(f->decoder), "EventBatch.event_id: 900 is not in the hello's schema");
    assert_false(decoder_next(f->decoder, &view));
    schema_free(builtin);
}

static void test_golden_losses(void **state)
{
    struct fixture *f = *state;
    const Vedette__V1__EventBatch *batch = unpack_stored(f, "losses")->batch;
    open_stored(f, batch);
    assert_int_equal(batch->count, 0);
    assert_true(batch->final);
    assert_int_equal(batch->wall_minus_boot_ns, -1);
    assert_int_equal(batch->n_loss, 2);
    assert_int_equal(batch->loss[0]->stage, VEDETTE__V1__LOSS_STAGE__LOSS_RING);
    assert_int_equal(batch->loss[0]->event_class, CLASS_BULK);
    assert_int_equal(batch->loss[0]->cpu, 3);
    assert_int_equal(batch->loss[0]->count, 12345);
    assert_true(batch->loss[0]->count_exact);
    assert_int_equal(batch->loss[1]->event_class, UINT8_MAX);
    assert_string_equal(batch->loss[1]->hook, "sched_process_exec");
    assert_int_equal(batch->loss[1]->session, GOLDEN_SESSION - 1);
    const Vedette__V1__Statistics *statistics = batch->statistics;
    assert_int_equal(statistics->n_attempts, CLASS_COUNT);
    assert_int_equal(statistics->lost_ring[CLASS_BULK], 12345);
    assert_int_equal(statistics->queued[CLASS_BULK], 28);
    assert_int_equal(statistics->lost_queue[CLASS_BULK], 1);
    assert_int_equal(statistics->queue_used, 4096);
}

static void test_golden_replies(void **state)
{
    struct fixture *f = *state;
    const Vedette__V1__Reply *reply = unpack_stored_reply(f, "welcome");
    assert_int_equal(reply->body_case, VEDETTE__V1__REPLY__BODY_WELCOME);
    assert_int_equal(reply->welcome->wire, 1);
    assert_int_equal(reply->welcome->n_cursor, 2);
    assert_int_equal(reply->welcome->cursor[0]->processed_seq, 107);
    assert_true(reply->welcome->cursor[1]->durable_seq == UINT64_MAX);
    assert_int_equal(reply->welcome->max_batch_bytes, WIRE_REQUEST_BYTES);
    assert_int_equal(reply->welcome->flush_ms, 50);
    assert_int_equal(reply->welcome->plan->epoch, 9);
    assert_int_equal(reply->welcome->plan->n_event_id, 3);
    assert_int_equal(reply->welcome->plan->event_id[2], GOLDEN_FUTURE_ID);
    assert_true(reply->welcome->need_snapshot);
    reply = unpack_stored_reply(f, "ack");
    assert_int_equal(reply->body_case, VEDETTE__V1__REPLY__BODY_ACK);
    assert_int_equal(reply->ack->cursor->session, GOLDEN_SESSION);
    assert_int_equal(reply->ack->cursor->durable_seq, 100);
    assert_null(reply->ack->plan);
    reply = unpack_stored_reply(f, "plan");
    const Vedette__V1__Plan *plan = reply->ack->plan;
    assert_int_equal(plan->n_event_id, 2);
    assert_int_equal(plan->watch[0]->part, VEDETTE__V1__WATCH_PART__WATCH_DIRECTORY);
    assert_memory_equal(plan->watch[0]->text.data, "ssh", 3);
    assert_int_equal(plan->watch[0]->access, 6);
    assert_int_equal(plan->whole[0], EVENT_magic_write);
    assert_int_equal(plan->scope[0]->n_key, 2);
    assert_int_equal(plan->scope[0]->key[0]->value[0]->from, 1000);
    assert_int_equal(plan->scope[0]->key[0]->value[0]->to, UINT32_MAX);
    assert_true(plan->scope[0]->key[1]->none_of);
    assert_true(plan->scope[0]->key[1]->value[0]->is_prefix);
    assert_int_equal(plan->scoped[0]->scopes, 1);
    assert_int_equal(plan->scoped[0]->event_id[0], EVENT_security_file_open);
    reply = unpack_stored_reply(f, "refusal");
    assert_int_equal(reply->body_case, VEDETTE__V1__REPLY__BODY_REFUSAL);
    assert_int_equal(reply->refusal->code, VEDETTE__V1__REFUSAL_CODE__REFUSED_SEQUENCE);
    assert_string_equal(reply->refusal->reason, "a gap: 107 was wanted, 110 came");
    assert_int_equal(reply->refusal->retry_ms, 1000);
}

static int write_missing(void)
{
    static uint8_t bytes[WIRE_REQUEST_BYTES];
    size_t count;
    const struct golden *all = golden_all(&count);
    for (size_t i = 0; i < count; i++) {
        char path[128];
        snprintf(path, sizeof(path), "proto/golden/%s.bin", all[i].name);
        FILE *file = fopen(path, "wbx");
        if (file == NULL && errno == EEXIST)
            continue;
        size_t size = all[i].pack(bytes);
        if (file == NULL || size == 0 || fwrite(bytes, 1, size, file) != size || fclose(file) != 0) {
            perror(path);
            return 1;
        }
        printf("%s: %zu bytes\n", path, size);
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--write") == 0)
        return write_missing();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden_bytes_are_made_again),
        cmocka_unit_test(test_golden_hello),
        cmocka_unit_test(test_golden_coverage),
        cmocka_unit_test(test_golden_batch),
        cmocka_unit_test(test_golden_snapshot),
        cmocka_unit_test(test_golden_snapshot_of_an_older_collector),
        cmocka_unit_test(test_golden_future_event_has_names),
        cmocka_unit_test(test_golden_losses),
        cmocka_unit_test(test_golden_replies),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
