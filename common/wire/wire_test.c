/* SPDX-License-Identifier: Apache-2.0 */
/* Records in, rows out: what the encoder was given is what the decoder gives, and nothing breaks the limits. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <errno.h>

#include "common/wire/columns.h"
#include "common/wire/test_fixture.h"

/* What one random record holds, kept beside it. */
struct expected_arg {
    bool is_there;
    int64_t integer;
    uint8_t state;
    char text[64];
    uint32_t n_items;
    char items[8][16];
};

struct expected_event {
    struct record_header header;
    struct expected_arg args[EVENT_MAX_ARGS];
};

static void random_word(uint64_t *seed, char *out, size_t most)
{
    size_t length = test_random(seed) % most;
    for (size_t i = 0; i < length; i++)
        out[i] = (char)('a' + test_random(seed) % 3);
    out[length] = '\0';
}

static uint8_t random_state(uint64_t *seed)
{
    return (uint8_t)(test_random(seed) % 3 | (test_random(seed) % 2) << 2);
}

static int64_t typed(enum arg_type type, uint64_t value)
{
    switch (type) {
    case ARG_INT32:
        return (int32_t)value;
    case ARG_UINT8:
        return (uint8_t)value;
    case ARG_UINT16:
        return (uint16_t)value;
    case ARG_UINT32:
        return (uint32_t)value;
    case ARG_BOOL:
        return value != 0;
    default:
        return (int64_t)value;
    }
}

static void random_path(uint64_t *seed, struct fixture *f, uint8_t a, struct expected_arg *arg)
{
    char payload[64], words[4][12];
    size_t size = 0, n = test_random(seed) % 4;
    for (size_t i = 0; i < n; i++) {
        random_word(seed, words[i], sizeof(words[i]) - 1);
        if (words[i][0] == '\0')
            words[i][0] = 'x', words[i][1] = '\0';
        memcpy(payload + size, words[i], strlen(words[i]) + 1);
        size += strlen(words[i]) + 1;
    }
    size_t at = 0;
    for (size_t i = n; i-- > 0;)
        at += (size_t)snprintf(arg->text + at, sizeof(arg->text) - at, "/%s", words[i]);
    if (n == 0 && (arg->state & ITEM_STATE_MASK) != ITEM_UNREADABLE)
        snprintf(arg->text, sizeof(arg->text), "/");
    test_record_item(f->record, a, ITEM_COMPONENTS, arg->state, payload, size);
}

static void random_list(uint64_t *seed, struct fixture *f, uint8_t a, struct expected_arg *arg)
{
    char payload[8 * 16];
    size_t size = 0;
    arg->n_items = test_random(seed) % 8;
    for (uint32_t i = 0; i < arg->n_items; i++) {
        random_word(seed, arg->items[i], 16);
        memcpy(payload + size, arg->items[i], strlen(arg->items[i]) + 1);
        size += strlen(arg->items[i]) + 1;
    }
    test_record_item(f->record, a, ITEM_LIST, arg->state, payload, size);
}

static void random_arg(uint64_t *seed, struct fixture *f, enum arg_type type, uint8_t a, struct expected_arg *arg)
{
    *arg = (struct expected_arg){.is_there = test_random(seed) % 5 != 0, .state = ITEM_UNREADABLE};
    if (!arg->is_there)
        return;
    if (arg_type_shape(type) == SHAPE_LIST) {
        arg->state = random_state(seed);
        random_list(seed, f, a, arg);
    } else if (arg_type_shape(type) == SHAPE_TEXT) {
        arg->state = random_state(seed);
        if (test_random(seed) % 2 == 0) {
            random_path(seed, f, a, arg);
        } else {
            random_word(seed, arg->text, 40);
            test_record_item(f->record, a, ITEM_BYTES, arg->state, arg->text, strlen(arg->text));
        }
    } else {
        uint64_t value = test_random(seed) >> (test_random(seed) % 64);
        value = test_random(seed) % 2 == 0 ? value : -value;
        arg->integer = typed(type, value);
        test_record_integer(f->record, a, (int64_t)value);
    }
}

static void random_record(uint64_t *seed, struct fixture *f, struct expected_event *event, uint64_t time_ns)
{
    size_t count;
    const struct event *rows = events_all(&count);
    const struct event *row = &rows[test_random(seed) % count];
    test_record_begin(f->record, row->id, (uint32_t)(test_random(seed) % 50), time_ns);
    f->record->header.ret = (int64_t)(test_random(seed) % 5000) - 2500;
    f->record->header.flags = test_random(seed) & RECORD_FLAG_ALL;
    f->record->header.cpu = (uint32_t)(test_random(seed) % 8);
    /* Items stand in any order: begin somewhere and go round. */
    size_t first = row->n_args > 0 ? test_random(seed) % row->n_args : 0;
    for (size_t i = 0; i < row->n_args; i++) {
        size_t a = (first + i) % row->n_args;
        random_arg(seed, f, row->args[a].type, (uint8_t)a, &event->args[a]);
    }
    event->header = f->record->header;
}

static void assert_arg(const struct decoder *decoder, enum arg_type type, const struct value *value,
                       const struct expected_arg *arg)
{
    if (arg_type_shape(type) == SHAPE_TEXT) {
        assert_string(value->string, arg->text, arg->state);
    } else if (arg_type_shape(type) == SHAPE_LIST) {
        assert_int_equal(value->list.state, arg->state);
        assert_int_equal(value->list.count, arg->n_items);
        for (uint32_t i = 0; i < arg->n_items; i++)
            assert_string(decoder_list_item(decoder, value, i), arg->items[i], arg->state & ITEM_USER);
    } else {
        assert_int_equal(value->i, arg->integer);
    }
}

static void assert_event(const struct decoder *decoder, const struct event_view *view,
                         const struct expected_event *event)
{
    const struct record_header *header = &event->header;
    assert_int_equal(view->schema->id, header->event_id);
    assert_int_equal(view->time_ns, header->time_ns);
    assert_int_equal(view->ret, header->ret);
    assert_int_equal(view->cpu, header->cpu);
    assert_int_equal(view->flags, header->flags);
    assert_int_equal(view->syscall, header->syscall);
    assert_int_equal(view->plan_epoch, header->plan_epoch);
    assert_int_equal(view->task->tgid, header->tgid);
    assert_int_equal(view->task->tid, header->tid);
    assert_int_equal(view->task->ppid, header->ppid);
    assert_int_equal(view->task->ns_tgid, header->ns_tgid);
    assert_int_equal(view->task->ns_tid, header->ns_tid);
    assert_int_equal(view->task->ns_ppid, header->ns_ppid);
    assert_int_equal(view->task->uid, header->uid);
    assert_int_equal(view->task->mnt_ns, header->mnt_ns);
    assert_int_equal(view->task->pid_ns, header->pid_ns);
    assert_int_equal(view->task->cgroup_id, header->cgroup_id);
    assert_int_equal(view->task->leader_start_ns, header->leader_start_ns);
    assert_int_equal(view->task->thread_start_ns, header->thread_start_ns);
    assert_int_equal(view->task->parent_start_ns, header->parent_start_ns);
    assert_string(view->task->comm, header->comm, ITEM_COMPLETE);
    assert_string(view->task->uts, header->uts, ITEM_COMPLETE);
    for (uint32_t a = 0; a < view->schema->n_args; a++)
        assert_arg(decoder, view->schema->args[a].type, &view->args[a], &event->args[a]);
}

static void test_wire_random_round_trip(void **state)
{
    struct fixture *f = *state;
    enum { EVENTS = 300, ROUNDS = 20 };
    struct expected_event *events = calloc(EVENTS, sizeof(*events));
    uint64_t seed = 20261101;
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t time = 5000;
        uint32_t count = 1 + (uint32_t)(test_random(&seed) % EVENTS);
        batch_encoder_begin(f->encoder, test_random(&seed), 100, round % 2 == 1);
        for (uint32_t i = 0; i < count; i++) {
            time += test_random(&seed) % 100000;
            random_record(&seed, f, &events[i], time);
            assert_int_equal(fixture_add(f), 0);
        }
        fixture_pack(f);
        fixture_open(f);
        struct event_view view;
        for (uint32_t i = 0; i < count; i++) {
            assert_true(decoder_next(f->decoder, &view));
            assert_int_equal(view.seq, 100 + i);
            assert_event(f->decoder, &view, &events[i]);
        }
        assert_false(decoder_next(f->decoder, &view));
        assert_false(decoder_next(f->decoder, &view));
    }
    free(events);
}

/* The generated code, given the message that our packer wrote, writes the same bytes: our packing is plain protobuf. */
static void test_wire_packs_as_protobuf_c_does(void **state)
{
    struct fixture *f = *state;
    struct expected_event event;
    uint64_t seed = 4;
    for (int round = 0; round < 40; round++) {
        batch_encoder_begin(f->encoder, round % 4 == 0 ? 0 : test_random(&seed),
                            round % 3 == 0 ? 0 : test_random(&seed), round % 2 == 0);
        for (int i = 0; i < round * 7; i++) {
            random_record(&seed, f, &event, (uint64_t)i * 1000);
            assert_int_equal(fixture_add(f), 0);
        }
        if (round % 5 == 1) {
            Vedette__V1__Loss loss;
            vedette__v1__loss__init(&loss);
            loss.count = 3;
            loss.hook = (char[]){"openat"};
            assert_int_equal(batch_encoder_add_loss(f->encoder, &loss), 0);
            uint64_t totals[CLASS_COUNT] = {UINT64_MAX, 2, 3};
            Vedette__V1__Statistics statistics;
            vedette__v1__statistics__init(&statistics);
            statistics.n_drained = CLASS_COUNT;
            statistics.drained = totals;
            batch_encoder_set_statistics(f->encoder, &statistics);
            batch_encoder_set_final(f->encoder);
        }
        fixture_pack(f);
        Vedette__V1__Request *request = vedette__v1__request__unpack(NULL, f->size, f->bytes);
        assert_non_null(request);
        assert_int_equal(vedette__v1__request__get_packed_size(request), f->size);
        uint8_t *again = malloc(f->size + 1);
        assert_int_equal(vedette__v1__request__pack(request, again), f->size);
        assert_memory_equal(again, f->bytes, f->size);
        free(again);
        vedette__v1__request__free_unpacked(request, NULL);
    }
}

static void test_wire_columns_match_the_descriptors(void **state)
{
    (void)state;
#define ASSERT_EVENT_COLUMN(name_, field_, kind_)                                                                      \
    assert_int_equal(                                                                                                  \
        protobuf_c_message_descriptor_get_field_by_name(&vedette__v1__event_batch__descriptor, #name_)->id, field_);
#define ASSERT_TASK_COLUMN(name_, field_, kind_)                                                                       \
    assert_int_equal(protobuf_c_message_descriptor_get_field_by_name(&vedette__v1__tasks__descriptor, #name_)->id,     \
                     field_);
    EVENT_COLUMNS(ASSERT_EVENT_COLUMN)
    TASK_COLUMNS(ASSERT_TASK_COLUMN)
}

static void test_wire_constant_columns_are_one_element(void **state)
{
    struct fixture *f = *state;
    batch_encoder_begin(f->encoder, 1, 1, false);
    for (int i = 0; i < 10; i++) {
        test_record_begin(f->record, EVENT_memfd_create, 5, 777);
        test_record_item(f->record, 0, ITEM_BYTES, ITEM_COMPLETE, "name", 4);
        assert_int_equal(fixture_add(f), 0);
    }
    fixture_pack(f);
    fixture_open(f);
    assert_int_equal(f->batch->count, 10);
    assert_int_equal(f->batch->n_event_id, 1);
    assert_int_equal(f->batch->n_dt_ns, 1);
    assert_int_equal(f->batch->n_cpu, 1);
    assert_int_equal(f->batch->tasks->count, 1);
    assert_int_equal(f->batch->strings->n_length, 4); /* "", comm, uts, name */
    assert_int_equal(decoder_string_count(f->decoder), 4);
    assert_int_equal(f->batch->base_boot_ns, 777);
    assert_int_equal(f->batch->wall_minus_boot_ns, -5);
    struct event_view view;
    uint32_t rows = 0;
    for (; decoder_next(f->decoder, &view); rows++)
        assert_string(view.args[0].string, "name", ITEM_COMPLETE);
    assert_int_equal(rows, 10);
}

static void test_wire_time_never_goes_back(void **state)
{
    struct fixture *f = *state;
    static const uint64_t times[] = {1000, 900, 950, 1001}, seen[] = {1000, 1000, 1000, 1001};
    batch_encoder_begin(f->encoder, 1, 0, false);
    for (size_t i = 0; i < 4; i++) {
        test_record_begin(f->record, EVENT_memfd_create, 5, times[i]);
        assert_int_equal(fixture_add(f), 0);
    }
    fixture_pack(f);
    fixture_open(f);
    struct event_view view;
    for (size_t i = 0; i < 4; i++) {
        assert_true(decoder_next(f->decoder, &view));
        assert_int_equal(view.time_ns, seen[i]);
    }
}

static void test_wire_heartbeat(void **state)
{
    struct fixture *f = *state;
    batch_encoder_begin(f->encoder, 42, 17, false);
    assert_true(batch_encoder_is_empty(f->encoder));
    fixture_pack(f);
    assert_true(f->size < 64);
    fixture_open(f);
    assert_int_equal(f->batch->session, 42);
    assert_int_equal(f->batch->first_seq, 17);
    struct event_view view;
    assert_false(decoder_next(f->decoder, &view));
}

static void test_wire_list_keeps_what_was_cut(void **state)
{
    struct fixture *f = *state;
    batch_encoder_begin(f->encoder, 1, 0, false);
    test_record_begin(f->record, EVENT_execve, 5, 1);
    test_record_item(f->record, 1, ITEM_LIST, ITEM_TRUNCATED | ITEM_USER, "one\0tw", 6);
    assert_int_equal(fixture_add(f), 0);
    enum { MOST = WIRE_LIST_ITEMS / 2 };
    char *many = calloc(1, MOST + 1); /* as many empty strings, and one more */
    test_record_begin(f->record, EVENT_execve, 5, 2);
    test_record_item(f->record, 1, ITEM_LIST, ITEM_COMPLETE, many, MOST);
    test_record_item(f->record, 2, ITEM_LIST, ITEM_COMPLETE, many, MOST + 1);
    assert_int_equal(fixture_add(f), 0);
    free(many);
    fixture_pack(f);
    fixture_open(f);
    struct event_view view;
    assert_true(decoder_next(f->decoder, &view));
    assert_int_equal(view.args[1].list.count, 2);
    assert_int_equal(view.args[1].list.state, ITEM_TRUNCATED | ITEM_USER);
    assert_string(decoder_list_item(f->decoder, &view.args[1], 0), "one", ITEM_USER);
    assert_string(decoder_list_item(f->decoder, &view.args[1], 1), "tw", ITEM_USER | ITEM_TRUNCATED);
    assert_int_equal(view.args[2].list.count, 0);
    assert_int_equal(view.args[2].list.state, ITEM_UNREADABLE);
    assert_true(decoder_next(f->decoder, &view));
    assert_int_equal(view.args[1].list.count, MOST);
    assert_int_equal(view.args[1].list.state, ITEM_COMPLETE);
    assert_int_equal(view.args[2].list.count, MOST);
    assert_int_equal(view.args[2].list.state, ITEM_TRUNCATED);
}

static void test_wire_paths(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *payload;
        size_t size;
        uint8_t state;
        const char *path;
    } cases[] = {
        {"passwd\0etc\0", 11, ITEM_COMPLETE, "/etc/passwd"},
        {"passwd\0etc", 10, ITEM_TRUNCATED, "/etc/passwd"},
        {"a\0", 2, ITEM_COMPLETE, "/a"},
        {"", 0, ITEM_COMPLETE, "/"},
        {"", 0, ITEM_UNREADABLE, ""},
        {"\0", 1, ITEM_COMPLETE, "/"},
        {"a\0\0b\0", 5, ITEM_COMPLETE, "/b/a"},
    };
    batch_encoder_begin(f->encoder, 1, 0, false);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        test_record_begin(f->record, EVENT_open, 5, i);
        test_record_item(f->record, 0, ITEM_COMPONENTS, cases[i].state, cases[i].payload, cases[i].size);
        assert_int_equal(fixture_add(f), 0);
    }
    fixture_pack(f);
    fixture_open(f);
    struct event_view view;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_true(decoder_next(f->decoder, &view));
        assert_string(view.args[0].string, cases[i].path, cases[i].state);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wire_random_round_trip),
        cmocka_unit_test(test_wire_packs_as_protobuf_c_does),
        cmocka_unit_test(test_wire_columns_match_the_descriptors),
        cmocka_unit_test(test_wire_constant_columns_are_one_element),
        cmocka_unit_test(test_wire_time_never_goes_back),
        cmocka_unit_test(test_wire_heartbeat),
        cmocka_unit_test(test_wire_list_keeps_what_was_cut),
        cmocka_unit_test(test_wire_paths),
    };
    return cmocka_run_group_tests(tests, fixture_set_up, fixture_tear_down);
}
