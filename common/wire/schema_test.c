/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <errno.h>

#include "common/wire/decode.h"
#include "common/wire/encode.h"
#include "common/wire/limits.h"
#include "common/wire/test_records.h"

/* A right hello of one event with two arguments, to be bent. */
struct parts {
    Vedette__V1__Hello hello;
    Vedette__V1__EventSchema event;
    Vedette__V1__EventSchema *events[WIRE_SCHEMA_EVENTS];
    Vedette__V1__Coverage coverage;
    Vedette__V1__Coverage *coverages[1];
    char *arg_names[EVENT_MAX_ARGS + 1];
    uint32_t arg_types[EVENT_MAX_ARGS + 1];
};

static char name_open[] = "open", name_path[] = "pathname", name_flags[] = "flags", node[] = "node-7", none[] = "";

static void build(struct parts *p)
{
    memset(p, 0, sizeof(*p));
    vedette__v1__hello__init(&p->hello);
    vedette__v1__event_schema__init(&p->event);
    vedette__v1__coverage__init(&p->coverage);
    p->hello.wire_min = p->hello.wire_max = 1;
    p->hello.node = node;
    p->hello.schema = p->events;
    p->hello.n_schema = 1;
    p->events[0] = &p->event;
    p->hello.coverage = p->coverages;
    p->hello.n_coverage = 1;
    p->coverages[0] = &p->coverage;
    p->event.id = EVENT_open;
    p->event.name = name_open;
    p->event.event_class = CLASS_BULK;
    p->event.n_arg_name = p->event.n_arg_type = 2;
    p->event.arg_name = p->arg_names;
    p->event.arg_type = p->arg_types;
    p->arg_names[0] = name_path;
    p->arg_names[1] = name_flags;
    p->arg_types[0] = ARG_STRING;
    p->arg_types[1] = ARG_INT32;
}

static void assert_refused(struct decoder *decoder, const struct parts *p, const char *words)
{
    assert_int_equal(decoder_check_hello(decoder, &p->hello), -EBADMSG);
    if (strstr(decoder_error(decoder), words) == NULL)
        fail_msg("\"%s\" lacks \"%s\"", decoder_error(decoder), words);
}

static int set_up(void **state)
{
    return (*state = decoder_new(1024)) != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    decoder_free(*state);
    return 0;
}

static void test_hello_texts(void **state)
{
    struct decoder *decoder = *state;
    struct parts p;
    char longest[WIRE_CREDENTIAL_BYTES + 2];
    memset(longest, 'a', sizeof(longest));
    build(&p);
    assert_int_equal(decoder_check_hello(decoder, &p.hello), 0);

    char **const names[] = {&p.hello.node, &p.hello.boot_id, &p.hello.version, &p.hello.kernel, &p.hello.arch};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        build(&p);
        *names[i] = longest;
        longest[WIRE_NAME_BYTES] = '\0';
        assert_int_equal(decoder_check_hello(decoder, &p.hello), 0);
        longest[WIRE_NAME_BYTES] = 'a';
        longest[WIRE_NAME_BYTES + 1] = '\0';
        assert_refused(decoder, &p, "256");
        char control[] = "a\nb";
        *names[i] = control;
        assert_refused(decoder, &p, "Hello.");
        longest[WIRE_NAME_BYTES + 1] = 'a';
    }
    build(&p);
    p.hello.node = none;
    assert_refused(decoder, &p, "Hello.node");
    build(&p);
    p.hello.scope = longest;
    longest[WIRE_TEXT_BYTES] = '\0';
    assert_int_equal(decoder_check_hello(decoder, &p.hello), 0);
    longest[WIRE_TEXT_BYTES] = 'a';
    longest[WIRE_TEXT_BYTES + 1] = '\0';
    assert_refused(decoder, &p, "Hello.scope: over 1024");
    build(&p);
    p.hello.credential = (ProtobufCBinaryData){.len = WIRE_CREDENTIAL_BYTES, .data = (uint8_t *)longest};
    assert_int_equal(decoder_check_hello(decoder, &p.hello), 0);
    p.hello.credential.len++;
    assert_refused(decoder, &p, "Hello.credential: 16385 bytes, the limit is 16384");
    build(&p);
    p.hello.wire_min = 0;
    assert_refused(decoder, &p, "Hello.wire_min");
    p.hello.wire_min = 2;
    assert_refused(decoder, &p, "Hello.wire_min");
}

static void test_hello_schema(void **state)
{
    struct decoder *decoder = *state;
    struct parts p;
    char other[] = "other", bad[] = "no good", many_sets[WIRE_NAME_BYTES + 2];
    build(&p);
    p.event.id = EVENT_ID_LIMIT;
    assert_refused(decoder, &p, "EventSchema.id: 1024, the limit is 1024");
    build(&p);
    p.event.name = none;
    assert_refused(decoder, &p, "EventSchema.name");
    p.event.name = bad;
    assert_refused(decoder, &p, "EventSchema.name");
    build(&p);
    p.event.event_class = CLASS_COUNT;
    assert_refused(decoder, &p, "EventSchema.event_class");
    build(&p);
    memset(many_sets, 's', sizeof(many_sets));
    many_sets[WIRE_NAME_BYTES + 1] = '\0';
    p.event.sets = many_sets;
    assert_refused(decoder, &p, "EventSchema.sets");
    build(&p);
    p.event.n_arg_type = 1;
    assert_refused(decoder, &p, "2 names and 1 types");
    p.event.n_arg_name = p.event.n_arg_type = EVENT_MAX_ARGS + 1;
    assert_refused(decoder, &p, "25 names and 25 types, the limit is 24");
    build(&p);
    p.arg_types[1] = ARG_TYPE_COUNT;
    assert_refused(decoder, &p, "has the unknown type 19");
    p.arg_types[1] = 0;
    assert_refused(decoder, &p, "has the unknown type 0");
    build(&p);
    p.arg_names[1] = bad;
    assert_refused(decoder, &p, "EventSchema.arg_name");
    build(&p);
    p.hello.n_schema = 2;
    p.events[1] = &p.event;
    assert_refused(decoder, &p, "EventSchema.id: 2 is there twice");
    p.hello.n_schema = WIRE_SCHEMA_EVENTS + 1;
    assert_refused(decoder, &p, "Hello.schema: 2049 events");
    build(&p);
    p.event.name = other;
    assert_refused(decoder, &p, "EventSchema.id: 2 is not other here");
    build(&p);
    p.event.id = 901;
    assert_refused(decoder, &p, "EventSchema.id: 901 is not open here");
    build(&p);
    p.arg_types[0] = ARG_UINT64;
    assert_refused(decoder, &p, "argument 0 of open is pathname of type 5 there, pathname of type 8 here");
    build(&p);
    p.arg_names[1] = name_path;
    assert_refused(decoder, &p, "argument 1 of open");
}

static void test_hello_coverage(void **state)
{
    struct decoder *decoder = *state;
    struct parts p;
    char text[WIRE_TEXT_BYTES + 2];
    memset(text, 't', sizeof(text));
    text[WIRE_TEXT_BYTES + 1] = '\0';
    build(&p);
    p.coverage.event_id = EVENT_ID_LIMIT;
    assert_refused(decoder, &p, "Coverage.event_id");
    build(&p);
    p.coverage.reason = text;
    assert_refused(decoder, &p, "Coverage: a text");
    text[WIRE_TEXT_BYTES] = '\0';
    assert_int_equal(decoder_check_hello(decoder, &p.hello), 0);
    p.hello.n_coverage = WIRE_SCHEMA_EVENTS + 1;
    assert_refused(decoder, &p, "Hello.coverage");
}

static void test_hello_hooks(void **state)
{
    struct decoder *decoder = *state;
    struct parts p;
    Vedette__V1__Hook hook, *hooks[] = {&hook};
    char name[WIRE_NAME_BYTES + 2], text[WIRE_TEXT_BYTES + 2];
    memset(name, 'n', sizeof(name));
    memset(text, 't', sizeof(text));
    name[WIRE_NAME_BYTES] = text[WIRE_TEXT_BYTES] = name[WIRE_NAME_BYTES + 1] = text[WIRE_TEXT_BYTES + 1] = '\0';
    build(&p);
    vedette__v1__hook__init(&hook);
    hook.name = name;
    hook.reason = text;
    p.hello.hook = hooks;
    p.hello.n_hook = 1;
    assert_int_equal(decoder_check_hello(decoder, &p.hello), 0);
    name[WIRE_NAME_BYTES] = 'n';
    assert_refused(decoder, &p, "Hook: a name");
    name[WIRE_NAME_BYTES] = '\0';
    text[WIRE_TEXT_BYTES] = 't';
    assert_refused(decoder, &p, "Hook: a name");
    p.hello.n_hook = WIRE_HOOKS + 1;
    assert_refused(decoder, &p, "Hello.hook");
}

static void test_schema_lookups(void **state)
{
    (void)state;
    struct parts p;
    char later[] = "later_event", arg[] = "what";
    build(&p);
    Vedette__V1__EventSchema second = p.event;
    char *names[] = {arg};
    uint32_t types[] = {ARG_STRINGS};
    second.id = 1000;
    second.name = later;
    second.n_arg_name = second.n_arg_type = 1;
    second.arg_name = names;
    second.arg_type = types;
    p.events[1] = &second;
    p.hello.n_schema = 2;
    assert_int_equal(decoder_check_hello(*state, &p.hello), 0);
    struct schema *schema = schema_new(&p.hello);
    assert_non_null(schema);
    assert_int_equal(schema_count(schema), 2);
    assert_ptr_equal(schema_event_at(schema, 1), schema_event_by_id(schema, 1000));
    assert_null(schema_event_at(schema, 2));
    assert_null(schema_event_by_id(schema, 0));
    assert_null(schema_event_by_id(schema, EVENT_ID_LIMIT));
    assert_null(schema_event_by_id(schema, UINT32_MAX));
    assert_ptr_equal(schema_event_at(schema, 0)->known, event_by_name("open"));
    assert_null(schema_event_at(schema, 1)->known);
    assert_string_equal(schema_event_at(schema, 1)->args[0].name, "what");
    schema_free(schema);
}

/* Even unchecked, a hello cannot make an event pass for ours whose arguments are not. */
static void test_schema_of_an_unchecked_hello(void **state)
{
    (void)state;
    struct parts p;
    build(&p);
    p.arg_types[0] = ARG_UINT64;
    struct schema *schema = schema_new(&p.hello);
    assert_null(schema_event_at(schema, 0)->known);
    schema_free(schema);
    build(&p);
    p.event.n_arg_name = EVENT_MAX_ARGS + 1;
    errno = 0;
    assert_null(schema_new(&p.hello));
    assert_int_equal(errno, EINVAL);
}

/* An older collector's row has fewer arguments than ours: the rest is absent, not left from the row before. */
static void test_schema_older_row_leaves_arguments_absent(void **state)
{
    (void)state;
    struct decoder *decoder = decoder_new(WIRE_REQUEST_BYTES);
    struct parts p;
    build(&p);
    p.event.id = EVENT_execve;
    char name_execve[] = "execve";
    p.event.name = name_execve;
    p.event.n_arg_name = p.event.n_arg_type = 1;
    assert_int_equal(decoder_check_hello(decoder, &p.hello), 0);
    struct schema *schema = schema_new(&p.hello);

    uint32_t zero[] = {0}, id[] = {EVENT_execve}, length[] = {0};
    uint64_t wide[] = {0}, args[] = {ITEM_USER};
    int64_t ret[] = {0};
    int32_t syscall[] = {0};
    Vedette__V1__Strings strings;
    vedette__v1__strings__init(&strings);
    strings.n_length = 1;
    strings.length = length;
    Vedette__V1__Tasks tasks;
    vedette__v1__tasks__init(&tasks);
    tasks.count = 1;
    tasks.n_tgid = tasks.n_tid = tasks.n_ppid = tasks.n_ns_tgid = tasks.n_ns_tid = tasks.n_ns_ppid = tasks.n_uid =
        tasks.n_mnt_ns = 1;
    tasks.n_pid_ns = tasks.n_comm = tasks.n_uts = tasks.n_leader_start_ns = tasks.n_thread_start_ns =
        tasks.n_parent_start_ns = 1;
    tasks.n_cgroup_id = 1;
    tasks.tgid = tasks.tid = tasks.ppid = tasks.ns_tgid = tasks.ns_tid = tasks.ns_ppid = tasks.uid = tasks.mnt_ns =
        zero;
    tasks.pid_ns = tasks.comm = tasks.uts = zero;
    tasks.leader_start_ns = tasks.thread_start_ns = tasks.parent_start_ns = tasks.cgroup_id = wide;
    Vedette__V1__EventBatch batch;
    vedette__v1__event_batch__init(&batch);
    batch.count = 1;
    batch.strings = &strings;
    batch.tasks = &tasks;
    batch.n_event_id = batch.n_dt_ns = batch.n_task = batch.n_cpu = batch.n_ret = batch.n_flags = batch.n_syscall =
        batch.n_plan_epoch = 1;
    batch.event_id = id;
    batch.dt_ns = wide;
    batch.task = batch.cpu = batch.flags = batch.plan_epoch = zero;
    batch.ret = ret;
    batch.syscall = syscall;
    batch.n_args = 1;
    batch.args = args;
    assert_int_equal(decoder_open_batch(decoder, &batch, schema), 0);
    struct event_view view;
    memset(&view, 0x5a, sizeof(view));
    assert_true(decoder_next(decoder, &view));
    assert_int_equal(view.args[0].string.state, ITEM_USER);
    assert_int_equal(view.args[1].list.count, 0);
    assert_int_equal(view.args[1].list.state, ITEM_UNREADABLE);
    assert_int_equal(view.args[2].list.count, 0);
    schema_free(schema);
    decoder_free(decoder);
}

static void test_schema_builtin_is_the_event_table(void **state)
{
    (void)state;
    size_t count;
    const struct event *rows = events_all(&count);
    struct schema *schema = schema_new_builtin();
    assert_int_equal(schema_count(schema), count);
    for (size_t i = 0; i < count; i++) {
        const struct schema_event *event = schema_event_by_id(schema, rows[i].id);
        assert_ptr_equal(event->known, &rows[i]);
        assert_string_equal(event->name, rows[i].name);
        assert_string_equal(event->sets, rows[i].sets);
        assert_int_equal(event->n_args, rows[i].n_args);
    }
    schema_free(schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hello_texts),
        cmocka_unit_test(test_hello_schema),
        cmocka_unit_test(test_hello_coverage),
        cmocka_unit_test(test_hello_hooks),
        cmocka_unit_test(test_schema_lookups),
        cmocka_unit_test(test_schema_of_an_unchecked_hello),
        cmocka_unit_test(test_schema_older_row_leaves_arguments_absent),
        cmocka_unit_test(test_schema_builtin_is_the_event_table),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
