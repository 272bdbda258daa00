// SPDX-License-Identifier: Apache-2.0
/* Who is answered on the bus and who is not: certificates, tokens, their replacement, and what one node may cost. */
#include "analyzer/ingest/enrolment.h"
#include "analyzer/ingest/ingest.h"
#include "analyzer/ingest/peers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>

#include <cmocka.h>
#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>
#include <nng/supplemental/tls/tls.h>
#include <nng/supplemental/util/platform.h>

#include "analyzer/alert/alert_testing.h"
#include "analyzer/ingest/test_collector.h"
#include "common/base/clock.h"
#include "common/transport/transport_testing.h"

enum { REPLY_MS = 20000 }; /* only a hang takes so long */

static const char token[] = "0123456789abcdef0123456789abcdef", other_token[] = "fedcba9876543210fedcba9876543210";

struct fixture {
    struct temporary temporary;
    char enrolment[160], url[160];
    struct test_authority *authority;
    struct tls_settings server, client;
    struct outbox *outbox;
    struct loaded_current *loaded;
    struct ingest_settings settings;
    struct ingest *ingest;
    struct test_collector *collector;
};

static void add_line(char *text, size_t size, const char *node, const char *secret)
{
    uint8_t digest[ENROLMENT_DIGEST_BYTES];
    size_t used = strlen(text);
    enrolment_digest(secret, strlen(secret), digest);
    used += (size_t)snprintf(text + used, size - used, "%s ", node);
    for (size_t i = 0; i < sizeof(digest); i++)
        used += (size_t)snprintf(text + used, size - used, "%02x", digest[i]);
    snprintf(text + used, size - used, "\n");
}

/* node1 with `secret`, node2 with the other token. */
static void enrol(struct fixture *f, const char *secret)
{
    char text[512] = "";
    add_line(text, sizeof(text), "node1", secret);
    add_line(text, sizeof(text), "node2", other_token);
    test_file_replace(f->enrolment, 0644, text);
}

static void start(struct fixture *f, const char *url)
{
    char words[INGEST_ERROR_BYTES];
    f->settings.url = url;
    f->settings.tls = strncmp(url, "tls", 3) == 0 ? &f->server : NULL;
    if (ingest_start(&f->settings, &f->ingest, words) < 0)
        fail_msg("%s", words);
    snprintf(f->url, sizeof(f->url), "%s", ingest_url(f->ingest));
}

static int setup(void **test)
{
    struct fixture *f = calloc(1, sizeof(*f));
    const struct loaded_sources none = {0};
    struct policy_error error = {0};
    assert_non_null(f);
    temporary_make(&f->temporary);
    f->authority = test_authority_new("authority");
    test_tls_files(f->authority, f->temporary.folder, "analyzer.test", &f->server);
    test_tls_files(f->authority, f->temporary.folder, "collector", &f->client);
    snprintf(f->client.server_name, sizeof(f->client.server_name), "analyzer.test");
    snprintf(f->enrolment, sizeof(f->enrolment), "%s/enrolment", f->temporary.folder);
    enrol(f, token);
    f->outbox = outbox_open_or_die(f->temporary.outbox);
    f->loaded = loaded_current_new(loaded_set_new(&none, &error));
    f->settings =
        (struct ingest_settings){.shards = 3, .loaded = f->loaded, .outbox = f->outbox, .enrolment = f->enrolment};
    f->collector = test_collector_new("node1", "boot-1", 9);
    test_collector_token(f->collector, token);
    *test = f;
    return 0;
}

static int teardown(void **test)
{
    struct fixture *f = *test;
    const char *const files[] = {f->server.ca,          f->server.certificate, f->server.key, f->client.ca,
                                 f->client.certificate, f->client.key,         f->enrolment};
    if (f->ingest != NULL)
        assert_int_equal(ingest_stop(f->ingest), 0);
    test_collector_free(f->collector);
    loaded_current_free(f->loaded);
    outbox_close(f->outbox);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        unlink(files[i]);
    temporary_remove(&f->temporary);
    test_authority_free(f->authority);
    free(f);
    return 0;
}

/* 0, or why the connection cannot be had. */
static int try_dial(const struct fixture *f, const struct tls_settings *tls, nng_socket *ret_socket)
{
    nng_socket socket;
    nng_dialer dialer;
    assert_int_equal(nng_req0_open(&socket), 0);
    assert_int_equal(nng_socket_set_ms(socket, NNG_OPT_RECVTIMEO, REPLY_MS), 0);
    assert_int_equal(nng_socket_set_ms(socket, NNG_OPT_SENDTIMEO, REPLY_MS), 0);
    assert_int_equal(nng_socket_set_ms(socket, NNG_OPT_REQ_RESENDTIME, NNG_DURATION_INFINITE), 0);
    assert_int_equal(nng_dialer_create(&dialer, socket, f->url), 0);
    if (strncmp(f->url, "tls", 3) == 0) {
        char error[CREDENTIAL_ERROR_BYTES];
        int64_t ends[EXPIRIES];
        nng_tls_config *config;
        if (tls_load(tls, TLS_CLIENT, &config, ends, error) != 0)
            fail_msg("%s", error);
        assert_int_equal(nng_dialer_set_ptr(dialer, NNG_OPT_TLS_CONFIG, config), 0);
        nng_tls_config_free(config);
    }
    int problem = nng_dialer_start(dialer, 0);
    if (problem != 0)
        nng_close(socket);
    else
        *ret_socket = socket;
    return problem;
}

static nng_socket dial(const struct fixture *f)
{
    nng_socket socket;
    int problem = try_dial(f, &f->client, &socket);
    if (problem != 0)
        fail_msg("%s", nng_strerror(problem));
    return socket;
}

/* The reply, or NULL when the connection ended instead. */
static Vedette__V1__Reply *ask(nng_socket socket, struct test_request request)
{
    nng_msg *message;
    assert_int_equal(nng_msg_alloc(&message, 0), 0);
    assert_int_equal(nng_msg_append(message, request.bytes, request.size), 0);
    assert_int_equal(nng_sendmsg(socket, message, 0), 0);
    int problem = nng_recvmsg(socket, &message, 0);
    if (problem == NNG_ECONNRESET || problem == NNG_ECLOSED)
        return NULL;
    assert_int_equal(problem, 0);
    Vedette__V1__Reply *reply = test_reply(nng_msg_body(message), nng_msg_len(message));
    nng_msg_free(message);
    return reply;
}

static void expect_welcome(nng_socket socket, struct test_collector *collector)
{
    Vedette__V1__Reply *reply = ask(socket, test_collector_hello(collector, 0));
    assert_non_null(reply);
    if (reply->body_case != VEDETTE__V1__REPLY__BODY_WELCOME)
        fail_msg("%s", reply->body_case == VEDETTE__V1__REPLY__BODY_REFUSAL ? reply->refusal->reason : "no welcome");
    test_reply_free(reply);
}

static struct test_request batch(struct test_collector *collector, uint64_t first_seq)
{
    test_collector_begin(collector, first_seq);
    test_collector_exec(collector, 5000, "/bin/true", 10);
    return test_collector_end(collector);
}

static void expect_ack(nng_socket socket, struct test_collector *collector, uint64_t first_seq)
{
    Vedette__V1__Reply *reply = ask(socket, batch(collector, first_seq));
    assert_non_null(reply);
    assert_int_equal(reply->body_case, VEDETTE__V1__REPLY__BODY_ACK);
    assert_int_equal(reply->ack->cursor->processed_seq, first_seq + 1);
    test_reply_free(reply);
}

static void expect_hang_up(const struct fixture *f, struct test_request request)
{
    nng_socket socket = dial(f);
    assert_null(ask(socket, request));
    nng_close(socket);
}

static double figure(struct fixture *f, const char *name)
{
    size_t size;
    struct metrics *metrics = metrics_new();
    assert_non_null(metrics);
    metrics_register(metrics, ingest_collect, f->ingest);
    char *page = metrics_render(metrics, &size), *at = page;
    while ((at = strstr(at, name)) != NULL && (at != page && at[-1] != '\n'))
        at++;
    if (at == NULL)
        fail_msg("no %s in\n%s", name, page);
    double value = strtod(at + strlen(name), NULL);
    free(page);
    metrics_free(metrics);
    return value;
}

/* What nng's threads do comes when it comes. */
static void wait_for_figure(struct fixture *f, const char *name, double least, double most)
{
    double value = figure(f, name);
    for (uint64_t end = clock_boot_ns() + REPLY_MS * UINT64_C(1000000);
         (value < least || value > most) && clock_boot_ns() < end; value = figure(f, name))
        nng_msleep(5);
    if (value < least || value > most)
        fail_msg("%s%g", name, value);
}

static void test_identity_by_token(void **test)
{
    struct fixture *f = *test;
    start(f, "tls+tcp://127.0.0.1:0");
    nng_socket socket = dial(f);
    expect_welcome(socket, f->collector);
    expect_ack(socket, f->collector, 0);

    test_collector_token(f->collector, NULL);
    expect_hang_up(f, test_collector_hello(f->collector, 0));
    test_collector_token(f->collector, other_token); /* node2's */
    expect_hang_up(f, test_collector_hello(f->collector, 0));
    expect_hang_up(f, batch(f->collector, 1));
    expect_hang_up(f, (struct test_request){.bytes = (const uint8_t *)"\x0a\xff\xff", .size = 3});
    assert_true(figure(f, "vedette_ingest_refused_total{reason=\"enrolment\"} ") == 4);

    /* The node itself has not noticed. */
    expect_ack(socket, f->collector, 1);
    nng_close(socket);
}

static void test_identity_is_bound_to_the_connection(void **test)
{
    struct fixture *f = *test;
    struct test_collector *second = test_collector_new("node2", "boot-2", 10);
    start(f, "tls+tcp://127.0.0.1:0");
    nng_socket socket = dial(f);
    expect_welcome(socket, f->collector);
    /* With node2's token, but over node1's connection. */
    test_collector_token(second, other_token);
    Vedette__V1__Reply *reply = ask(socket, test_collector_hello(second, 0));
    assert_non_null(reply);
    assert_int_equal(reply->body_case, VEDETTE__V1__REPLY__BODY_REFUSAL);
    assert_int_equal(reply->refusal->code, VEDETTE__V1__REFUSAL_CODE__REFUSED_IDENTITY);
    test_reply_free(reply);
    assert_true(figure(f, "vedette_ingest_refused_total{reason=\"identity\"} ") == 1);
    expect_ack(socket, f->collector, 0);
    nng_close(socket);
    test_collector_free(second);
}

static void test_identity_on_two_connections(void **test)
{
    struct fixture *f = *test;
    start(f, "tls+tcp://127.0.0.1:0");
    nng_socket first = dial(f), second = dial(f);
    expect_welcome(first, f->collector);
    for (int i = 0; i < 3; i++) { /* one alert a minute, however often it comes */
        Vedette__V1__Reply *reply = ask(second, test_collector_hello(f->collector, 0));
        assert_non_null(reply);
        assert_int_equal(reply->body_case, VEDETTE__V1__REPLY__BODY_REFUSAL);
        assert_int_equal(reply->refusal->code, VEDETTE__V1__REFUSAL_CODE__REFUSED_NODE_TAKEN);
        test_reply_free(reply);
    }
    expect_ack(first, f->collector, 0);
    assert_int_equal(outside_integer(f->temporary.outbox, "SELECT count(*) FROM alerts"), 1);
    assert_int_equal(outside_integer(f->temporary.outbox,
                                     "SELECT count(*) FROM alerts WHERE json_extract(json, '$.eventName') = "
                                     "'node_on_two_connections' AND json_extract(json, '$.vedette.node') = 'node1'"),
                     1);
    nng_close(second);
    nng_close(first);
}

static void test_identity_certificates(void **test)
{
    struct fixture *f = *test;
    nng_socket socket;
    struct test_authority *stranger = test_authority_new("stranger");
    struct tls_settings tls = f->client;
    char draft[160], key[160];
    start(f, "tls+tcp://127.0.0.1:0");
    snprintf(draft, sizeof(draft), "%s/draft.pem", f->temporary.folder);
    snprintf(key, sizeof(key), "%s/draft.key", f->temporary.folder);
    snprintf(tls.certificate, sizeof(tls.certificate), "%s", draft);
    snprintf(tls.key, sizeof(tls.key), "%s", key);

    test_certificate_write(stranger, "collector", "20991231235959", draft, key); /* of another authority */
    assert_int_not_equal(try_dial(f, &tls, &socket), 0);
    test_certificate_write(f->authority, "collector", "20210101000000", draft, key); /* expired */
    assert_int_not_equal(try_dial(f, &tls, &socket), 0);
    test_certificate_write(f->authority, "collector", "20991231235959", draft, key);
    assert_int_equal(try_dial(f, &tls, &socket), 0);
    nng_close(socket);
    /* The analyzer must be the one that was meant. */
    snprintf(tls.server_name, sizeof(tls.server_name), "other.test");
    assert_int_not_equal(try_dial(f, &tls, &socket), 0);
    snprintf(tls.server_name, sizeof(tls.server_name), "analyzer.test");
    test_authority_write(stranger, f->client.ca);
    assert_int_not_equal(try_dial(f, &tls, &socket), 0);
    wait_for_figure(f, "vedette_bus_handshakes_failed_total{reason=\"auth\"} ", 1, 1e9);
    char name[TLS_PATH_BYTES + 100];
    snprintf(name, sizeof(name),
             "vedette_certificate_expiry_timestamp_seconds{credential=\"certificate\",path=\"%s\"} ",
             f->server.certificate);
    assert_true(figure(f, name) == 4102444799); /* 2099-12-31T23:59:59Z */
    unlink(draft);
    unlink(key);
    test_authority_free(stranger);
}

static void test_identity_enrolment_is_read_again(void **test)
{
    struct fixture *f = *test;
    start(f, "tls+tcp://127.0.0.1:0");
    nng_socket socket = dial(f);
    expect_welcome(socket, f->collector);
    ingest_renew(f->ingest, clock_boot_ns()); /* nothing has changed */
    expect_ack(socket, f->collector, 0);

    /* Broken: those before stay. */
    test_file_replace(f->enrolment, 0644, "node1");
    ingest_renew(f->ingest, clock_boot_ns());
    expect_ack(socket, f->collector, 1);

    /* Another token: who came with the one before must come again. */
    static const char next[] = "next0123456789abcdef0123456789ab";
    enrol(f, next);
    ingest_renew(f->ingest, clock_boot_ns());
    Vedette__V1__Reply *reply = ask(socket, batch(f->collector, 2));
    assert_null(reply);
    nng_close(socket);
    expect_hang_up(f, test_collector_hello(f->collector, 0));
    test_collector_token(f->collector, next);
    socket = dial(f);
    expect_welcome(socket, f->collector);
    expect_ack(socket, f->collector, 2);
    nng_close(socket);
}

static void test_identity_certificates_are_replaced(void **test)
{
    struct fixture *f = *test;
    struct test_authority *next = test_authority_new("next");
    struct tls_settings tls = f->client;
    nng_socket second;
    char ca[160];
    snprintf(ca, sizeof(ca), "%s/next.ca", f->temporary.folder);
    snprintf(tls.ca, sizeof(tls.ca), "%s", ca);
    test_authority_write(next, ca);
    start(f, "tls+tcp://127.0.0.1:0");
    nng_socket socket = dial(f);
    expect_welcome(socket, f->collector);
    expect_ack(socket, f->collector, 0);
    assert_int_not_equal(try_dial(f, &tls, &second), 0); /* it does not trust the authority of now */

    /* Half of the pair: nothing happens. */
    char key[160];
    snprintf(key, sizeof(key), "%s/next.key", f->temporary.folder);
    test_certificate_write(next, "analyzer.test", "20991231235959", f->server.certificate, key);
    ingest_renew(f->ingest, clock_boot_ns());
    assert_int_not_equal(try_dial(f, &tls, &second), 0);
    assert_int_equal(rename(key, f->server.key), 0);
    ingest_renew(f->ingest, clock_boot_ns());
    /* libnng gave the accept that was pending the certificate of before: one connection may still see it. */
    if (try_dial(f, &tls, &second) != 0)
        assert_int_equal(try_dial(f, &tls, &second), 0);
    nng_close(second);
    expect_ack(socket, f->collector, 1); /* the connection of before goes on */

    /* Other authorities: it does not. */
    test_authority_write(next, f->server.ca);
    ingest_renew(f->ingest, clock_boot_ns());
    wait_for_figure(f, "vedette_ingest_connections ", 0, 0);
    assert_int_not_equal(try_dial(f, &f->client, &second), 0);
    nng_close(socket);
    unlink(ca);
    test_authority_free(next);
}

static void test_identity_expiry_is_told(void **test)
{
    struct fixture *f = *test;
    char words[EXPIRY_WORDS_BYTES], date[32];
    time_t soon = time(NULL) + 5 * 86400;
    struct tm parts;
    start(f, "tls+tcp://127.0.0.1:0");
    assert_false(ingest_warning(f->ingest, words));
    assert_string_equal(words, "");
    gmtime_r(&soon, &parts);
    strftime(date, sizeof(date), "%Y%m%d%H%M%S", &parts);
    test_certificate_write(f->authority, "analyzer.test", date, f->server.certificate, f->server.key);
    ingest_renew(f->ingest, clock_boot_ns());
    assert_true(ingest_warning(f->ingest, words));
    assert_non_null(strstr(words, "analyzer.test.pem expires in "));
    assert_null(ingest_readiness(f->ingest));
    test_certificate_write(f->authority, "analyzer.test", "20210101000000", f->server.certificate, f->server.key);
    ingest_renew(f->ingest, clock_boot_ns());
    assert_non_null(ingest_readiness(f->ingest));
}

/* Connected and greeted, as nng would; nothing more. */
static int connect_stranger(uint16_t port)
{
    static const unsigned char hello[8] = {0, 'S', 'P', 0, 0, 0x30, 0, 0};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(send(fd, hello, sizeof(hello), MSG_NOSIGNAL), sizeof(hello));
    unsigned char answer[8];
    assert_int_equal(recv(fd, answer, sizeof(answer), MSG_WAITALL), sizeof(answer));
    return fd;
}

static bool has_ended(int fd)
{
    char byte;
    struct pollfd waiting = {.fd = fd, .events = POLLIN};
    return poll(&waiting, 1, 0) == 1 && recv(fd, &byte, 1, MSG_DONTWAIT) <= 0;
}

static void test_identity_strangers_are_bounded(void **test)
{
    struct fixture *f = *test;
    enum { STRANGERS = INGEST_MAX_STRANGERS + 50 };
    static int fds[STRANGERS];
    start(f, "tcp://127.0.0.1:0");
    nng_socket socket = dial(f);
    expect_welcome(socket, f->collector);
    uint16_t port = (uint16_t)strtoul(strrchr(f->url, ':') + 1, NULL, 10);
    for (size_t i = 0; i < STRANGERS; i++)
        fds[i] = connect_stranger(port);
    /* The oldest went; a node that comes now finds room, and one that is there has not noticed. */
    struct test_collector *second = test_collector_new("node2", "boot-2", 10);
    test_collector_token(second, other_token);
    nng_socket late = dial(f);
    expect_welcome(late, second);
    expect_ack(socket, f->collector, 0);
    wait_for_figure(f, "vedette_ingest_connections ", 0, INGEST_MAX_STRANGERS + 3);
    wait_for_figure(f, "vedette_ingest_refused_total{reason=\"too_many_connections\"} ", 50, 1e9);
    size_t ended = 0;
    for (uint64_t end = clock_boot_ns() + REPLY_MS * UINT64_C(1000000); ended < 50 && clock_boot_ns() < end;) {
        ended = 0;
        for (size_t i = 0; i < 50; i++)
            ended += has_ended(fds[i]);
        nng_msleep(5);
    }
    assert_int_equal(ended, 50);
    /* And all who do not say who they are go in time. */
    ingest_reap(f->ingest, clock_boot_ns() + (INGEST_HELLO_S + 1) * UINT64_C(1000000000));
    expect_ack(socket, f->collector, 1);
    assert_true(figure(f, "vedette_ingest_refused_total{reason=\"enrolment\"} ") >= 60);
    for (size_t i = 0; i < STRANGERS; i++)
        close(fds[i]);
    nng_close(late);
    nng_close(socket);
    test_collector_free(second);
}

/* One node sends without end and is put off; another on the same thread is answered all the while. */
static void test_identity_quota(void **test)
{
    struct fixture *f = *test;
    struct test_collector *second = test_collector_new("node2", "boot-2", 10);
    f->settings.shards = 1;
    f->settings.quota = (struct quota_limits){.events = 1, .bytes = 1 << 20};
    test_collector_token(second, other_token);
    start(f, "tcp://127.0.0.1:0");
    nng_socket flooding = dial(f), calm = dial(f);
    expect_welcome(flooding, f->collector);
    expect_welcome(calm, second);
    uint64_t refused = 0;
    for (uint64_t seq = 0; seq < 12 && refused < 8; seq++) {
        Vedette__V1__Reply *reply = ask(flooding, batch(f->collector, seq));
        assert_non_null(reply);
        if (reply->body_case == VEDETTE__V1__REPLY__BODY_REFUSAL) {
            assert_int_equal(reply->refusal->code, VEDETTE__V1__REFUSAL_CODE__REFUSED_BUSY);
            assert_in_range(reply->refusal->retry_ms, QUOTA_WAIT_MIN_MS, QUOTA_WAIT_MAX_MS);
            refused++;
            seq--; /* it keeps what was not taken */
        }
        test_reply_free(reply);
    }
    assert_int_equal(refused, 8);
    expect_ack(calm, second, 0);
    assert_true(figure(f, "vedette_node_throttled_total{node=\"node1\"} ") == 8);
    assert_true(figure(f, "vedette_node_throttled_total{node=\"node2\"} ") == 0);
    nng_close(flooding);
    nng_close(calm);
    test_collector_free(second);
}

/* Behind a broken link the pipe of before lives on; who proves the node over another need not wait for its end. */
static void test_identity_of_a_silent_pipe(void **test)
{
    (void)test;
    const struct node_environment environment = {0};
    const uint8_t digest[ENROLMENT_DIGEST_BYTES] = {1};
    struct peers *peers = peers_new(8);
    struct node *node = node_new(&environment, "node1");
    unsigned shard;
    uint32_t stale;
    struct node *of_pipe;
    assert_true(peers != NULL && node != NULL);
    assert_true(peers_add(peers, 1, 0, 100));
    assert_true(peers_add(peers, 2, 0, 100));
    assert_int_equal(peers_bind(peers, 1, node, 0, digest, 0, &stale), PEER_BOUND);
    assert_int_equal(peers_begin(peers, 1, 2, 200, &shard), PEER_ADMITTED);
    assert_int_equal(peers_bind(peers, 2, node, 0, digest, 300, &stale), PEER_TAKEN); /* it is being answered */
    peers_end(peers, 1);
    assert_int_equal(peers_bind(peers, 2, node, 0, digest, 200, &stale), PEER_TAKEN); /* it was heard just then */
    assert_int_equal(stale, 0);
    assert_int_equal(peers_bind(peers, 2, node, 0, digest, 201, &stale), PEER_BOUND);
    assert_int_equal(stale, 1);
    assert_true(peers_node(peers, 1, &of_pipe, &shard) && of_pipe == NULL);
    assert_true(peers_node(peers, 2, &of_pipe, &shard) && of_pipe == node);
    assert_int_equal(peers_bind(peers, 1, node, 0, digest, 1000, &stale), PEER_GONE); /* it does not come back */
    peers_remove(peers, 1);
    assert_int_equal(peers_oldest_stranger(peers, 0), 0);
    peers_free(peers);
    node_free(node);
}

#define WITH_BUS(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_BUS(test_identity_by_token),
        WITH_BUS(test_identity_is_bound_to_the_connection),
        WITH_BUS(test_identity_on_two_connections),
        WITH_BUS(test_identity_certificates),
        WITH_BUS(test_identity_enrolment_is_read_again),
        WITH_BUS(test_identity_certificates_are_replaced),
        WITH_BUS(test_identity_expiry_is_told),
        WITH_BUS(test_identity_strangers_are_bounded),
        WITH_BUS(test_identity_quota),
        cmocka_unit_test(test_identity_of_a_silent_pipe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
