/* SPDX-License-Identifier: Apache-2.0 */
/* Syslog: the message itself, and the transports against sockets of this test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "analyzer/alert/alert_testing.h"
#include "analyzer/alert/sink.h"
#include "analyzer/alert/syslog_message.h"

static struct finding_field_list fields_of(const char *const *usual)
{
    static const struct option_list empty;
    struct finding_field_list list;
    char why[256];
    assert_int_equal(finding_field_list_read(&list, "fields", &empty, usual, why, sizeof(why)), 0);
    return list;
}

static char *message_of(const struct alert *alert, const struct syslog_form *form)
{
    struct finding_view view;
    struct text text = {0};
    assert_int_equal(finding_view_init(&view, alert), 0);
    syslog_message(&text, form, &view);
    finding_view_fini(&view);
    assert_false(text.failed);
    assert_true(text.size <= form->max_bytes);
    text_append(&text, "", 1);
    return text.data;
}

static void test_syslog_message(void **state)
{
    (void)state;
    static const char *const names[] = {"id", "severity", "process", "executable", "pod", NULL};
    struct finding_field_list fields = fields_of(names);
    struct syslog_form form = {
        .facility = 10, .app_name = "vedette", .sd_id = "vedette@32473", .fields = &fields, .max_bytes = 8192};
    struct alert alert = alert_rich();
    alert.node = "no de\xc3\xa4";
    char *message = message_of(&alert, &form), expected[4096];
    snprintf(expected, sizeof(expected),
             "<83>1 2023-11-14T22:13:20.000002Z no_de__ vedette - fileless_execution [vedette@32473 id=\"%s\" "
             "severity=\"high\" process=\"a\\\"\\]\\\\b\" executable=\"/memfd:\xc3\xa4 \" pod=\"web-1\"] %s",
             alert.id, alert.json);
    assert_string_equal(message, expected);
    free(message);
    static const int levels[][2] = {{-1, 86}, {0, 86}, {1, 85}, {2, 84}, {3, 83}, {4, 82}, {9, 82}};
    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
        alert.severity = levels[i][0];
        message = message_of(&alert, &form);
        assert_int_equal(strtol(message + 1, NULL, 10), levels[i][1]);
        free(message);
    }
    form.text = true;
    fields.count = 0;
    message = message_of(&alert, &form);
    assert_non_null(strstr(message, " fileless_execution - Fileless execution detected: a\"]\\\\b (pid 4242, /memfd:"));
    free(message);
}

/* Too long for the receiver: in short, valid, and told to be. */
static void test_syslog_shortens(void **state)
{
    (void)state;
    static const char *const names[] = {"id",    "command",   "executable", "process", "file",
                                        "title", "container", "image",      NULL};
    struct finding_field_list fields = fields_of(names);
    struct syslog_form form = {
        .app_name = "vedette", .sd_id = "vedette@32473", .fields = &fields, .max_bytes = SYSLOG_MIN_BYTES};
    char *json = NULL, *long_text = malloc(6001);
    assert_non_null(long_text);
    for (size_t i = 0; i < 6000; i += 2)
        memcpy(long_text + i, "\xc3\xa4", 2);
    long_text[6000] = '\0';
    assert_true(asprintf(&json,
                         "{\"eventName\":\"x\",\"processName\":\"%s\",\"executable\":{\"path\":\"%s\"},\"container\":{"
                         "\"id\":\"%s\",\"image\":\"%s\"}}",
                         long_text, long_text, long_text, long_text) > 0);
    struct alert alert = alert_rich();
    alert.json = json;
    char *message = message_of(&alert, &form);
    char *body = strstr(message, "] {");
    assert_non_null(body);
    json_t *parsed = json_loads(body + 2, 0, NULL);
    assert_non_null(parsed);
    assert_true(json_is_true(json_object_get(parsed, "truncated")));
    assert_string_equal(json_string_value(json_object_get(parsed, "id")), alert.id);
    assert_non_null(strstr(json_string_value(json_object_get(parsed, "process")), "\xc3\xa4[...]"));
    assert_non_null(strstr(message, "[vedette@32473 id="));
    json_decref(parsed);
    free(message);
    free(json);
    free(long_text);
}

static void test_syslog_names(void **state)
{
    (void)state;
    assert_true(syslog_is_sd_id("vedette@32473"));
    static const char *const wrong[] = {
        "", "vedette", "@1", "a@", "a b@1", "a@x", "a]@1", "a=b@1", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@1"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_false(syslog_is_sd_id(wrong[i]));
}

/* -- transports -- */

struct fixture {
    struct temporary temporary;
    struct sink_settings *settings;
    void *sink;
    char path[TESTING_PATH_BYTES];
};

static void set(struct fixture *f, const char *key, const char *text)
{
    char why[SINK_WHY_BYTES];
    assert_int_equal(sink_settings_set(f->settings, key, text, why), 0);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    temporary_make(&f->temporary);
    f->settings = sink_settings_new(sink_kind_by_name("syslog"), "log");
    assert_non_null(f->settings);
    set(f, "timeout", "60s");
    set(f, "message", "text");
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    f->settings->kind->close(f->sink);
    sink_settings_free(f->settings);
    temporary_remove(&f->temporary);
    free(f);
    return 0;
}

static void open_sink(struct fixture *f, const char *url)
{
    char error[SINK_ERROR_BYTES] = "";
    set(f, "url", url);
    f->sink = f->settings->kind->open(f->settings, error);
    if (!f->sink)
        fail_msg("%s", error);
}

static enum sink_result deliver(struct fixture *f, unsigned number)
{
    char error[SINK_ERROR_BYTES] = "";
    uint32_t retry_after_ms;
    struct alert alert = alert_of(number);
    return f->settings->kind->deliver(f->sink, &alert, &retry_after_ms, error);
}

static int unix_socket(struct fixture *f, int type)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(f->path, sizeof(f->path), "%s/log", f->temporary.folder);
    memcpy(address.sun_path, f->path, strlen(f->path));
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static int inet_socket(int type, char url[64], uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    const int one = 1;
    socklen_t size = sizeof(address);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    if (type == SOCK_STREAM)
        assert_int_equal(listen(fd, 4), 0);
    snprintf(url, 64, "%s://127.0.0.1:%u", type == SOCK_STREAM ? "tcp" : "udp", (unsigned)ntohs(address.sin_port));
    return fd;
}

/* The number of the alert in a message. */
static unsigned number_in(const char *message)
{
    const char *id = strstr(message, " id=\"");
    assert_non_null(id);
    return (unsigned)strtoul(id + 5, NULL, 16);
}

static unsigned take_datagram(int fd)
{
    char message[8192];
    ssize_t size = recv(fd, message, sizeof(message) - 1, 0);
    assert_true(size > 0);
    message[size] = '\0';
    assert_int_equal(strncmp(message, "<83>1 ", 6), 0);
    return number_in(message);
}

/* A message by its octet count, all of which are of one size here. */
static ssize_t counted_bytes;

static unsigned take_counted(int fd)
{
    char message[8192], digit;
    size_t length = 0;
    while (recv(fd, &digit, 1, 0) == 1 && digit != ' ') {
        assert_true(digit >= '0' && digit <= '9');
        length = length * 10 + (size_t)(digit - '0');
    }
    assert_true(length > 0 && length < sizeof(message));
    assert_int_equal(recv(fd, message, length, MSG_WAITALL), length);
    counted_bytes = (ssize_t)length;
    message[length] = '\0';
    assert_int_equal(strncmp(message, "<83>1 ", 6), 0);
    return number_in(message);
}

static void test_syslog_unix_datagrams(void **state)
{
    struct fixture *f = *state;
    char url[TESTING_PATH_BYTES + 8];
    int fd = unix_socket(f, SOCK_DGRAM);
    snprintf(url, sizeof(url), "unix://%s", f->path);
    open_sink(f, url);
    assert_int_equal(deliver(f, 1), SINK_DELIVERED);
    assert_int_equal(take_datagram(fd), 1);
    close(fd);
    unlink(f->path);
    assert_int_equal(deliver(f, 2), SINK_RETRY);
    assert_int_equal(deliver(f, 2), SINK_RETRY); /* no such file */
    fd = unix_socket(f, SOCK_DGRAM);
    assert_int_equal(deliver(f, 2), SINK_DELIVERED);
    /* The one that met the end of the first socket may not have been read. */
    assert_int_equal(take_datagram(fd), 1);
    assert_int_equal(take_datagram(fd), 2);
    close(fd);
}

static void test_syslog_unix_stream(void **state)
{
    struct fixture *f = *state;
    char url[TESTING_PATH_BYTES + 8];
    int fd = unix_socket(f, SOCK_STREAM);
    assert_int_equal(listen(fd, 2), 0);
    snprintf(url, sizeof(url), "unix://%s", f->path);
    open_sink(f, url);
    assert_int_equal(deliver(f, 1), SINK_DELIVERED);
    int first = accept(fd, NULL, NULL);
    assert_int_equal(take_counted(first), 1);
    assert_int_equal(deliver(f, 2), SINK_DELIVERED);
    close(first); /* unread */
    assert_int_equal(deliver(f, 3), SINK_DELIVERED);
    int second = accept(fd, NULL, NULL);
    assert_int_equal(take_counted(second), 2);
    assert_int_equal(take_counted(second), 3);
    close(second);
    close(fd);
}

static void test_syslog_udp(void **state)
{
    struct fixture *f = *state;
    char url[64];
    int fd = inet_socket(SOCK_DGRAM, url, 0);
    uint16_t port = (uint16_t)strtoul(strrchr(url, ':') + 1, NULL, 10);
    open_sink(f, url);
    assert_int_equal(deliver(f, 1), SINK_DELIVERED);
    assert_int_equal(take_datagram(fd), 1);
    close(fd);
    assert_int_equal(deliver(f, 2), SINK_RETRY); /* the port is closed, which the kernel says at once here */
    fd = inet_socket(SOCK_DGRAM, url, port);
    assert_int_equal(deliver(f, 2), SINK_DELIVERED);
    assert_int_equal(take_datagram(fd), 1);
    assert_int_equal(take_datagram(fd), 2);
    close(fd);
}

/* What was read, and how the connection ended. */
struct listener {
    int fd;
    unsigned numbers[8], count;
    sem_t ended;      /* posted when a connection was closed */
    const char *plan; /* a letter a connection: 1 to 9 messages, then a clean end; r: reset with one unread */
};

static void *listen_by_plan(void *arg)
{
    struct listener *listener = arg;
    for (const char *step = listener->plan; *step; step++) {
        int fd = accept(listener->fd, NULL, NULL);
        if (*step == 'r') {
            char one;
            assert_int_equal(recv(fd, &one, 1, MSG_PEEK), 1); /* it is there, unread: the kernel resets */
        } else {
            for (int i = 0; i < *step - '0'; i++)
                listener->numbers[listener->count++] = take_counted(fd);
        }
        close(fd);
        sem_post(&listener->ended);
    }
    return NULL;
}

static void deliver_until_done(struct fixture *f, unsigned number)
{
    for (int attempt = 0; deliver(f, number) != SINK_DELIVERED; attempt++)
        assert_true(attempt < 1000);
}

/* A clean end is no reason to repeat; a reset with unread bytes is, and it is the one message that was at stake. */
static void test_syslog_tcp_repeats_after_a_reset_only(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *plan;
        unsigned numbers[4], count;
    } cases[] = {{"12", {1, 2, 3}, 3}, {"r3", {1, 2, 3}, 3}};
    for (size_t i = 0; i < 2; i++) {
        char url[64];
        pthread_t thread;
        struct listener listener = {.plan = cases[i].plan};
        listener.fd = inet_socket(SOCK_STREAM, url, 0);
        sem_init(&listener.ended, 0, 0);
        assert_int_equal(pthread_create(&thread, NULL, listen_by_plan, &listener), 0);
        open_sink(f, url);
        deliver_until_done(f, 1);
        sem_wait(&listener.ended); /* on the loopback the sink's kernel knows it then */
        deliver_until_done(f, 2);
        deliver_until_done(f, 3);
        f->settings->kind->close(f->sink);
        f->sink = NULL;
        pthread_join(thread, NULL);
        close(listener.fd);
        sem_destroy(&listener.ended);
        assert_int_equal(listener.count, cases[i].count);
        for (unsigned j = 0; j < listener.count; j++)
            assert_int_equal(listener.numbers[j], cases[i].numbers[j]);
    }
}

/* A receiver that stands still: what it was sent in part over the connection that was given up does not come twice when
 * it reads on. */
static void test_syslog_tcp_stalled(void **state)
{
    struct fixture *f = *state;
    char url[64];
    const int small = 4096;
    int fd = inet_socket(SOCK_STREAM, url, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    set(f, "timeout", "200ms");
    open_sink(f, url);
    unsigned number = 0;
    while (deliver(f, number + 1) == SINK_DELIVERED) /* into the buffers of the kernel */
        assert_true(++number < 10000);
    int first = accept(fd, NULL, NULL);
    for (unsigned i = 1; i <= number; i++)
        assert_int_equal(take_counted(first), i);
    char rest[65536];
    ssize_t size, whole = 0;
    while ((size = recv(first, rest, sizeof(rest), 0)) > 0)
        whole += size;
    assert_true(whole < counted_bytes);
    close(first);
    assert_int_equal(deliver(f, number + 1), SINK_DELIVERED);
    int second = accept(fd, NULL, NULL);
    assert_int_equal(take_counted(second), number + 1);
    close(second);
    close(fd);
}

static void test_syslog_interrupt(void **state)
{
    struct fixture *f = *state;
    char url[64];
    int fd = inet_socket(SOCK_STREAM, url, 0);
    open_sink(f, url);
    f->settings->kind->interrupt(f->sink);
    assert_int_equal(deliver(f, 1), SINK_RETRY);
    close(fd);
}

static void test_syslog_urls(void **state)
{
    struct fixture *f = *state;
    static const char *const wrong[] = {
        "",        "tcp:",           "http://h", "udp://", "udp://h:x", "udp://h:1/x", "unix://relative",
        "unix://", "tcp://h:123456", "tls://:1"};
    static const char *const right[] = {"udp://h",         "tcp://h:601",     "tls://h/",
                                        "unix:///dev/log", "udp://[::1]:514", "tcp://[::1]"};
    char error[SINK_ERROR_BYTES];
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        set(f, "url", wrong[i]);
        assert_null(f->settings->kind->open(f->settings, error));
        assert_non_null(strstr(error, "sink log: url: write udp://"));
    }
    for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
        open_sink(f, right[i]);
        f->settings->kind->close(f->sink);
        f->sink = NULL;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_syslog_message),
        cmocka_unit_test(test_syslog_shortens),
        cmocka_unit_test(test_syslog_names),
        cmocka_unit_test_setup_teardown(test_syslog_unix_datagrams, setup, teardown),
        cmocka_unit_test_setup_teardown(test_syslog_unix_stream, setup, teardown),
        cmocka_unit_test_setup_teardown(test_syslog_udp, setup, teardown),
        cmocka_unit_test_setup_teardown(test_syslog_tcp_repeats_after_a_reset_only, setup, teardown),
        cmocka_unit_test_setup_teardown(test_syslog_tcp_stalled, setup, teardown),
        cmocka_unit_test_setup_teardown(test_syslog_interrupt, setup, teardown),
        cmocka_unit_test_setup_teardown(test_syslog_urls, setup, teardown),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
