/* SPDX-License-Identifier: Apache-2.0 */
#include "analyzer/metrics/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

enum { BACKLOG = 64 };

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

int listen_open(const char *text, int *ret_fd)
{
    return text && text[0] == '/' ? listen_on_path(text, ret_fd) : listen_on_text(text, ret_fd);
}

int listen_bound(int fd, char ret_text[LISTEN_ADDRESS_BYTES])
{
    union address address = {0};
    socklen_t size = sizeof(address);
    char host[INET6_ADDRSTRLEN];
    if (getsockname(fd, &address.any, &size))
        return -errno;
    if (address.any.sa_family == AF_INET6)
        snprintf(ret_text, LISTEN_ADDRESS_BYTES, "[%s]:%u",
                 inet_ntop(AF_INET6, &address.v6.sin6_addr, host, sizeof(host)), ntohs(address.v6.sin6_port));
    else
        snprintf(ret_text, LISTEN_ADDRESS_BYTES, "%s:%u", inet_ntop(AF_INET, &address.v4.sin_addr, host, sizeof(host)),
                 ntohs(address.v4.sin_port));
    return 0;
}

int listen_explain(const char *address, int error, char words[HTTP_ERROR_BYTES])
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
