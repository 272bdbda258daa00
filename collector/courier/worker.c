/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/courier/worker.h"

#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <sys/random.h>

#include "collector/courier/url.h"
#include "common/base/clock.h"
#include "common/base/exit_code.h"
#include "common/base/log.h"

enum { HEARTBEAT_MS = 5000, REPLY_TIMEOUT_MS = 10000, BACKOFF_MIN_MS = 500, BACKOFF_MAX_MS = 30000 };

static uint32_t or_default(uint32_t value, uint32_t otherwise)
{
    return value > 0 ? value : otherwise;
}

static uint64_t resolver_stamp(void)
{
    static const char *const paths[] = {"/etc/resolv.conf", "/etc/hosts"};
    return credential_stamp(paths, sizeof(paths) / sizeof(paths[0]));
}

static int init(struct worker *worker, const struct courier_settings *settings, struct queue *queue,
                const uint8_t *hello, size_t hello_size)
{
    *worker = (struct worker){
        .queue = queue,
        .url = settings->bus_url,
        .hello = hello,
        .hello_size = hello_size,
        .heartbeat_ms = or_default(settings->heartbeat_ms, HEARTBEAT_MS),
        .backoff_min_ms = or_default(settings->backoff_min_ms, BACKOFF_MIN_MS),
        .backoff_max_ms = or_default(settings->backoff_max_ms, BACKOFF_MAX_MS),
        .lost_since_ns = clock_boot_ns(),
    };
    worker->backoff_ms = worker->backoff_min_ms;
    worker->resolver_stamp = resolver_stamp();
    credentials_init(&worker->credentials, settings);
    int error = message_hello_session(hello, hello_size, &worker->session);
    if (error)
        return error;
    queue_peek_plan(queue, &worker->plan); /* what a worker before us was told; else epoch 0, no plan */
    worker->replies = replies_new();
    worker->bus = bus_new(settings->bus_url, or_default(settings->reply_timeout_ms, REPLY_TIMEOUT_MS),
                          worker->backoff_min_ms, worker->backoff_max_ms);
    return worker->replies && worker->bus ? 0 : -ENOMEM;
}

static const char *advice(const struct worker *worker, int refusal)
{
    switch (refusal) {
    case 0:
        return worker->is_greeting && worker->credentials.token
                   ? "; an analyzer hangs up on a node whose name and bus.token its bus.enrolment does not hold"
                   : "";
    case VEDETTE__V1__REFUSAL_CODE__REFUSED_NODE_TAKEN:
        return "; another collector speaks for this node: stop it, or give each its own node name";
    case VEDETTE__V1__REFUSAL_CODE__REFUSED_IDENTITY:
        return "; check the collector's user and group, or its credential";
    case VEDETTE__V1__REFUSAL_CODE__REFUSED_VERSION:
        return "; no common version of the protocol: upgrade the older of the two";
    default:
        return "";
    }
}

void worker_note_lost(struct worker *worker, int refusal, const char *why)
{
    /* Once a loss, and once for each new reason of a refusal: who refuses us may also hang up on us, again and again.
     */
    if (worker->is_lost && (refusal == 0 || worker->told_refusal == refusal))
        return;
    if (!worker->is_lost && worker->was_there)
        worker->lost_since_ns = clock_boot_ns();
    worker->is_lost = true;
    worker->told_refusal = refusal;
    log_warning("courier: the analyzer at %s %s: %s%s; batches wait in the queue, trying again every %u to %u ms",
                worker->url, refusal ? "refuses us" : "cannot be used", why, advice(worker, refusal),
                worker->backoff_min_ms, worker->backoff_max_ms);
}

static void note_back(struct worker *worker)
{
    bool again = worker->was_there;
    worker->was_there = true;
    if (!worker->is_lost)
        return;
    worker->is_lost = false;
    worker->told_refusal = 0;
    log_info("courier: the analyzer at %s is there%s after %llu ms; %llu batches were waiting", worker->url,
             again ? " again" : "", (unsigned long long)((clock_boot_ns() - worker->lost_since_ns) / 1000000),
             (unsigned long long)queue_count(worker->queue));
}

void worker_pause(struct worker *worker, uint32_t milliseconds)
{
    struct pollfd fd = {.fd = bus_change_fd(worker->bus), .events = POLLIN};
    uint64_t end_ns = clock_boot_ns() + milliseconds * 1000000ull;
    for (;;) {
        uint64_t now_ns = clock_boot_ns();
        if (now_ns >= end_ns ||
            (poll(&fd, 1, (int)((end_ns - now_ns) / 1000000) + 1) > 0 && !bus_is_still_there(worker->bus)))
            return;
    }
}

/*
 * Half to one and a half times the backoff, so that a thousand nodes do not come back in step. In slices: a connection
 * that comes meanwhile is used when we wait for one, and when the drain wants to end there is no time for a long wait
 * that began before.
 */
static void back_off(struct worker *worker, bool until_connected)
{
    uint32_t random = 0;
    if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
        random = (uint32_t)clock_boot_ns();
    uint32_t wait = worker->backoff_ms / 2 + random % (worker->backoff_ms + 1);
    uint32_t slice = worker->backoff_min_ms;
    for (uint32_t waited = 0; waited < wait; waited += slice) {
        poll(NULL, 0, (int)(slice < wait - waited ? slice : wait - waited));
        if ((until_connected && bus_has_connection(worker->bus)) || queue_is_closing(worker->queue))
            break;
    }
    worker->backoff_ms =
        worker->backoff_ms < worker->backoff_max_ms / 2 ? worker->backoff_ms * 2 : worker->backoff_max_ms;
}

/* Landlock shows this worker the resolver's files that there were when it began (confine_worker_files). */
static void end_if_resolver_changed(struct worker *worker)
{
    if (!url_is_named(worker->url) || resolver_stamp() == worker->resolver_stamp)
        return;
    log_info("courier: the resolver's files have changed: another worker will read them");
    _exit(EXIT_CODE_OK);
}

static const char *try_to_connect(struct worker *worker)
{
    credentials_look(&worker->credentials, worker->bus, false);
    if (worker->credentials.is_tls && !worker->credentials.is_loaded)
        return "our certificates cannot be used";
    return bus_connect(worker->bus);
}

static void connect_in_the_end(struct worker *worker)
{
    const char *why;
    while ((why = try_to_connect(worker)) != NULL) {
        worker_note_lost(worker, 0, why);
        end_if_resolver_changed(worker);
        back_off(worker, true);
    }
}

/* On one connection, until it is lost or all is done. */
static enum step serve(struct worker *worker)
{
    enum step step = delivery_greet(worker);
    if (step == STEP_ON)
        note_back(worker);
    malloc_trim(0); /* hello and welcome name every event; what follows is small */
    while (step == STEP_ON || step == STEP_HELLO)
        step = step == STEP_HELLO ? delivery_greet(worker) : delivery_step(worker);
    return step;
}

void worker_run(const struct courier_settings *settings, struct queue *queue, const uint8_t *hello, size_t hello_size,
                uint64_t began_ns)
{
    static struct worker worker;
    queue_rewind(queue);
    int error = init(&worker, settings, queue, hello, hello_size);
    worker.began_ns = began_ns;
    if (error) {
        log_error("courier: the worker cannot start: %s", strerror(-error));
        _exit(EXIT_CODE_RUNTIME);
    }
    for (;;) {
        connect_in_the_end(&worker);
        if (serve(&worker) == STEP_DONE)
            break;
        back_off(&worker, false);
    }
    _exit(EXIT_CODE_OK);
}
