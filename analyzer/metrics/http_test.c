/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "analyzer/metrics/http.h"
#include "common/base/clock.h"

static const char *ca; /* of HTTPS; a file */

struct reply {
    long status;
    bool injected; /* a header that the request tried to bring in */
    char type[128], allow[64], body[4096];
    size_t size;
};

static size_t take(char *data, size_t one, size_t size, void *arg)
{
    (void)one;
    struct reply *reply = arg;
    if (reply->size + size >= sizeof(reply->body))
        return 0;
    memcpy(reply->body + reply->size, data, size);
    reply->size += size;
    return size;
}

static size_t take_header(char *data, size_t one, size_t size, void *arg)
{
    (void)one;
    struct reply *reply = arg;
    static const char allow[] = "Allow: ";
    if (size >= 3 && strncasecmp(data, "X-A", 3) == 0)
        reply->injected = true;
    if (size > sizeof(allow) && strncasecmp(data, allow, sizeof(allow) - 1) == 0)
        snprintf(reply->allow, sizeof(reply->allow), "%.*s", (int)(size - sizeof(allow) - 1), data + sizeof(allow) - 1);
    return size;
}

/* `body` and `header` NULL: none. `address` with a scheme, or for plain HTTP without. */
static struct reply request_with(const char *method, const char *address, const char *path, const char *body,
                                 const char *header)
{
    struct curl_slist *headers = header ? curl_slist_append(NULL, header) : NULL;
    struct reply reply = {0};
    char url[256], *type = NULL;
    CURL *easy = curl_easy_init();
    snprintf(url, sizeof(url), "%s%s%s", strstr(address, "://") ? "" : "http://", address, path);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_CAINFO, ca);
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &reply);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, &reply);
    if (body)
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
    if (strcmp(method, "HEAD") == 0)
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    else
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
    assert_int_equal(curl_easy_perform(easy), CURLE_OK);
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &reply.status);
    curl_easy_getinfo(easy, CURLINFO_CONTENT_TYPE, &type);
    snprintf(reply.type, sizeof(reply.type), "%s", type ? type : "");
    curl_easy_cleanup(easy);
    curl_slist_free_all(headers);
    return reply;
}

static struct reply request(const char *method, const char *address, const char *path, const char *body)
{
    return request_with(method, address, path, body, NULL);
}

static void collect(void *arg, struct metrics_writer *writer)
{
    (void)arg;
    metrics_write(writer, "vedette_up", METRIC_GAUGE, "Up.", NULL, 1);
}

static void words(void *arg, struct report *report)
{
    const char *state = *(const char **)arg;
    report_add(report, "bus", true, state && state[0] != '\0' ? state : NULL);
    report_add(report, "sink", false, state ? "away \"x\"" : NULL);
}

struct fixture {
    struct metrics *metrics;
    struct http_server *server;
    const char *state;
};

static struct http_server *start(struct fixture *fixture, const char *address)
{
    const struct http_settings settings = {
        .address = address, .metrics = fixture->metrics, .healthy = NULL, .ready = words, .arg = &fixture->state};
    char error[HTTP_ERROR_BYTES];
    struct http_server *server = NULL;
    if (http_start(&settings, &server, error))
        fail_msg("%s", error);
    return server;
}

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    fixture->metrics = metrics_new();
    metrics_register(fixture->metrics, collect, NULL);
    fixture->server = start(fixture, "127.0.0.1:0");
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    http_stop(fixture->server);
    http_stop(NULL);
    metrics_free(fixture->metrics);
    free(fixture);
    return 0;
}

static void test_http_pages(void **state)
{
    struct fixture *fixture = *state;
    const char *address = http_address(fixture->server);
    assert_int_equal(strncmp(address, "127.0.0.1:", 10), 0);
    assert_string_not_equal(address, "127.0.0.1:0");
    struct reply reply = request("GET", address, "/metrics", NULL);
    assert_int_equal(reply.status, 200);
    assert_string_equal(reply.type, "text/plain; version=0.0.4; charset=utf-8");
    assert_string_equal(reply.body, "# HELP vedette_up Up.\n# TYPE vedette_up gauge\nvedette_up 1\n");
    assert_int_equal(request("GET", address, "/metrics?name=x", NULL).status, 200);
    reply = request("HEAD", address, "/metrics", NULL);
    assert_int_equal(reply.status, 200);
    assert_int_equal(reply.size, 0);
    reply = request("GET", address, "/nothing", NULL);
    assert_int_equal(reply.status, 404);
    assert_string_equal(reply.body, "not found\n");
    assert_int_equal(request("GET", address, "/", NULL).status, 404);
    assert_int_equal(request("GET", address, "/metrics/", NULL).status, 404);
}

static void test_http_health(void **state)
{
    struct fixture *fixture = *state;
    const char *address = http_address(fixture->server);
    struct reply reply = request("GET", address, "/healthz", NULL); /* nobody asked for a check */
    assert_int_equal(reply.status, 200);
    assert_string_equal(reply.body, "ok\n");
    assert_string_equal(reply.type, "text/plain; charset=utf-8");
    assert_int_equal(request("GET", address, "/readyz", NULL).status, 200);
    fixture->state = "no collector has said hello";
    reply = request("GET", address, "/readyz", NULL);
    assert_int_equal(reply.status, 503);
    assert_string_equal(reply.body, "bus: no collector has said hello\nsink: away \"x\"\n");
    reply = request_with("GET", address, "/readyz", NULL, "Accept: application/json");
    assert_int_equal(reply.status, 503);
    assert_string_equal(reply.type, "application/json");
    assert_string_equal(
        reply.body,
        "{\"ok\":false,\"checks\":[{\"name\":\"bus\",\"ok\":false,\"decides\":true,\"words\":\"no collector has said "
        "hello\"},{\"name\":\"sink\",\"ok\":false,\"decides\":false,\"words\":\"away \\\"x\\\"\"}]}\n");
    fixture->state = NULL;
    reply = request_with("GET", address, "/readyz", NULL, "Accept: application/json");
    assert_int_equal(reply.status, 200);
    assert_non_null(strstr(reply.body, "{\"ok\":true,"));
    fixture->state = "";
    reply = request("GET", address, "/readyz", NULL); /* what does not decide is told all the same */
    assert_int_equal(reply.status, 200);
    assert_string_equal(reply.body, "ok\nsink: away \"x\"\n");
}

static void test_http_openmetrics(void **state)
{
    struct fixture *fixture = *state;
    struct reply reply = request_with("GET", http_address(fixture->server), "/metrics", NULL,
                                      "Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5");
    assert_int_equal(reply.status, 200);
    assert_string_equal(reply.type, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert_string_equal(reply.body, "# HELP vedette_up Up.\n# TYPE vedette_up gauge\nvedette_up 1\n# EOF\n");
}

static void test_http_methods_and_bodies(void **state)
{
    struct fixture *fixture = *state;
    const char *address = http_address(fixture->server);
    static const char *const methods[] = {"POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"};
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        struct reply reply = request(methods[i], address, "/metrics", NULL);
        assert_int_equal(reply.status, 405);
        assert_string_equal(reply.allow, "GET, HEAD");
    }
    assert_int_equal(request("POST", address, "/metrics", "a=b").status, 405);
    assert_int_equal(request("GET", address, "/metrics", "a=b").status, 413);
    assert_int_equal(request("GET", address, "/metrics", NULL).status, 200);
}

static void test_http_address_in_use(void **state)
{
    struct fixture *fixture = *state;
    const struct http_settings settings = {.address = http_address(fixture->server), .metrics = fixture->metrics};
    char error[HTTP_ERROR_BYTES] = "";
    struct http_server *second = NULL;
    assert_int_equal(http_start(&settings, &second, error), -EADDRINUSE);
    assert_null(second);
    assert_non_null(strstr(error, settings.address));
    assert_non_null(strstr(error, "in use"));
}

static void test_http_addresses(void **state)
{
    struct fixture *fixture = *state;
    static const char *const wrong[] = {"",
                                        ":",
                                        "3366",
                                        "127.0.0.1",
                                        "127.0.0.1:",
                                        "127.0.0.1:65536",
                                        "127.0.0.1:-1",
                                        "127.0.0.1:+1",
                                        "1.2.3:80",
                                        "::1:80",
                                        "[::1]",
                                        "[::1:80",
                                        "[]:80",
                                        "[127.0.0.1]:80",
                                        "localhost:80",
                                        "127.0.0.1:80x",
                                        "[::1]x:80",
                                        "host name:1",
                                        "127.0.0.1: 80",
                                        "127.0.0.1:0x50",
                                        "[::1%lo]:8080",
                                        "1111111111111111111111111111111111111111111111111111111111111:80"};
    char error[HTTP_ERROR_BYTES];
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        const struct http_settings settings = {.address = wrong[i], .metrics = fixture->metrics};
        struct http_server *server = NULL;
        assert_int_equal(http_start(&settings, &server, error), -EINVAL);
        assert_non_null(strstr(error, "127.0.0.1:3366"));
    }
    const struct http_settings none = {.address = NULL, .metrics = fixture->metrics},
                               foreign = {.address = "192.0.2.1:0", .metrics = fixture->metrics};
    struct http_server *server = NULL;
    assert_int_equal(http_start(&none, &server, error), -EINVAL);
    assert_int_equal(http_start(&foreign, &server, error), -EADDRNOTAVAIL);
    assert_non_null(strstr(error, "no address of this host"));
}

static void test_http_all_addresses(void **state)
{
    struct fixture *fixture = *state;
    struct http_server *server = start(fixture, ":0");
    const char *port = strrchr(http_address(server), ':');
    char address[64];
    snprintf(address, sizeof(address), "127.0.0.1%s", port);
    assert_int_equal(request("GET", address, "/metrics", NULL).status, 200);
    http_stop(server);
    const struct http_settings settings = {.address = "[::1]:0", .metrics = fixture->metrics};
    char error[HTTP_ERROR_BYTES];
    int result = http_start(&settings, &server, error);
    if (result == -EAFNOSUPPORT || result == -EADDRNOTAVAIL)
        skip(); /* a machine without IPv6 */
    assert_int_equal(result, 0);
    assert_int_equal(strncmp(http_address(server), "[::1]:", 6), 0);
    assert_int_equal(request("GET", http_address(server), "/metrics", NULL).status, 200);
    http_stop(server);
}

static int connect_to(const char *address)
{
    struct sockaddr_in peer = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    peer.sin_port = htons((uint16_t)strtoul(strrchr(address, ':') + 1, NULL, 10));
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&peer, sizeof(peer)), 0);
    return fd;
}

/* Idle connections of one address are bounded; when they go, the service is there again. */
static void test_http_connection_limit(void **state)
{
    struct fixture *fixture = *state;
    const char *address = http_address(fixture->server);
    enum { LIMIT = HTTP_MAX_CONNECTIONS_PER_ADDRESS };
    static const char line[] = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    int fds[LIMIT];
    char buffer[512];
    for (int i = 0; i < LIMIT; i++) {
        fds[i] = connect_to(address);
        assert_int_equal(send(fds[i], line, strlen(line), MSG_NOSIGNAL), strlen(line));
        assert_true(recv(fds[i], buffer, sizeof(buffer), 0) > 0); /* it is served, so it counts */
    }
    int more = connect_to(address);
    assert_true(recv(more, buffer, sizeof(buffer), 0) <= 0);
    close(more);
    for (int i = 0; i < LIMIT; i++)
        close(fds[i]);
    /* The server sees the closes in its own time: tries until one is served, as a scraper would. */
    for (;;) {
        more = connect_to(address);
        ssize_t sent = send(more, line, strlen(line), MSG_NOSIGNAL),
                got = sent > 0 ? recv(more, buffer, sizeof(buffer), 0) : -1;
        close(more);
        if (got > 0)
            break;
    }
    assert_int_equal(strncmp(buffer, "HTTP/1.1 200", 12), 0);
}

static void test_http_garbage(void **state)
{
    struct fixture *fixture = *state;
    const char *address = http_address(fixture->server);
    static const char *const lines[] = {"\r\n\r\n\r\n", "GET\r\n\r\n", "\x16\x03\x01\x02",
                                        "GET /metrics HTTP/9.9\r\n\r\n",
                                        "GET /%00%ff HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n"};
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        int fd = connect_to(address);
        assert_int_equal(send(fd, lines[i], strlen(lines[i]), MSG_NOSIGNAL), strlen(lines[i]));
        close(fd); /* some of them the server would keep until its time-out */
    }
    /* A header that does not fit is refused, not buffered. */
    int fd = connect_to(address);
    static char large[65536];
    memset(large, 'a', sizeof(large));
    memcpy(large, "GET /", 5);
    ssize_t sent = 1;
    for (size_t done = 0; done < sizeof(large) && sent > 0; done += (size_t)sent)
        sent = send(fd, large + done, sizeof(large) - done, MSG_NOSIGNAL);
    char buffer[512];
    while (recv(fd, buffer, sizeof(buffer), 0) > 0)
        ;
    close(fd);
    assert_int_equal(request("GET", address, "/metrics", NULL).status, 200);
}

/* What is asked for is compared, never opened, and never said back. */
static void test_http_paths_and_headers(void **state)
{
    struct fixture *fixture = *state;
    const char *address = http_address(fixture->server);
    static const char *const paths[] = {
        "/../../etc/passwd",      "/metrics/../metrics", "/%2e%2e/%2e%2e/etc/passwd", "/metrics%00",
        "/metrics%0d%0aX-A:%20b", "//metrics",           "/metrics%2f..%2fmetrics",   "/healthz/..%2f"};
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        struct reply reply = request("GET", address, paths[i], NULL);
        /* A NUL ends the path in MHD's hands: that one is /metrics. */
        if (strcmp(paths[i], "/metrics%00") != 0)
            assert_int_equal(reply.status, 404);
        assert_false(reply.injected);
    }
    struct reply reply =
        request_with("GET", address, "/metrics", NULL, "Accept: a\tb, application/openmetrics-text\x7f");
    assert_int_equal(reply.status, 200);
    assert_string_equal(reply.type, "text/plain; version=0.0.4; charset=utf-8");
}

/* The status that a raw request gets, 0 when it is only closed. */
static int raw_status(const char *address, const char *begin, size_t filler, const char *end)
{
    int fd = connect_to(address), status = 0;
    char block[1024], answer[512] = "";
    memset(block, 'a', sizeof(block));
    bool sent = send(fd, begin, strlen(begin), MSG_NOSIGNAL) > 0;
    for (size_t done = 0; sent && done < filler; done += sizeof(block))
        sent = send(fd, block, sizeof(block), MSG_NOSIGNAL) > 0;
    if (sent)
        send(fd, end, strlen(end), MSG_NOSIGNAL);
    ssize_t got = recv(fd, answer, sizeof(answer) - 1, 0);
    if (got > 12)
        status = (int)strtol(answer + 9, NULL, 10);
    close(fd);
    return status;
}

static void test_http_oversized(void **state)
{
    struct fixture *fixture = *state;
    const char *address = http_address(fixture->server);
    int line = raw_status(address, "GET /", 20000, " HTTP/1.1\r\nHost: x\r\n\r\n"),
        header = raw_status(address, "GET /metrics HTTP/1.1\r\nHost: x\r\nX-A: ", 20000, "\r\n\r\n"),
        body = raw_status(address, "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n", 0, "");
    assert_true(line == 414 || line == 431 || line == 0); /* 0: closed with more to read, which resets the connection */
    assert_true(header == 431 || header == 0);
    assert_int_equal(body, 405);
    assert_int_equal(request("GET", address, "/metrics", NULL).status, 200);
}

/* Who drips is closed when his time is over, however many bytes he has sent meanwhile. Time is a parameter. */
static void test_http_slow_requests(void **state)
{
    struct fixture *fixture = *state;
    const char *address = http_address(fixture->server);
    static const char begin[] = "GET /metrics HTTP/1.1\r\nX-A: ";
    int slow[8];
    char byte;
    uint64_t now_ns = clock_boot_ns(), over_ns = now_ns + (HTTP_REQUEST_S + 5) * UINT64_C(1000000000);
    for (size_t i = 0; i < 8; i++) {
        slow[i] = connect_to(address);
        assert_int_equal(send(slow[i], begin, strlen(begin), MSG_NOSIGNAL), strlen(begin));
    }
    assert_int_equal(request("GET", address, "/metrics", NULL).status, 200); /* so the others are accepted */
    http_tend(fixture->server, now_ns);
    assert_int_equal(send(slow[0], "a", 1, MSG_NOSIGNAL), 1);
    http_tend(fixture->server, over_ns);
    for (size_t i = 0; i < 8; i++) {
        assert_true(recv(slow[i], &byte, 1, 0) <= 0);
        close(slow[i]);
    }
    assert_int_equal(request("GET", address, "/metrics", NULL).status, 200);
    http_tend(NULL, now_ns);
}

/* A thousand at once: some are served, the rest is turned away at once, and afterwards all is as before. */
static void test_http_thousand_connections(void **state)
{
    struct fixture *fixture = *state;
    const char *address = http_address(fixture->server);
    enum { MANY = 1000 };
    static const char line[] = "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    static int fds[MANY];
    int served = 0;
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_max < 2 * MANY + 100)
        skip();
    limit.rlim_cur = 2 * MANY + 100;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    for (int i = 0; i < MANY; i++)
        fds[i] = connect_to(address);
    for (int i = 0; i < MANY; i++) {
        char answer[256];
        if (send(fds[i], line, strlen(line), MSG_NOSIGNAL) > 0 && recv(fds[i], answer, sizeof(answer), 0) > 12)
            served += strncmp(answer, "HTTP/1.1 200", 12) == 0;
        close(fds[i]);
    }
    assert_true(served >= HTTP_MAX_CONNECTIONS_PER_ADDRESS && served < MANY);
    for (;;) { /* the server sees the closes in its own time */
        int fd = connect_to(address);
        char answer[64];
        bool good = send(fd, line, strlen(line), MSG_NOSIGNAL) > 0 && recv(fd, answer, sizeof(answer), 0) > 12;
        close(fd);
        if (good)
            break;
    }
}

struct files {
    char folder[64], certificate[80], key[80], token[80];
};

static void write_file(const char *path, const char *text)
{
    char fresh[96];
    snprintf(fresh, sizeof(fresh), "%s.new", path);
    FILE *file = fopen(fresh, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(rename(fresh, path), 0);
}

static struct files files_make(void)
{
    struct files files = {.folder = "/tmp/vedette-http-XXXXXX"};
    assert_non_null(mkdtemp(files.folder));
    snprintf(files.certificate, sizeof(files.certificate), "%s/tls.crt", files.folder);
    snprintf(files.key, sizeof(files.key), "%s/tls.key", files.folder);
    snprintf(files.token, sizeof(files.token), "%s/token", files.folder);
    return files;
}

static void files_remove(const struct files *files)
{
    unlink(files->certificate);
    unlink(files->key);
    unlink(files->token);
    assert_int_equal(rmdir(files->folder), 0);
}

static void test_http_token(void **state)
{
    struct fixture *fixture = *state;
    struct files files = files_make();
    char error[HTTP_ERROR_BYTES] = "";
    struct http_server *server = NULL;
    const struct http_settings settings = {.address = "127.0.0.1:0",
                                           .metrics = fixture->metrics,
                                           .ready = words,
                                           .arg = &fixture->state,
                                           .token_file = files.token};
    assert_int_equal(http_start(&settings, &server, error), -ENOENT);
    assert_non_null(strstr(error, files.token));
    write_file(files.token, "");
    assert_int_equal(http_start(&settings, &server, error), -EINVAL);
    write_file(files.token, "token-1\n");
    assert_int_equal(http_start(&settings, &server, error), 0);
    const char *address = http_address(server);
    static const char *const wrong[] = {"X: y",
                                        "Authorization: Bearer",
                                        "Authorization: Bearer token-2",
                                        "Authorization: Bearer token-11",
                                        "Authorization: Bearer token-",
                                        "Authorization: Basic token-1",
                                        "Authorization: token-1"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(request_with("GET", address, "/metrics", NULL, wrong[i]).status, 401);
    assert_int_equal(request_with("GET", address, "/nothing", NULL, wrong[0]).status, 401); /* not even what there is */
    assert_int_equal(request_with("GET", address, "/metrics", NULL, "Authorization: bearer token-1").status, 200);
    assert_int_equal(request("GET", address, "/healthz", NULL).status, 200);
    assert_int_equal(request("GET", address, "/readyz", NULL).status, 200);
    write_file(files.token, "token-2");
    http_tend(server, clock_boot_ns());
    assert_int_equal(request_with("GET", address, "/metrics", NULL, "Authorization: Bearer token-1").status, 401);
    assert_int_equal(request_with("GET", address, "/metrics", NULL, "Authorization: Bearer token-2").status, 200);
    write_file(files.token, ""); /* one that is half written does not open the door */
    http_tend(server, clock_boot_ns());
    assert_int_equal(request_with("GET", address, "/metrics", NULL, "Authorization: Bearer ").status, 401);
    assert_int_equal(request_with("GET", address, "/metrics", NULL, "Authorization: Bearer token-2").status, 200);
    http_stop(server);
    files_remove(&files);
}

/* A certificate of its own for 127.0.0.1; false where there is no openssl. */
static bool make_certificate(const struct files *files, const char *name)
{
    char command[1024];
    snprintf(
        command, sizeof(command),
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=%s "
        "-addext subjectAltName=IP:127.0.0.1 -keyout %s.new -out %s.new 2>/dev/null && mv %s.new %s && mv %s.new %s",
        name, files->key, files->certificate, files->key, files->key, files->certificate, files->certificate);
    return system(command) == 0;
}

static void test_http_tls(void **state)
{
    struct fixture *fixture = *state;
    struct files files = files_make();
    char error[HTTP_ERROR_BYTES] = "", address[160];
    struct http_server *server = NULL;
    struct http_settings settings = {
        .address = "127.0.0.1:0", .metrics = fixture->metrics, .tls_certificate = files.certificate};
    if (!make_certificate(&files, "one")) {
        rmdir(files.folder);
        skip();
    }
    assert_int_equal(http_start(&settings, &server, error), -EINVAL);
    assert_non_null(strstr(error, "give both"));
    settings.tls_key = files.certificate;
    assert_int_equal(http_start(&settings, &server, error), -EINVAL);
    assert_non_null(strstr(error, files.certificate));
    settings.tls_key = files.key;
    assert_int_equal(http_start(&settings, &server, error), 0);
    snprintf(address, sizeof(address), "https://%s", http_address(server));
    ca = files.certificate;
    assert_int_equal(request("GET", address, "/metrics", NULL).status, 200);
    assert_true(make_certificate(&files, "two"));
    http_tend(server, clock_boot_ns());
    assert_int_equal(request("GET", address, "/metrics", NULL).status,
                     200); /* by the new one, which alone is trusted */
    char kept[96];
    snprintf(kept, sizeof(kept), "%s.kept", files.certificate);
    assert_int_equal(link(files.certificate, kept), 0);
    write_file(files.certificate, "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n");
    http_tend(server, clock_boot_ns());
    ca = kept;
    assert_int_equal(request("GET", address, "/metrics", NULL).status, 200);
    ca = NULL;
    http_stop(server);
    unlink(kept);
    files_remove(&files);
}

static unsigned echo(void *arg, const struct http_query *query, char **ret_body, size_t *ret_size)
{
    const char *node = http_argument(query, "node");
    (void)arg;
    *ret_body = strdup(node ? node : "none");
    *ret_size = strlen(*ret_body);
    return node && strcmp(node, "lost") == 0 ? 404 : 200;
}

static long ask_socket(const char *path, const char *url, struct reply *reply)
{
    char *type = NULL;
    CURL *easy = curl_easy_init();
    *reply = (struct reply){0};
    curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, path);
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, reply);
    CURLcode result = curl_easy_perform(easy);
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &reply->status);
    curl_easy_getinfo(easy, CURLINFO_CONTENT_TYPE, &type);
    snprintf(reply->type, sizeof(reply->type), "%s", type ? type : "");
    curl_easy_cleanup(easy);
    return result == CURLE_OK ? reply->status : -1;
}

/* What another user gets: the status, from a process that has become it. */
static long ask_as(uid_t uid, const char *path)
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        struct reply reply;
        if (setuid(uid))
            _exit(1);
        _exit((int)(ask_socket(path, "http://x/page", &reply) / 100));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WEXITSTATUS(status) * 100L;
}

static void test_http_socket(void **state)
{
    struct fixture *fixture = *state;
    static const struct http_page pages[] = {{"/page", "application/json", echo, false}};
    char folder[] = "/tmp/vedette-http-XXXXXX", path[64], error[HTTP_ERROR_BYTES] = "";
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/socket", folder);
    const struct http_settings settings = {
        .address = path, .pages = pages, .n_pages = 1, .ready = words, .arg = &fixture->state};
    struct http_server *server = NULL, *second = NULL;
    struct reply reply;
    struct stat status;
    assert_int_equal(http_start(&settings, &server, error), 0);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0660);
    assert_int_equal(ask_socket(path, "http://x/page?node=a%20b", &reply), 200);
    assert_string_equal(reply.body, "a b");
    assert_string_equal(reply.type, "application/json");
    assert_int_equal(ask_socket(path, "http://x/page", &reply), 200);
    assert_string_equal(reply.body, "none");
    assert_int_equal(ask_socket(path, "http://x/page?node=lost", &reply), 404);
    assert_string_equal(reply.type, "text/plain; charset=utf-8");
    assert_int_equal(ask_socket(path, "http://x/metrics", &reply), 404);
    assert_int_equal(ask_socket(path, "http://x/healthz", &reply), 200);
    assert_int_equal(http_start(&settings, &second, error), -EADDRINUSE);
    assert_non_null(strstr(error, path));
    if (geteuid() == 0) {
        assert_int_equal(chmod(folder, 0755), 0);
        assert_int_equal(chmod(path, 0666), 0); /* the file's mode is the first fence, the peer's user the second */
        assert_int_equal(ask_as(12345, path), 400);
        assert_int_equal(ask_as(0, path), 200);
    }
    http_stop(server);
    assert_int_not_equal(access(path, F_OK), 0);
    snprintf(path, sizeof(path), "%s/none/socket", folder);
    assert_int_equal(http_start(&settings, &second, error), -ENOENT);
    snprintf(path, sizeof(path), "%s/file", folder);
    close(open(path, O_CREAT | O_WRONLY, 0600));
    assert_int_equal(http_start(&settings, &second, error), -EADDRINUSE); /* what is no socket is left alone */
    assert_int_equal(access(path, F_OK), 0);
    unlink(path);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_http_pages, setup, teardown),
        cmocka_unit_test_setup_teardown(test_http_health, setup, teardown),
        cmocka_unit_test_setup_teardown(test_http_methods_and_bodies, setup, teardown),
        cmocka_unit_test_setup_teardown(test_http_address_in_use, setup, teardown),
        cmocka_unit_test_setup_teardown(test_http_addresses, setup, teardown),
        cmocka_unit_test_setup_teardown(test_http_all_addresses, setup, teardown),
        cmocka_unit_test_setup_teardown(test_http_connection_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_http_garbage, setup, teardown),
        cmocka_unit_test_setup_teardown(test_http_openmetrics, setup, teardown),
        cmocka_unit_test_setup_teardown(test_http_paths_and_headers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_http_oversized, setup, teardown),
        cmocka_unit_test_setup_teardown(test_http_slow_requests, setup, teardown),
        cmocka_unit_test_setup_teardown(test_http_thousand_connections, setup, teardown),
        cmocka_unit_test_setup_teardown(test_http_token, setup, teardown),
        cmocka_unit_test_setup_teardown(test_http_tls, setup, teardown),
        cmocka_unit_test_setup_teardown(test_http_socket, setup, teardown),
    };
    curl_global_init(CURL_GLOBAL_DEFAULT);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    curl_global_cleanup();
    return failed;
}
