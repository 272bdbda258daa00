// SPDX-License-Identifier: Apache-2.0
#include "analyzer/ingest/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <nng/supplemental/tls/tls.h>

#include "common/wire/limits.h"

enum {
    RECEIVE_MAX_BYTES =
        2 * WIRE_REQUEST_BYTES, /* up to it a request too large gets words, beyond it nng closes the pipe */
    ANSWER_MS = 2000,
};

/* HOST:PORT, where HOST is an address and no name that could resolve to anything else; "*" is every one. */
static bool is_address(const char *text, bool *ret_loopback)
{
    const char *colon = strrchr(text, ':');
    char host[INET6_ADDRSTRLEN + 2], *end;
    struct in_addr v4;
    struct in6_addr v6;
    if (colon == NULL || (size_t)(colon - text) >= sizeof(host) || colon[1] < '0' || colon[1] > '9')
        return false;
    unsigned long port = strtoul(colon + 1, &end, 10);
    size_t length = (size_t)(colon - text);
    memcpy(host, text, length);
    host[length] = '\0';
    bool is_v4 = inet_pton(AF_INET, host, &v4) == 1, is_v6 = false;
    if (length > 2 && host[0] == '[' && host[length - 1] == ']') {
        host[length - 1] = '\0';
        is_v6 = inet_pton(AF_INET6, host + 1, &v6) == 1;
    }
    *ret_loopback = (is_v4 && ntohl(v4.s_addr) >> 24 == 127) || (is_v6 && IN6_IS_ADDR_LOOPBACK(&v6));
    return *end == '\0' && port <= 65535 && (is_v4 || is_v6 || strcmp(host, "*") == 0);
}

static int fail(char *error, int result, const char *url, const char *words)
{
    snprintf(error, INGEST_ERROR_BYTES, "bus %.300s: %s", url, words);
    return result;
}

/* nng would remove any file in its way that nobody answers on; only a socket is ours to remove. */
static int check_ipc(const struct ingest_settings *settings, char *error)
{
    const char *url = settings->url;
    struct stat facts;
    if (url[6] != '/')
        return fail(error, -EINVAL, url, "needs an absolute path, as in ipc:///run/vedette/bus.ipc");
    if (lstat(url + 6, &facts) == 0 && !S_ISSOCK(facts.st_mode))
        return fail(error, -EADDRINUSE, url,
                    "a file that is no socket stands there: remove it, or give another bus.listen");
    if (settings->enrolment != NULL && settings->enrolment[0] != '\0')
        return fail(error, -EINVAL, url, "bus.enrolment is given, and over ipc:// the peer's user speaks for it");
    return 0;
}

static bool is_complete(const struct tls_settings *tls)
{
    return tls != NULL && tls->ca[0] != '\0' && tls->certificate[0] != '\0' && tls->key[0] != '\0';
}

static int check_tls(const struct ingest_settings *settings, bool enrols, char *error)
{
    const char *url = settings->url;
    bool loopback;
    if (!is_address(url + strlen("tls+tcp://"), &loopback))
        return fail(error, -EINVAL, url, "needs an address of this host, or *, and a port, as in tls+tcp://*:3367");
    if (!is_complete(settings->tls))
        return fail(error, -EINVAL, url, "needs bus.tls.ca, bus.tls.certificate and bus.tls.key");
    if (!enrols)
        return fail(error, -EINVAL, url,
                    "needs bus.enrolment, the file of nodes and their tokens: a certificate does not say which node "
                    "speaks");
    return 0;
}

static int check_tcp(const struct ingest_settings *settings, bool enrols, char *error)
{
    const char *url = settings->url;
    bool loopback;
    if (!is_address(url + strlen("tcp://"), &loopback) || (!loopback && !settings->insecure))
        return fail(error, -EINVAL, url,
                    "tcp:// needs a loopback address and a port, as in tcp://127.0.0.1:3367, because it is not "
                    "encrypted: use tls+tcp://, or say bus.insecure");
    if (!enrols && !settings->insecure)
        return fail(error, -EINVAL, url,
                    "needs bus.enrolment, the file of nodes and their tokens, or everybody on this host could speak "
                    "for every node; or use ipc://, or say bus.insecure");
    return 0;
}

int listener_check(const struct ingest_settings *settings, char error[INGEST_ERROR_BYTES])
{
    const char *url = settings->url;
    bool enrols = settings->enrolment != NULL && settings->enrolment[0] != '\0';
    if (strncmp(url, "tls+tcp://", 10) == 0)
        return check_tls(settings, enrols, error);
    if (is_complete(settings->tls))
        return fail(error, -EINVAL, url, "bus.tls.* are given, and nothing is encrypted over it: use tls+tcp://");
    if (strncmp(url, "ipc://", 6) == 0)
        return check_ipc(settings, error);
    if (strncmp(url, "tcp://", 6) == 0)
        return check_tcp(settings, enrols, error);
    return fail(error, -EINVAL, url, "only ipc:///PATH, tls+tcp://ADDRESS:PORT and tcp://LOOPBACK:PORT are supported");
}

static int listen_problem(const char *url, int problem, char *error)
{
    switch (problem) {
    case NNG_EADDRINUSE:
        return fail(error, -EADDRINUSE, url, "another program listens there: stop it, or give another bus.listen");
    case NNG_EPERM:
        return fail(error, -EACCES, url, "not allowed there: its directory must belong to this user");
    case NNG_ENOENT:
        return fail(error, -ENOENT, url, "its directory does not exist");
    case NNG_EADDRINVAL:
        return fail(error, -EINVAL, url, "is no address that can be listened on");
    default:
        return fail(error, -EIO, url, nng_strerror(problem));
    }
}

int listener_start(nng_socket socket, const char *url, struct nng_tls_config *tls, nng_listener *ret_listener,
                   char error[INGEST_ERROR_BYTES])
{
    nng_listener listener;
    int problem = nng_listener_create(&listener, socket, url);
    if (problem != 0)
        return listen_problem(url, problem, error);
    problem = nng_listener_set_size(listener, NNG_OPT_RECVMAXSZ, RECEIVE_MAX_BYTES);
    if (problem == 0 && strncmp(url, "ipc://", 6) == 0)
        problem = nng_listener_set_int(listener, NNG_OPT_IPC_PERMISSIONS, 0660);
    if (problem == 0 && tls != NULL)
        problem = nng_listener_set_ptr(listener, NNG_OPT_TLS_CONFIG, tls);
    if (problem == 0)
        problem = nng_listener_start(listener, 0);
    if (problem != 0) {
        nng_listener_close(listener);
        return listen_problem(url, problem, error);
    }
    *ret_listener = listener;
    return 0;
}

char *listener_url(nng_listener listener)
{
    char *bound, *copy;
    if (nng_listener_get_string(listener, NNG_OPT_URL, &bound) != 0)
        return NULL;
    copy = strdup(bound);
    nng_strfree(bound);
    return copy;
}

static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path))
        return -1;
    memcpy(address.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* Exactly `size` bytes within ANSWER_MS. */
static bool arrives(int fd, void *bytes, size_t size)
{
    struct pollfd waiting = {.fd = fd, .events = POLLIN};
    return poll(&waiting, 1, ANSWER_MS) == 1 && recv(fd, bytes, size, MSG_WAITALL) == (ssize_t)size;
}

static bool greets(int fd)
{
    /* Both ends begin with 8 bytes: 0, "SP", version 0, the protocol's number (REQ is 0x30, REP 0x31), 0, 0. */
    static const unsigned char hello[8] = {0, 'S', 'P', 0, 0, 0x30, 0, 0},
                               expected[8] = {0, 'S', 'P', 0, 0, 0x31, 0, 0};
    unsigned char answer[8];
    return send(fd, hello, sizeof(hello), MSG_NOSIGNAL) == (ssize_t)sizeof(hello) &&
           arrives(fd, answer, sizeof(answer)) && memcmp(answer, expected, sizeof(answer)) == 0;
}

static bool answers_probe(int fd)
{
    /* A message over ipc: 1, its length in 8 bytes, big endian; a request begins with its number, top bit set, and its
     * reply with the same. */
    static const char probe[] = "\1\0\0\0\0\0\0\0\14\200\0\0\1" LISTENER_PROBE;
    struct pollfd waiting = {.fd = fd, .events = POLLIN};
    unsigned char reply[13];
    if (send(fd, probe, sizeof(probe) - 1, MSG_NOSIGNAL) < 0)
        return errno == EPIPE;
    /* An end is an answer too: the connection was looked at, and its user may not speak. */
    return poll(&waiting, 1, ANSWER_MS) == 1 && (recv(fd, reply, sizeof(reply), 0) >= 0 || errno == ECONNRESET);
}

bool listener_answers(const char *path)
{
    int fd = connect_to(path);
    bool answers = fd >= 0 && greets(fd) && answers_probe(fd);
    if (fd >= 0)
        close(fd);
    return answers;
}
