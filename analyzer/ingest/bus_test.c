// SPDX-License-Identifier: Apache-2.0
/* The bus over a real socket: an nng REQ peer that speaks as a courier does, and peers that do not. */
#include "analyzer/ingest/ingest.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cmocka.h>
#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>
#include <nng/supplemental/util/platform.h>

#include "analyzer/alert/alert_testing.h"
#include "analyzer/ingest/test_collector.h"

enum { REPLY_MS = 20000 }; /* only a hang takes so long */

struct fixture {
    struct temporary temporary;
    char url[160], path[150];
    struct outbox *outbox;
    struct loaded_current *loaded;
    struct ingest_settings settings;
    struct ingest *ingest;
    struct test_collector *collector;
    pthread_t housekeeper;
    atomic_bool leaving;
};

/* What the analyzer's main does: libnng's listener can stop at any test here that drops a connection. */
static void *keep_house(void *arg)
{
    struct fixture *f = arg;
    while (!atomic_load(&f->leaving)) {
        ingest_mend(f->ingest);
        nng_msleep(200);
    }
    return NULL;
}

/* Before a test takes the bus down by itself. */
static void leave_house(struct fixture *f)
{
    if (!atomic_exchange(&f->leaving, true))
        pthread_join(f->housekeeper, NULL);
}

static int setup(void **test)
{
    struct fixture *f = calloc(1, sizeof(*f));
    const struct loaded_sources none = {0};
    struct policy_error error = {0};
    char words[INGEST_ERROR_BYTES];
    assert_non_null(f);
    temporary_make(&f->temporary);
    snprintf(f->path, sizeof(f->path), "%s/bus", f->temporary.folder);
    snprintf(f->url, sizeof(f->url), "ipc://%s", f->path);
    f->outbox = outbox_open_or_die(f->temporary.outbox);
    f->loaded = loaded_current_new(loaded_set_new(&none, &error));
    f->settings = (struct ingest_settings){.url = f->url,
                                           .shards = 3,
                                           .allowed_uid = {getuid()},
                                           .n_allowed_uids = 1,
                                           .loaded = f->loaded,
                                           .outbox = f->outbox};
    if (ingest_start(&f->settings, &f->ingest, words) < 0)
        fail_msg("%s", words);
    f->collector = test_collector_new("node1", "boot-1", 9);
    assert_int_equal(pthread_create(&f->housekeeper, NULL, keep_house, f), 0);
    *test = f;
    return 0;
}

static int teardown(void **test)
{
    struct fixture *f = *test;
    leave_house(f);
    if (f->ingest != NULL)
        assert_int_equal(ingest_stop(f->ingest), 0);
    test_collector_free(f->collector);
    loaded_current_free(f->loaded);
    outbox_close(f->outbox);
    temporary_remove(&f->temporary);
    free(f);
    return 0;
}

static nng_socket dial(const struct fixture *f)
{
    nng_socket socket;
    assert_int_equal(nng_req0_open(&socket), 0);
    assert_int_equal(nng_socket_set_ms(socket, NNG_OPT_RECVTIMEO, REPLY_MS), 0);
    assert_int_equal(nng_socket_set_ms(socket, NNG_OPT_SENDTIMEO, REPLY_MS), 0);
    assert_int_equal(nng_socket_set_ms(socket, NNG_OPT_REQ_RESENDTIME, NNG_DURATION_INFINITE), 0);
    assert_int_equal(nng_dial(socket, f->url, NULL, 0), 0);
    return socket;
}

/* Asks again when the connection went: the listener was replaced meanwhile. */
static Vedette__V1__Reply *exchange(nng_socket socket, struct test_request request)
{
    nng_msg *message;
    int problem;
    do {
        assert_int_equal(nng_msg_alloc(&message, 0), 0);
        assert_int_equal(nng_msg_append(message, request.bytes, request.size), 0);
        assert_int_equal(nng_sendmsg(socket, message, 0), 0);
        problem = nng_recvmsg(socket, &message, 0);
    } while (problem == NNG_ECONNRESET);
    assert_int_equal(problem, 0);
    Vedette__V1__Reply *reply = test_reply(nng_msg_body(message), nng_msg_len(message));
    nng_msg_free(message);
    return reply;
}

static void expect_welcome(nng_socket socket, struct test_collector *collector)
{
    Vedette__V1__Reply *reply = exchange(socket, test_collector_hello(collector, 0));
    if (reply->body_case != VEDETTE__V1__REPLY__BODY_WELCOME)
        fail_msg("%s", reply->body_case == VEDETTE__V1__REPLY__BODY_REFUSAL ? reply->refusal->reason : "no welcome");
    test_reply_free(reply);
}

static void expect_refusal(nng_socket socket, struct test_request request, Vedette__V1__RefusalCode code)
{
    Vedette__V1__Reply *reply = exchange(socket, request);
    assert_int_equal(reply->body_case, VEDETTE__V1__REPLY__BODY_REFUSAL);
    assert_int_equal(reply->refusal->code, code);
    assert_true(reply->refusal->reason[0] != '\0');
    test_reply_free(reply);
}

static void expect_ack(nng_socket socket, struct test_collector *collector, uint64_t first_seq, const char *path)
{
    test_collector_begin(collector, first_seq);
    test_collector_exec(collector, 5000, path, 10);
    Vedette__V1__Reply *reply = exchange(socket, test_collector_end(collector));
    assert_int_equal(reply->body_case, VEDETTE__V1__REPLY__BODY_ACK);
    assert_int_equal(reply->ack->cursor->processed_seq, first_seq + 1);
    test_reply_free(reply);
}

static void assert_refused(struct fixture *f, const char *reason, int count)
{
    char line[128];
    size_t size;
    struct metrics *metrics = metrics_new();
    assert_non_null(metrics);
    metrics_register(metrics, ingest_collect, f->ingest);
    char *page = metrics_render(metrics, &size);
    snprintf(line, sizeof(line), "vedette_ingest_refused_total{reason=\"%s\"} %d\n", reason, count);
    if (strstr(page, line) == NULL)
        fail_msg("no %s in\n%s", line, page);
    free(page);
    metrics_free(metrics);
}

static void test_bus_hello_batch_ack(void **test)
{
    struct fixture *f = *test;
    struct stat facts;
    nng_socket socket = dial(f);
    assert_int_equal(stat(f->path, &facts), 0);
    assert_int_equal(facts.st_mode & 0777, 0660);
    expect_welcome(socket, f->collector);
    expect_ack(socket, f->collector, 0, "/bin/true");
    expect_ack(socket, f->collector, 1, "/dev/shm/x");
    assert_int_equal(outside_integer(f->temporary.outbox, "SELECT count(*) FROM alerts"), 1);
    assert_null(ingest_health(f->ingest));
    assert_null(ingest_readiness(f->ingest));
    /* Asked long ago: not healthy before each thread has answered, and that they do. */
    ingest_pulse(f->ingest, 1);
    while (ingest_health(f->ingest) != NULL)
        nng_msleep(1);
    nng_close(socket);
}

static void test_bus_batch_before_hello(void **test)
{
    struct fixture *f = *test;
    nng_socket socket = dial(f);
    test_collector_begin(f->collector, 0);
    test_collector_exec(f->collector, 5000, "/bin/true", 10);
    expect_refusal(socket, test_collector_end(f->collector), VEDETTE__V1__REFUSAL_CODE__REFUSED_NO_HELLO);
    assert_refused(f, "no_hello", 1);
    expect_welcome(socket, f->collector);
    expect_ack(socket, f->collector, 0, "/bin/true");
    nng_close(socket);
}

static void test_bus_malformed_then_good(void **test)
{
    struct fixture *f = *test;
    nng_socket socket = dial(f);
    expect_welcome(socket, f->collector);
    expect_ack(socket, f->collector, 0, "/bin/true");

    test_collector_begin(f->collector, 1);
    test_collector_exec(f->collector, 5000, "/bin/true", 10);
    struct test_request request = test_collector_end(f->collector);
    Vedette__V1__Request *wrong = vedette__v1__request__unpack(NULL, request.size, request.bytes);
    assert_non_null(wrong);
    wrong->batch->count = 3; /* the columns hold one */
    uint8_t *bytes = malloc(vedette__v1__request__get_packed_size(wrong) + 16);
    assert_non_null(bytes);
    expect_refusal(socket, (struct test_request){bytes, vedette__v1__request__pack(wrong, bytes)},
                   VEDETTE__V1__REFUSAL_CODE__REFUSED_MALFORMED);
    free(bytes);
    vedette__v1__request__free_unpacked(wrong, NULL);
    assert_refused(f, "malformed", 1);
    expect_ack(socket, f->collector, 1, "/bin/true");
    nng_close(socket);
}

static void test_bus_random_bytes(void **test)
{
    struct fixture *f = *test;
    nng_socket socket = dial(f);
    uint8_t noise[4096];
    uint64_t seed = 42;
    expect_welcome(socket, f->collector);
    for (int round = 0; round < 100; round++) {
        size_t size = (size_t)(round * 37) % sizeof(noise);
        for (size_t i = 0; i < sizeof(noise); i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            noise[i] = (uint8_t)(seed >> 56);
        }
        Vedette__V1__Reply *reply = exchange(socket, (struct test_request){noise, size});
        assert_int_equal(reply->body_case, VEDETTE__V1__REPLY__BODY_REFUSAL);
        test_reply_free(reply);
    }
    expect_ack(socket, f->collector, 0, "/bin/true");
    nng_close(socket);
}

/* A request of `size` bytes is announced, over a bare socket: nng's own REQ socket, whose connection goes in the middle
 * of a send, can hang when it is closed. True when the bus ends the connection. */
static bool announcement_ends(const char *path, uint64_t size)
{
    static const char greeting[8] = {0, 'S', 'P', 0, 0, 48, 0, 0};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    unsigned char header[9] = {1};
    char bytes[64];
    ssize_t n;
    for (int i = 0; i < 8; i++)
        header[1 + i] = (unsigned char)(size >> (56 - 8 * i));
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(send(fd, greeting, sizeof(greeting), MSG_NOSIGNAL), sizeof(greeting));
    assert_int_equal(recv(fd, bytes, sizeof(greeting), MSG_WAITALL), sizeof(greeting));
    assert_int_equal(send(fd, header, sizeof(header), MSG_NOSIGNAL), sizeof(header));
    n = recv(fd, bytes, sizeof(bytes), 0);
    close(fd);
    return n <= 0;
}

static void test_bus_too_large(void **test)
{
    struct fixture *f = *test;
    nng_socket socket = dial(f);
    uint8_t *bytes = calloc(1, WIRE_REQUEST_BYTES + 1);
    assert_non_null(bytes);
    /* Somewhat too large: words. */
    expect_refusal(socket, (struct test_request){bytes, WIRE_REQUEST_BYTES + 1},
                   VEDETTE__V1__REFUSAL_CODE__REFUSED_TOO_LARGE);
    assert_refused(f, "too_large", 1);
    free(bytes);
    /* Much too large: the connection goes, and nobody else's. */
    assert_true(announcement_ends(f->path, 10 * WIRE_REQUEST_BYTES));
    assert_true(announcement_ends(f->path, UINT64_MAX));
    expect_welcome(socket, f->collector);
    expect_ack(socket, f->collector, 0, "/bin/true");
    nng_close(socket);
}

static void test_bus_node_on_two_pipes(void **test)
{
    struct fixture *f = *test;
    struct test_collector *twin = test_collector_new("node1", "boot-1", 10),
                          *other = test_collector_new("node2", "boot-1", 11);
    nng_socket first = dial(f), second = dial(f);
    expect_welcome(first, f->collector);
    expect_refusal(second, test_collector_hello(twin, 0), VEDETTE__V1__REFUSAL_CODE__REFUSED_NODE_TAKEN);
    assert_refused(f, "node_taken", 1);
    expect_ack(first, f->collector, 0, "/bin/true"); /* undisturbed */
    /* A pipe speaks for one node for its whole life. */
    expect_refusal(first, test_collector_hello(other, 0), VEDETTE__V1__REFUSAL_CODE__REFUSED_IDENTITY);
    expect_welcome(second, other);
    expect_ack(second, other, 0, "/bin/true");

    /* The collector comes back on another pipe: the old one has closed, which the analyzer learns a moment later. */
    nng_close(first);
    nng_socket third = dial(f);
    Vedette__V1__Reply *reply;
    bool taken;
    do {
        reply = exchange(third, test_collector_hello(f->collector, 0));
        taken = reply->body_case == VEDETTE__V1__REPLY__BODY_REFUSAL &&
                reply->refusal->code == VEDETTE__V1__REFUSAL_CODE__REFUSED_NODE_TAKEN;
        if (!taken)
            assert_int_equal(reply->body_case, VEDETTE__V1__REPLY__BODY_WELCOME);
        test_reply_free(reply);
    } while (taken);
    expect_ack(third, f->collector, 1, "/bin/true");
    nng_close(third);
    nng_close(second);
    test_collector_free(twin);
    test_collector_free(other);
}

static void test_bus_foreign_user(void **test)
{
    struct fixture *f = *test;
    char words[INGEST_ERROR_BYTES], path[160], url[170];
    struct ingest *strict;
    snprintf(path, sizeof(path), "%s2", f->path);
    snprintf(url, sizeof(url), "ipc://%s", path);
    struct ingest_settings settings = f->settings;
    settings.url = url;
    settings.allowed_uid[0] = getuid() + 1;
    assert_int_equal(ingest_start(&settings, &strict, words), 0);

    /* A bare socket sees the end of the connection; nng's would dial again. */
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    static const char header[8] = {0, 'S', 'P', 0, 0, 48, 0, 0}; /* nng's greeting of a REQ socket */
    char byte;
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(send(fd, header, sizeof(header), MSG_NOSIGNAL), sizeof(header));
    while (recv(fd, &byte, 1, 0) > 0)
        continue;
    close(fd);
    struct ingest *mine = f->ingest;
    leave_house(f);
    f->ingest = strict;
    assert_refused(f, "peer_uid", 1);
    f->ingest = mine;
    assert_int_equal(ingest_stop(strict), 0);
}

static void test_bus_address_in_use(void **test)
{
    struct fixture *f = *test;
    char words[INGEST_ERROR_BYTES];
    struct ingest *second;
    assert_int_equal(ingest_start(&f->settings, &second, words), -EADDRINUSE);
    assert_non_null(strstr(words, f->url));

    /* A socket that nobody answers on is taken over. */
    leave_house(f);
    assert_int_equal(ingest_stop(f->ingest), 0);
    f->ingest = NULL;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, f->path, strlen(f->path) + 1);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    close(fd);
    assert_int_equal(ingest_start(&f->settings, &f->ingest, words), 0);
    nng_socket socket = dial(f);
    expect_welcome(socket, f->collector);
    nng_close(socket);
    leave_house(f);
    assert_int_equal(ingest_stop(f->ingest), 0);
    f->ingest = NULL;

    /* A file that is no socket is somebody's. */
    FILE *file = fopen(f->path, "w");
    assert_non_null(file);
    fclose(file);
    assert_int_equal(ingest_start(&f->settings, &second, words), -EADDRINUSE);
    assert_int_equal(access(f->path, F_OK), 0);
    unlink(f->path);
}

static void test_bus_addresses(void **test)
{
    struct fixture *f = *test;
    static const char *const bad[] = {"ipc://relative",
                                      "tcp://10.0.0.1:1",
                                      "tcp://0.0.0.0:1",
                                      "tls+tcp://127.0.0.1:1",
                                      "tcp://127.0.0.1:0",
                                      "inproc://x",
                                      "",
                                      "tcp://127.0.0.1",
                                      "tcp://127.0.0.1:",
                                      "tcp://127.0.0.1:70000",
                                      "tcp://127.0.0.1.example:1",
                                      "tcp://localhost:1"};
    struct ingest_settings settings = f->settings;
    char words[INGEST_ERROR_BYTES];
    struct ingest *ingest;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        settings.url = bad[i];
        words[0] = '\0';
        assert_int_equal(ingest_start(&settings, &ingest, words), -EINVAL);
        assert_true(words[0] != '\0');
    }
    settings.url = "tcp://127.0.0.1:0";
    settings.insecure = true; /* said aloud, it needs no enrolment */
    assert_int_equal(ingest_start(&settings, &ingest, words), 0);
    assert_null(strstr(ingest_url(ingest), ":0\0"));
    char url[160];
    memcpy(url, f->url, sizeof(url));
    snprintf(f->url, sizeof(f->url), "%s", ingest_url(ingest));
    nng_socket socket = dial(f);
    expect_welcome(socket, f->collector);
    nng_close(socket);
    memcpy(f->url, url, sizeof(url));
    assert_int_equal(ingest_stop(ingest), 0);
}

static void test_bus_silent_pipes_are_reaped(void **test)
{
    struct fixture *f = *test;
    nng_socket socket = dial(f);
    expect_welcome(socket, f->collector);
    ingest_reap(f->ingest, 1); /* nothing is that old */
    expect_ack(socket, f->collector, 0, "/bin/true");
    ingest_reap(f->ingest, UINT64_MAX);
    /* nng's REQ dials again by itself; the new pipe has not said hello. */
    test_collector_begin(f->collector, 1);
    test_collector_exec(f->collector, 5000, "/bin/true", 10);
    struct test_request request = test_collector_end(f->collector);
    nng_msg *message;
    Vedette__V1__Reply *reply = NULL;
    while (reply == NULL) {
        assert_int_equal(nng_msg_alloc(&message, 0), 0);
        assert_int_equal(nng_msg_append(message, request.bytes, request.size), 0);
        assert_int_equal(nng_sendmsg(socket, message, 0), 0);
        int problem = nng_recvmsg(socket, &message, 0);
        if (problem == NNG_ECONNRESET)
            continue; /* it was sent on the pipe that just closed */
        assert_int_equal(problem, 0);
        reply = test_reply(nng_msg_body(message), nng_msg_len(message));
        nng_msg_free(message);
    }
    assert_int_equal(reply->body_case, VEDETTE__V1__REPLY__BODY_REFUSAL);
    assert_int_equal(reply->refusal->code, VEDETTE__V1__REFUSAL_CODE__REFUSED_NO_HELLO);
    test_reply_free(reply);
    nng_close(socket);
}

/* What a port scanner, a health probe or a collector killed at the wrong moment does. */
static void connect_and_close(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_true(strlen(path) < sizeof(address.sun_path));
    memcpy(address.sun_path, path, strlen(path));
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    close(fd);
}

static void test_bus_listens_again_after_a_broken_greeting(void **test)
{
    struct fixture *f = *test;
    for (int i = 0; i < 3; i++)
        connect_and_close(f->path);
    nng_socket socket = dial(f);
    expect_welcome(socket, f->collector);
    expect_ack(socket, f->collector, 0, "/bin/true");
    nng_close(socket);
}

#define WITH_BUS(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_BUS(test_bus_hello_batch_ack),
        WITH_BUS(test_bus_batch_before_hello),
        WITH_BUS(test_bus_malformed_then_good),
        WITH_BUS(test_bus_random_bytes),
        WITH_BUS(test_bus_too_large),
        WITH_BUS(test_bus_node_on_two_pipes),
        WITH_BUS(test_bus_foreign_user),
        WITH_BUS(test_bus_address_in_use),
        WITH_BUS(test_bus_addresses),
        WITH_BUS(test_bus_silent_pipes_are_reaped),
        WITH_BUS(test_bus_listens_again_after_a_broken_greeting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
