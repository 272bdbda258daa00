/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/drain/hello.h"

#include <errno.h>
#include <sys/utsname.h>

#include "common/base/clock.h"
#include "common/wire/limits.h"
#include "proto/vedette.pb-c.h"

/* protobuf-c's structs hold char * where nobody writes: the messages here only borrow. */
static char *borrow(const char *text)
{
    union {
        const char *in;
        char *out;
    } pointer = {.in = text};
    return pointer.out;
}

_Static_assert((int)PROBE_FAILED == (int)VEDETTE__V1__SELF_TEST__SELF_TEST_FAILED, "the contract's values");
_Static_assert((int)PROBE_PREEMPTIBLE_YES == (int)VEDETTE__V1__PREEMPTIBLE__PREEMPTIBLE_YES, "the contract's values");

struct rows {
    Vedette__V1__EventSchema *schema;
    Vedette__V1__EventSchema **schema_at;
    Vedette__V1__Coverage *coverage;
    Vedette__V1__Coverage **coverage_at;
    Vedette__V1__Hook *hooks;
    Vedette__V1__Hook **hooks_at;
    char *(*names)[EVENT_MAX_ARGS];
    uint32_t (*types)[EVENT_MAX_ARGS];
};

static void rows_free(struct rows *rows)
{
    free(rows->schema);
    free(rows->schema_at);
    free(rows->coverage);
    free(rows->coverage_at);
    free(rows->hooks);
    free(rows->hooks_at);
    free(rows->names);
    free(rows->types);
}

static int rows_alloc(struct rows *rows, size_t events, size_t coverage, size_t hooks)
{
    rows->schema = calloc(events + 1, sizeof(*rows->schema));
    rows->schema_at = calloc(events + 1, sizeof(*rows->schema_at));
    rows->names = calloc(events + 1, sizeof(*rows->names));
    rows->types = calloc(events + 1, sizeof(*rows->types));
    rows->coverage = calloc(coverage + 1, sizeof(*rows->coverage));
    rows->coverage_at = calloc(coverage + 1, sizeof(*rows->coverage_at));
    rows->hooks = calloc(hooks + 1, sizeof(*rows->hooks));
    rows->hooks_at = calloc(hooks + 1, sizeof(*rows->hooks_at));
    return rows->schema && rows->schema_at && rows->names && rows->types && rows->coverage && rows->coverage_at &&
                   rows->hooks && rows->hooks_at
               ? 0
               : -ENOMEM;
}

static void fill_schema(struct rows *rows, const struct event *events, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        Vedette__V1__EventSchema *row = &rows->schema[i];
        vedette__v1__event_schema__init(row);
        row->id = events[i].id;
        row->name = borrow(events[i].name);
        row->event_class = events[i].class;
        row->sets = borrow(events[i].sets);
        for (int a = 0; a < events[i].n_args; a++) {
            rows->names[i][a] = borrow(events[i].args[a].name);
            rows->types[i][a] = events[i].args[a].type;
        }
        row->n_arg_name = row->n_arg_type = events[i].n_args;
        row->arg_name = rows->names[i];
        row->arg_type = rows->types[i];
        rows->schema_at[i] = row;
    }
}

static void fill_coverage(struct rows *rows, const struct probe_coverage *coverage, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        Vedette__V1__Coverage *row = &rows->coverage[i];
        vedette__v1__coverage__init(row);
        row->event_id = coverage[i].event->id;
        row->covered = coverage[i].covered;
        row->source = borrow(coverage[i].source);
        row->losses = borrow(coverage[i].event->losses);
        row->reason = borrow(coverage[i].reason);
        row->self_test = (Vedette__V1__SelfTest)coverage[i].self_test;
        row->better = borrow(coverage[i].better);
        rows->coverage_at[i] = row;
    }
}

static void fill_hooks(struct rows *rows, const struct probe_hook *hooks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        Vedette__V1__Hook *row = &rows->hooks[i];
        vedette__v1__hook__init(row);
        row->name = borrow(hooks[i].name);
        row->attached = hooks[i].attached;
        row->reason = borrow(hooks[i].reason);
        row->self_test = (Vedette__V1__SelfTest)hooks[i].self_test;
        row->preemptible = (Vedette__V1__Preemptible)hooks[i].preemptible;
        row->misses_counted = hooks[i].counted;
        row->misses = hooks[i].misses;
        rows->hooks_at[i] = row;
    }
}

static uint8_t *pack(const struct hello_facts *facts, struct rows *rows, size_t events, size_t coverage, size_t hooks,
                     size_t *ret_size)
{
    struct utsname system;
    uname(&system);
    Vedette__V1__Hello hello;
    vedette__v1__hello__init(&hello);
    hello.wire_min = WIRE_VERSION_MIN;
    hello.wire_max = WIRE_VERSION_MAX;
    hello.node = borrow(facts->node);
    hello.boot_id = borrow(facts->boot_id);
    hello.session = facts->session;
    hello.version = borrow(VEDETTE_VERSION);
    hello.kernel = system.release;
    hello.arch = system.machine;
    hello.n_schema = events;
    hello.schema = rows->schema_at;
    hello.n_coverage = coverage;
    hello.coverage = rows->coverage_at;
    hello.n_hook = hooks;
    hello.hook = rows->hooks_at;
    hello.wall_minus_boot_ns = clock_wall_minus_boot_ns();
    hello.heartbeat_ms = facts->heartbeat_ms;
    hello.scope = borrow(facts->scope);
    Vedette__V1__Canary canary;
    vedette__v1__canary__init(&canary);
    canary.tgid = facts->canary.tgid;
    canary.start_ns = facts->canary.start_ns;
    canary.interval_ms = facts->canary.interval_ms;
    canary.families = facts->canary.families;
    hello.canary = facts->canary.interval_ms != 0 ? &canary : NULL;

    Vedette__V1__Request request;
    vedette__v1__request__init(&request);
    request.body_case = VEDETTE__V1__REQUEST__BODY_HELLO;
    request.hello = &hello;
    *ret_size = vedette__v1__request__get_packed_size(&request);
    uint8_t *bytes = malloc(*ret_size);
    if (bytes != NULL)
        vedette__v1__request__pack(&request, bytes);
    return bytes;
}

uint8_t *hello_pack(const struct hello_facts *facts, size_t *ret_size)
{
    size_t n_events, n_coverage, n_hooks;
    const struct event *events = events_all(&n_events);
    const struct probe_coverage *coverage = probe_coverage(facts->probe, &n_coverage);
    const struct probe_hook *hooks = probe_hooks(facts->probe, &n_hooks);
    struct rows rows = {0};
    uint8_t *bytes = NULL;
    if (rows_alloc(&rows, n_events, n_coverage, n_hooks) == 0) {
        fill_schema(&rows, events, n_events);
        fill_coverage(&rows, coverage, n_coverage);
        fill_hooks(&rows, hooks, n_hooks);
        bytes = pack(facts, &rows, n_events, n_coverage, n_hooks, ret_size);
    }
    rows_free(&rows);
    if (bytes == NULL)
        errno = ENOMEM;
    return bytes;
}
