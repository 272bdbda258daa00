// SPDX-License-Identifier: Apache-2.0
#include "analyzer/ingest/canary.h"

#include <string.h>

#include "common/events/events.h"

static const uint64_t MS_NS = 1000000;

const char *const canary_part_names[CANARY_PARTS] = {
#define CANARY(family, event) [CANARY_##family] = #family,
#include "common/events/canaries.def"
    [CANARY_PART_RING] = "ring",   [CANARY_PART_DRAIN] = "drain",         [CANARY_PART_BUS] = "bus",
    [CANARY_PART_STATE] = "state", [CANARY_PART_COLLECTOR] = "collector",
};

static const uint16_t event_of[CANARY_FAMILIES] = {
#define CANARY(family, event) [CANARY_##family] = EVENT_##event,
#include "common/events/canaries.def"
};

const char *canary_part_words(enum canary_part part)
{
    switch (part) {
    case CANARY_PART_RING:
        return "batches come without a single canary: every program was detached, the rings are not read, or the "
               "keeper is stopped";
    case CANARY_PART_DRAIN:
        return "the courier speaks, but brings no batch: the drain is stopped";
    case CANARY_PART_BUS:
        return "the collector says nothing any more: it was killed or stopped, or the bus is cut";
    case CANARY_PART_STATE:
        return "events come and cannot be applied: the analyzer has no memory";
    case CANARY_PART_COLLECTOR:
        return "no collector was running, and it had not been told to end";
    default:
        return "other canaries come, this one does not: its program was detached, what selects it was changed, or all "
               "of its class is lost";
    }
}

static uint32_t bit(unsigned part)
{
    return 1u << part;
}

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t limit_of(uint32_t interval_ms)
{
    uint64_t bounded = interval_ms < CANARY_INTERVAL_MAX_MS ? interval_ms : CANARY_INTERVAL_MAX_MS;
    return (CANARY_MISSES * bounded + CANARY_SLACK_MS) * MS_NS;
}

static void know_keeper(struct canary_watch *watch, const Vedette__V1__Canary *canary)
{
    const struct canary_keeper keeper = {.tgid = canary->tgid, .start_ns = canary->start_ns};
    if (watch->n_keepers > 0 && watch->keeper[0].tgid == keeper.tgid && watch->keeper[0].start_ns == keeper.start_ns)
        return;
    memmove(&watch->keeper[1], &watch->keeper[0], (CANARY_KEEPERS - 1) * sizeof(keeper));
    watch->keeper[0] = keeper;
    watch->n_keepers += watch->n_keepers < CANARY_KEEPERS;
}

void canary_begin(struct canary_watch *watch, const Vedette__V1__Canary *canary, uint32_t heartbeat_ms,
                  uint64_t session, uint64_t now_ns)
{
    const bool sends = canary != NULL && canary->interval_ms != 0;
    if (sends)
        know_keeper(watch, canary);
    watch->families = sends ? canary->families & (bit(CANARY_FAMILIES) - 1) : 0;
    watch->expected &= watch->families;
    watch->limit_ns = sends ? limit_of(canary->interval_ms) : 0;
    watch->silence_ns = limit_of(heartbeat_ms != 0 ? heartbeat_ms : CANARY_INTERVAL_MAX_MS);
    if (watch->session != session) {
        watch->gap_ns = watch->is_active ? watch->newest_event_ns : 0;
        watch->first_event_ns = watch->newest_event_ns = 0;
        memset(watch->event_ns, 0, sizeof(watch->event_ns));
    }
    watch->session = session;
    watch->is_active = true;
    watch->state_failed = false;
    watch->baseline_ns = watch->batch_ns = now_ns;
    watch->seen_ns = now_ns;
}

void canary_expect(struct canary_watch *watch, uint32_t families, uint64_t now_ns)
{
    families &= watch->families;
    for (unsigned family = 0; family < CANARY_FAMILIES; family++)
        if ((families & ~watch->expected & bit(family)) != 0) {
            watch->arrived_ns[family] = now_ns;
            watch->event_ns[family] = watch->newest_event_ns;
        }
    watch->expected = families;
    atomic_store_explicit(&watch->shown_expected, families, memory_order_relaxed);
}

void canary_seen(struct canary_watch *watch, bool from_drain, uint64_t now_ns)
{
    if (now_ns - watch->seen_ns > watch->silence_ns)
        watch->baseline_ns = watch->batch_ns = now_ns; /* what it could not send is on its way */
    watch->seen_ns = now_ns;
    if (from_drain)
        watch->batch_ns = now_ns;
}

bool canary_is_sung(const struct event_view *event, bool by_child)
{
    static const char worker[] = "vedette-courier"; /* prctl of collector/courier/keeper.c */
    const struct string_view *comm = &event->task->comm;
    if (by_child)
        return comm->length != sizeof(worker) - 1 || memcmp(comm->data, worker, sizeof(worker) - 1) != 0;
    return event->schema->known != NULL && event->schema->known->id == EVENT_sched_process_fork;
}

void canary_take(struct canary_watch *watch, const struct event_view *event, uint64_t session, uint64_t now_ns)
{
    if (session != watch->session || event->schema->known == NULL)
        return;
    for (unsigned family = 0; family < CANARY_FAMILIES; family++) {
        if (event->schema->known->id != event_of[family])
            continue;
        watch->arrived_ns[family] = now_ns;
        watch->event_ns[family] = later(watch->event_ns[family], event->time_ns);
        atomic_store_explicit(&watch->last_ns[family], watch->event_ns[family], memory_order_relaxed);
        watch->state_failed = false;
    }
}

void canary_take_failed(struct canary_watch *watch)
{
    watch->state_failed = true;
}

void canary_stream(struct canary_watch *watch, uint64_t session, uint64_t event_ns)
{
    if (session != watch->session || event_ns == 0)
        return;
    if (watch->first_event_ns == 0)
        watch->first_event_ns = event_ns;
    watch->newest_event_ns = later(watch->newest_event_ns, event_ns);
}

void canary_end(struct canary_watch *watch, uint64_t session)
{
    if (session == watch->session)
        watch->is_active = false;
}

void canary_forgive(struct canary_watch *watch, uint64_t now_ns)
{
    watch->seen_ns = watch->batch_ns = watch->baseline_ns = now_ns;
}

struct check {
    struct canary_watch *watch;
    struct canary_change *changes;
    size_t n;
};

static void set(struct check *check, enum canary_part part, bool is_blind, uint64_t since_ns, uint64_t until_ns)
{
    struct canary_watch *watch = check->watch;
    const uint32_t before = atomic_load_explicit(&watch->blind, memory_order_relaxed);
    if (((before & bit(part)) != 0) == is_blind)
        return;
    atomic_store_explicit(&watch->blind, before ^ bit(part), memory_order_relaxed);
    if (is_blind)
        watch->blind_since_ns[part] = since_ns;
    check->changes[check->n++] = (struct canary_change){
        .part = part, .over = !is_blind, .since_ns = watch->blind_since_ns[part], .until_ns = is_blind ? 0 : until_ns};
}

static bool is_stale(const struct canary_watch *watch, unsigned family, uint64_t now_ns)
{
    const uint64_t arrived_ns = later(watch->arrived_ns[family], watch->baseline_ns);
    const uint64_t event_ns = later(watch->event_ns[family], watch->first_event_ns);
    return now_ns - arrived_ns > watch->limit_ns || watch->newest_event_ns > event_ns + watch->limit_ns;
}

static uint64_t newest_canary_ns(const struct canary_watch *watch)
{
    uint64_t newest_ns = watch->first_event_ns;
    for (unsigned family = 0; family < CANARY_FAMILIES; family++)
        newest_ns = later(newest_ns, watch->event_ns[family]);
    return newest_ns;
}

/* All of them: one thing stopped, not seven. */
static void check_places(struct check *check, bool all_stale, uint64_t now_ns)
{
    struct canary_watch *watch = check->watch;
    const uint64_t newest_ns = newest_canary_ns(watch);
    const enum canary_part stopped = watch->state_failed                          ? CANARY_PART_STATE
                                     : now_ns - watch->batch_ns > watch->limit_ns ? CANARY_PART_DRAIN
                                                                                  : CANARY_PART_RING;
    const uint32_t places = bit(CANARY_PART_RING) | bit(CANARY_PART_DRAIN) | bit(CANARY_PART_STATE);
    const bool told = (atomic_load_explicit(&watch->blind, memory_order_relaxed) & places) != 0;
    for (unsigned part = CANARY_FAMILIES; part < CANARY_PARTS; part++) {
        if ((places & bit(part)) == 0)
            continue;
        if (!all_stale)
            set(check, part, false, 0, newest_ns);
        else if (part == stopped && !told)
            set(check, part, true, newest_ns, 0);
    }
}

/* The next life began and knows of none before it: its queue is gone. */
static void check_gap(struct check *check)
{
    struct canary_watch *watch = check->watch;
    struct canary_change *change = &check->changes[check->n];
    if (watch->gap_ns != 0 && watch->first_event_ns != 0 &&
        canary_absence(watch, watch->gap_ns, later(watch->gap_ns, watch->first_event_ns), false, change))
        check->n++;
}

size_t canary_check(struct canary_watch *watch, uint64_t now_ns, struct canary_change changes[CANARY_PARTS])
{
    struct check check = {.watch = watch, .changes = changes};
    uint32_t stale = 0;
    if (!watch->is_active)
        return 0;
    check_gap(&check);
    const bool is_silent = now_ns - watch->seen_ns > watch->silence_ns;
    set(&check, CANARY_PART_BUS, is_silent, watch->newest_event_ns, watch->newest_event_ns);
    if (is_silent)
        return check.n; /* of what it would have said nothing is known */
    for (unsigned family = 0; family < CANARY_FAMILIES; family++)
        if ((watch->expected & bit(family)) != 0 && is_stale(watch, family, now_ns))
            stale |= bit(family);
    const bool all_stale = watch->expected != 0 && stale == watch->expected;
    check_places(&check, all_stale, now_ns);
    for (unsigned family = 0; family < CANARY_FAMILIES && !all_stale; family++)
        set(&check, family, (stale & bit(family)) != 0, later(watch->event_ns[family], watch->first_event_ns),
            watch->event_ns[family]);
    return check.n;
}

bool canary_absence(struct canary_watch *watch, uint64_t from_ns, uint64_t to_ns, bool in_order,
                    struct canary_change *ret_change)
{
    const uint64_t silent_ns = watch->blind_since_ns[CANARY_PART_BUS];
    watch->gap_ns = 0;
    if (in_order || (silent_ns != 0 && silent_ns + watch->silence_ns >= from_ns && silent_ns <= to_ns))
        return false;
    *ret_change = (struct canary_change){.part = CANARY_PART_COLLECTOR, .since_ns = from_ns, .until_ns = to_ns};
    return true;
}
