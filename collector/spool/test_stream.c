/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/spool/test_stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <poll.h>

#include "common/base/clock.h"
#include "proto/vedette.pb-c.h"

static const uint64_t patience_ns = 60000000000;

static uint8_t pattern(uint64_t seq, size_t i)
{
    return (uint8_t)(seq * 31 + i * 7 + (i >> 8));
}

void stream_new(struct stream *stream, uint64_t size)
{
    *stream = (struct stream){.folder = "/tmp/vedette-spool-test.XXXXXX",
                              .size = size,
                              .boot_id = STREAM_BOOT,
                              .session = STREAM_SESSION,
                              .session_got = STREAM_SESSION};
    assert_non_null(mkdtemp(stream->folder));
    snprintf(stream->queue_path, sizeof(stream->queue_path), "%s/queue", stream->folder);
    snprintf(stream->inlet_path, sizeof(stream->inlet_path), "%s/inlet", stream->folder);
    snprintf(stream->spool_path, sizeof(stream->spool_path), "%s/spool", stream->folder);
}

int stream_open(struct stream *stream)
{
    struct queue *queue;
    assert_int_equal(queue_open(stream->queue_path, STREAM_QUEUE_BYTES, stream->boot_id, &queue, &stream->recovery), 0);
    stream->queue = queue;
    stream->batches = stream->events = stream->losses = stream->lost_events = 0;
    const struct spool_settings settings = {.path = stream->spool_path,
                                            .size = stream->size,
                                            .inlet_path = stream->inlet_path,
                                            .boot_id = stream->boot_id,
                                            .queue = queue,
                                            .retry_ms = 20};
    return spool_open(&settings, &stream->recovery, &stream->spool, &stream->spool_recovery);
}

void stream_start(struct stream *stream)
{
    assert_int_equal(spool_start(stream->spool), 0);
}

void stream_close(struct stream *stream)
{
    spool_close(stream->spool);
    queue_close(stream->queue);
    stream->spool = NULL;
    stream->queue = NULL;
}

void stream_free(struct stream *stream)
{
    static const char *const names[] = {"queue", "queue.lock", "inlet", "inlet.lock", "spool"};
    stream_close(stream);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char path[96];
        snprintf(path, sizeof(path), "%s/%s", stream->folder, names[i]);
        unlink(path);
    }
    assert_int_equal(rmdir(stream->folder), 0);
}

bool stream_try(struct stream *stream, size_t size, uint32_t classes)
{
    struct queue *queue = spool_route(stream->spool, stream->queue);
    uint8_t *bytes = queue_reserve(queue, size);
    if (bytes == NULL)
        return false;
    for (size_t i = 0; i < size; i++)
        bytes[i] = pattern(stream->seq, i);
    uint64_t now_ns = clock_boot_ns();
    struct queue_entry entry = {.session = stream->session,
                                .first_seq = stream->seq,
                                .next_seq = stream->seq + STREAM_EVENTS,
                                .time_ns = now_ns,
                                .from_ns = now_ns - 5000000,
                                .classes = classes};
    queue_commit(queue, &entry, size);
    stream->seq += STREAM_EVENTS;
    queue_set_drained(spool_route(stream->spool, stream->queue), now_ns, stream->session, stream->seq);
    return true;
}

static void pause_until(uint64_t deadline_ns)
{
    assert_true(clock_boot_ns() < deadline_ns);
    poll(NULL, 0, 1);
}

void stream_produce(struct stream *stream, size_t size, uint32_t classes)
{
    uint64_t deadline_ns = clock_boot_ns() + patience_ns;
    while (!stream_try(stream, size, classes))
        pause_until(deadline_ns);
}

void stream_wait_stored(struct stream *stream)
{
    uint64_t deadline_ns = clock_boot_ns() + patience_ns;
    while (spool_route(stream->spool, stream->queue) != stream->queue) {
        struct queue *inlet = spool_route(stream->spool, stream->queue);
        if (queue_used(inlet) == 0)
            break;
        pause_until(deadline_ns);
    }
}

static void take_loss(struct stream *stream, const struct queue_entry *entry)
{
    Vedette__V1__Request *request = vedette__v1__request__unpack(NULL, entry->size, entry->bytes);
    assert_non_null(request);
    assert_int_equal(request->body_case, VEDETTE__V1__REQUEST__BODY_BATCH);
    assert_int_equal(request->batch->n_loss, 1);
    assert_int_equal(request->batch->first_seq, entry->next_seq);
    const Vedette__V1__Loss *loss = request->batch->loss[0];
    assert_int_equal(loss->stage, VEDETTE__V1__LOSS_STAGE__LOSS_SPOOL);
    assert_int_equal(loss->session, entry->session);
    assert_true(loss->from_ns <= loss->to_ns);
    if (stream->losses++ == 0)
        stream->lost_class = loss->event_class;
    if (stream->lost_class != loss->event_class)
        stream->lost_class = UINT32_MAX;
    stream->lost_exact = loss->count_exact;
    if (stream->lost_events == 0)
        stream->first_lost = entry->next_seq - loss->count;
    stream->last_lost = entry->next_seq;
    stream->lost_events += loss->count;
    assert_int_equal(stream->got + loss->count, entry->next_seq);
    stream->got = entry->next_seq;
    vedette__v1__request__free_unpacked(request, NULL);
}

static void take(struct stream *stream, const struct queue_entry *entry)
{
    if (entry->session != stream->session_got) {
        stream->session_got = entry->session;
        stream->got = 0;
    }
    if (entry->first_seq == entry->next_seq) {
        take_loss(stream, entry);
        return;
    }
    if (entry->next_seq <= stream->got) /* a kill between two steps may have left it twice; the analyzer skips it */
        return;
    assert_int_equal(entry->first_seq, stream->got);
    for (size_t i = 0; i < entry->size; i++)
        assert_int_equal(entry->bytes[i], pattern(entry->first_seq, i));
    stream->got = entry->next_seq;
    stream->batches++;
    stream->events += entry->next_seq - entry->first_seq;
}

void stream_consume(struct stream *stream)
{
    uint64_t deadline_ns = clock_boot_ns() + patience_ns;
    while (stream->session_got != stream->session || stream->got != stream->seq) {
        const struct queue_entry *entry = queue_next(stream->queue);
        if (entry == NULL) {
            spool_kick(stream->spool);
            pause_until(deadline_ns);
            continue;
        }
        take(stream, entry);
        queue_set_durable(stream->queue, entry->session, entry->next_seq);
        spool_kick(stream->spool);
    }
}
