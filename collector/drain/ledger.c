/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/drain/ledger.h"

#include <sys/resource.h>

enum { ALL_CPUS = UINT32_MAX, ALL_CLASSES = 255, THROTTLE_INTERVAL_NS = 1000000000 };

void ledger_init(struct ledger *ledger, struct probe *probe, uint64_t now_ns)
{
    *ledger = (struct ledger){.probe = probe, .misses_since_ns = now_ns};
}

static void widen(struct ledger_range *range, uint64_t from_ns, uint64_t to_ns, uint64_t count)
{
    if (range->count == 0 || from_ns < range->from_ns)
        range->from_ns = from_ns;
    if (range->count == 0 || to_ns > range->to_ns)
        range->to_ns = to_ns;
    range->count += count;
}

void ledger_lose_queue(struct ledger *ledger, enum event_class class, uint64_t from_ns, uint64_t to_ns, uint64_t count)
{
    ledger->lost_queue[class] += count;
    widen(&ledger->pending_queue[class], from_ns, to_ns, count);
}

void ledger_lose_encode(struct ledger *ledger, enum event_class class, uint64_t time_ns)
{
    ledger->lost_encode[class]++;
    widen(&ledger->pending_encode[class], time_ns, time_ns, 1);
}

enum event_class ledger_count_snapshot(struct ledger *ledger, const struct record_header *record)
{
    const struct event *event = event_by_id(record->event_id);
    enum event_class class = event != NULL ? (enum event_class)event->class : CLASS_CRITICAL;
    ledger->snapshot[class]++;
    ledger->drained[class]++;
    return class;
}

static Vedette__V1__Loss loss_record(Vedette__V1__LossStage stage, uint32_t class, uint32_t cpu,
                                     const struct ledger_range *range)
{
    Vedette__V1__Loss loss;
    vedette__v1__loss__init(&loss);
    loss.stage = stage;
    loss.event_class = class;
    loss.cpu = cpu;
    loss.from_ns = range->from_ns;
    loss.to_ns = range->to_ns;
    loss.count = range->count;
    loss.count_exact = true;
    return loss;
}

/*
 * The program writes first_ns when it finds lost == acknowledged, so `acknowledged` is stored last; a loss between our
 * reads keeps the old first_ns and makes the next range begin too early, never too late.
 */
static unsigned report_ring(struct ledger *ledger, struct batch_encoder *encoder, uint32_t cpu, enum event_class class,
                            unsigned context)
{
    volatile struct ring_account *account = probe_account(ledger->probe, cpu, class, context);
    uint64_t lost = account->lost, acknowledged = account->acknowledged;
    if (lost == acknowledged)
        return 0;
    /* Two programs that preempt each other on one CPU (from 7.2 on) may write the ends in either order. */
    uint64_t one_ns = account->first_ns, other_ns = account->last_ns;
    struct ledger_range range = {.from_ns = one_ns < other_ns ? one_ns : other_ns,
                                 .to_ns = one_ns < other_ns ? other_ns : one_ns,
                                 .count = lost - acknowledged};
    Vedette__V1__Loss loss = loss_record(VEDETTE__V1__LOSS_STAGE__LOSS_RING, class, cpu, &range);
    if (batch_encoder_add_loss(encoder, &loss) != 0)
        return 0; /* the batch is full of losses: the next one tells */
    account->acknowledged = lost;
    return 1;
}

static unsigned report_rings(struct ledger *ledger, struct batch_encoder *encoder)
{
    unsigned reported = 0;
    uint32_t cpus = probe_cpus(ledger->probe);
    for (uint32_t cpu = 0; cpu < cpus; cpu++)
        for (int class = 0; class < CLASS_COUNT; class ++)
            for (unsigned context = 0; context < CONTEXT_COUNT; context++)
                reported += report_ring(ledger, encoder, cpu, (enum event_class) class, context);
    return reported;
}

/* As report_ring, of one cgroup; false when the batch is full of losses. */
static bool report_cgroup(volatile struct throttled *cgroup, struct batch_encoder *encoder, unsigned *reported)
{
    const uint64_t count = cgroup->count, acknowledged = cgroup->acknowledged;
    if (count == acknowledged)
        return true;
    struct ledger_range range = {.from_ns = cgroup->first_ns, .to_ns = cgroup->last_ns, .count = count - acknowledged};
    Vedette__V1__Loss loss = loss_record(VEDETTE__V1__LOSS_STAGE__LOSS_THROTTLE, CLASS_BULK, ALL_CPUS, &range);
    loss.cgroup_id = cgroup->cgroup_id;
    if (batch_encoder_add_loss(encoder, &loss) != 0)
        return false;
    cgroup->acknowledged = count;
    ++*reported;
    return true;
}

/* Once a second at most: whoever makes too much makes it all the time. */
static unsigned report_throttled(struct ledger *ledger, struct batch_encoder *encoder, uint64_t now_ns, bool all)
{
    volatile struct throttle *throttle = probe_throttle(ledger->probe);
    const uint64_t count = throttle->count;
    if (count == ledger->throttled || (!all && now_ns - ledger->throttle_told_ns < THROTTLE_INTERVAL_NS))
        return 0;
    unsigned reported = 0;
    bool told = true;
    for (size_t i = 0; i < THROTTLE_SLOTS && told; i++)
        told = report_cgroup(&throttle->cgroup[i], encoder, &reported);
    ledger->throttle_told_ns = now_ns;
    if (told)
        ledger->throttled = count;
    return reported;
}

void ledger_next_round(struct ledger *ledger)
{
    probe_throttle(ledger->probe)->round++;
}

static unsigned report_range(struct batch_encoder *encoder, Vedette__V1__LossStage stage, enum event_class class,
                             struct ledger_range *range)
{
    if (range->count == 0)
        return 0;
    Vedette__V1__Loss loss = loss_record(stage, class, ALL_CPUS, range);
    if (batch_encoder_add_loss(encoder, &loss) != 0)
        return 0;
    range->count = 0;
    return 1;
}

/* Skipped programs: an upper bound over all classes, since a skipped program never knew what its call was. */
static unsigned report_misses(struct ledger *ledger, struct batch_encoder *encoder, uint64_t now_ns)
{
    size_t count;
    uint64_t misses = 0;
    const struct probe_hook *hooks = probe_read_misses(ledger->probe, &count);
    ledger->misses_counted = true;
    for (size_t i = 0; i < count; i++) {
        misses += hooks[i].misses;
        ledger->misses_counted &= hooks[i].counted;
    }
    struct ledger_range range = {
        .from_ns = ledger->misses_since_ns, .to_ns = now_ns, .count = misses - ledger->reported_misses};
    ledger->misses_read_ns = now_ns;
    if (misses == ledger->reported_misses) {
        ledger->misses_since_ns = now_ns;
        return 0;
    }
    Vedette__V1__Loss loss = loss_record(VEDETTE__V1__LOSS_STAGE__LOSS_HOOK, ALL_CLASSES, ALL_CPUS, &range);
    loss.count_exact = false;
    if (batch_encoder_add_loss(encoder, &loss) != 0)
        return 0; /* the range goes on */
    ledger->reported_misses = misses;
    ledger->misses_since_ns = now_ns;
    return 1;
}

unsigned ledger_report(struct ledger *ledger, struct batch_encoder *encoder, uint64_t now_ns, bool all)
{
    unsigned reported = report_rings(ledger, encoder) + report_throttled(ledger, encoder, now_ns, all);
    for (int class = 0; class < CLASS_COUNT; class ++) {
        reported += report_range(encoder, VEDETTE__V1__LOSS_STAGE__LOSS_QUEUE, (enum event_class) class,
                                 &ledger->pending_queue[class]);
        reported += report_range(encoder, VEDETTE__V1__LOSS_STAGE__LOSS_ENCODE, (enum event_class) class,
                                 &ledger->pending_encode[class]);
    }
    /* Reading the descriptors costs some microseconds a program: once a second is enough for an upper bound. */
    if (now_ns - ledger->misses_read_ns > 1000000000ull)
        reported += report_misses(ledger, encoder, now_ns);
    return reported;
}

bool ledger_is_told(const struct ledger *ledger)
{
    uint32_t cpus = probe_cpus(ledger->probe);
    if (probe_throttle(ledger->probe)->count != ledger->throttled)
        return false;
    for (int class = 0; class < CLASS_COUNT; class ++) {
        if (ledger->pending_queue[class].count != 0 || ledger->pending_encode[class].count != 0)
            return false;
        for (uint32_t cpu = 0; cpu < cpus; cpu++)
            for (unsigned context = 0; context < CONTEXT_COUNT; context++) {
                volatile struct ring_account *account =
                    probe_account(ledger->probe, cpu, (enum event_class) class, context);
                if (account->lost != account->acknowledged)
                    return false;
            }
    }
    return true;
}

void ledger_ring_totals(const struct ledger *ledger, enum event_class class, uint64_t *ret_attempts, uint64_t *ret_lost)
{
    uint64_t attempts = ledger->snapshot[class], lost = 0;
    uint32_t cpus = probe_cpus(ledger->probe);
    for (uint32_t cpu = 0; cpu < cpus; cpu++)
        for (unsigned context = 0; context < CONTEXT_COUNT; context++) {
            volatile struct ring_account *account = probe_account(ledger->probe, cpu, class, context);
            attempts += account->attempts;
            lost += account->lost + account->throttled;
        }
    *ret_attempts = attempts;
    *ret_lost = lost;
}

bool ledger_rings_settled(const struct ledger *ledger)
{
    for (int class = 0; class < CLASS_COUNT; class ++) {
        uint64_t attempts, lost;
        ledger_ring_totals(ledger, (enum event_class) class, &attempts, &lost);
        if (attempts != lost + ledger->drained[class])
            return false;
    }
    return true;
}

static uint64_t timeval_ns(const struct timeval *time)
{
    return (uint64_t)time->tv_sec * 1000000000ull + (uint64_t)time->tv_usec * 1000ull;
}

void ledger_attach_statistics(const struct ledger *ledger, struct batch_encoder *encoder, uint64_t queue_bytes,
                              uint64_t queue_used, const struct spool_figures *spool)
{
    uint64_t attempts[CLASS_COUNT], lost[CLASS_COUNT], drained[CLASS_COUNT], queued[CLASS_COUNT],
        lost_queue[CLASS_COUNT];
    for (int class = 0; class < CLASS_COUNT; class ++) {
        ledger_ring_totals(ledger, (enum event_class) class, &attempts[class], &lost[class]);
        drained[class] = ledger->drained[class];
        queued[class] = ledger->queued[class];
        lost_queue[class] = ledger->lost_queue[class] + ledger->lost_encode[class];
    }
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    size_t n_rings;
    uint64_t ring_bytes = 0;
    const struct ring_map *rings = probe_rings(ledger->probe, &n_rings);
    for (size_t i = 0; i < n_rings; i++)
        ring_bytes += rings[i].size;

    Vedette__V1__Statistics statistics;
    vedette__v1__statistics__init(&statistics);
    statistics.n_attempts = statistics.n_lost_ring = statistics.n_drained = statistics.n_queued =
        statistics.n_lost_queue = CLASS_COUNT;
    statistics.attempts = attempts;
    statistics.lost_ring = lost;
    statistics.drained = drained;
    statistics.queued = queued;
    statistics.lost_queue = lost_queue;
    statistics.hook_misses = ledger->reported_misses;
    statistics.hook_misses_counted = ledger->misses_counted;
    statistics.user_ns = timeval_ns(&usage.ru_utime);
    statistics.system_ns = timeval_ns(&usage.ru_stime);
    statistics.ring_bytes = ring_bytes;
    statistics.queue_bytes = queue_bytes;
    statistics.queue_used = queue_used;
    statistics.spool_bytes = spool->size;
    statistics.spool_used = spool->used;
    statistics.spool_batches = spool->batches;
    statistics.spool_written = spool->written;
    statistics.spool_evicted = spool->evicted_events;
    statistics.spool_errors = spool->errors;
    statistics.spool_oldest_ns = spool->oldest_ns;
    batch_encoder_set_statistics(encoder, &statistics);
}
