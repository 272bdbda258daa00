/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/drain/drain.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include "collector/drain/ledger.h"
#include "common/base/clock.h"
#include "common/base/exit_code.h"
#include "common/base/fault.h"
#include "common/base/log.h"
#include "common/base/notify.h"
#include "common/wire/limits.h"

enum {
    /* A wake-up by a critical or watched event is answered at once, but not more often than this. */
    URGENT_INTERVAL_MS = 2,
    /* A storm is that many of them a millisecond. Then nobody wakes us before a ring is half full: a sleep and a
       batch cost some 70 and 100 us, whatever they bring. */
    STORM_EVENTS_PER_MS = 96,
    STORM_INTERVAL_MS = 20,
    /* Bulk events do not wake anybody: they wait for the next round, this long at first and longer when rounds find
       little. */
    BULK_INTERVAL_MIN_MS = 50,
    BULK_INTERVAL_MAX_MS = 1000,
    BUSY_ROUND_EVENTS = 64,
    /* With this much of the queue used, bulk events are given up so that room is left for the others. */
    QUEUE_BULK_PERCENT = 75,
    SETTLE_ROUND_MS = 5,
    SETTLE_QUIET_ROUNDS = 4,
    SETTLE_ROUNDS = 400,
    /* Two readings of two clocks differ by nanoseconds: only more than this is taken for a wall clock that moved. */
    WALL_STEP_NS = 1000000,
};

/* What of each class the batch in hand holds, for the ledger when the queue refuses it. */
struct in_hand {
    uint64_t count, from_ns, to_ns;
};

/* A crash loop of the analyzer, which asks for one at each start, must not use up the iterators at once. */
static const uint64_t SNAPSHOT_INTERVAL_NS = 5000000000;

struct drain {
    struct drain_settings settings;
    struct ledger ledger;
    uint64_t next_seq;
    uint64_t drained_until_ns; /* by the last round over the rings */
    uint64_t deselected_ns;    /* when the last plan was taken back; UINT64_MAX before */
    uint64_t marked_ns;        /* what the next life will believe: mark_drained */
    uint64_t last_snapshot_ns;
    int64_t wall_minus_boot_ns;
    uint64_t last_flush_ns;
    uint64_t interval_ms;
    size_t taken, taken_urgent; /* by the last rounds: of all classes, and of those that wake us */
    uint32_t plan_epoch, snapshot_wanted;
    struct in_hand in_hand[CLASS_COUNT];
    bool holds_losses; /* the batch in hand has loss records: it is not to be given up for want of room */
    pid_t excluded_worker;
    int epoll_fd;
    bool snapshot_due;
    bool ready_told;
    bool stopping;
    bool courier_died;
    bool storm;
};

static void begin_batch(struct drain *drain, bool snapshot)
{
    memset(drain->in_hand, 0, sizeof(drain->in_hand));
    drain->holds_losses = false;
    batch_encoder_begin(drain->settings.encoder, drain->settings.session, drain->next_seq, snapshot);
}

static void settle_batch(struct drain *drain, bool queued)
{
    for (int class = 0; class < CLASS_COUNT; class ++) {
        const struct in_hand *held = &drain->in_hand[class];
        if (held->count == 0)
            continue;
        if (queued)
            drain->ledger.queued[class] += held->count;
        else
            ledger_lose_queue(&drain->ledger, (enum event_class) class, held->from_ns, held->to_ns, held->count);
    }
}

/* The same from batch to batch, so that a thread's start is one number in all of its events. */
static int64_t wall_minus_boot_ns(struct drain *drain)
{
    int64_t now = clock_wall_minus_boot_ns();
    if (llabs(now - drain->wall_minus_boot_ns) > WALL_STEP_NS)
        drain->wall_minus_boot_ns = now;
    return drain->wall_minus_boot_ns;
}

/* Where batches go just now: the queue, or, while it is nearly full, the way to the disk. */
static struct queue *way_out(const struct drain *drain)
{
    return spool_route(drain->settings.spool, drain->settings.queue);
}

/* A bit a class, and one for loss records: what the spool may give up is told by it. */
static uint32_t classes_in_hand(const struct drain *drain)
{
    uint32_t classes = drain->holds_losses ? 1u << CLASS_COUNT : 0;
    for (int class = 0; class < CLASS_COUNT; class ++)
        classes |= drain->in_hand[class].count > 0 ? 1u << class : 0;
    return classes;
}

static uint64_t in_hand_from_ns(const struct drain *drain)
{
    uint64_t from_ns = UINT64_MAX;
    for (int class = 0; class < CLASS_COUNT; class ++)
        if (drain->in_hand[class].count > 0 && drain->in_hand[class].from_ns < from_ns)
            from_ns = drain->in_hand[class].from_ns;
    return from_ns == UINT64_MAX ? 0 : from_ns;
}

/*
 * Packs the batch in hand straight into the queue and begins the next. Events that find no room are lost here, and the
 * ledger says which; their sequence numbers are given again, since a sequence counts what was queued.
 */
static void flush(struct drain *drain)
{
    struct batch_encoder *encoder = drain->settings.encoder;
    uint64_t count = batch_encoder_count(encoder);
    size_t size = 0;
    struct queue *queue = way_out(drain);
    batch_encoder_set_made(encoder, clock_boot_ns());
    FAULT_POINT(drain_before_reserve);
    uint8_t *room = queue_reserve(queue, WIRE_REQUEST_BYTES);
    FAULT_POINT(drain_after_reserve);
    bool queued =
        room != NULL && batch_encoder_pack(encoder, wall_minus_boot_ns(drain), room, WIRE_REQUEST_BYTES, &size) == 0;
    if (queued) {
        FAULT_POINT(drain_after_pack);
        struct queue_entry entry = {
            .session = drain->settings.session,
            .first_seq = drain->next_seq,
            .next_seq = drain->next_seq + count,
            .time_ns = clock_boot_ns(),
            .from_ns = in_hand_from_ns(drain),
            .classes = classes_in_hand(drain),
        };
        queue_commit(queue, &entry, size);
        drain->next_seq += count;
    }
    settle_batch(drain, queued);
    drain->last_flush_ns = clock_boot_ns();
    begin_batch(drain, false);
}

static void add_record(struct drain *drain, const struct record_header *header, size_t available,
                       enum event_class class, bool snapshot)
{
    struct batch_encoder *encoder = drain->settings.encoder;
    int r = batch_encoder_add(encoder, header, available);
    if (r == -ENOBUFS) {
        flush(drain);
        begin_batch(drain, snapshot);
        r = batch_encoder_add(encoder, header, available);
    }
    if (r != 0) {
        ledger_lose_encode(&drain->ledger, class, header->time_ns);
        return;
    }
    struct in_hand *held = &drain->in_hand[class];
    if (held->count++ == 0)
        held->from_ns = header->time_ns;
    held->to_ns = header->time_ns;
}

/* The rest is for the other classes. In a small queue it must be three batches at least: the one in hand, which holds
 * events of all classes, what may be left unused at the ring's end, and the next. */
static bool queue_is_tight(const struct drain *drain)
{
    const struct queue *queue = way_out(drain);
    uint64_t used = queue_used(queue), size = queue_size(queue);
    if (drain->settings.spool != NULL && queue == drain->settings.queue)
        return false; /* what it has no room for goes to the disk */
    return used > size / 100 * QUEUE_BULK_PERCENT || used + 3 * WIRE_REQUEST_BYTES > size ||
           spool_is_tight(drain->settings.spool);
}

/* How many of the records from here on are bulk. */
static size_t bulk_run(const struct ring_record *records, size_t count)
{
    size_t run = 0;
    while (run < count && records[run].class == CLASS_BULK)
        run++;
    return run;
}

static bool holds_bulk_run(const struct drain *drain)
{
    return drain->in_hand[CLASS_BULK].count >= SPOOL_RUN_EVENTS && classes_in_hand(drain) == 1u << CLASS_BULK;
}

/*
 * While batches go to the disk, a long run of bulk events gets batches of its own: the spool can give those up, oldest
 * first, and the order of events stays what it is. Called before the first of `records`; returns how many of them may
 * go on without asking again.
 */
static size_t keep_bulk_apart(struct drain *drain, const struct ring_record *records, size_t count)
{
    if (!spool_is_active(drain->settings.spool))
        return count;
    size_t run = bulk_run(records, count);
    bool is_long = run >= SPOOL_RUN_EVENTS;
    uint32_t classes = classes_in_hand(drain);
    if (is_long ? (classes & ~(1u << CLASS_BULK)) != 0 : run < count && holds_bulk_run(drain))
        flush(drain);
    return is_long || run == count ? run : run + 1;
}

/* One round over all rings into the batch in hand. Returns how many records it took. */
static size_t take_round(struct drain *drain)
{
    const struct ring_record *records;
    uint64_t until_ns;
    size_t count = rings_round(drain->settings.rings, &records, &until_ns);
    bool tight = queue_is_tight(drain);
    for (size_t i = 0, apart = 0; i < count; i++) {
        if (i == apart)
            apart += keep_bulk_apart(drain, records + i, count - i);
        enum event_class class = (enum event_class)records[i].class;
        drain->ledger.drained[class]++;
        drain->taken_urgent += class != CLASS_BULK;
        if (tight && class == CLASS_BULK)
            ledger_lose_queue(&drain->ledger, class, records[i].header->time_ns, records[i].header->time_ns, 1);
        else
            add_record(drain, records[i].header, records[i].available, class, false);
    }
    rings_release(drain->settings.rings, !drain->storm);
    FAULT_POINT(drain_after_release);
    ledger_next_round(&drain->ledger);
    drain->drained_until_ns = until_ns;
    return count;
}

/* From when the life before had drained its rings to when this one began to capture. */
static void report_absence(struct drain *drain)
{
    struct queue_recovery *before = &drain->settings.recovery;
    if (before->last_alive_ns == 0)
        return;
    Vedette__V1__Loss loss;
    vedette__v1__loss__init(&loss);
    loss.stage = VEDETTE__V1__LOSS_STAGE__LOSS_ABSENCE;
    loss.event_class = 255;
    loss.cpu = UINT32_MAX;
    loss.from_ns = before->last_alive_ns;
    loss.to_ns = drain->settings.capture_began_ns;
    loss.session = before->last_session;
    loss.in_order = before->in_order;
    if (batch_encoder_add_loss(drain->settings.encoder, &loss) != 0)
        return;
    before->last_alive_ns = 0; /* told */
    drain->holds_losses = true;
}

/* Batches of the life before that could not be kept. */
static void report_dropped(struct drain *drain)
{
    struct queue_recovery *before = &drain->settings.recovery;
    uint64_t events = before->dropped_events + before->dropped_schema_events;
    if (events == 0)
        return;
    Vedette__V1__Loss loss;
    vedette__v1__loss__init(&loss);
    loss.stage = VEDETTE__V1__LOSS_STAGE__LOSS_QUEUE;
    loss.event_class = 255;
    loss.cpu = UINT32_MAX;
    loss.from_ns = before->dropped_from_ns;
    loss.to_ns = before->dropped_to_ns;
    loss.count = events;
    loss.count_exact = before->dropped_events == 0; /* of a torn part only what could be read is known */
    loss.session = before->last_session;
    if (batch_encoder_add_loss(drain->settings.encoder, &loss) != 0)
        return;
    before->dropped_events = before->dropped_schema_events = 0;
    drain->holds_losses = true;
}

/* What was lost joins the batch, unless the queue has no room for it: a range that was told counts as known from then
 * on. */
static void report_losses(struct drain *drain)
{
    if (queue_reserve(way_out(drain), WIRE_REQUEST_BYTES) == NULL)
        return;
    report_absence(drain);
    report_dropped(drain);
    if (ledger_report(&drain->ledger, drain->settings.encoder, clock_boot_ns(), drain->stopping) > 0)
        drain->holds_losses = true;
}

/*
 * Tells the next life from when on its absence counts. What is only in our memory would die with us, so the mark stands
 * still while a loss waits to be told, and once nothing is selected any more.
 */
static void mark_drained(struct drain *drain)
{
    uint64_t until_ns = drain->drained_until_ns < drain->deselected_ns ? drain->drained_until_ns : drain->deselected_ns;
    if (drain->settings.recovery.last_alive_ns == 0 && ledger_is_told(&drain->ledger))
        drain->marked_ns = until_ns;
    FAULT_POINT(drain_before_mark);
    queue_set_drained(way_out(drain), drain->marked_ns, drain->settings.session, drain->next_seq);
    FAULT_POINT(drain_after_mark);
}

/* Everything that was queued is durable at the analyzer. */
static bool is_delivered(const struct drain *drain)
{
    return !spool_is_active(drain->settings.spool) && queue_is_delivered(drain->settings.queue);
}

static void attach_statistics(struct drain *drain)
{
    struct spool_figures spool;
    const struct queue *queue = drain->settings.queue;
    spool_read_figures(drain->settings.spool, &spool);
    ledger_attach_statistics(&drain->ledger, drain->settings.encoder, queue_size(queue),
                             spool_queue_used(drain->settings.spool, queue), &spool);
}

/* Totals are due: the analyzer shall hear of us, unless it is not there and they would only fill the queue. */
static bool is_statistics_due(const struct drain *drain)
{
    return clock_boot_ns() - drain->last_flush_ns >= drain->settings.heartbeat_ms * 1000000 && is_delivered(drain);
}

/* Losses and totals join the batch, which goes out if it then says anything. */
static void finish_round(struct drain *drain)
{
    if (spool_is_active(drain->settings.spool) && holds_bulk_run(drain))
        flush(drain);
    report_losses(drain);
    if (!batch_encoder_is_empty(drain->settings.encoder) || is_statistics_due(drain)) {
        attach_statistics(drain);
        flush(drain);
    }
    mark_drained(drain);
}

static void drain_rings(struct drain *drain)
{
    size_t count;
    drain->taken = drain->taken_urgent = 0;
    /* Bounded, so that signals and plans are looked at under any flood. */
    for (int round = 0; round < 16 && (count = take_round(drain)) > 0; round++)
        drain->taken += count;
    finish_round(drain);
}

static void take_snapshot(struct drain *drain)
{
    const struct record_header *record;
    size_t available;
    drain->snapshot_due = false;
    drain->last_snapshot_ns = clock_boot_ns();
    if (!batch_encoder_is_empty(drain->settings.encoder))
        flush(drain);
    int r = probe_snapshot_begin(drain->settings.probe);
    if (r == -ENFILE) {
        /* Each takes an iterator that was opened with privilege; only a new start has more of them. */
        log_warning("the iterators for snapshots are used up: ending in good order, to be started again");
        drain->stopping = true;
        return;
    }
    if (r != 0) {
        log_warning("no snapshot of running processes: %s; processes that started before the analyzer are known by "
                    "their events only",
                    strerror(-r));
        return;
    }
    begin_batch(drain, true);
    while ((record = probe_snapshot_next(drain->settings.probe, &available)) != NULL) {
        enum event_class class = ledger_count_snapshot(&drain->ledger, record);
        add_record(drain, record, available, class, true);
    }
    probe_snapshot_end(drain->settings.probe);
    flush(drain);
}

static void tell_ready(struct drain *drain)
{
    if (drain->ready_told || (drain->settings.wait_for_plan && drain->plan_epoch == 0))
        return;
    notify_send(drain->settings.notify_fd, "READY=1");
    if (drain->settings.notify_fd >= 0)
        close(drain->settings.notify_fd);
    drain->ready_told = true;
}

void drain_require_critical(struct plan_request *plan)
{
    size_t count;
    const struct event *rows = events_all(&count);
    for (size_t i = 0; i < count; i++)
        if (event_is_always_on(&rows[i])) {
            plan->selected[rows[i].id] = SELECTED_ALL;
            plan->scopes.of_event[rows[i].id] = 0;
        }
}

static bool is_snapshot_time(const struct drain *drain)
{
    return drain->last_snapshot_ns == 0 || clock_boot_ns() - drain->last_snapshot_ns >= SNAPSHOT_INTERVAL_NS;
}

static void take_plan(struct drain *drain)
{
    static struct plan_request plan; /* a kilobyte that need not be on the stack */
    uint32_t snapshot = drain->snapshot_wanted;
    if (drain->stopping || !queue_take_plan(drain->settings.queue, &drain->plan_epoch, &drain->snapshot_wanted, &plan))
        return;
    if (plan.epoch != 0) { /* 0: no plan has come yet, only a wish for a snapshot */
        drain_require_critical(&plan);
        probe_apply_plan(drain->settings.probe, &plan);
    }
    drain->snapshot_due |= drain->snapshot_wanted != snapshot;
    if (drain->snapshot_due && is_snapshot_time(drain))
        take_snapshot(drain);
    tell_ready(drain);
}

/* Our own three processes would otherwise report their own reading and writing. */
static void exclude_self(struct drain *drain)
{
    pid_t worker = drain->settings.worker(drain->settings.courier);
    if (worker == drain->excluded_worker)
        return;
    const uint32_t own[] = {(uint32_t)getpid(), (uint32_t)drain->settings.keeper, (uint32_t)worker};
    drain->excluded_worker = worker;
    probe_set_self(drain->settings.probe, own, sizeof(own) / sizeof(own[0]));
}

static void take_signals(struct drain *drain)
{
    struct signalfd_siginfo info;
    while (read(drain->settings.signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo == SIGCHLD) {
            int status;
            if (waitpid(drain->settings.keeper, &status, WNOHANG) > 0 && !(drain->stopping && status == 0)) {
                log_error("the courier ended unexpectedly (status %d); what is queued stays for the next start",
                          status);
                drain->courier_died = true;
            }
        } else {
            drain->stopping = true;
        }
    }
}

static int watch(struct drain *drain, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    return epoll_ctl(drain->epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

static void empty_eventfd(int fd)
{
    uint64_t value;
    if (read(fd, &value, sizeof(value)) < 0)
        return; /* it was empty: somebody was faster */
}

static void wait_for_work(struct drain *drain, int timeout_ms)
{
    struct epoll_event events[8];
    int count = epoll_wait(drain->epoll_fd, events, 8, timeout_ms);
    for (int i = 0; i < count; i++) {
        if (events[i].data.fd == drain->settings.signal_fd)
            take_signals(drain);
        else if (events[i].data.fd == queue_drain_fd(drain->settings.queue))
            empty_eventfd(events[i].data.fd);
    }
    spool_kick(drain->settings.spool);
}

static uint64_t since_flush_ms(const struct drain *drain)
{
    return (clock_boot_ns() - drain->last_flush_ns) / 1000000;
}

/* An urgent wake-up right after a flush waits a moment for company. */
static void space_urgent_rounds(const struct drain *drain)
{
    uint64_t since_ms = since_flush_ms(drain);
    if (since_ms < URGENT_INTERVAL_MS)
        poll(NULL, 0, (int)(URGENT_INTERVAL_MS - since_ms));
}

/* How long to sleep after rounds that brought what came in `elapsed_ms`. */
static void adapt_interval(struct drain *drain, uint64_t elapsed_ms)
{
    const bool storm = drain->taken_urgent >= STORM_EVENTS_PER_MS * (elapsed_ms + 1), was_storm = drain->storm;
    if (storm != was_storm)
        probe_set_storm(drain->settings.probe, storm);
    drain->storm = storm;
    if (storm)
        drain->interval_ms = STORM_INTERVAL_MS;
    else if (was_storm) /* for what came without a wake-up in the meantime */
        drain->interval_ms = URGENT_INTERVAL_MS;
    else if (drain->taken >= BUSY_ROUND_EVENTS)
        drain->interval_ms = BULK_INTERVAL_MIN_MS;
    else if (drain->interval_ms < BULK_INTERVAL_MAX_MS)
        drain->interval_ms *= 2;
    if (drain->interval_ms > BULK_INTERVAL_MAX_MS)
        drain->interval_ms = BULK_INTERVAL_MAX_MS;
}

/*
 * Selects nothing any more and empties the rings. A program that saw the plan before may still be running, on another
 * CPU or preempted, so quiet counts only when it has lasted.
 */
static void settle(struct drain *drain)
{
    static struct plan_request nothing;
    nothing.epoch = drain->plan_epoch + 1;
    drain->deselected_ns = clock_boot_ns();
    probe_apply_plan(drain->settings.probe, &nothing);
    int quiet = 0;
    for (int round = 0; round < SETTLE_ROUNDS && quiet < SETTLE_QUIET_ROUNDS; round++) {
        poll(NULL, 0, SETTLE_ROUND_MS);
        drain_rings(drain);
        quiet = drain->taken == 0 && ledger_rings_settled(&drain->ledger) ? quiet + 1 : 0;
    }
    if (quiet < SETTLE_QUIET_ROUNDS)
        log_warning("some events were still in flight at the end");
}

/* Waits for the courier until `done` or the deadline. */
static void wait_for_courier(struct drain *drain, bool (*done)(const struct drain *drain), uint64_t deadline_ns)
{
    uint64_t now_ns;
    while (!done(drain) && !drain->courier_died && (now_ns = clock_boot_ns()) < deadline_ns)
        wait_for_work(drain, (int)((deadline_ns - now_ns) / 1000000) + 1);
}

static bool has_room(const struct drain *drain)
{
    return queue_reserve(way_out(drain), WIRE_REQUEST_BYTES) != NULL;
}

/* The courier ends when the queue is empty: it must not be told to before nothing more can come into it. */
static bool is_all_in_queue(const struct drain *drain)
{
    return way_out(drain) == drain->settings.queue;
}

static void say_what_is_left(const struct drain *drain)
{
    struct spool_figures spool;
    spool_read_figures(drain->settings.spool, &spool);
    log_error("%" PRIu64 " bytes of events are not delivered; they stay in the queue for the next start",
              spool_queue_used(drain->settings.spool, drain->settings.queue));
    if (spool.batches > 0)
        log_error("%" PRIu64 " batches more are in the spool and stay there", spool.batches);
}

/* The last batch tells what was lost and the totals: a full queue must give it room first. */
static int stop(struct drain *drain)
{
    uint64_t deadline_ns = clock_boot_ns() + drain->settings.shutdown_ms * 1000000;
    settle(drain);
    wait_for_courier(drain, has_room, deadline_ns);
    report_losses(drain);
    attach_statistics(drain);
    batch_encoder_set_final(drain->settings.encoder);
    flush(drain);
    mark_drained(drain);
    wait_for_courier(drain, is_all_in_queue, deadline_ns);
    queue_set_closing(drain->settings.queue);
    wait_for_courier(drain, is_delivered, deadline_ns);
    if (is_delivered(drain) && ledger_is_told(&drain->ledger))
        return EXIT_CODE_OK;
    say_what_is_left(drain);
    return EXIT_CODE_RUNTIME;
}

static int open_loop(struct drain *drain)
{
    drain->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (drain->epoll_fd < 0 || watch(drain, rings_fd(drain->settings.rings)) != 0 ||
        watch(drain, queue_drain_fd(drain->settings.queue)) != 0 || watch(drain, drain->settings.signal_fd) != 0) {
        log_error("epoll: %s", strerror(errno));
        return EXIT_CODE_RUNTIME;
    }
    return EXIT_CODE_OK;
}

int drain_run(const struct drain_settings *settings)
{
    struct drain drain = {.settings = *settings,
                          .interval_ms = BULK_INTERVAL_MIN_MS,
                          .drained_until_ns = settings->capture_began_ns,
                          .marked_ns = settings->capture_began_ns,
                          .deselected_ns = UINT64_MAX,
                          .last_flush_ns = clock_boot_ns()};
    if (open_loop(&drain) != EXIT_CODE_OK)
        return EXIT_CODE_RUNTIME;
    ledger_init(&drain.ledger, settings->probe, settings->capture_began_ns);
    begin_batch(&drain, false);
    tell_ready(&drain);
    while (!drain.stopping && !drain.courier_died) {
        wait_for_work(&drain, (int)drain.interval_ms);
        space_urgent_rounds(&drain);
        exclude_self(&drain);
        take_plan(&drain);
        if (drain.snapshot_due && is_snapshot_time(&drain))
            take_snapshot(&drain);
        const uint64_t elapsed_ms = since_flush_ms(&drain);
        drain_rings(&drain);
        adapt_interval(&drain, elapsed_ms);
    }
    int status = drain.courier_died ? EXIT_CODE_RUNTIME : stop(&drain);
    close(drain.epoll_fd);
    return status;
}
