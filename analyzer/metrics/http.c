/* SPDX-License-Identifier: Apache-2.0 */
#include "analyzer/metrics/http.h"

#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <strings.h>
#include <sys/socket.h>

#include "analyzer/metrics/listen.h"
#include "analyzer/metrics/secret.h"
#include "common/base/clock.h"
#include "common/base/log.h"

enum {
    TIMEOUT_S = 10,           /* without a byte */
    CONNECTION_BYTES = 16384, /* request line and headers */
};

/* A connection, and since when its request is waited for or worked at. */
struct slot {
    int fd; /* -1: free */
    uint64_t since_ns;
};

struct http_server {
    struct http_settings settings;
    struct MHD_Daemon *daemon;
    int fd; /* listens; each daemon has a duplicate, so that another can take over */
    char address[LISTEN_ADDRESS_BYTES];
    char path[LISTEN_ADDRESS_BYTES]; /* of a socket in the file system, else "" */
    struct secret certificate, key;  /* of who calls http_start and http_tend */

    pthread_mutex_t lock;
    /* Under lock. */
    struct slot slots[HTTP_MAX_CONNECTIONS];
    struct secret token;
};

static enum MHD_Result respond(struct MHD_Connection *connection, unsigned status, struct MHD_Response *response,
                               const char *type)
{
    if (!response)
        return MHD_NO;
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    if (status == MHD_HTTP_UNAUTHORIZED)
        MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer realm=\"vedette\"");
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
    enum metrics_format format =
        metrics_negotiate(MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT));
    char *page = metrics_render_as(metrics, format, &size);
    if (!page)
        return respond_text(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory");
    struct MHD_Response *response = MHD_create_response_from_buffer(size, page, MHD_RESPMEM_MUST_FREE);
    if (!response)
        free(page);
    return respond(connection, MHD_HTTP_OK, response, metrics_content_type(format));
}

static bool wants_json(struct MHD_Connection *connection)
{
    const char *accept = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);
    return accept && strstr(accept, "application/json") != NULL;
}

static enum MHD_Result respond_state(struct MHD_Connection *connection, void (*ask)(void *arg, struct report *report),
                                     void *arg)
{
    struct report report = {0};
    bool json = wants_json(connection);
    if (ask)
        ask(arg, &report);
    char *body = json ? report_json(&report) : report_text(&report);
    if (!body)
        return respond_text(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory");
    struct MHD_Response *response = MHD_create_response_from_buffer(strlen(body), body, MHD_RESPMEM_MUST_FREE);
    if (!response)
        free(body);
    return respond(connection, report_is_good(&report) ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE, response,
                   json ? "application/json" : "text/plain; charset=utf-8");
}

struct http_query {
    struct MHD_Connection *connection;
};

const char *http_argument(const struct http_query *query, const char *name)
{
    const char *value = NULL;
    size_t size;
    if (MHD_lookup_connection_value_n(query->connection, MHD_GET_ARGUMENT_KIND, name, strlen(name), &value, &size) !=
        MHD_YES)
        return NULL;
    return value ? value : "";
}

static enum MHD_Result respond_page(struct MHD_Connection *connection, const struct http_page *page, void *arg)
{
    char *body = NULL;
    size_t size = 0;
    const struct http_query query = {.connection = connection};
    unsigned status = page->answer(arg, &query, &body, &size);
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

/* Who presents the token, where there is one. RFC 6750 section 2.1. */
static bool is_known(struct MHD_Connection *connection, struct http_server *server)
{
    static const char scheme[] = "Bearer ";
    const char *value = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_AUTHORIZATION);
    pthread_mutex_lock(&server->lock);
    bool known = !server->token.bytes || (value && strncasecmp(value, scheme, sizeof(scheme) - 1) == 0 &&
                                          secret_equals(&server->token, value + sizeof(scheme) - 1));
    pthread_mutex_unlock(&server->lock);
    return known;
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
    struct http_server *server = arg;
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
    if (strcmp(url, "/healthz") == 0)
        return respond_state(connection, settings->healthy, settings->arg);
    if (strcmp(url, "/readyz") == 0)
        return respond_state(connection, settings->ready, settings->arg);
    if (!is_known(connection, server))
        return respond_text(connection, MHD_HTTP_UNAUTHORIZED, "present the token: Authorization: Bearer TOKEN");
    for (size_t i = 0; i < settings->n_pages; i++)
        if (strcmp(url, settings->pages[i].path) == 0)
            return respond_page(connection, &settings->pages[i], settings->arg);
    if (strcmp(url, "/metrics") == 0 && settings->metrics)
        return respond_metrics(connection, settings->metrics);
    return respond_text(connection, MHD_HTTP_NOT_FOUND, "not found");
}

/* MHD's thread; it closes a connection's socket after this returns. */
static void connection_came_or_went(void *arg, struct MHD_Connection *connection, void **context,
                                    enum MHD_ConnectionNotificationCode what)
{
    struct http_server *server = arg;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct slot *slot = *context;
    pthread_mutex_lock(&server->lock);
    if (what == MHD_CONNECTION_NOTIFY_CLOSED && slot)
        slot->fd = -1;
    for (size_t i = 0; what == MHD_CONNECTION_NOTIFY_STARTED && info && i < HTTP_MAX_CONNECTIONS; i++) {
        if (server->slots[i].fd >= 0)
            continue;
        server->slots[i] = (struct slot){.fd = info->connect_fd, .since_ns = clock_boot_ns()};
        *context = &server->slots[i];
        break;
    }
    pthread_mutex_unlock(&server->lock);
}

static void request_ended(void *arg, struct MHD_Connection *connection, void **request,
                          enum MHD_RequestTerminationCode how)
{
    struct http_server *server = arg;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct slot *slot = info ? info->socket_context : NULL;
    (void)request;
    (void)how;
    pthread_mutex_lock(&server->lock);
    if (slot)
        slot->since_ns = clock_boot_ns();
    pthread_mutex_unlock(&server->lock);
}

/* Its thread takes no signal: those are the main thread's. NULL with errno. */
static struct MHD_Daemon *start_daemon(struct http_server *server)
{
    const struct MHD_OptionItem tls[] = {{MHD_OPTION_HTTPS_MEM_CERT, 0, server->certificate.bytes},
                                         {MHD_OPTION_HTTPS_MEM_KEY, 0, server->key.bytes},
                                         {MHD_OPTION_END, 0, NULL}};
    const struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
    bool is_tls = server->certificate.bytes != NULL;
    int fd = fcntl(server->fd, F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
        return NULL;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    /* With MHD_USE_ITC a stop does not shut the socket down, which another daemon may listen on. */
    struct MHD_Daemon *daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC | (is_tls ? MHD_USE_TLS : 0), 0, NULL, NULL, handle, server,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned)HTTP_MAX_CONNECTIONS,
        MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned)HTTP_MAX_CONNECTIONS_PER_ADDRESS, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES, MHD_OPTION_NOTIFY_CONNECTION,
        connection_came_or_went, server, MHD_OPTION_NOTIFY_COMPLETED, request_ended, server, MHD_OPTION_ARRAY,
        is_tls ? tls : none, MHD_OPTION_END);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return daemon; /* where it failed, MHD may have closed the duplicate: closing it here could hit another's */
}

static void stop_daemon(struct MHD_Daemon *daemon)
{
    int fd = MHD_quiesce_daemon(daemon);
    MHD_stop_daemon(daemon); /* ends its thread */
    if (fd >= 0)
        close(fd);
}

static void server_free(struct http_server *server)
{
    if (server->fd >= 0)
        close(server->fd);
    secret_fini(&server->certificate);
    secret_fini(&server->key);
    secret_fini(&server->token);
    pthread_mutex_destroy(&server->lock);
    free(server);
}

static struct http_server *server_new(const struct http_settings *settings)
{
    struct http_server *server = calloc(1, sizeof(*server));
    if (!server)
        return NULL;
    server->settings = *settings;
    server->settings.address = NULL; /* the caller's */
    server->fd = -1;
    pthread_mutex_init(&server->lock, NULL);
    for (size_t i = 0; i < HTTP_MAX_CONNECTIONS; i++)
        server->slots[i].fd = -1;
    return server;
}

static int read_secrets(struct http_server *server, char error[HTTP_ERROR_BYTES])
{
    const struct http_settings *settings = &server->settings;
    int result = 0;
    if (!settings->tls_certificate != !settings->tls_key) {
        snprintf(error, HTTP_ERROR_BYTES, "http.tls: certificate and key go together: give both");
        return -EINVAL;
    }
    if (settings->tls_certificate)
        result = secret_read(&server->certificate, "http.tls.certificate", settings->tls_certificate, error);
    if (settings->tls_key && result == 0)
        result = secret_read(&server->key, "http.tls.key", settings->tls_key, error);
    if (settings->token_file && result == 0)
        result = secret_read(&server->token, "http.token_file", settings->token_file, error);
    return result;
}

static int serve(struct http_server *server, const char *address, char error[HTTP_ERROR_BYTES])
{
    bool is_path = address && address[0] == '/';
    int result = read_secrets(server, error);
    if (result)
        return result;
    result = listen_open(address, &server->fd);
    if (!result && is_path) {
        snprintf(server->path, sizeof(server->path), "%s", address);
        snprintf(server->address, sizeof(server->address), "%s", address);
    } else if (!result) {
        result = listen_bound(server->fd, server->address);
    }
    if (result)
        return listen_explain(address, result, error);
    server->daemon = start_daemon(server);
    if (server->daemon)
        return 0;
    if (!server->certificate.bytes)
        return listen_explain(address, -ENOMEM, error);
    snprintf(error, HTTP_ERROR_BYTES, "http.tls: %.90s and %.90s are no certificate and its key in PEM",
             server->certificate.path, server->key.path);
    return -EINVAL;
}

int http_start(const struct http_settings *settings, struct http_server **ret_server, char error[HTTP_ERROR_BYTES])
{
    struct http_server *server = server_new(settings);
    if (!server)
        return listen_explain(settings->address, -ENOMEM, error);
    int result = serve(server, settings->address, error);
    if (!result)
        *ret_server = server;
    else
        server_free(server);
    return result;
}

const char *http_address(const struct http_server *server)
{
    return server->address;
}

static void close_overdue(struct http_server *server, uint64_t now_ns)
{
    const uint64_t limit_ns = HTTP_REQUEST_S * UINT64_C(1000000000);
    pthread_mutex_lock(&server->lock);
    for (size_t i = 0; i < HTTP_MAX_CONNECTIONS; i++)
        if (server->slots[i].fd >= 0 && now_ns > server->slots[i].since_ns + limit_ns)
            shutdown(server->slots[i].fd, SHUT_RDWR); /* MHD sees its end and closes it */
    pthread_mutex_unlock(&server->lock);
}

static void renew_token(struct http_server *server)
{
    char error[SECRET_ERROR_BYTES];
    pthread_mutex_lock(&server->lock);
    int result = secret_read(&server->token, "http.token_file", server->token.path, error);
    pthread_mutex_unlock(&server->lock);
    if (result)
        log_warning("%s; the token before goes on to hold", error);
    else
        log_info("http.token_file has changed: the new token holds");
}

/* Certificate and key are replaced one after the other by whoever does it: what does not fit is tried again at the next
 * change, and the daemon that runs goes on. */
static void renew_certificate(struct http_server *server)
{
    char error[SECRET_ERROR_BYTES] = "they do not fit each other";
    struct MHD_Daemon *daemon = NULL;
    if (secret_read(&server->certificate, "http.tls.certificate", server->certificate.path, error) == 0 &&
        secret_read(&server->key, "http.tls.key", server->key.path, error) == 0)
        daemon = start_daemon(server);
    if (!daemon) {
        log_warning("certificate or key has changed and cannot be used: %s; those before stay in use", error);
        return;
    }
    stop_daemon(server->daemon);
    server->daemon = daemon;
    log_info("certificate and key have changed: the new ones are in use");
}

void http_tend(struct http_server *server, uint64_t now_ns)
{
    if (!server)
        return;
    close_overdue(server, now_ns);
    if (secret_has_changed(&server->token))
        renew_token(server);
    if (secret_has_changed(&server->certificate) || secret_has_changed(&server->key))
        renew_certificate(server);
}

void http_stop(struct http_server *server)
{
    if (!server)
        return;
    if (server->path[0] != '\0')
        unlink(server->path);
    stop_daemon(server->daemon);
    server_free(server);
}
