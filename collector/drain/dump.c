/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/drain/dump.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/signalfd.h>

#include "collector/drain/ledger.h"
#include "common/base/clock.h"
#include "common/base/exit_code.h"
#include "common/base/log.h"
#include "common/wire/frame.h"

enum { ROUND_MS = 50, SETTLE_ROUND_MS = 5, SETTLE_QUIET_ROUNDS = 4, SETTLE_ROUNDS = 400 };

struct dump {
    const struct dump_settings *settings;
    struct ledger ledger;
    uint64_t next_seq;
    uint64_t in_hand[CLASS_COUNT];
    int failure; /* of writing: nothing more is written */
    uint8_t bytes[WIRE_REQUEST_BYTES];
};

/* -ECANCELED at the second signal. */
static int take_signal(struct dump_out *out)
{
    struct signalfd_siginfo info;
    if (read(out->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return 0;
    if (out->deadline_ns != 0)
        return -ECANCELED;
    out->deadline_ns = clock_boot_ns() + out->patience_ms * 1000000;
    return 0;
}

/* Until some of it is taken: a reader that stands still cannot keep a signal out. */
static int wait_for_reader(struct dump_out *out)
{
    for (;;) {
        struct pollfd fds[] = {{.fd = out->fd, .events = POLLOUT}, {.fd = out->signal_fd, .events = POLLIN}};
        uint64_t now_ns = clock_boot_ns();
        if (out->deadline_ns != 0 && now_ns >= out->deadline_ns)
            return -ECANCELED;
        int wait_ms = out->deadline_ns != 0 ? (int)((out->deadline_ns - now_ns) / 1000000) + 1 : -1;
        if (poll(fds, 2, wait_ms) < 0 && errno != EINTR)
            return -errno;
        if (fds[0].revents != 0)
            return 0; /* or an error, which write tells */
        int result = take_signal(out);
        if (result != 0)
            return result;
    }
}

static int write_whole(struct dump_out *out, const uint8_t *bytes, size_t size)
{
    for (size_t done = 0; done < size;) {
        int result = wait_for_reader(out);
        if (result != 0)
            return result;
        /* A pipe that is ready takes as much without blocking. */
        ssize_t n = write(out->fd, bytes + done, size - done < PIPE_BUF ? size - done : PIPE_BUF);
        if (n < 0 && errno != EINTR && errno != EAGAIN)
            return -errno;
        done += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

static int write_frame(struct dump_out *out, const uint8_t *bytes, size_t size)
{
    uint8_t head[FRAME_HEAD_BYTES];
    frame_head(size, head);
    int result = write_whole(out, head, sizeof(head));
    return result == 0 ? write_whole(out, bytes, size) : result;
}

int dump_hello(struct dump_out *out, const uint8_t *hello, size_t size)
{
    int result = write_whole(out, frame_magic, sizeof(frame_magic));
    return result == 0 ? write_frame(out, hello, size) : result;
}

static void begin(struct dump *dump, bool snapshot)
{
    memset(dump->in_hand, 0, sizeof(dump->in_hand));
    batch_encoder_begin(dump->settings->encoder, dump->settings->session, dump->next_seq, snapshot);
}

static void flush(struct dump *dump, bool snapshot)
{
    const struct dump_settings *settings = dump->settings;
    size_t size = 0;
    uint64_t count = batch_encoder_count(settings->encoder);
    if (batch_encoder_pack(settings->encoder, clock_wall_minus_boot_ns(), dump->bytes, sizeof(dump->bytes), &size) != 0)
        dump->failure = -EMSGSIZE;
    if (dump->failure == 0)
        dump->failure = write_frame(settings->out, dump->bytes, size);
    dump->next_seq += count;
    for (int class = 0; class < CLASS_COUNT; class ++)
        dump->ledger.queued[class] += dump->in_hand[class];
    begin(dump, snapshot);
}

static void add(struct dump *dump, const struct record_header *header, size_t available, enum event_class class,
                bool snapshot)
{
    struct batch_encoder *encoder = dump->settings->encoder;
    int result = batch_encoder_add(encoder, header, available);
    if (result == -ENOBUFS) {
        flush(dump, snapshot);
        result = batch_encoder_add(encoder, header, available);
    }
    if (result == 0)
        dump->in_hand[class]++;
    else
        ledger_lose_encode(&dump->ledger, class, header->time_ns);
}

static size_t take_round(struct dump *dump)
{
    const struct ring_record *records;
    uint64_t until_ns;
    size_t count = rings_round(dump->settings->rings, &records, &until_ns);
    for (size_t i = 0; i < count; i++) {
        enum event_class class = (enum event_class)records[i].class;
        dump->ledger.drained[class]++;
        add(dump, records[i].header, records[i].available, class, false);
    }
    rings_release(dump->settings->rings, true);
    ledger_next_round(&dump->ledger);
    return count;
}

static void finish_round(struct dump *dump)
{
    ledger_report(&dump->ledger, dump->settings->encoder, clock_boot_ns(), true);
    if (batch_encoder_is_empty(dump->settings->encoder))
        return;
    ledger_attach_statistics(&dump->ledger, dump->settings->encoder, 0, 0, &(struct spool_figures){0});
    flush(dump, false);
}

/* As the first thing that an analyzer asks for: whose events are to come. */
static void take_snapshot(struct dump *dump)
{
    const struct record_header *record;
    size_t available;
    int result = probe_snapshot_begin(dump->settings->probe);
    if (result != 0) {
        log_warning("no snapshot of running processes: %s", strerror(-result));
        return;
    }
    begin(dump, true);
    while ((record = probe_snapshot_next(dump->settings->probe, &available)) != NULL) {
        enum event_class class = ledger_count_snapshot(&dump->ledger, record);
        add(dump, record, available, class, true);
    }
    probe_snapshot_end(dump->settings->probe);
    flush(dump, false);
}

static bool is_over(const struct dump *dump)
{
    const struct dump_settings *settings = dump->settings;
    return take_signal(settings->out) != 0 || settings->out->deadline_ns != 0 || dump->failure != 0 ||
           (settings->seconds != 0 && clock_boot_ns() - settings->capture_began_ns >= settings->seconds * 1000000000);
}

/* Selects nothing any more and empties the rings; a program that saw the plan before may still be running. */
static void settle(struct dump *dump)
{
    static struct plan_request nothing;
    nothing.epoch = probe_plan_epoch(dump->settings->probe) + 1;
    probe_apply_plan(dump->settings->probe, &nothing);
    int quiet = 0;
    for (int round = 0; round < SETTLE_ROUNDS && quiet < SETTLE_QUIET_ROUNDS && dump->failure == 0; round++) {
        poll(NULL, 0, SETTLE_ROUND_MS);
        quiet = take_round(dump) == 0 && ledger_rings_settled(&dump->ledger) ? quiet + 1 : 0;
        finish_round(dump);
    }
    ledger_attach_statistics(&dump->ledger, dump->settings->encoder, 0, 0, &(struct spool_figures){0});
    batch_encoder_set_final(dump->settings->encoder);
    flush(dump, false);
}

int dump_run(const struct dump_settings *settings)
{
    static struct dump dump; /* a request is too much for a stack */
    const uint32_t own = (uint32_t)getpid();
    dump = (struct dump){.settings = settings};
    ledger_init(&dump.ledger, settings->probe, settings->capture_began_ns);
    probe_set_self(settings->probe, &own, 1);
    take_snapshot(&dump);
    begin(&dump, false);
    while (!is_over(&dump)) {
        struct pollfd fds[] = {{.fd = rings_fd(settings->rings), .events = POLLIN},
                               {.fd = settings->out->signal_fd, .events = POLLIN}};
        poll(fds, 2, ROUND_MS);
        take_round(&dump);
        finish_round(&dump);
    }
    settle(&dump);
    if (dump.failure == 0)
        return EXIT_CODE_OK;
    if (dump.failure == -EPIPE)
        log_info("the reader has gone");
    else if (dump.failure == -ECANCELED)
        log_error("ended while the reader stood still: the stream is cut");
    else
        log_error("standard output cannot be written: %s", strerror(-dump.failure));
    return EXIT_CODE_RUNTIME;
}
