/* SPDX-License-Identifier: Apache-2.0 */
/* The test is the drain: it owns the queue and forks the courier; the analyzer is a double behind a real nng socket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "collector/courier/analyzer_double.h"
#include "collector/courier/courier.h"
#include "collector/courier/messages.h"
#include "collector/courier/worker.h"
#include "common/base/clock.h"
#include "proto/vedette.pb-c.h"

static const char boot[] = "0b5d6c1e-0000-4000-8000-00000000000a";

enum {
    RING = 1024 * 1024,
    SESSION = 4711,
    EVENTS = 10,
    PATIENCE_MS = 30000,
    TEST_UID = 64102,
    TEST_GID = 64112,
    TEST_BUS_GID = 64100
};

struct fixture {
    char folder[64], path[96], url[128];
    struct queue *queue;
    struct courier *courier;
    struct analyzer_double *analyzer;
    pid_t server;
    uint64_t next_seq;
    uint64_t first_ns; /* the queue time of sequence 0 */
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    struct queue_recovery recovery;
    snprintf(fixture->folder, sizeof(fixture->folder), "/tmp/vedette-courier-test.XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    assert_int_equal(chmod(fixture->folder, 0755), 0); /* the courier has another uid when we are root */
    snprintf(fixture->path, sizeof(fixture->path), "%s/queue", fixture->folder);
    snprintf(fixture->url, sizeof(fixture->url), "ipc://%s/bus.ipc", fixture->folder);
    assert_int_equal(queue_open(fixture->path, RING, boot, &fixture->queue, &recovery), 0);
    fixture->analyzer = double_new(fixture->url);
    assert_non_null(fixture->analyzer);
    fixture->first_ns = 1000;
    *state = fixture;
    return 0;
}

static void stop_server(struct fixture *fixture)
{
    if (fixture->server <= 0)
        return;
    kill(fixture->server, SIGKILL);
    waitpid(fixture->server, NULL, 0);
    fixture->server = 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    char name[128];
    courier_stop(fixture->courier);
    stop_server(fixture);
    queue_close(fixture->queue);
    double_free(fixture->analyzer);
    static const char *const files[] = {"queue", "queue.lock", "bus.ipc"};
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        snprintf(name, sizeof(name), "%s/%s", fixture->folder, files[i]);
        unlink(name);
    }
    rmdir(fixture->folder);
    free(fixture);
    return 0;
}

/* Waits for what another process will do; how long it takes is no verdict, that it never comes is one. */
#define WAIT_FOR(condition)                                                                                            \
    do {                                                                                                               \
        uint64_t end_ = clock_boot_ns() + PATIENCE_MS * 1000000ull;                                                    \
        while (!(condition) && clock_boot_ns() < end_)                                                                 \
            poll(NULL, 0, 2);                                                                                          \
        assert_true(condition);                                                                                        \
    } while (0)

static size_t pack_hello(uint8_t *out)
{
    Vedette__V1__Request request;
    vedette__v1__request__init(&request);
    Vedette__V1__Hello hello;
    vedette__v1__hello__init(&hello);
    char node[] = "test-node";
    hello.wire_min = hello.wire_max = 1;
    hello.node = node;
    hello.session = SESSION;
    request.body_case = VEDETTE__V1__REQUEST__BODY_HELLO;
    request.hello = &hello;
    return vedette__v1__request__pack(&request, out);
}

static void start(struct fixture *fixture)
{
    uint8_t hello[256];
    struct courier_settings settings = {.bus_url = fixture->url,
                                        .heartbeat_ms = 100,
                                        .reply_timeout_ms = 3000,
                                        .backoff_min_ms = 10,
                                        .backoff_max_ms = 50};
    if (geteuid() == 0) {
        settings.uid = TEST_UID;
        settings.gid = TEST_GID;
        settings.bus_gid = TEST_BUS_GID;
    }
    assert_int_equal(courier_fork(&settings, fixture->queue, &fixture->courier), 0);
    size_t size = pack_hello(hello);
    assert_int_equal(courier_send_hello(fixture->courier, hello, size), 0);
}

static void start_server(struct fixture *fixture)
{
    fixture->server = double_start(fixture->analyzer);
    assert_true(fixture->server > 0);
}

static void queue_batch(struct fixture *fixture, uint32_t count, bool is_snapshot)
{
    Vedette__V1__Request request;
    vedette__v1__request__init(&request);
    Vedette__V1__EventBatch batch;
    vedette__v1__event_batch__init(&batch);
    batch.session = SESSION;
    batch.first_seq = fixture->next_seq;
    batch.count = count;
    request.body_case = is_snapshot ? VEDETTE__V1__REQUEST__BODY_SNAPSHOT : VEDETTE__V1__REQUEST__BODY_BATCH;
    request.batch = &batch;
    size_t size = vedette__v1__request__get_packed_size(&request);
    uint8_t *bytes = queue_reserve(fixture->queue, size);
    assert_non_null(bytes);
    vedette__v1__request__pack(&request, bytes);
    struct queue_entry entry = {.session = SESSION,
                                .first_seq = batch.first_seq,
                                .next_seq = batch.first_seq + count,
                                .time_ns = fixture->first_ns + batch.first_seq};
    queue_commit(fixture->queue, &entry, size);
    fixture->next_seq += count;
}

static void queue_batches(struct fixture *fixture, int count)
{
    for (int i = 0; i < count; i++)
        queue_batch(fixture, EVENTS, false);
}

/* Tells the courier to end, and expects that it does so in good order with everything delivered. */
static void finish(struct fixture *fixture)
{
    int status = -1;
    pid_t keeper = courier_keeper(fixture->courier);
    queue_set_closing(fixture->queue);
    WAIT_FOR(waitpid(keeper, &status, WNOHANG) == keeper || status != -1);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_true(queue_is_delivered(fixture->queue));
    assert_int_equal(courier_worker(fixture->courier), 0);
}

static void test_courier_delivers_in_order(void **state)
{
    struct fixture *fixture = *state;
    struct analyzer_double *analyzer = fixture->analyzer;
    start_server(fixture);
    queue_batches(fixture, 50);
    start(fixture);
    queue_batches(fixture, 50);
    queue_batch(fixture, 3, true);
    WAIT_FOR(analyzer->applied == fixture->next_seq);
    WAIT_FOR(queue_is_delivered(fixture->queue));
    WAIT_FOR(analyzer->heartbeats > 0);
    assert_int_equal(analyzer->hellos, 1);
    assert_int_equal(analyzer->before_hello, 0);
    assert_int_equal(analyzer->gaps, 0);
    assert_int_equal(analyzer->batches, 101);
    for (uint64_t i = 0; i < 101; i++) {
        assert_int_equal(analyzer->log[i].session, SESSION);
        assert_int_equal(analyzer->log[i].first_seq, i * EVENTS);
        assert_int_equal(analyzer->log[i].oldest_ns, 1000 + i * EVENTS);
        assert_int_equal(analyzer->log[i].is_snapshot, i == 100);
    }
    assert_true(analyzer->log[0].fill_permille > 0);
    finish(fixture);
}

/* Only what is durable may be forgotten: the analyzer is killed with a lead of processed over durable, twice, and once
 * before it was ever there. */
static void test_courier_survives_analyzer(void **state)
{
    struct fixture *fixture = *state;
    struct analyzer_double *analyzer = fixture->analyzer;
    start(fixture);
    queue_batches(fixture, 20);
    for (int round = 0; round < 3; round++) {
        start_server(fixture);
        WAIT_FOR(analyzer->processed == fixture->next_seq);
        analyzer->frugal = true;
        queue_batches(fixture, 20);
        WAIT_FOR(analyzer->processed == fixture->next_seq);
        stop_server(fixture);
        assert_false(queue_is_delivered(fixture->queue));
        queue_batches(fixture, 5);
        analyzer->frugal = false;
    }
    start_server(fixture);
    WAIT_FOR(analyzer->processed == fixture->next_seq);
    assert_int_equal(analyzer->gaps, 0);
    assert_true(analyzer->hellos >= 4); /* a slow machine may make the worker lose patience, and come again */
    assert_true(analyzer->applied > fixture->next_seq); /* what the killed ones had not kept came again */
    finish(fixture);
}

/* Killed once it has said hello: a client that dies while nng greets it stops a listener of libnng 1.5.2, here the
 * double's, for good. */
static void test_courier_worker_killed(void **state)
{
    struct fixture *fixture = *state;
    struct analyzer_double *analyzer = fixture->analyzer;
    start_server(fixture);
    start(fixture);
    for (uint32_t round = 0; round < 4; round++) {
        queue_batches(fixture, 20);
        WAIT_FOR(analyzer->hellos > round);
        pid_t worker = courier_worker(fixture->courier);
        assert_int_equal(kill(worker, SIGKILL), 0);
        WAIT_FOR(courier_worker(fixture->courier) != worker);
        queue_batches(fixture, 5);
    }
    WAIT_FOR(analyzer->applied == fixture->next_seq);
    assert_int_equal(analyzer->gaps, 0);
    assert_true(analyzer->hellos >= 5);
    finish(fixture);
}

/* Takes each connection and ends it at once, before or after the greeting, as a server does that dies meanwhile. */
static void end_connections(const struct fixture *fixture, int count)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", fixture->url + strlen("ipc://"));
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(chmod(address.sun_path, 0666), 0);
    assert_int_equal(listen(listener, 1), 0);
    for (int i = 0; i < count; i++) {
        struct pollfd pollfd = {.fd = listener, .events = POLLIN};
        if (poll(&pollfd, 1, 1000) <= 0)
            break; /* nobody dials any more: what this is about */
        close(accept(listener, NULL, NULL));
    }
    close(listener);
    unlink(address.sun_path);
}

/* A dialer of libnng 1.5.2 that meets the end of the other side at the wrong moment never dials again. */
static void test_courier_dials_on(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    end_connections(fixture, 200);
    start_server(fixture);
    queue_batch(fixture, EVENTS, false);
    WAIT_FOR(fixture->analyzer->applied == EVENTS);
    finish(fixture);
}

static void test_courier_refused_batch(void **state)
{
    struct fixture *fixture = *state;
    struct analyzer_double *analyzer = fixture->analyzer;
    const int codes[] = {VEDETTE__V1__REFUSAL_CODE__REFUSED_MALFORMED, VEDETTE__V1__REFUSAL_CODE__REFUSED_TOO_LARGE};
    analyzer->trick = TRICK_REFUSE;
    start_server(fixture);
    start(fixture);
    for (uint32_t i = 0; i < 2; i++) {
        analyzer->trick_code = codes[i];
        analyzer->trick_seq = fixture->next_seq + 3 * EVENTS;
        analyzer->trick_times = 1000;
        queue_batches(fixture, 6);
        WAIT_FOR(analyzer->processed == fixture->next_seq);
        assert_int_equal(analyzer->trick_times, 999); /* never sent again */
        assert_int_equal(analyzer->losses, i + 1);
        assert_int_equal(analyzer->loss_stage, VEDETTE__V1__LOSS_STAGE__LOSS_QUEUE);
        assert_int_equal(analyzer->loss_class, 255);
        assert_int_equal(analyzer->loss_count, EVENTS);
        assert_int_equal(analyzer->loss_from_ns,
                         1000 + analyzer->trick_seq - EVENTS); /* the events lie between the two batches' times */
        assert_int_equal(analyzer->loss_to_ns, 1000 + analyzer->trick_seq);
        assert_int_equal(analyzer->loss_first_seq, analyzer->trick_seq + EVENTS);
        assert_int_equal(analyzer->applied, fixture->next_seq - (i + 1) * EVENTS);
        assert_int_equal(analyzer->gaps, 0);
    }
    finish(fixture);
}

/* The first batch of a session has none before it: its events may be as old as the session. */
static void test_courier_refused_first_batch(void **state)
{
    struct fixture *fixture = *state;
    struct analyzer_double *analyzer = fixture->analyzer;
    uint64_t before_ns = clock_boot_ns();
    analyzer->trick = TRICK_REFUSE;
    analyzer->trick_code = VEDETTE__V1__REFUSAL_CODE__REFUSED_MALFORMED;
    analyzer->trick_times = 1000;
    start_server(fixture);
    start(fixture);
    fixture->first_ns = clock_boot_ns();
    queue_batches(fixture, 2);
    WAIT_FOR(analyzer->processed == fixture->next_seq);
    assert_int_equal(analyzer->losses, 1);
    assert_in_range(analyzer->loss_from_ns, before_ns, fixture->first_ns);
    assert_int_equal(analyzer->loss_to_ns, fixture->first_ns);
    finish(fixture);
}

/* More refusals than the queue can remember while the oldest entry is not durable: the worker waits, and each is
 * reported once. */
static void test_courier_many_refused_batches(void **state)
{
    enum { REFUSED = 40, REMEMBERED = 16 };
    struct fixture *fixture = *state;
    struct analyzer_double *analyzer = fixture->analyzer;
    analyzer->trick = TRICK_REFUSE;
    analyzer->trick_code = VEDETTE__V1__REFUSAL_CODE__REFUSED_MALFORMED;
    analyzer->trick_seq = EVENTS;
    analyzer->trick_until = (1 + REFUSED) * EVENTS;
    analyzer->trick_times = 1000;
    analyzer->frugal = true;
    start_server(fixture);
    start(fixture);
    queue_batches(fixture, 1 + REFUSED + 3);
    WAIT_FOR(analyzer->losses == REMEMBERED);
    uint32_t heartbeats = analyzer->heartbeats;
    WAIT_FOR(analyzer->heartbeats >= heartbeats + 2);
    assert_int_equal(analyzer->losses, REMEMBERED);
    analyzer->frugal = false;
    WAIT_FOR(analyzer->processed == fixture->next_seq);
    assert_int_equal(analyzer->losses, REFUSED);
    assert_int_equal(analyzer->trick_times, 1000 - REFUSED);
    assert_int_equal(analyzer->gaps, 0);
    finish(fixture);
}

static bool is_readable(int fd)
{
    struct pollfd pollfd = {.fd = fd, .events = POLLIN};
    return poll(&pollfd, 1, 0) == 1;
}

/* The end of an older connection, told while the present one is fine, ends one wait and no more. A process of its own:
 * it calls nng. */
static int wait_after_late_news(struct fixture *fixture)
{
    static struct worker worker;
    uint64_t one = 1;
    worker = (struct worker){
        .queue = fixture->queue, .url = fixture->url, .heartbeat_ms = PATIENCE_MS, .silent_since_ns = clock_boot_ns()};
    worker.bus = bus_new(fixture->url, PATIENCE_MS, 10, 50);
    if (!worker.bus || bus_connect(worker.bus) != NULL)
        return 1;
    int change_fd = bus_change_fd(worker.bus);
    if (is_readable(change_fd) || write(change_fd, &one, sizeof(one)) != sizeof(one))
        return 2;
    if (delivery_step(&worker) != STEP_ON || is_readable(change_fd))
        return 3;
    if (write(change_fd, &one, sizeof(one)) != sizeof(one))
        return 4;
    worker_pause(&worker, 10);
    if (is_readable(change_fd))
        return 5;
    kill(fixture->server, SIGKILL);
    if (delivery_step(&worker) != STEP_LOST)
        return 6;
    worker_pause(&worker, PATIENCE_MS * 1000u); /* comes back at once: there is nothing to be patient with */
    return 0;
}

static void test_courier_late_news(void **state)
{
    struct fixture *fixture = *state;
    int status;
    start_server(fixture);
    pid_t child = fork();
    if (child == 0)
        _exit(wait_after_late_news(fixture));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* Whatever the analyzer does to one request a few times, nothing is lost and all is applied in order. */
static void test_courier_tricks(void **state)
{
    static const struct {
        enum double_trick trick;
        int code;
    } tricks[] = {
        {TRICK_REFUSE, VEDETTE__V1__REFUSAL_CODE__REFUSED_BUSY},
        {TRICK_REFUSE, VEDETTE__V1__REFUSAL_CODE__REFUSED_NO_HELLO},
        {TRICK_REFUSE, VEDETTE__V1__REFUSAL_CODE__REFUSED_NODE_TAKEN},
        {TRICK_REFUSE, VEDETTE__V1__REFUSAL_CODE__REFUSED_IDENTITY},
        {TRICK_REFUSE, VEDETTE__V1__REFUSAL_CODE__REFUSED_VERSION},
        {TRICK_REFUSE, VEDETTE__V1__REFUSAL_CODE__REFUSED_UNKNOWN},
        {TRICK_REFUSE, 99},
        {TRICK_GARBAGE, 0},
        {TRICK_HUGE, 0},
        {TRICK_HANG_UP, 0},
        {TRICK_WELCOME, 0},
    };
    struct fixture *fixture = *state;
    struct analyzer_double *analyzer = fixture->analyzer;
    start_server(fixture);
    start(fixture);
    for (size_t i = 0; i < sizeof(tricks) / sizeof(tricks[0]); i++) {
        analyzer->trick = tricks[i].trick;
        analyzer->trick_code = tricks[i].code;
        analyzer->trick_seq = fixture->next_seq + 2 * EVENTS;
        analyzer->trick_times = 2;
        queue_batches(fixture, 5);
        WAIT_FOR(analyzer->processed == fixture->next_seq);
        assert_int_equal(analyzer->trick_times, 0);
        assert_int_equal(analyzer->applied, fixture->next_seq);
        assert_int_equal(analyzer->gaps, 0);
        assert_int_equal(analyzer->losses, 0);
    }
    finish(fixture);
}

/* A refusal for a gap: first again from the cursor; if that leads to the same entry, what is missing is missing and the
 * entry is given up. */
static void test_courier_sequence_refused(void **state)
{
    struct fixture *fixture = *state;
    struct analyzer_double *analyzer = fixture->analyzer;
    analyzer->trick = TRICK_REFUSE;
    analyzer->trick_code = VEDETTE__V1__REFUSAL_CODE__REFUSED_SEQUENCE;
    analyzer->trick_seq = 2 * EVENTS;
    analyzer->trick_times = 1;
    start_server(fixture);
    start(fixture);
    queue_batches(fixture, 5);
    WAIT_FOR(analyzer->applied == fixture->next_seq);
    assert_int_equal(analyzer->losses, 0);
    analyzer->trick_seq = fixture->next_seq;
    analyzer->trick_times = 1000;
    queue_batches(fixture, 5);
    WAIT_FOR(analyzer->processed == fixture->next_seq);
    assert_int_equal(analyzer->losses, 1);
    assert_int_equal(analyzer->trick_times, 998);
    finish(fixture);
}

static Vedette__V1__Watch watch_of(uint32_t event, unsigned part, const char *text, uint32_t access)
{
    Vedette__V1__Watch watch;
    vedette__v1__watch__init(&watch);
    watch.event_id = event;
    watch.part = (Vedette__V1__WatchPart)part;
    watch.text = (ProtobufCBinaryData){.len = strlen(text), .data = (uint8_t *)(uintptr_t)text};
    watch.access = access;
    return watch;
}

/* Rows that are understood narrow their event; one that is not, or one too many, gives it back whole. */
static void test_courier_watches(void **state)
{
    (void)state;
    enum { MANY = WATCH_ROWS + 1 };
    static Vedette__V1__Watch rows[MANY];
    static Vedette__V1__Watch *row_at[MANY];
    static struct plan_request request;
    uint32_t ids[] = {700, 701, 702, 703, 704}, whole[] = {703};
    Vedette__V1__Plan plan;
    vedette__v1__plan__init(&plan);
    plan.epoch = 3;
    plan.event_id = ids;
    plan.n_event_id = sizeof(ids) / sizeof(ids[0]);
    plan.whole = whole;
    plan.n_whole = 1;
    rows[0] = watch_of(700, WATCH_NAME, "shadow", 1);
    rows[1] = watch_of(701, WATCH_PARTS, "of a newer analyzer", 0);
    rows[2] = watch_of(702, WATCH_ANYTHING, "", 6);
    rows[3] = watch_of(703, WATCH_DIRECTORY, "a-name-that-is-longer-than-what-is-compared", 0xff);
    rows[4] = watch_of(704, WATCH_NAME, "", 0); /* no name at all */
    rows[5] = watch_of(705, WATCH_NAME, "not selected", 0);
    for (size_t i = 0; i < MANY; i++)
        row_at[i] = &rows[i];
    plan.watch = row_at;
    plan.n_watch = 6;
    message_read_plan(&plan, &request);
    static const uint8_t expected[] = {SELECTED_WATCHED, SELECTED_ALL, SELECTED_WATCHED,
                                       SELECTED_ALL,     SELECTED_ALL, SELECTED_NOT};
    assert_memory_equal(request.selected + 700, expected, sizeof(expected));
    assert_int_equal(request.n_watches, 3);
    assert_int_equal(request.watch[2].length, WATCH_TEXT);
    assert_int_equal(request.watch[2].access, 15);

    for (size_t i = 0; i < MANY; i++)
        rows[i] = watch_of(700, WATCH_NAME, "x", 1);
    plan.n_watch = MANY;
    message_read_plan(&plan, &request);
    assert_int_equal(request.n_watches, WATCH_ROWS);
    assert_int_equal(request.selected[700], SELECTED_ALL);
}

static Vedette__V1__ScopeValue number_of(unsigned field, uint64_t from, uint64_t to)
{
    Vedette__V1__ScopeValue value;
    vedette__v1__scope_value__init(&value);
    value.field = (Vedette__V1__ScopeField)field;
    value.from = from;
    value.to = to;
    return value;
}

static Vedette__V1__ScopeValue name_of(const char *text, bool is_prefix)
{
    Vedette__V1__ScopeValue value = number_of(TASK_KEY_COMM, 0, 0);
    value.text = (ProtobufCBinaryData){.len = strlen(text), .data = (uint8_t *)(uintptr_t)text};
    value.is_prefix = is_prefix;
    return value;
}

/* A plan with one scope a key, and a key a value; events 700 and after have one scope each. */
struct scopes_plan {
    Vedette__V1__Plan plan;
    Vedette__V1__ScopeValue value[SCOPE_VALUES + 2], *value_at[SCOPE_VALUES + 2];
    Vedette__V1__ScopeKey key[PLAN_SCOPES + 1], *key_at[PLAN_SCOPES + 1];
    Vedette__V1__Scope scope[PLAN_SCOPES + 1], *scope_at[PLAN_SCOPES + 1];
    Vedette__V1__ScopedEvents scoped[PLAN_SCOPES + 1], *scoped_at[PLAN_SCOPES + 1];
    uint32_t ids[PLAN_SCOPES + 1];
};

static void scopes_plan_init(struct scopes_plan *made, size_t n)
{
    vedette__v1__plan__init(&made->plan);
    for (size_t i = 0; i < n; i++) {
        vedette__v1__scope_key__init(&made->key[i]);
        vedette__v1__scope__init(&made->scope[i]);
        vedette__v1__scoped_events__init(&made->scoped[i]);
        made->value_at[i] = &made->value[i];
        made->key_at[i] = &made->key[i];
        made->scope_at[i] = &made->scope[i];
        made->scoped_at[i] = &made->scoped[i];
        made->key[i].n_value = made->scope[i].n_key = made->scoped[i].n_event_id = 1;
        made->key[i].value = &made->value_at[i];
        made->scope[i].key = &made->key_at[i];
        made->scoped[i].scopes = 1u << i;
        made->scoped[i].event_id = &made->ids[i];
        made->ids[i] = 700 + (uint32_t)i;
    }
    made->plan.n_event_id = made->plan.n_scope = made->plan.n_scoped = n;
    made->plan.event_id = made->ids;
    made->plan.scope = made->scope_at;
    made->plan.scoped = made->scoped_at;
}

/* Scopes that are understood narrow their events; one that says nothing that we know gives them back to everybody. */
static void test_courier_scopes(void **state)
{
    (void)state;
    enum { N = 9 };
    static struct scopes_plan made;
    static struct plan_request request;
    const struct scope_table *scopes = &request.scopes;
    scopes_plan_init(&made, N);
    made.value[0] = number_of(TASK_KEY_UID, 5, 7);
    made.value[1] = name_of("ss", true);
    made.value[2] = number_of(TASK_KEYS, 0, 0); /* of a newer analyzer */
    made.value[3] = name_of("sixteen-letters!", false);
    made.value[4] = name_of("", false);
    made.value[5] = name_of("fifteen-letters", false);
    made.key[5].none_of = true;
    made.key[6].n_value = 0;
    made.scope[7].n_key = 0;
    made.value[8] = number_of(TASK_KEY_UID, 1, 2);
    made.value[8].text = made.value[1].text; /* a number with a text is none that we know */
    message_read_plan(&made.plan, &request);
    static const uint16_t expected[N] = {1, 2, 0, 0, 0, 32, 0, 0, 0};
    assert_memory_equal(scopes->of_event + 700, expected, sizeof(expected));
    assert_int_equal(scopes->n_values, 3);
    assert_true(scopes->value[0].low[0] == 5 && scopes->value[0].high[0] == 7 && scopes->value[0].low[1] == 0 &&
                scopes->value[0].high[1] == UINT64_MAX);
    assert_true(scopes->value[1].low[0] == UINT64_C(0x7373) << 48 &&
                scopes->value[1].high[0] == (UINT64_C(0x7373) << 48 | (UINT64_MAX >> 16)) &&
                scopes->value[1].high[1] == UINT64_MAX);
    assert_true(scopes->value[2].low[1] == scopes->value[2].high[1] && (scopes->value[2].low[1] & 0xff) == 0);
    assert_int_equal(scopes->value[1].flags, SCOPE_ENDS_KEY | SCOPE_ENDS);
    assert_int_equal(scopes->value[2].flags, SCOPE_ENDS_KEY | SCOPE_ENDS | SCOPE_NONE_OF);
    assert_int_equal(scopes->value[2].scope, 5);

    /* A mask that names a scope there is none of, no mask, an event twice, and one that cannot be. */
    made.scoped[0].scopes = 1 | 1u << 31;
    made.scoped[1].scopes = 0;
    made.scoped[2].scopes = 2;
    made.scoped[5].scopes = 2;
    made.ids[2] = made.ids[5];
    made.scoped[5].scopes = 32;
    made.ids[7] = EVENT_ID_LIMIT;
    message_read_plan(&made.plan, &request);
    assert_int_equal(scopes->of_event[700], 0);
    assert_int_equal(scopes->of_event[701], 0);
    assert_int_equal(scopes->of_event[705], 2 | 32);

    /* One scope too many, and a key with one value too many: whole keys, or nothing. */
    scopes_plan_init(&made, PLAN_SCOPES + 1);
    for (size_t i = 0; i < SCOPE_VALUES + 2; i++) {
        made.value[i] = number_of(TASK_KEY_UID, i, i);
        made.value_at[i] = &made.value[i];
    }
    made.key[3].n_value = SCOPE_VALUES - 2; /* with those before it one too many */
    message_read_plan(&made.plan, &request);
    assert_int_equal(scopes->of_event[702], 4);
    assert_int_equal(scopes->of_event[703], 0);
    assert_int_equal(scopes->of_event[704], 16);
    assert_int_equal(scopes->of_event[700 + PLAN_SCOPES], 0);
    assert_int_equal(scopes->n_values, PLAN_SCOPES - 1);
}

static void test_courier_plan(void **state)
{
    struct fixture *fixture = *state;
    struct analyzer_double *analyzer = fixture->analyzer;
    struct plan_request plan;
    uint32_t epoch = 0, snapshot = 0;
    const uint32_t events[DOUBLE_PLAN] = {59, 715, EVENT_ID_LIMIT, UINT32_MAX}; /* two that exist, two that cannot */
    analyzer->plan_epoch = 7;
    analyzer->need_snapshot = true;
    memcpy(analyzer->plan_events, events, sizeof(events));
    start_server(fixture);
    start(fixture);
    struct pollfd fd = {.fd = queue_drain_fd(fixture->queue), .events = POLLIN};
    assert_int_equal(poll(&fd, 1, PATIENCE_MS), 1);
    WAIT_FOR(epoch != 0 || queue_take_plan(fixture->queue, &epoch, &snapshot, &plan));
    assert_int_equal(plan.epoch, 7);
    assert_int_equal(plan.need_snapshot, 1);
    for (uint32_t id = 0; id < EVENT_ID_LIMIT; id++)
        assert_int_equal(plan.selected[id], id == 59 || id == 715);
    /* A worker that replaces a dead one goes on counting: the drain sees a second request. */
    WAIT_FOR(analyzer->heartbeats > 0);
    assert_int_equal(kill(courier_worker(fixture->courier), SIGKILL), 0);
    WAIT_FOR(snapshot != 1 || queue_take_plan(fixture->queue, &epoch, &snapshot, &plan));
    assert_int_equal(plan.epoch, 7);
    assert_int_equal(plan.need_snapshot, 2);
    finish(fixture);
}

/* After the last entry is acknowledged but not durable, the worker asks until it is. */
static void test_courier_closing_waits_for_durable(void **state)
{
    struct fixture *fixture = *state;
    struct analyzer_double *analyzer = fixture->analyzer;
    analyzer->lazy = true;
    start_server(fixture);
    start(fixture);
    queue_batches(fixture, 10);
    finish(fixture);
    assert_int_equal(analyzer->durable, fixture->next_seq);
    assert_true(analyzer->heartbeats > 0);
}

static void read_status(pid_t pid, const char *task, char *out, size_t size)
{
    char path[512];
    snprintf(path, sizeof(path), "/proc/%d/task/%s/status", (int)pid, task);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    size_t got = fread(out, 1, size - 1, file);
    out[got] = '\0';
    fclose(file);
}

static void expect_line(const char *status, const char *line)
{
    if (!strstr(status, line))
        fail_msg("no '%s' in:\n%s", line, status);
}

static void expect_confined_task(pid_t pid, const char *task)
{
    char status[4096];
    read_status(pid, task, status, sizeof(status));
    expect_line(status, "\nCapInh:\t0000000000000000\n");
    expect_line(status, "\nCapPrm:\t0000000000000000\n");
    expect_line(status, "\nCapEff:\t0000000000000000\n");
    expect_line(status, "\nCapAmb:\t0000000000000000\n");
    expect_line(status, "\nNoNewPrivs:\t1\n");
#ifndef VEDETTE_NO_SECCOMP
    expect_line(status, "\nSeccomp:\t2\n");
#endif
    if (geteuid() == 0) {
        expect_line(status, "\nUid:\t64102\t64102\t64102\t64102\n");
        expect_line(status, "\nGid:\t64112\t64112\t64112\t64112\n");
        expect_line(status, "\nGroups:\t64100 \n");
    }
}

/* Every thread: capabilities and filters are each thread's own. */
static size_t expect_confined(pid_t pid)
{
    char path[64];
    size_t threads = 0;
    snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
    DIR *folder = opendir(path);
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        expect_confined_task(pid, entry->d_name);
        threads++;
    }
    closedir(folder);
    return threads;
}

static void expect_comm(pid_t pid, const char *name)
{
    char path[64], status[4096], line[64];
    snprintf(path, sizeof(path), "%d", (int)pid);
    read_status(pid, path, status, sizeof(status));
    snprintf(line, sizeof(line), "Name:\t%s\n", name);
    expect_line(status, line);
}

/* What the descriptors of a process point to: nothing but the bus, pipes and events, /dev/null, and our stderr. */
static void expect_few_descriptors(pid_t pid)
{
    char path[32], name[512], target[256];
    snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    DIR *folder = opendir(path);
    if (!folder && errno == EACCES)
        return; /* not dumpable, and we are not root */
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (entry->d_name[0] == '.' || strcmp(entry->d_name, "2") == 0)
            continue;
        snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
        ssize_t size = readlink(name, target, sizeof(target) - 1);
        if (size < 0)
            continue;
        target[size] = '\0';
        if (strncmp(target, "pipe:", 5) != 0 && strncmp(target, "socket:", 7) != 0 &&
            strncmp(target, "anon_inode:", 11) != 0 && strcmp(target, "/dev/null") != 0)
            fail_msg("descriptor %s of %d is %s", entry->d_name, (int)pid, target);
    }
    closedir(folder);
}

static void test_courier_is_confined(void **state)
{
    struct fixture *fixture = *state;
#ifdef __SANITIZE_THREAD__
    print_message("skipped: the thread sanitizer has threads of its own that nothing confines\n");
    skip();
#endif
    start_server(fixture);
    start(fixture);
    queue_batches(fixture, 1);
    WAIT_FOR(fixture->analyzer->applied == fixture->next_seq);
    assert_int_equal(expect_confined(courier_keeper(fixture->courier)), 1);
    assert_true(expect_confined(courier_worker(fixture->courier)) > 1);
    expect_comm(courier_keeper(fixture->courier), "vedette-keeper");
    expect_comm(courier_worker(fixture->courier), "vedette-courier");
    expect_few_descriptors(courier_keeper(fixture->courier));
    expect_few_descriptors(courier_worker(fixture->courier));
    finish(fixture);
}

static void test_courier_ignores_signals(void **state)
{
    struct fixture *fixture = *state;
    start_server(fixture);
    start(fixture);
    queue_batches(fixture, 1);
    WAIT_FOR(fixture->analyzer->applied == fixture->next_seq);
    pid_t worker = courier_worker(fixture->courier);
    const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(kill(worker, signals[i]), 0);
        assert_int_equal(kill(courier_keeper(fixture->courier), signals[i]), 0);
    }
    queue_batches(fixture, 10);
    WAIT_FOR(fixture->analyzer->applied == fixture->next_seq);
    assert_int_equal(courier_worker(fixture->courier), worker);
    finish(fixture);
}

/* A drain that is killed takes both with it, and leaves the queue to its successor. */
static void test_courier_ends_with_drain(void **state)
{
    struct fixture *fixture = *state;
    struct pair {
        _Atomic int keeper, worker;
    } *pair = mmap(NULL, sizeof(*pair), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(pair, MAP_FAILED);
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
    queue_close(fixture->queue); /* before the server, which would inherit its lock */
    fixture->queue = NULL;
    start_server(fixture);
    pid_t drain = fork();
    if (drain == 0) {
        struct queue_recovery recovery;
        if (queue_open(fixture->path, RING, boot, &fixture->queue, &recovery) != 0)
            _exit(1);
        start(fixture);
        pair->keeper = courier_keeper(fixture->courier);
        WAIT_FOR(courier_worker(fixture->courier) > 0);
        pair->worker = courier_worker(fixture->courier);
        for (;;)
            pause();
    }
    WAIT_FOR(pair->worker > 0);
    kill(drain, SIGKILL);
    assert_int_equal(waitpid(drain, NULL, 0), drain);
    struct queue_recovery recovery;
    assert_int_equal(queue_open(fixture->path, RING, boot, &fixture->queue, &recovery),
                     0); /* the lock died with the drain alone */
    /* They are ours now, as the nearest subreaper's: reaped means ended. */
    assert_int_equal(waitpid(pair->keeper, NULL, 0), pair->keeper);
    pid_t worker = waitpid(pair->worker, NULL, 0);
    if (worker < 0) /* or the keeper was fast enough to reap it before it was ended itself */
        assert_int_equal(errno, ECHILD);
    munmap(pair, sizeof(*pair));
}

static void test_courier_stop_without_hello(void **state)
{
    struct fixture *fixture = *state;
    struct courier_settings settings = {.bus_url = fixture->url};
    assert_int_equal(courier_fork(&settings, fixture->queue, &fixture->courier), 0);
    assert_int_equal(courier_worker(fixture->courier), 0);
    assert_int_equal(courier_send_hello(fixture->courier, (const uint8_t *)"", 0), -EMSGSIZE);
    pid_t keeper = courier_keeper(fixture->courier);
    courier_stop(fixture->courier);
    fixture->courier = NULL;
    assert_int_equal(kill(keeper, 0), -1);
    assert_int_equal(errno, ESRCH);
}

/* A dead keeper shows on the pipe, and is an error, not a signal. */
static void test_courier_keeper_dies(void **state)
{
    struct fixture *fixture = *state;
    struct courier_settings settings = {.bus_url = fixture->url};
    uint8_t hello[256];
    assert_int_equal(courier_fork(&settings, fixture->queue, &fixture->courier), 0);
    assert_int_equal(kill(courier_keeper(fixture->courier), SIGKILL), 0);
    struct pollfd fd = {.fd = courier_alive_fd(fixture->courier)};
    assert_int_equal(poll(&fd, 1, PATIENCE_MS), 1);
    assert_true(fd.revents & POLLERR);
    size_t size = pack_hello(hello);
    assert_int_equal(courier_send_hello(fixture->courier, hello, size), -EPIPE);
}

static void test_courier_check_bus(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        int expected;
    } cases[] = {
        {"ipc:///run/vedette/bus.ipc", 0},
        {"tcp://127.0.0.1:3367", 0},
        {"tcp://127.1.2.3:1", 0},
        {"tcp://localhost:3367", 0},
        {"tcp://[::1]:65535", 0},
        {"", -EINVAL},
        {"ipc://", -EINVAL},
        {"ipc:///", -EINVAL},
        {"ipc://relative", -EINVAL},
        {"ipc:///run/"
         "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789abc",
         -EINVAL},
        {"/run/vedette/bus.ipc", -EINVAL},
        {"tcp://127.0.0.1", -EINVAL},
        {"tcp://127.0.0.1:", -EINVAL},
        {"tcp://127.0.0.1:0", -EINVAL},
        {"tcp://127.0.0.1:65536", -EINVAL},
        {"tcp://127.0.0.1:33x", -EINVAL},
        {"tcp://127.0.0.1.example:3367", -EINVAL},
        {"tcp://128.0.0.1:3367", -EINVAL},
        {"tcp://0.0.0.0:3367", -EINVAL},
        {"tcp://[::]:3367", -EINVAL},
        {"tcp://example.org:3367", -EINVAL},
        {"tcp://localhost.example.org:3367", -EINVAL},
        {"tls+tcp://127.0.0.1:3367", -EINVAL},
        {"inproc://x", -EINVAL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char error[COURIER_ERROR_BYTES] = "";
        const struct courier_settings settings = {.bus_url = cases[i].url};
        if (courier_check_bus(&settings, error) != cases[i].expected)
            fail_msg("'%s': %s", cases[i].url, error);
        assert_int_equal(cases[i].expected == 0, error[0] == '\0');
    }
}

static void test_courier_check_bus_with_tls(void **state)
{
    (void)state;
    static const struct {
        const char *url, *ca, *certificate, *key, *server_name, *token;
        bool insecure;
        const char *words; /* NULL: accepted */
    } cases[] = {
        {"tls+tcp://analyzer.example:3367", "/a", "/b", "/c", "", "/t", false, NULL},
        {"tls+tcp://192.0.2.1:3367", "/a", "/b", "/c", "analyzer.example", "/t", false, NULL},
        {"tls+tcp://[2001:db8::1]:3367", "/a", "/b", "/c", "analyzer.example", "/t", false, NULL},
        {"tls+tcp://192.0.2.1:3367", "/a", "/b", "/c", "", "/t", false, "bus.tls.server_name"},
        {"tls+tcp://analyzer.example:3367", "", "/b", "/c", "", "/t", false, "bus.tls.ca"},
        {"tls+tcp://analyzer.example:3367", "/a", "", "/c", "", "/t", false, "bus.tls.certificate"},
        {"tls+tcp://analyzer.example:3367", "/a", "/b", "", "", "/t", false, "bus.tls.key"},
        {"tls+tcp://analyzer.example:3367", "/a", "/b", "/c", "", "", false, "bus.token"},
        {"tls+tcp://analyzer.example:3367", "/a", "/b", "c", "", "/t", false, "absolute"},
        {"tls+tcp://analyzer.example", "/a", "/b", "/c", "", "/t", false, "port"},
        {"tls+tcp://analyzer_example:1", "/a", "/b", "/c", "", "/t", false, "neither a name nor an address"},
        {"tls+tcp://:3367", "/a", "/b", "/c", "", "/t", false, "neither a name nor an address"},
        {"tls+tcp://1.2.3.400:3367", "/a", "/b", "/c", "", "/t", false, "neither a name nor an address"},
        {"tls+tcp://2001:db8::1:3367", "/a", "/b", "/c", "x", "/t", false, "brackets"},
        {"tcp://192.0.2.1:3367", "", "", "", "", "", false, "tls+tcp://"},
        {"tcp://192.0.2.1:3367", "", "", "", "", "", true, NULL},
        {"tcp://analyzer.example:3367", "", "", "", "", "/t", true, NULL},
        {"tcp://127.0.0.1:3367", "/a", "/b", "/c", "", "", false, "nothing is encrypted"},
        {"ipc:///run/bus", "/a", "/b", "/c", "", "", false, "nothing is encrypted"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tls_settings tls = {0};
        char error[COURIER_ERROR_BYTES] = "";
        snprintf(tls.ca, sizeof(tls.ca), "%s", cases[i].ca);
        snprintf(tls.certificate, sizeof(tls.certificate), "%s", cases[i].certificate);
        snprintf(tls.key, sizeof(tls.key), "%s", cases[i].key);
        snprintf(tls.server_name, sizeof(tls.server_name), "%s", cases[i].server_name);
        const struct courier_settings settings = {
            .bus_url = cases[i].url, .bus_insecure = cases[i].insecure, .tls = &tls, .token = cases[i].token};
        int result = courier_check_bus(&settings, error);
        if ((result == 0) != (cases[i].words == NULL) || (result != 0 && strstr(error, cases[i].words) == NULL))
            fail_msg("%zu, %s: %d '%s'", i, cases[i].url, result, error);
    }
}

static void test_courier_adds_credential(void **state)
{
    (void)state;
    uint8_t hello[256];
    size_t size = pack_hello(hello), with_size;
    const char token[] = "0123456789012345678901234567890123456789";
    uint8_t *with = message_add_credential(hello, size, token, strlen(token), &with_size);
    assert_non_null(with);
    Vedette__V1__Request *request = vedette__v1__request__unpack(NULL, with_size, with);
    assert_non_null(request);
    assert_int_equal(request->body_case, VEDETTE__V1__REQUEST__BODY_HELLO);
    assert_string_equal(request->hello->node, "test-node");
    assert_int_equal(request->hello->session, SESSION);
    assert_int_equal(request->hello->credential.len, strlen(token));
    assert_memory_equal(request->hello->credential.data, token, strlen(token));
    vedette__v1__request__free_unpacked(request, NULL);
    free(with);
    /* What is no hello alone is left as it is. */
    assert_null(message_add_credential(hello, size - 1, token, strlen(token), &with_size));
    assert_int_equal(errno, EBADMSG);
    hello[0] = 2 << 3 | 2;
    assert_null(message_add_credential(hello, size, token, strlen(token), &with_size));
    assert_int_equal(errno, EBADMSG);
}

static void test_courier_over_tcp(void **state)
{
    struct fixture *fixture = *state;
    int port = 20000 + (int)(getpid() % 20000); /* ours alone with luck; another's makes the double fail to listen */
    snprintf(fixture->analyzer->url, sizeof(fixture->analyzer->url), "tcp://127.0.0.1:%d", port);
    snprintf(fixture->url, sizeof(fixture->url), "tcp://localhost:%d", port);
    start_server(fixture);
    start(fixture);
    queue_batches(fixture, 20);
    WAIT_FOR(fixture->analyzer->applied == fixture->next_seq);
    finish(fixture);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_courier_delivers_in_order),
        CASE(test_courier_survives_analyzer),
        CASE(test_courier_worker_killed),
        CASE(test_courier_dials_on),
        CASE(test_courier_refused_batch),
        CASE(test_courier_refused_first_batch),
        CASE(test_courier_many_refused_batches),
        CASE(test_courier_late_news),
        CASE(test_courier_tricks),
        CASE(test_courier_sequence_refused),
        CASE(test_courier_plan),
        cmocka_unit_test(test_courier_scopes),
        cmocka_unit_test(test_courier_watches),
        CASE(test_courier_closing_waits_for_durable),
        CASE(test_courier_is_confined),
        CASE(test_courier_ignores_signals),
        CASE(test_courier_ends_with_drain),
        CASE(test_courier_stop_without_hello),
        CASE(test_courier_keeper_dies),
        cmocka_unit_test(test_courier_check_bus),
        cmocka_unit_test(test_courier_check_bus_with_tls),
        cmocka_unit_test(test_courier_adds_credential),
        CASE(test_courier_over_tcp),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
