/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/courier/analyzer_double.h"

#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "common/wire/limits.h"
#include "proto/vedette.pb-c.h"

struct analyzer_double *double_new(const char *url)
{
    struct analyzer_double *analyzer =
        mmap(NULL, sizeof(*analyzer), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (analyzer == MAP_FAILED)
        return NULL;
    snprintf(analyzer->url, sizeof(analyzer->url), "%s", url);
    return analyzer;
}

void double_free(struct analyzer_double *analyzer)
{
    munmap(analyzer, sizeof(*analyzer));
}

struct serving {
    struct analyzer_double *analyzer;
    nng_socket socket;
    uint32_t greeted; /* the pipe that said hello; one at a time is enough here */
};

static nng_msg *pack(const Vedette__V1__Reply *reply)
{
    nng_msg *message = NULL;
    if (nng_msg_alloc(&message, vedette__v1__reply__get_packed_size(reply)) != 0)
        _exit(1);
    vedette__v1__reply__pack(reply, nng_msg_body(message));
    return message;
}

static Vedette__V1__Cursor cursor_of(const struct analyzer_double *analyzer)
{
    Vedette__V1__Cursor cursor;
    vedette__v1__cursor__init(&cursor);
    cursor.session = analyzer->session;
    cursor.processed_seq = analyzer->processed;
    cursor.durable_seq = analyzer->durable;
    return cursor;
}

static nng_msg *refuse(const struct analyzer_double *analyzer, int code)
{
    Vedette__V1__Reply reply;
    vedette__v1__reply__init(&reply);
    Vedette__V1__Refusal refusal;
    vedette__v1__refusal__init(&refusal);
    Vedette__V1__Cursor cursor = cursor_of(analyzer);
    char reason[] = "as the test wants it";
    refusal.code = (Vedette__V1__RefusalCode)code;
    refusal.reason = reason;
    refusal.cursor = &cursor;
    refusal.retry_ms = 1;
    reply.body_case = VEDETTE__V1__REPLY__BODY_REFUSAL;
    reply.refusal = &refusal;
    return pack(&reply);
}

static nng_msg *welcome(struct serving *serving, const Vedette__V1__Hello *hello)
{
    struct analyzer_double *analyzer = serving->analyzer;
    Vedette__V1__Reply reply;
    vedette__v1__reply__init(&reply);
    Vedette__V1__Welcome body;
    vedette__v1__welcome__init(&body);
    Vedette__V1__Plan plan;
    vedette__v1__plan__init(&plan);
    Vedette__V1__Cursor cursor = cursor_of(analyzer);
    Vedette__V1__Cursor *cursors[] = {&cursor};
    if (hello)
        analyzer->session = hello->session;
    cursor.session = analyzer->session;
    body.wire = WIRE_VERSION_MAX;
    body.n_cursor = 1;
    body.cursor = cursors;
    body.need_snapshot = analyzer->need_snapshot;
    if (analyzer->plan_epoch > 0) {
        plan.epoch = analyzer->plan_epoch;
        plan.n_event_id = DOUBLE_PLAN;
        plan.event_id = analyzer->plan_events;
        body.plan = &plan;
    }
    reply.body_case = VEDETTE__V1__REPLY__BODY_WELCOME;
    reply.welcome = &body;
    analyzer->hellos++;
    return pack(&reply);
}

static void note_losses(struct analyzer_double *analyzer, const Vedette__V1__EventBatch *batch)
{
    for (size_t i = 0; i < batch->n_loss; i++) {
        analyzer->loss_count = batch->loss[i]->count;
        analyzer->loss_from_ns = batch->loss[i]->from_ns;
        analyzer->loss_to_ns = batch->loss[i]->to_ns;
        analyzer->loss_stage = batch->loss[i]->stage;
        analyzer->loss_class = batch->loss[i]->event_class;
        analyzer->loss_first_seq = batch->first_seq;
        analyzer->losses++;
        if (batch->first_seq > analyzer->processed)
            analyzer->processed = batch->first_seq; /* the loss explains the gap */
    }
}

static void apply(struct analyzer_double *analyzer, const Vedette__V1__Request *request,
                  const Vedette__V1__EventBatch *batch)
{
    uint64_t next = batch->first_seq + batch->count;
    if (batch->count == 0 && batch->n_loss == 0) {
        analyzer->heartbeats++;
    } else {
        uint32_t at = analyzer->batches % DOUBLE_LOG;
        analyzer->log[at] = (struct double_batch){batch->session,
                                                  batch->first_seq,
                                                  batch->count,
                                                  request->queue_fill_permille,
                                                  request->queue_oldest_ns,
                                                  request->body_case == VEDETTE__V1__REQUEST__BODY_SNAPSHOT};
        note_losses(analyzer, batch);
        if (batch->first_seq > analyzer->processed)
            analyzer->gaps++;
        if (next > analyzer->processed) {
            uint64_t known = analyzer->processed > batch->first_seq ? analyzer->processed - batch->first_seq : 0;
            analyzer->applied += batch->count - known;
            analyzer->processed = next;
        }
        analyzer->batches++;
    }
    if (!analyzer->frugal && (!analyzer->lazy || batch->count == 0))
        analyzer->durable = analyzer->processed;
}

static nng_msg *acknowledge(const struct analyzer_double *analyzer)
{
    Vedette__V1__Reply reply;
    vedette__v1__reply__init(&reply);
    Vedette__V1__Ack ack;
    vedette__v1__ack__init(&ack);
    Vedette__V1__Cursor cursor = cursor_of(analyzer);
    ack.cursor = &cursor;
    reply.body_case = VEDETTE__V1__REPLY__BODY_ACK;
    reply.ack = &ack;
    return pack(&reply);
}

static bool is_tricked(struct analyzer_double *analyzer, const Vedette__V1__EventBatch *batch)
{
    uint64_t first = batch->first_seq, until = analyzer->trick_until;
    bool is_meant = until > 0 ? first >= analyzer->trick_seq && first < until : first == analyzer->trick_seq;
    if (analyzer->trick == TRICK_NONE || batch->count == 0 || !is_meant || analyzer->trick_times <= 0)
        return false;
    analyzer->trick_times--;
    return true;
}

/* NULL: the pipe was closed. */
static nng_msg *play(struct serving *serving, nng_pipe pipe)
{
    struct analyzer_double *analyzer = serving->analyzer;
    nng_msg *message = NULL;
    switch (atomic_load(&analyzer->trick)) {
    case TRICK_REFUSE:
        return refuse(analyzer, analyzer->trick_code);
    case TRICK_HANG_UP:
        nng_pipe_close(pipe);
        return NULL;
    case TRICK_WELCOME:
        return welcome(serving, NULL);
    default:
        if (nng_msg_alloc(&message, analyzer->trick == TRICK_HUGE ? WIRE_REPLY_BYTES + 1 : 100) != 0)
            _exit(1);
        memset(nng_msg_body(message), 0xa5, nng_msg_len(message));
        return message;
    }
}

static nng_msg *answer(struct serving *serving, const Vedette__V1__Request *request, nng_pipe pipe)
{
    struct analyzer_double *analyzer = serving->analyzer;
    if (request->body_case == VEDETTE__V1__REQUEST__BODY_HELLO) {
        serving->greeted = pipe.id;
        return welcome(serving, request->hello);
    }
    if (pipe.id != serving->greeted) {
        analyzer->before_hello++;
        return refuse(analyzer, VEDETTE__V1__REFUSAL_CODE__REFUSED_NO_HELLO);
    }
    const Vedette__V1__EventBatch *batch = request->batch; /* the snapshot lies in the same union member */
    if (is_tricked(analyzer, batch))
        return play(serving, pipe);
    apply(analyzer, request, batch);
    return acknowledge(analyzer);
}

static void serve_one(struct serving *serving)
{
    nng_msg *message;
    if (nng_recvmsg(serving->socket, &message, 0) != 0)
        _exit(1);
    nng_pipe pipe = nng_msg_get_pipe(message);
    Vedette__V1__Request *request = vedette__v1__request__unpack(NULL, nng_msg_len(message), nng_msg_body(message));
    nng_msg_free(message);
    if (!request || request->body_case == VEDETTE__V1__REQUEST__BODY__NOT_SET)
        _exit(2); /* the worker never sends such a thing */
    nng_msg *reply = answer(serving, request, pipe);
    vedette__v1__request__free_unpacked(request, NULL);
    if (reply && nng_sendmsg(serving->socket, reply, 0) != 0)
        nng_msg_free(reply);
}

static _Noreturn void serve(struct analyzer_double *analyzer, int ready)
{
    struct serving serving = {.analyzer = analyzer};
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    analyzer->processed = analyzer->durable;
    if (nng_rep0_open(&serving.socket) != 0 || nng_listen(serving.socket, analyzer->url, NULL, 0) != 0)
        _exit(3);
    if (strncmp(analyzer->url, "ipc://", 6) == 0)
        chmod(analyzer->url + 6, 0666);
    if (write(ready, "", 1) != 1)
        _exit(4);
    for (;;)
        serve_one(&serving);
}

pid_t double_start(struct analyzer_double *analyzer)
{
    int ready[2];
    char byte;
    if (pipe(ready) < 0)
        return -1;
    if (strncmp(analyzer->url, "ipc://", 6) == 0)
        unlink(analyzer->url + 6); /* a killed server leaves its socket */
    pid_t pid = fork();
    if (pid == 0)
        serve(analyzer, ready[1]);
    close(ready[1]);
    bool up = read(ready[0], &byte, 1) == 1;
    close(ready[0]);
    return up ? pid : -1;
}
