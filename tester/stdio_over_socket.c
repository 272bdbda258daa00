/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>

#include "tester/loopback.h"
#include "tester/trigger.h"

enum way { CONNECT, CONNECT_REFUSED, CONNECT_DATAGRAMS, DUP, DUP2, DUP3, FCNTL, DUP_HIGH, DUP_LISTENER, DUP_UNIX };

/* A socket that has the number of standard input. */
static int socket_as_input(int family, int type)
{
    close(STDIN_FILENO);
    int fd = socket(family, type, 0);
    return fd == STDIN_FILENO ? 0 : trigger_failed("a socket as standard input");
}

static int connect_input(const struct sockaddr_storage *address, int type, int expected)
{
    int r = socket_as_input(address->ss_family, type);
    if (r < 0)
        return r;
    errno = 0;
    if (connect(STDIN_FILENO, (const struct sockaddr *)address, loopback_size(address)) < 0 && errno != expected)
        return trigger_failed("connecting to the loopback");
    return errno == expected ? 0 : trigger_failed("a connection that should have been refused");
}

static int duplicate(int fd, enum way way)
{
    int result;
    switch (way) {
    case DUP:
        close(STDIN_FILENO);
        result = dup(fd);
        break;
    case DUP3:
        result = dup3(fd, STDERR_FILENO, O_CLOEXEC);
        break;
    case FCNTL:
        close(STDIN_FILENO);
        result = fcntl(fd, F_DUPFD, STDIN_FILENO);
        break;
    case DUP_HIGH:
        result = fcntl(fd, F_DUPFD, 3);
        break;
    default:
        result = dup2(fd, STDIN_FILENO);
        break;
    }
    return result < 0 ? trigger_failed("duplicating a socket") : 0;
}

static int duplicate_unix(void)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
        return trigger_failed("socketpair");
    return duplicate(pair[0], DUP2);
}

static int lead_to_socket(int family, enum way way)
{
    struct sockaddr_storage address;
    int listener;
    int r = loopback_listen(family, &address, &listener);
    if (r < 0)
        return r;
    switch (way) {
    case CONNECT_REFUSED:
        close(listener);
        return connect_input(&address, SOCK_STREAM, ECONNREFUSED);
    case CONNECT:
        return connect_input(&address, SOCK_STREAM, 0);
    case CONNECT_DATAGRAMS:
        return connect_input(&address, SOCK_DGRAM, 0);
    case DUP_LISTENER:
        return duplicate(listener, DUP2);
    case DUP_UNIX:
        return duplicate_unix();
    default:
        r = loopback_connect(&address);
        return r < 0 ? r : duplicate(r, way);
    }
}

/* In a child, since its standard input is not what it was afterwards. */
#define CASE(name_, family_, way_)                                                                                     \
    static int name_##_here(void)                                                                                      \
    {                                                                                                                  \
        return lead_to_socket(family_, way_);                                                                          \
    }                                                                                                                  \
    static int name_(void)                                                                                             \
    {                                                                                                                  \
        return trigger_in_child(name_##_here);                                                                         \
    }

CASE(run, AF_INET, CONNECT)
CASE(of_ipv6, AF_INET6, CONNECT)
CASE(refused, AF_INET, CONNECT_REFUSED)
CASE(of_datagrams, AF_INET, CONNECT_DATAGRAMS)
CASE(by_dup, AF_INET, DUP)
CASE(by_dup2, AF_INET6, DUP2)
CASE(by_dup3, AF_INET, DUP3)
CASE(by_fcntl, AF_INET, FCNTL)
CASE(high, AF_INET, DUP_HIGH)
CASE(of_listener, AF_INET, DUP_LISTENER)
CASE(of_unix, AF_INET, DUP_UNIX)

const struct trigger trigger_stdio_over_socket = {
    .id = "TRC-101",
    .name = "stdio_over_socket",
    .deed = {.what = "connects a socket that is its standard input to a port of its own on the loopback", .run = run},
    .evasions = {{.what = "by IPv6", .run = of_ipv6},
                 {.what = "nobody listens", .run = refused},
                 {.what = "the socket is one for datagrams", .run = of_datagrams},
                 {.what = "a connected socket is duplicated there by dup", .run = by_dup},
                 {.what = "by dup2", .run = by_dup2},
                 {.what = "by dup3, to standard error", .run = by_dup3},
                 {.what = "by fcntl", .run = by_fcntl}},
    .near_misses = {{.what = "it is duplicated to another number", .run = high},
                    {.what = "the socket is one that listens", .run = of_listener},
                    {.what = "the socket is a Unix one", .run = of_unix}},
};
