/* SPDX-License-Identifier: Apache-2.0 */
#include "analyzer/alert/syslog_transport.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "analyzer/alert/link.h"
#include "analyzer/alert/text.h"
#include "common/base/clock.h"

struct way {
    const char *scheme, *port, *curl_scheme; /* the last: of a stream that libcurl connects */
    int (*connect)(struct syslog_transport *transport, char *error);
};

struct syslog_transport {
    const struct sink_settings *settings;
    const struct way *way;
    char host[256], port[16]; /* of unix://, host is unused */
    bool by_line;

    struct link link;
    int fd;         /* -1: not connected; of a link it is libcurl's */
    bool is_stream; /* as it is connected now */
    int cancel_fd;  /* readable: interrupted */

    struct text frame, last; /* the last message that counted as delivered */
    bool in_doubt;           /* the last one may not have been read */
};

static bool has_link(const struct syslog_transport *transport)
{
    return transport->way->curl_scheme != NULL;
}

static void disconnect(struct syslog_transport *transport)
{
    if (has_link(transport))
        link_close(&transport->link);
    else if (transport->fd >= 0)
        close(transport->fd);
    transport->fd = -1;
}

static uint64_t deadline_of(const struct syslog_transport *transport)
{
    return clock_boot_ns() + transport->settings->timeout_ms * UINT64_C(1000000);
}

/* Until `events` are there, at most `most_ns`. 0; -ETIMEDOUT when the deadline is over; -ECANCELED; -ECONNRESET. */
static int wait_for(const struct syslog_transport *transport, short events, uint64_t deadline_ns, uint64_t most_ns)
{
    uint64_t now_ns = clock_boot_ns();
    if (now_ns >= deadline_ns)
        return -ETIMEDOUT;
    uint64_t left_ns = deadline_ns - now_ns < most_ns ? deadline_ns - now_ns : most_ns;
    const struct timespec left = {.tv_sec = (time_t)(left_ns / 1000000000u), .tv_nsec = (long)(left_ns % 1000000000u)};
    struct pollfd fds[] = {{.fd = transport->fd, .events = events}, {.fd = transport->cancel_fd, .events = POLLIN}};
    if (ppoll(fds, 2, &left, NULL) < 0 && errno != EINTR)
        return -errno;
    if (fds[1].revents & POLLIN)
        return -ECANCELED;
    /* Of a datagram's socket the next send says what it is. */
    return transport->is_stream && (fds[0].revents & (POLLERR | POLLHUP)) ? -ECONNRESET : 0;
}

/* -- connecting -- */

/* TCP and TLS: libcurl resolves, connects and shakes hands, and hands the connection over. */
static int connect_link(struct syslog_transport *transport, char *error)
{
    char url[320];
    curl_socket_t fd = CURL_SOCKET_BAD;
    struct link *link = &transport->link;
    snprintf(url, sizeof(url), "%s://%s:%s/", transport->way->curl_scheme, transport->host, transport->port);
    int result = link_open(link, transport->settings, url);
    if (result < 0) {
        snprintf(error, SINK_ERROR_BYTES, "%s", result == -EINVAL ? "no usable URL" : "out of memory");
        return result;
    }
    curl_easy_setopt(link->easy, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(link->easy, CURLOPT_SSL_ENABLE_ALPN, 0L); /* what follows is no HTTP */
    CURLcode code = link_perform(link, true);
    if (code == CURLE_OK)
        code = curl_easy_getinfo(link->easy, CURLINFO_ACTIVESOCKET, &fd);
    if (code != CURLE_OK || fd == CURL_SOCKET_BAD) {
        snprintf(error, SINK_ERROR_BYTES, "%s://%.90s:%s: %.120s", transport->way->scheme, transport->host,
                 transport->port, link_reason(link, code));
        return -ECONNREFUSED;
    }
    transport->fd = fd;
    transport->is_stream = true;
    return 0;
}

static int explain(const struct syslog_transport *transport, int failure, char *error)
{
    snprintf(error, SINK_ERROR_BYTES, "%.180s: %s", transport->settings->url, strerror(failure));
    return -failure;
}

/* The resolver of the C library cannot be interrupted; resolv.conf bounds it. */
static int connect_udp(struct syslog_transport *transport, char *error)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_flags = AI_ADDRCONFIG};
    struct addrinfo *list = NULL;
    int result = getaddrinfo(transport->host, transport->port, &hints, &list);
    if (result != 0) {
        snprintf(error, SINK_ERROR_BYTES, "%.120s: %s", transport->settings->url, gai_strerror(result));
        return -EHOSTUNREACH;
    }
    int failure = EADDRNOTAVAIL;
    for (const struct addrinfo *one = list; one != NULL && transport->fd < 0; one = one->ai_next) {
        transport->fd = socket(one->ai_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (transport->fd >= 0 && connect(transport->fd, one->ai_addr, one->ai_addrlen) == 0)
            break;
        failure = errno;
        disconnect(transport);
    }
    freeaddrinfo(list);
    transport->is_stream = false;
    return transport->fd < 0 ? explain(transport, failure, error) : 0;
}

static int connect_unix(struct syslog_transport *transport, char *error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    static const int types[] = {SOCK_DGRAM, SOCK_STREAM};
    int failure = EPROTOTYPE;
    memcpy(address.sun_path, transport->host, strlen(transport->host)); /* it fits: read_url */
    for (size_t i = 0; i < 2 && failure == EPROTOTYPE; i++) {
        transport->fd = socket(AF_UNIX, types[i] | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        transport->is_stream = types[i] == SOCK_STREAM;
        failure = transport->fd < 0 ? errno : 0;
        if (failure == 0 && connect(transport->fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
            failure = errno;
            disconnect(transport);
        }
    }
    return failure ? explain(transport, failure, error) : 0;
}

static const struct way ways[] = {
    {"tcp", "601", "http", connect_link},
    {"tls", "6514", "https", connect_link},
    {"udp", "514", NULL, connect_udp},
    {"unix", NULL, NULL, connect_unix},
};

/* -- sending -- */

/* Bytes sent, or -errno; -EAGAIN when there is no room. */
static ssize_t send_some(struct syslog_transport *transport, const char *data, size_t size)
{
    size_t sent = 0;
    if (!has_link(transport)) {
        ssize_t result = send(transport->fd, data, size, MSG_NOSIGNAL);
        return result < 0 ? -errno : result;
    }
    CURLcode code = curl_easy_send(transport->link.easy, data, size, &sent);
    return code == CURLE_OK ? (ssize_t)sent : code == CURLE_AGAIN ? -EAGAIN : -EPIPE;
}

static int send_all(struct syslog_transport *transport, const char *data, size_t size, uint64_t deadline_ns)
{
    while (size > 0) {
        ssize_t sent = send_some(transport, data, size);
        int result = 0;
        if (sent >= 0) {
            data += sent;
            size -= (size_t)sent;
        } else if (sent == -EAGAIN || sent == -ENOBUFS) {
            /* Nothing tells when there are buffers again. */
            result = wait_for(transport, sent == -EAGAIN ? POLLOUT : 0, deadline_ns,
                              sent == -EAGAIN ? UINT64_MAX : UINT64_C(10000000));
        } else if (sent != -EINTR) {
            result = (int)sent;
        }
        if (result < 0)
            return result;
    }
    return 0;
}

/*
 * Until the receiver's kernel has all bytes (SIOCOUTQ, tcp(7)). Nothing tells when, so it is looked at
 * after ever longer waits; on a network it takes one round trip.
 */
static int wait_until_acknowledged(struct syslog_transport *transport, uint64_t deadline_ns)
{
    enum { SHORTEST_NS = 50000, LONGEST_NS = 50000000 };
    int result = 0, waiting = 0;
    for (uint64_t ns = SHORTEST_NS; result == 0; ns = ns < LONGEST_NS ? ns * 2 : LONGEST_NS) {
        if (ioctl(transport->fd, SIOCOUTQ, &waiting) < 0)
            return -errno;
        if (waiting == 0)
            return 0;
        result = wait_for(transport, 0, deadline_ns, ns);
    }
    return result;
}

/* What a datagram met on its way back by now: an ICMP error of this host. */
static int pending_error(const struct syslog_transport *transport)
{
    int error = 0;
    socklen_t size = sizeof(error);
    return getsockopt(transport->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0 ? -errno : -error;
}

/* "LENGTH MESSAGE" or "MESSAGE\n" on a stream, a message on its own as a datagram. */
static int send_message(struct syslog_transport *transport, const char *message, size_t size)
{
    struct text *frame = &transport->frame;
    uint64_t deadline_ns = deadline_of(transport);
    frame->size = 0;
    if (transport->is_stream && !transport->by_line) {
        text_unsigned(frame, size);
        text_literal(frame, " ");
    }
    text_append(frame, message, size);
    if (transport->is_stream && transport->by_line)
        text_literal(frame, "\n");
    if (frame->failed) {
        text_fini(frame);
        return -ENOMEM;
    }
    int result = send_all(transport, frame->data, frame->size, deadline_ns);
    if (result == 0)
        /* What a unix stream took is in the receiver's own queue. */
        result = has_link(transport)    ? wait_until_acknowledged(transport, deadline_ns)
                 : transport->is_stream ? 0
                                        : pending_error(transport);
    return result;
}

/* What came from the other side, which has nothing to say but its end. 0; 1: closed after it had read all; -errno. */
static int look_at_peer(struct syslog_transport *transport)
{
    enum { LOOKS = 64 };
    char scrap[512];
    for (int i = 0; i < LOOKS; i++) {
        size_t got = 0;
        if (has_link(transport)) {
            CURLcode code = curl_easy_recv(transport->link.easy, scrap, sizeof(scrap), &got);
            if (code != CURLE_OK)
                return code == CURLE_AGAIN ? 0 : -ECONNRESET;
        } else {
            ssize_t result = recv(transport->fd, scrap, sizeof(scrap), MSG_DONTWAIT);
            if (result < 0)
                return errno == EAGAIN || errno == EINTR ? 0 : -errno;
            got = (size_t)result;
        }
        if (got == 0)
            return 1;
    }
    return 0;
}

/* A connection that is still good, or none. Of TLS a new one when a certificate has changed. */
static int check_connection(struct syslog_transport *transport, char *error)
{
    int stale = has_link(transport) ? link_is_stale(&transport->link, transport->settings, error) : 0;
    if (stale < 0)
        return stale;
    if (transport->fd < 0)
        return 0;
    int ended = transport->is_stream ? look_at_peer(transport) : 0;
    transport->in_doubt |= ended < 0;
    if (ended != 0 || stale != 0)
        disconnect(transport);
    return 0;
}

static void keep_last(struct syslog_transport *transport, const char *message, size_t size)
{
    transport->last.size = 0;
    text_append(&transport->last, message, size);
    if (transport->last.failed)
        text_fini(&transport->last);
    transport->in_doubt = false;
}

/*
 * Out of time the receiver lacks the end of the message, which is sent again over another connection: it must not come
 * over this one too, when the receiver reads on. What it has not been sent yet goes with a reset; what its kernel has,
 * it can still read.
 */
static void abandon(const struct syslog_transport *transport)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    setsockopt(transport->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

static int fail(struct syslog_transport *transport, int result, char *error)
{
    if (result == -ETIMEDOUT && has_link(transport))
        abandon(transport);
    transport->in_doubt |= result != -ETIMEDOUT && result != -ECANCELED && result != -EMSGSIZE;
    disconnect(transport);
    return explain(transport, -result, error);
}

int syslog_transport_send(struct syslog_transport *transport, const char *message, size_t size,
                          char error[SINK_ERROR_BYTES])
{
    int result = check_connection(transport, error);
    if (result == 0 && transport->fd < 0 && (result = transport->way->connect(transport, error)) < 0)
        disconnect(transport);
    if (result < 0)
        return result;
    if (transport->in_doubt && transport->last.size > 0) {
        result = send_message(transport, transport->last.data, transport->last.size);
        if (result < 0)
            return fail(transport, result, error);
        transport->in_doubt = false;
    }
    result = send_message(transport, message, size);
    if (result < 0)
        return fail(transport, result, error);
    keep_last(transport, message, size);
    return 0;
}

/* -- settings -- */

/* "udp://HOST[:PORT]", "unix:///PATH" */
static bool read_url(struct syslog_transport *transport)
{
    const char *url = transport->settings->url, *rest = strstr(url, "://");
    for (size_t i = 0; rest != NULL && i < sizeof(ways) / sizeof(ways[0]); i++)
        if (strlen(ways[i].scheme) == (size_t)(rest - url) && strncmp(url, ways[i].scheme, (size_t)(rest - url)) == 0)
            transport->way = &ways[i];
    if (transport->way == NULL)
        return false;
    rest += 3;
    if (transport->way->port == NULL) {
        snprintf(transport->host, sizeof(transport->host), "%s", rest);
        return rest[0] == '/' && strlen(rest) < sizeof(((struct sockaddr_un *)0)->sun_path);
    }
    size_t length = rest[0] == '[' ? strcspn(rest, "]") + 1 : strcspn(rest, ":/");
    const char *port = rest[length] == ':' ? rest + length + 1 : transport->way->port;
    size_t port_length = strspn(port, "0123456789");
    const char *end = rest[length] == ':' ? port + port_length : rest + length;
    if (length <= (rest[0] == '[' ? 2u : 0u) || length >= sizeof(transport->host) || port_length == 0 ||
        port_length > 5 || (*end != '\0' && strcmp(end, "/") != 0))
        return false;
    bool strip = rest[0] == '[' && !has_link(transport); /* getaddrinfo takes an IPv6 address without its brackets */
    snprintf(transport->host, sizeof(transport->host), "%.*s", (int)length - (strip ? 2 : 0), rest + (strip ? 1 : 0));
    snprintf(transport->port, sizeof(transport->port), "%.*s", (int)port_length, port);
    return true;
}

struct syslog_transport *syslog_transport_new(const struct sink_settings *settings, bool by_line,
                                              char error[SINK_ERROR_BYTES])
{
    char words[SINK_ERROR_BYTES] = "";
    struct syslog_transport *transport = calloc(1, sizeof(*transport));
    if (transport == NULL)
        return sink_fail(settings, error, "out of memory");
    transport->settings = settings;
    transport->by_line = by_line;
    transport->fd = -1;
    transport->cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int result = link_init(&transport->link, settings, words);
    if (!read_url(transport))
        sink_fail(settings, error,
                  "url: write udp://HOST:514, tcp://HOST:601, tls://HOST:6514 or unix:///dev/log, not '%.64s'",
                  settings->url);
    else if (result < 0)
        sink_fail(settings, error, "%s", words);
    else if (transport->cancel_fd < 0)
        sink_fail(settings, error, "no eventfd: %s", strerror(errno));
    else
        return transport;
    syslog_transport_free(transport);
    return NULL;
}

void syslog_transport_free(struct syslog_transport *transport)
{
    if (transport == NULL)
        return;
    if (transport->way != NULL)
        disconnect(transport);
    link_fini(&transport->link);
    if (transport->cancel_fd >= 0)
        close(transport->cancel_fd);
    text_fini(&transport->frame);
    text_fini(&transport->last);
    free(transport);
}

void syslog_transport_interrupt(struct syslog_transport *transport)
{
    eventfd_write(transport->cancel_fd, 1);
    link_interrupt(&transport->link);
}
