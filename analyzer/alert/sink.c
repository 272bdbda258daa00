/* SPDX-License-Identifier: Apache-2.0 */
#include "analyzer/alert/sink.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/random.h>

#include "analyzer/alert/backoff.h"
#include "common/base/clock.h"
#include "common/base/fault.h"
#include "common/base/log.h"

#define SINK(name) extern const struct sink_kind sink_##name;
#include "analyzer/alert/sinks.def"
#undef SINK

static const struct sink_kind *const kinds[] = {
#define SINK(name) &sink_##name,
#include "analyzer/alert/sinks.def"
#undef SINK
};

enum { IDLE_WAIT_MS = 3600000 }; /* woken by a commit or by the stop; the time only bounds a mistake */

const struct sink_kind *const *sink_kinds(size_t *ret_count)
{
    *ret_count = sizeof(kinds) / sizeof(kinds[0]);
    return kinds;
}

const struct sink_kind *sink_kind_by_name(const char *name)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(kinds[i]->name, name) == 0)
            return kinds[i];
    return NULL;
}

/* A run of failures, logged at its begin and at its end. The runner's thread only. */
struct outage {
    uint64_t since_ns; /* 0: none */
    uint64_t attempts;
};

struct sink_runner {
    struct outbox *outbox;
    const struct sink_settings *settings;
    const struct sink_kind *kind;
    char name[SINK_NAME_BYTES];
    uint32_t backoff_min_ms, backoff_max_ms;
    void *sink;
    pthread_t thread;
    uint64_t random; /* state of the jitter */
    struct outage outage;
    uint64_t refused_in_row; /* logged at the first */
    uint64_t tick_ns;        /* when the kind's tick is due, after boot */
    unsigned passed_over;    /* filtered alerts that the cursor on disk does not know yet */

    pthread_mutex_t lock;
    pthread_cond_t changed; /* on CLOCK_MONOTONIC */
    /* Under lock. */
    bool stopping, stop_noticed, ended;
    struct timespec stop_at;

    atomic_int_fast64_t row;
    atomic_uint_fast64_t delivered, retries, refused, filtered;
    atomic_bool away;
};

/* xorshift64*: jitter needs to differ between analyzers, not to be secret. */
static uint64_t next_random(struct sink_runner *runner)
{
    uint64_t x = runner->random;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    runner->random = x;
    return x * 0x2545f4914f6cdd1du;
}

static void add_ms(struct timespec *time, uint64_t ms)
{
    time->tv_sec += (time_t)(ms / 1000);
    time->tv_nsec += (long)(ms % 1000) * 1000000;
    if (time->tv_nsec >= 1000000000) {
        time->tv_sec++;
        time->tv_nsec -= 1000000000;
    }
}

static bool before(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec < b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec < b->tv_nsec);
}

static bool is_stopping(struct sink_runner *runner)
{
    pthread_mutex_lock(&runner->lock);
    bool stopping = runner->stopping;
    pthread_mutex_unlock(&runner->lock);
    return stopping;
}

static bool time_is_up(struct sink_runner *runner)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    pthread_mutex_lock(&runner->lock);
    bool up = runner->stopping && !before(&now, &runner->stop_at);
    pthread_mutex_unlock(&runner->lock);
    return up;
}

static uint32_t backoff_ms(struct sink_runner *runner, uint64_t attempt, uint32_t retry_after_ms)
{
    return sink_backoff_ms(runner->backoff_min_ms, runner->backoff_max_ms, attempt, retry_after_ms,
                           next_random(runner));
}

/* Ends early once when the stop begins, whose time is for another attempt at once, and in any case when that time is
 * up. */
static void wait_backoff(struct sink_runner *runner, uint32_t ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    add_ms(&until, ms);
    pthread_mutex_lock(&runner->lock);
    int result = 0;
    while (result != ETIMEDOUT && (!runner->stopping || runner->stop_noticed)) {
        if (runner->stopping && before(&runner->stop_at, &until))
            until = runner->stop_at;
        result = pthread_cond_timedwait(&runner->changed, &runner->lock, &until);
    }
    runner->stop_noticed = runner->stopping;
    pthread_mutex_unlock(&runner->lock);
}

static uint64_t waiting(struct sink_runner *runner)
{
    return outbox_count_after(runner->outbox, atomic_load(&runner->row));
}

static void begin_outage(struct sink_runner *runner, const char *words)
{
    runner->outage.attempts++;
    if (runner->outage.since_ns)
        return;
    runner->outage.since_ns = clock_boot_ns();
    atomic_store(&runner->away, true);
    log_warning("sink %s: %s; alerts wait in the outbox and are tried again", runner->name, words);
}

static void end_outage(struct sink_runner *runner)
{
    if (!runner->outage.since_ns)
        return;
    log_info("sink %s: works again after %llu s and %llu failed attempts; %llu more alerts to deliver", runner->name,
             (unsigned long long)((clock_boot_ns() - runner->outage.since_ns) / 1000000000u),
             (unsigned long long)runner->outage.attempts, (unsigned long long)waiting(runner));
    runner->outage = (struct outage){0};
    atomic_store(&runner->away, false);
}

/*
 * Moves the cursor after each alert, so that a crash repeats one at most. Where that fails (a full disk) nothing more
 * is delivered until it succeeds: going on would repeat them all.
 */
static bool advance(struct sink_runner *runner, const struct alert *alert, const char *dead)
{
    for (uint64_t attempt = 0;; attempt++) {
        /* Without an alert the cursor passes what the filter held back. */
        int result = alert ? outbox_sink_settle(runner->outbox, runner->name, alert, dead)
                           : outbox_sink_advance(runner->outbox, runner->name, atomic_load(&runner->row), NULL);
        if (result == 0) {
            FAULT_POINT(sink_after_commit);
            if (alert && alert->letter == 0)
                atomic_store(&runner->row, alert->row);
            if (!alert || alert->letter == 0)
                runner->passed_over = 0;
            return true;
        }
        char words[OUTBOX_ERROR_BYTES];
        outbox_last_error(runner->outbox, words);
        begin_outage(runner, words);
        if (time_is_up(runner))
            return false;
        wait_backoff(runner, backoff_ms(runner, attempt, 0));
    }
}

static bool refuse(struct sink_runner *runner, const struct alert *alert, const char *words)
{
    if (!advance(runner, alert, words))
        return false;
    atomic_fetch_add(&runner->refused, 1);
    if (runner->refused_in_row++ == 0)
        log_warning("sink %s: refused alert %s (%s): %s; kept as a dead letter", runner->name, alert->id,
                    alert->detection, words);
    end_outage(runner);
    return true;
}

/* The first was logged by itself. */
static void tell_refused(struct sink_runner *runner, const char *until)
{
    if (runner->refused_in_row > 1)
        log_warning("sink %s: refused %llu alerts in a row %s", runner->name,
                    (unsigned long long)runner->refused_in_row, until);
    runner->refused_in_row = 0;
}

/* One alert to its end. False: the stop's time is up. */
static bool deliver(struct sink_runner *runner, const struct alert *alert)
{
    for (uint64_t attempt = 0;; attempt++) {
        char words[SINK_ERROR_BYTES] = "no reason given";
        uint32_t retry_after_ms = 0;
        FAULT_POINT(sink_before_deliver);
        enum sink_result result = runner->kind->deliver(runner->sink, alert, &retry_after_ms, words);
        if (result == SINK_REFUSED)
            return refuse(runner, alert, words);
        if (result == SINK_DELIVERED) {
            FAULT_POINT(sink_after_deliver);
            atomic_fetch_add(&runner->delivered, 1);
            if (!advance(runner, alert, NULL))
                return false;
            tell_refused(runner, "before it took one again");
            end_outage(runner);
            return true;
        }
        if (time_is_up(runner))
            return false;
        atomic_fetch_add(&runner->retries, 1);
        begin_outage(runner, words);
        wait_backoff(runner, backoff_ms(runner, attempt, retry_after_ms));
        if (time_is_up(runner))
            return false;
    }
}

/*
 * What the filter holds back is passed over in memory, as a commit for each would cost what a delivery does; a crash
 * only judges it again. The cursor on disk follows now and then: the outbox keeps what stands behind it.
 */
static bool pass_over(struct sink_runner *runner, const struct alert *alert)
{
    atomic_fetch_add(&runner->filtered, 1);
    atomic_store(&runner->row, alert->row);
    return ++runner->passed_over < SINK_FILTERED_MAX || advance(runner, NULL, NULL);
}

/* What the kind does again by itself. How long the sink may then be left alone. */
static uint32_t tick(struct sink_runner *runner)
{
    uint32_t wait_ms = IDLE_WAIT_MS;
    char words[SINK_ERROR_BYTES] = "no reason given";
    if (!runner->kind->tick)
        return wait_ms;
    if (runner->kind->tick(runner->sink, &wait_ms, words) == SINK_DELIVERED) {
        end_outage(runner);
    } else {
        atomic_fetch_add(&runner->retries, 1);
        begin_outage(runner, words);
        wait_ms = backoff_ms(runner, runner->outage.attempts, 0);
    }
    runner->tick_ns = clock_boot_ns() + wait_ms * UINT64_C(1000000);
    return wait_ms;
}

/* Nothing waits. */
static uint32_t be_idle(struct sink_runner *runner)
{
    if (runner->passed_over > 0)
        advance(runner, NULL, NULL);
    return tick(runner);
}

/* In the middle of much to deliver too. */
static void tick_if_due(struct sink_runner *runner)
{
    if (runner->kind->tick && clock_boot_ns() >= runner->tick_ns)
        tick(runner);
}

/* The next alert, or false when there is none and the runner stops. */
static bool next_alert(struct sink_runner *runner, struct alert *ret_alert)
{
    for (uint64_t attempt = 0;; attempt++) {
        int64_t row = atomic_load(&runner->row);
        uint64_t wakes = outbox_wakes(runner->outbox);
        /* Asked before the read: what was committed before the stop is seen. */
        bool stopping = is_stopping(runner);
        int error = outbox_next(runner->outbox, runner->name, row, ret_alert);
        if (!error)
            return true;
        if (stopping && (error == -ENOENT || time_is_up(runner)))
            return false;
        if (error == -ENOENT) {
            outbox_wait_since(runner->outbox, row, wakes, be_idle(runner));
            attempt = 0;
            continue;
        }
        char words[OUTBOX_ERROR_BYTES];
        outbox_last_error(runner->outbox, words);
        begin_outage(runner, words);
        wait_backoff(runner, backoff_ms(runner, attempt, 0));
    }
}

static void *run(void *arg)
{
    struct sink_runner *runner = arg;
    struct alert alert;
    bool go_on = true;
    while (go_on && next_alert(runner, &alert)) {
        tick_if_due(runner);
        if (time_is_up(runner))
            go_on = false;
        else if (alert.letter != 0 || sink_settings_want(runner->settings, &alert)) /* who redrives one wants it */
            go_on = deliver(runner, &alert);
        else
            go_on = pass_over(runner, &alert);
        alert_fini(&alert);
    }
    if (runner->passed_over > 0 && !time_is_up(runner))
        advance(runner, NULL, NULL);
    tell_refused(runner, "before the end");
    pthread_mutex_lock(&runner->lock);
    runner->ended = true;
    pthread_cond_broadcast(&runner->changed);
    pthread_mutex_unlock(&runner->lock);
    return NULL;
}

static void runner_free(struct sink_runner *runner)
{
    if (!runner)
        return;
    if (runner->sink)
        runner->kind->close(runner->sink);
    pthread_cond_destroy(&runner->changed);
    pthread_mutex_destroy(&runner->lock);
    free(runner);
}

static struct sink_runner *runner_new(struct outbox *outbox, const struct sink_settings *settings)
{
    struct sink_runner *runner = calloc(1, sizeof(*runner));
    if (!runner)
        return NULL;
    runner->outbox = outbox;
    runner->settings = settings;
    runner->kind = settings->kind;
    snprintf(runner->name, sizeof(runner->name), "%s", settings->name[0] ? settings->name : settings->kind->name);
    runner->backoff_min_ms = settings->retry_min_ms ? (uint32_t)settings->retry_min_ms : SINK_BACKOFF_MIN_MS;
    runner->backoff_max_ms = settings->retry_max_ms ? (uint32_t)settings->retry_max_ms : SINK_BACKOFF_MAX_MS;
    if (runner->backoff_max_ms < runner->backoff_min_ms)
        runner->backoff_max_ms = runner->backoff_min_ms;
    if (getrandom(&runner->random, sizeof(runner->random), GRND_NONBLOCK) != sizeof(runner->random))
        runner->random = clock_boot_ns();
    runner->random |= 1; /* zero would stay zero */
    pthread_mutex_init(&runner->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&runner->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    return runner;
}

/* Its thread takes no signal: those are the main thread's, and SIGPIPE is an error of write(2). */
static int start_thread(struct sink_runner *runner)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&runner->thread, NULL, run, runner);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -error;
}

struct sink_runner *sink_runner_start(struct outbox *outbox, const struct sink_settings *settings,
                                      char error[SINK_ERROR_BYTES])
{
    struct sink_runner *runner = runner_new(outbox, settings);
    if (!runner) {
        snprintf(error, SINK_ERROR_BYTES, "sink %s: out of memory", settings->kind->name);
        return NULL;
    }
    int64_t row = 0;
    runner->sink = runner->kind->open(settings, error);
    int result = runner->sink ? outbox_sink_open(outbox, runner->name, true, &row) : -EINVAL;
    if (runner->sink && result) {
        char words[OUTBOX_ERROR_BYTES];
        outbox_last_error(outbox, words);
        snprintf(error, SINK_ERROR_BYTES, "sink %s: %.180s", runner->name, words);
    }
    atomic_store(&runner->row, row);
    if (!result && (result = start_thread(runner)))
        snprintf(error, SINK_ERROR_BYTES, "sink %s: no thread: %s", runner->name, strerror(-result));
    if (!result)
        return runner;
    runner_free(runner);
    errno = -result;
    return NULL;
}

void sink_runner_stop_soon(struct sink_runner *runner, uint32_t drain_ms)
{
    if (!runner)
        return;
    pthread_mutex_lock(&runner->lock);
    if (!runner->stopping) {
        clock_gettime(CLOCK_MONOTONIC, &runner->stop_at);
        add_ms(&runner->stop_at, drain_ms);
        runner->stopping = true;
    }
    pthread_cond_broadcast(&runner->changed);
    pthread_mutex_unlock(&runner->lock);
    outbox_wake(runner->outbox);
}

uint64_t sink_runner_stop(struct sink_runner *runner, uint32_t drain_ms)
{
    if (!runner)
        return 0;
    sink_runner_stop_soon(runner, drain_ms);
    pthread_mutex_lock(&runner->lock);
    while (!runner->ended)
        if (pthread_cond_timedwait(&runner->changed, &runner->lock, &runner->stop_at) == ETIMEDOUT)
            break;
    bool ended = runner->ended;
    pthread_mutex_unlock(&runner->lock);
    if (!ended && runner->kind->interrupt)
        runner->kind->interrupt(runner->sink);
    pthread_join(runner->thread, NULL);
    uint64_t left = waiting(runner);
    runner_free(runner);
    return left;
}

void sink_runner_reopen(struct sink_runner *runner)
{
    if (runner->kind->reopen)
        runner->kind->reopen(runner->sink);
}

static double oldest_age_s(struct sink_runner *runner)
{
    struct alert alert;
    if (outbox_read(runner->outbox, atomic_load(&runner->row), &alert))
        return 0;
    double age = ((double)clock_boot_ns() + (double)clock_wall_minus_boot_ns() - (double)alert.time_ns) / 1e9;
    alert_fini(&alert);
    return age > 0 ? age : 0;
}

bool sink_runner_is_away(const struct sink_runner *runner)
{
    return atomic_load(&runner->away);
}

void sink_runner_collect(void *arg, struct metrics_writer *writer)
{
    struct sink_runner *runner = arg;
    const struct metric_label labels[] = {{"sink", runner->name}, {NULL, NULL}};
    struct outbox_figures figures;
    outbox_figures(runner->outbox, &figures);
    int64_t depth = figures.last_row - atomic_load(&runner->row);
    metrics_put(writer, METRIC_SINK_DELIVERED, labels, (double)atomic_load(&runner->delivered));
    metrics_put(writer, METRIC_SINK_RETRIES, labels, (double)atomic_load(&runner->retries));
    metrics_put(writer, METRIC_SINK_REFUSED, labels, (double)atomic_load(&runner->refused));
    metrics_put(writer, METRIC_SINK_FILTERED, labels, (double)atomic_load(&runner->filtered));
    metrics_put(writer, METRIC_SINK_QUEUE, labels, depth > 0 ? (double)depth : 0);
    metrics_put(writer, METRIC_SINK_AGE, labels, depth > 0 ? oldest_age_s(runner) : 0);
    metrics_put(writer, METRIC_SINK_UP, labels, atomic_load(&runner->away) ? 0 : 1);
    if (runner->kind->collect)
        runner->kind->collect(runner->sink, labels, writer);
}
