/* SPDX-License-Identifier: Apache-2.0 */
#include "analyzer/metrics/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

enum {
    MAX_CONNECTIONS = 64,
    MAX_CONNECTIONS_PER_ADDRESS = 32, /* half: one client cannot keep the others out */
    TIMEOUT_S = 10,
    CONNECTION_BYTES = 16384, /* request line and headers */
    BACKLOG = 64,
    ADDRESS_BYTES = 128, /* that of a Unix socket's path is the longest: 108 */
};

struct http_server {
    struct http_settings settings;
    struct MHD_Daemon *daemon;
    char address[ADDRESS_BYTES];
    char path[ADDRESS_BYTES]; /* of a socket in the file system, else "" */
};

static enum MHD_Result respond(struct MHD_Connection *connection, unsigned status, struct MHD_Response *response,
                               const char *type)
{
    if (!response)
        return MHD_NO;
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result respond_text(struct MHD_Connection *connection, unsigned status, const char *text)
{
    char line[512];
    int size = snprintf(line, sizeof(line), "%.500s\n", text);
    struct MHD_Response *response = MHD_create_response_from_buffer((size_t)size, line, MHD_RESPMEM_MUST_COPY);
    return respond(connection, status, response, "text/plain; charset=utf-8");
}

static enum MHD_Result respond_metrics(struct MHD_Connection *connection, struct metrics *metrics)
{
    size_t size;
    char *page = metrics_render(metrics, &size);
    if (!page)
        return respond_text(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory");
    struct MHD_Response *response = MHD_create_response_from_buffer(size, page, MHD_RESPMEM_MUST_FREE);
    if (!response)
        free(page);
    return respond(connection, MHD_HTTP_OK, response, "text/plain; version=0.0.4; charset=utf-8");
}

static enum MHD_Result respond_state(struct MHD_Connection *connection, const char *(*ask)(void *arg), void *arg)
{
    const char *words = ask ? ask(arg) : NULL;
    return respond_text(connection, words ? MHD_HTTP_SERVICE_UNAVAILABLE : MHD_HTTP_OK, words ? words : "ok");
}

static enum MHD_Result respond_page(struct MHD_Connection *connection, const struct http_page *page, void *arg)
{
    char *body = NULL;
    size_t size = 0;
    const char *node = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "node");
    unsigned status = page->answer(arg, node, &body, &size);
    if (!body)
        return respond_text(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory");
    struct MHD_Response *response = MHD_create_response_from_buffer(size, body, MHD_RESPMEM_MUST_FREE);
    if (!response)
        free(body);
    return respond(connection, status, response, status == MHD_HTTP_OK ? page->type : "text/plain; charset=utf-8");
}

/* On a socket in the file system; there the peer's user is known. */
static bool may_ask(struct MHD_Connection *connection, const struct http_server *server)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct ucred peer;
    socklen_t size = sizeof(peer);
    if (server->path[0] == '\0')
        return true;
    return info && getsockopt(info->connect_fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
           (peer.uid == 0 || peer.uid == geteuid());
}

static bool has_body(struct MHD_Connection *connection)
{
    const char *length = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
    return (length && strcmp(length, "0") != 0) ||
           MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_TRANSFER_ENCODING);
}

static bool may_be_asked_by(const struct http_settings *settings, const char *url, const char *method)
{
    for (size_t i = 0; i < settings->n_pages; i++)
        if (settings->pages[i].changes && strcmp(url, settings->pages[i].path) == 0)
            return strcmp(method, MHD_HTTP_METHOD_POST) == 0;
    return strcmp(method, MHD_HTTP_METHOD_GET) == 0 || strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;
}

static enum MHD_Result handle(void *arg, struct MHD_Connection *connection, const char *url, const char *method,
                              const char *version, const char *upload_data, size_t *upload_data_size, void **request)
{
    (void)version;
    (void)upload_data;
    static int seen;
    const struct http_server *server = arg;
    const struct http_settings *settings = &server->settings;
    bool first = *request == NULL;
    *request = &seen;
    if (first && !may_ask(connection, server))
        return respond_text(connection, MHD_HTTP_FORBIDDEN, "only root and the analyzer's own user are answered here");
    if (!may_be_asked_by(settings, url, method))
        return respond_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "method not allowed");
    /* Answered before the body is read, which closes the connection. */
    if (first && has_body(connection))
        return respond_text(connection, MHD_HTTP_CONTENT_TOO_LARGE, "no request body is taken");
    if (first)
        return MHD_YES; /* an answer at the first call would cost a keep-alive client its connection */
    if (*upload_data_size)
        return MHD_NO;
    for (size_t i = 0; i < settings->n_pages; i++)
        if (strcmp(url, settings->pages[i].path) == 0)
            return respond_page(connection, &settings->pages[i], settings->arg);
    if (strcmp(url, "/metrics") == 0 && settings->metrics)
        return respond_metrics(connection, settings->metrics);
    if (strcmp(url, "/healthz") == 0)
        return respond_state(connection, settings->healthy, settings->arg);
    if (strcmp(url, "/readyz") == 0)
        return respond_state(connection, settings->ready, settings->arg);
    return respond_text(connection, MHD_HTTP_NOT_FOUND, "not found");
}

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* "HOST:PORT", "[HOST]:PORT" or ":PORT"; numeric. */
static int parse_address(const char *text, union address *ret_address)
{
    union address address = {0};
    const char *colon = text ? strrchr(text, ':') : NULL;
    char host[INET6_ADDRSTRLEN] = "", *end;
    if (!colon || colon[1] < '0' || colon[1] > '9')
        return -EINVAL;
    unsigned long port = strtoul(colon + 1, &end, 10);
    if (*end || port > 65535)
        return -EINVAL;
    bool brackets = text[0] == '[';
    const char *from = brackets ? text + 1 : text;
    size_t size = (size_t)(colon - from);
    if (brackets && (size == 0 || from[--size] != ']'))
        return -EINVAL;
    if (size >= sizeof(host))
        return -EINVAL;
    memcpy(host, from, size);
    address.v6.sin6_port = htons((uint16_t)port);
    if (!brackets && size == 0) {
        address.v6.sin6_family = AF_INET6;
        address.v6.sin6_addr = in6addr_any;
    } else if (brackets && inet_pton(AF_INET6, host, &address.v6.sin6_addr) == 1) {
        address.v6.sin6_family = AF_INET6;
    } else if (!brackets && inet_pton(AF_INET, host, &address.v4.sin_addr) == 1) {
        address.v4.sin_family = AF_INET;
        address.v4.sin_port = htons((uint16_t)port);
    } else {
        return -EINVAL;
    }
    *ret_address = address;
    return 0;
}

/* A listening socket or -errno. */
static int listen_on(const union address *address)
{
    int family = address->any.sa_family, on = 1, off = 0;
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    socklen_t size = family == AF_INET6 ? sizeof(address->v6) : sizeof(address->v4);
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
        (family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off))) ||
        bind(fd, &address->any, size) || listen(fd, BACKLOG)) {
        int error = -errno;
        close(fd);
        return error;
    }
    return fd;
}

/* One that nobody listens on any more, from a life that was killed. */
static bool is_dead(const struct sockaddr_un *address)
{
    struct stat status;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool dead = fd >= 0 && lstat(address->sun_path, &status) == 0 && S_ISSOCK(status.st_mode) &&
                connect(fd, (const struct sockaddr *)address, sizeof(*address)) != 0 && errno == ECONNREFUSED;
    if (fd >= 0)
        close(fd);
    return dead;
}

static int listen_on_path(const char *path, int *ret_fd)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path))
        return -ENAMETOOLONG;
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    int result = bind(fd, (struct sockaddr *)&address, sizeof(address));
    if (result && errno == EADDRINUSE && is_dead(&address) && unlink(path) == 0)
        result = bind(fd, (struct sockaddr *)&address, sizeof(address));
    if (result || chmod(path, 0660) || listen(fd, BACKLOG)) {
        int error = -errno;
        close(fd);
        return error;
    }
    *ret_fd = fd;
    return 0;
}

static int listen_on_text(const char *text, int *ret_fd)
{
    union address address;
    int error = parse_address(text, &address);
    if (error)
        return error;
    int fd = listen_on(&address);
    if (fd == -EAFNOSUPPORT && text[0] == ':') { /* a host without IPv6 */
        in_port_t port = address.v6.sin6_port;
        address = (union address){.v4 = {.sin_family = AF_INET, .sin_port = port}};
        fd = listen_on(&address);
    }
    *ret_fd = fd;
    return fd < 0 ? fd : 0;
}

static int bound_address(int fd, char ret_text[ADDRESS_BYTES])
{
    union address address = {0};
    socklen_t size = sizeof(address);
    char host[INET6_ADDRSTRLEN];
    if (getsockname(fd, &address.any, &size))
        return -errno;
    if (address.any.sa_family == AF_INET6)
        snprintf(ret_text, ADDRESS_BYTES, "[%s]:%u", inet_ntop(AF_INET6, &address.v6.sin6_addr, host, sizeof(host)),
                 ntohs(address.v6.sin6_port));
    else
        snprintf(ret_text, ADDRESS_BYTES, "%s:%u", inet_ntop(AF_INET, &address.v4.sin_addr, host, sizeof(host)),
                 ntohs(address.v4.sin_port));
    return 0;
}

static int explain(const char *address, int error, char words[HTTP_ERROR_BYTES])
{
    const char *remedy = strerror(-error);
    if (address && address[0] == '/') {
        if (error == -ENOENT)
            remedy = "there is no such directory: make it, or choose another path";
        else if (error == -EACCES)
            remedy = "its directory may not be written: give it to this program's user, or choose another path";
        else if (error == -EADDRINUSE)
            remedy = "in use: another analyzer listens there, or it is no socket; choose another path";
        snprintf(words, HTTP_ERROR_BYTES, "socket %.128s: %s", address, remedy);
        return error;
    }
    if (error == -EINVAL)
        remedy = "not an address: write 127.0.0.1:3366, [::1]:3366, or :3366 for all addresses; port 0 takes any";
    else if (error == -EADDRINUSE)
        remedy = "in use: stop what listens there, or choose another address (port 0 takes any)";
    else if (error == -EADDRNOTAVAIL)
        remedy = "no address of this host: choose one that it has, or :PORT for all";
    else if (error == -EACCES)
        remedy = "not allowed: choose a port from 1024 on";
    snprintf(words, HTTP_ERROR_BYTES, "HTTP address %.64s: %s", address ? address : "(none)", remedy);
    return error;
}

/* Its thread takes no signal: those are the main thread's. */
static struct MHD_Daemon *start_daemon(struct http_server *server, int fd)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    struct MHD_Daemon *daemon =
        MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, handle, server, MHD_OPTION_LISTEN_SOCKET, fd,
                         MHD_OPTION_CONNECTION_LIMIT, (unsigned)MAX_CONNECTIONS, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
                         (unsigned)MAX_CONNECTIONS_PER_ADDRESS, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)TIMEOUT_S,
                         MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES, MHD_OPTION_END);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return daemon;
}

int http_start(const struct http_settings *settings, struct http_server **ret_server, char error[HTTP_ERROR_BYTES])
{
    int fd = -1;
    bool is_path = settings->address && settings->address[0] == '/';
    int result = is_path ? listen_on_path(settings->address, &fd) : listen_on_text(settings->address, &fd);
    if (result)
        return explain(settings->address, result, error);
    struct http_server *server = calloc(1, sizeof(*server));
    if (server && is_path) {
        snprintf(server->path, sizeof(server->path), "%s", settings->address);
        snprintf(server->address, sizeof(server->address), "%s", settings->address);
    }
    if (!server || (!is_path && bound_address(fd, server->address))) {
        close(fd);
        free(server);
        return explain(settings->address, -ENOMEM, error);
    }
    server->settings = *settings;
    server->settings.address = NULL; /* the caller's */
    server->daemon = start_daemon(server, fd);
    if (!server->daemon) { /* MHD may have closed the socket: closing it here could hit another's descriptor */
        free(server);
        return explain(settings->address, -ENOMEM, error);
    }
    *ret_server = server;
    return 0;
}

const char *http_address(const struct http_server *server)
{
    return server->address;
}

void http_stop(struct http_server *server)
{
    if (!server)
        return;
    if (server->path[0] != '\0')
        unlink(server->path);
    MHD_stop_daemon(server->daemon); /* closes the socket, ends its thread */
    free(server);
}
