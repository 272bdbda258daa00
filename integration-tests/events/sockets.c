/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets, on loopback and on names of their own. What must arrive is the caller's own view: getsockname, getpeername.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "integration-tests/events/compat.h"
#include "integration-tests/events/expect.h"

enum { BACKLOG = 7, RACED = 48, AF_NONE = 4000 };

/* arch/x86/entry/syscalls/syscall_32.tbl, include/uapi/linux/net.h */
enum { I386_SOCKETCALL = 102, INSIDE_SOCKET = 1, INSIDE_BIND, INSIDE_CONNECT, INSIDE_LISTEN, INSIDE_ACCEPT };

union address {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    struct sockaddr_un un;
};

static void line_address(struct line *line, const char *name, const union address *address, socklen_t length,
                         bool is_users)
{
    char text[INET6_ADDRSTRLEN], json[512];
    if (address->any.sa_family == AF_INET) {
        inet_ntop(AF_INET, &address->in.sin_addr, text, sizeof(text));
        snprintf(json, sizeof(json), "{\"sa_family\":\"AF_INET\",\"sin_addr\":\"%s\",\"sin_port\":\"%u\"}", text,
                 ntohs(address->in.sin_port));
    } else if (address->any.sa_family == AF_INET6) {
        inet_ntop(AF_INET6, &address->in6.sin6_addr, text, sizeof(text));
        snprintf(json, sizeof(json),
                 "{\"sa_family\":\"AF_INET6\",\"sin6_addr\":\"%s\",\"sin6_flowinfo\":\"0\",\"sin6_port\":\"%u\","
                 "\"sin6_scopeid\":\"0\"}",
                 text, ntohs(address->in6.sin6_port));
    } else {
        size_t name_length = length > offsetof(struct sockaddr_un, sun_path) ? length - 2 : 0;
        bool is_abstract = name_length > 0 && address->un.sun_path[0] == '\0';
        snprintf(json, sizeof(json), "{\"sa_family\":\"AF_UNIX\",\"sun_path\":\"%s%.*s\"}", is_abstract ? "@" : "",
                 (int)name_length - is_abstract, address->un.sun_path + is_abstract);
    }
    if (is_users)
        line_user_json(line, name, json);
    else
        line_json(line, name, json);
}

void line_own(struct line *line, const char *name, int fd)
{
    union address address;
    socklen_t length = sizeof(address);
    if (getsockname(fd, &address.any, &length) < 0)
        cannot("getsockname");
    line_address(line, name, &address, length, false);
}

void line_peer(struct line *line, const char *name, int fd)
{
    union address address;
    socklen_t length = sizeof(address);
    if (getpeername(fd, &address.any, &length) < 0)
        cannot("getpeername");
    line_address(line, name, &address, length, false);
}

static int make_socket(int family, int type)
{
    int fd = socket(family, type | SOCK_CLOEXEC, 0);
    if (fd < 0)
        cannot("socket");
    return fd;
}

/* Loopback, a port that the kernel chooses. */
static socklen_t loopback(int family, union address *ret_address)
{
    *ret_address = (union address){0};
    ret_address->any.sa_family = (sa_family_t)family;
    if (family == AF_INET6) {
        ret_address->in6.sin6_addr = in6addr_loopback;
        return sizeof(ret_address->in6);
    }
    ret_address->in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return sizeof(ret_address->in);
}

static socklen_t named(const char *name, bool is_abstract, union address *ret_address)
{
    *ret_address = (union address){.un = {.sun_family = AF_UNIX}};
    snprintf(ret_address->un.sun_path + is_abstract, sizeof(ret_address->un.sun_path) - 1, "%s", name);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name) + 1);
}

static int listening(int family, union address *ret_address, socklen_t *ret_length)
{
    int fd = make_socket(family, SOCK_STREAM);
    *ret_length = loopback(family, ret_address);
    if (bind(fd, &ret_address->any, *ret_length) < 0 || listen(fd, BACKLOG) < 0)
        cannot("listen");
    *ret_length = sizeof(*ret_address);
    if (getsockname(fd, &ret_address->any, ret_length) < 0)
        cannot("getsockname");
    return fd;
}

static void create_line(const char *what, const char *syscall, long long result, int family, int type, int protocol)
{
    struct line line;
    line_begin(&line, "security_socket_create", what);
    line_result(&line, syscall, result);
    line_int(&line, "family", family);
    line_int(&line, "type", type);
    line_int(&line, "protocol", protocol);
    line_int(&line, "kern", 0);
    line_end(&line);
}

static int create(void)
{
    int pair[2];
    create_line("a datagram socket", "socket", socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDP), AF_INET6,
                SOCK_DGRAM, IPPROTO_UDP);
    create_line("a pair", "socketpair", socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair), AF_UNIX,
                SOCK_SEQPACKET, 0);
    create_line("a protocol of another type, which fails", "socket",
                result_or_error(socket(AF_INET, SOCK_STREAM, IPPROTO_UDP)), AF_INET, SOCK_STREAM, IPPROTO_UDP);
    return 0;
}

static int create_nothing(void)
{
    if (socket(AF_NONE, SOCK_STREAM, 0) >= 0)
        return 1;
    near_miss("security_socket_create", "a family that there cannot be");
    return 0;
}

static void bind_line(const char *what, int fd, const union address *address, socklen_t length)
{
    long long result = result_or_error(bind(fd, &address->any, length));
    struct line line;
    line_begin(&line, "security_socket_bind", what);
    line_result(&line, "bind", result);
    line_int(&line, "sockfd", fd);
    if (result == 0)
        line_own(&line, "local_addr", fd);
    else
        line_address(&line, "local_addr", address, length, true);
    line_end(&line);
}

static int bind_all(void)
{
    union address address;
    socklen_t length = loopback(AF_INET, &address);
    int taken = make_socket(AF_INET, SOCK_STREAM);
    bind_line("IPv4", taken, &address, length);
    bind_line("a socket that is bound already, which fails", taken, &address, length);
    length = loopback(AF_INET6, &address);
    bind_line("IPv6", make_socket(AF_INET6, SOCK_DGRAM), &address, length);
    length = named(place("socket"), false, &address);
    bind_line("a name in a file system", make_socket(AF_UNIX, SOCK_STREAM), &address, length);
    length = named("vt-abstract", true, &address) - 1;
    bind_line("an abstract name", make_socket(AF_UNIX, SOCK_DGRAM), &address, length);
    return 0;
}

static int bind_nothing(void)
{
    union address address;
    socklen_t length = loopback(AF_INET, &address);
    if (bind(expectations, &address.any, length) == 0 || bind(make_socket(AF_INET, SOCK_STREAM), NULL, length) == 0)
        return 1;
    near_miss("security_socket_bind", "what is no socket, and an address that cannot be read");
    return 0;
}

static int listen_all(void)
{
    union address address;
    socklen_t length = loopback(AF_INET, &address);
    int fd = make_socket(AF_INET, SOCK_STREAM);
    struct line line;
    if (bind(fd, &address.any, length) < 0)
        cannot("bind");
    long long result = result_or_error(listen(fd, BACKLOG));
    line_begin(&line, "security_socket_listen", "IPv4");
    line_result(&line, "listen", result);
    line_int(&line, "sockfd", fd);
    line_own(&line, "local_addr", fd);
    line_int(&line, "backlog", BACKLOG);
    line_end(&line);
    return 0;
}

static int listen_nothing(void)
{
    if (listen(expectations, BACKLOG) == 0)
        return 1;
    near_miss("security_socket_listen", "what is no socket");
    return 0;
}

static void connect_line(const char *what, int fd, int type, const union address *address, socklen_t length)
{
    long long result = result_or_error(connect(fd, &address->any, length));
    struct line line;
    line_begin(&line, "security_socket_connect", what);
    line_result(&line, "connect", result);
    line_int(&line, "sockfd", fd);
    line_int(&line, "type", type);
    if (result == 0)
        line_peer(&line, "remote_addr", fd);
    else
        line_address(&line, "remote_addr", address, length, true);
    line_end(&line);
}

static int connect_all(void)
{
    union address address;
    socklen_t length;
    int server = listening(AF_INET, &address, &length);
    connect_line("IPv4", make_socket(AF_INET, SOCK_STREAM), SOCK_STREAM, &address, length);
    close(server);
    connect_line("a port that nobody listens at, which fails", make_socket(AF_INET, SOCK_STREAM), SOCK_STREAM, &address,
                 length);
    server = listening(AF_INET6, &address, &length);
    connect_line("IPv6", make_socket(AF_INET6, SOCK_STREAM), SOCK_STREAM, &address, length);
    connect_line("datagrams", make_socket(AF_INET6, SOCK_DGRAM), SOCK_DGRAM, &address, length);
    server = make_socket(AF_UNIX, SOCK_STREAM);
    length = named(place("listening"), false, &address);
    if (bind(server, &address.any, length) < 0 || listen(server, BACKLOG) < 0)
        cannot("listen");
    connect_line("a name in a file system", make_socket(AF_UNIX, SOCK_STREAM), SOCK_STREAM, &address, length);
    length = named("vt-nobody", true, &address) - 1;
    connect_line("an abstract name that nobody has, which fails", make_socket(AF_UNIX, SOCK_STREAM), SOCK_STREAM,
                 &address, length);
    return 0;
}

static union address swapped;
static atomic_bool is_swapping;

static void *swap(void *unused)
{
    while (atomic_load(&is_swapping))
        for (uint16_t port = 1000; port < 1100; port++)
            *(volatile in_port_t *)&swapped.in.sin_port = htons(port);
    return unused;
}

/* Another thread changes the address during the call: what arrives is what the socket took. */
static int connect_raced(void)
{
    pthread_t swapper;
    socklen_t length = loopback(AF_INET, &swapped);
    int fds[RACED];
    struct line line;
    swapped.in.sin_port = htons(1000);
    atomic_store(&is_swapping, true);
    if (pthread_create(&swapper, NULL, swap, NULL) != 0)
        cannot("a thread");
    for (size_t i = 0; i < RACED; i++) {
        fds[i] = make_socket(AF_INET, SOCK_DGRAM);
        if (connect(fds[i], &swapped.any, length) < 0)
            cannot("connect");
    }
    atomic_store(&is_swapping, false);
    pthread_join(swapper, NULL);
    for (size_t i = 0; i < RACED; i++) {
        line_begin(&line, "security_socket_connect", "with an address that another thread changes meanwhile");
        line_shared(&line);
        line_result(&line, "connect", 0);
        line_int(&line, "sockfd", fds[i]);
        line_int(&line, "type", SOCK_DGRAM);
        line_peer(&line, "remote_addr", fds[i]);
        line_end(&line);
    }
    return 0;
}

static void tcp_line(const char *what, const char *dst, in_port_t port, long long result)
{
    struct line line;
    line_begin(&line, "net_tcp_connect", what);
    line_result(&line, "connect", result);
    line_string(&line, "dst", dst);
    line_int(&line, "dst_port", ntohs(port));
    line_unreadable(&line, "dst_dns", false);
    line_end(&line);
}

static int connect_tcp(void)
{
    union address address;
    socklen_t length;
    listening(AF_INET, &address, &length);
    long long result = result_or_error(connect(make_socket(AF_INET, SOCK_STREAM), &address.any, length));
    tcp_line("IPv4", "127.0.0.1", address.in.sin_port, result);
    listening(AF_INET6, &address, &length);
    result = result_or_error(connect(make_socket(AF_INET6, SOCK_STREAM), &address.any, length));
    tcp_line("IPv6", "::1", address.in6.sin6_port, result);
    return 0;
}

static int connect_datagrams(void)
{
    union address address;
    socklen_t length;
    listening(AF_INET, &address, &length);
    if (connect(make_socket(AF_INET, SOCK_DGRAM), &address.any, length) < 0)
        cannot("connect");
    near_miss("net_tcp_connect", "datagrams");
    return 0;
}

static int connect_nothing(void)
{
    union address address;
    socklen_t length = loopback(AF_INET, &address);
    if (connect(expectations, &address.any, length) == 0)
        return 1;
    near_miss("security_socket_connect", "what is no socket");
    return 0;
}

static int accept_all(void)
{
    union address address;
    socklen_t length;
    int server = listening(AF_INET, &address, &length), client = make_socket(AF_INET, SOCK_STREAM);
    struct line line;
    if (connect(client, &address.any, length) < 0)
        cannot("connect");
    int accepted = accept4(server, NULL, NULL, SOCK_CLOEXEC);
    if (accepted < 0)
        cannot("accept4");
    line_begin(&line, "security_socket_accept", "IPv4");
    line_result(&line, "accept4", 0);
    line_int(&line, "sockfd", server);
    line_own(&line, "local_addr", server);
    line_end(&line);
    line_begin(&line, "socket_accept", "IPv4");
    line_result(&line, "accept4", accepted);
    line_int(&line, "sockfd", server);
    line_own(&line, "local_addr", accepted);
    line_peer(&line, "remote_addr", accepted);
    line_end(&line);
    return 0;
}

static int accept_nothing(void)
{
    union address address;
    socklen_t length;
    int server = listening(AF_INET, &address, &length);
    if (fcntl(server, F_SETFL, O_NONBLOCK) < 0 || accept(server, NULL, NULL) >= 0)
        return 1;
    near_miss("security_socket_accept", "nobody connects");
    near_miss("socket_accept", "nobody connects");
    return 0;
}

static int set_option(void)
{
    union address address;
    socklen_t length;
    int fd = listening(AF_INET6, &address, &length), on = 1;
    long long result = result_or_error(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)));
    struct line line;
    line_begin(&line, "security_socket_setsockopt", "IPv6");
    line_result(&line, "setsockopt", result);
    line_int(&line, "sockfd", fd);
    line_int(&line, "level", SOL_SOCKET);
    line_int(&line, "optname", SO_KEEPALIVE);
    line_own(&line, "local_addr", fd);
    line_end(&line);
    return 0;
}

static int set_no_option(void)
{
    int on = 1;
    if (setsockopt(expectations, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)) == 0)
        return 1;
    near_miss("security_socket_setsockopt", "what is no socket");
    return 0;
}

static void dup_line(const char *what, const char *syscall, int old, long long new)
{
    struct line line;
    if (new < 0)
        cannot(what);
    line_begin(&line, "socket_dup", what);
    line_result(&line, syscall, new);
    line_int(&line, "oldfd", old);
    line_int(&line, "newfd", new);
    line_peer(&line, "remote_addr", (int)new);
    line_end(&line);
}

static int dup_all(void)
{
    union address address;
    socklen_t length;
    int pair[2], client = make_socket(AF_INET, SOCK_STREAM);
    listening(AF_INET, &address, &length);
    if (connect(client, &address.any, length) < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
        cannot("connect");
    dup_line("dup", "dup", client, syscall(SYS_dup, client));
#ifdef SYS_dup2
    dup_line("dup2 to standard input", "dup2", client, syscall(SYS_dup2, client, 0));
#endif
    dup_line("dup3, of a pair", "dup3", pair[0], syscall(SYS_dup3, pair[0], 100, O_CLOEXEC));
    dup_line("fcntl", "fcntl", client, fcntl(client, F_DUPFD, 90));
    dup_line("fcntl, closed at exec", "fcntl", client, fcntl(client, F_DUPFD_CLOEXEC, 90));
    return 0;
}

static int dup_nothing(void)
{
    int fd = make_socket(AF_INET, SOCK_STREAM);
    if (dup(expectations) < 0 || dup2(fd, fd) < 0 || fcntl(fd, F_GETFD) < 0 || dup3(fd, fd, O_CLOEXEC) >= 0)
        return 1;
    near_miss("socket_dup", "what is no socket, a socket onto itself, another command");
    return 0;
}

static long long inside(int call, unsigned a, unsigned long b, unsigned c)
{
    static uint32_t *words;
    if (words == NULL)
        words = compat_room(4096);
    memcpy(words, (const uint32_t[3]){a, (uint32_t)b, c}, 3 * sizeof(*words));
    return compat_call(I386_SOCKETCALL, (const unsigned long[6]){(unsigned long)call, (unsigned long)words});
}

static void begin_inside(struct line *line, const char *event, long long result, int fd)
{
    line_begin(line, event, "inside of socketcall");
    line_compat(line);
    line_result(line, "socketcall", result);
    if (fd >= 0)
        line_int(line, "sockfd", fd);
}

/* i386's one call for all of them. */
static int calls_inside(void)
{
    struct line line;
    union address *address = compat_room(4096);
    socklen_t length = loopback(AF_INET, address);
    int server = (int)inside(INSIDE_SOCKET, AF_INET, SOCK_STREAM, 0);
    begin_inside(&line, "security_socket_create", server, -1);
    line_int(&line, "family", AF_INET);
    line_int(&line, "type", SOCK_STREAM);
    line_int(&line, "protocol", 0);
    line_int(&line, "kern", 0);
    line_end(&line);

    long long result = inside(INSIDE_BIND, (unsigned)server, (unsigned long)address, length);
    begin_inside(&line, "security_socket_bind", result, server);
    line_own(&line, "local_addr", server);
    line_end(&line);

    result = inside(INSIDE_LISTEN, (unsigned)server, BACKLOG, 0);
    begin_inside(&line, "security_socket_listen", result, server);
    line_own(&line, "local_addr", server);
    line_int(&line, "backlog", BACKLOG);
    line_end(&line);

    int client = make_socket(AF_INET, SOCK_STREAM);
    if (getsockname(server, &address->any, &length) < 0)
        cannot("getsockname");
    result = inside(INSIDE_CONNECT, (unsigned)client, (unsigned long)address, length);
    begin_inside(&line, "security_socket_connect", result, client);
    line_int(&line, "type", SOCK_STREAM);
    line_peer(&line, "remote_addr", client);
    line_end(&line);

    int accepted = (int)inside(INSIDE_ACCEPT, (unsigned)server, 0, 0);
    begin_inside(&line, "security_socket_accept", 0, server);
    line_own(&line, "local_addr", server);
    line_end(&line);
    begin_inside(&line, "socket_accept", accepted, server);
    line_own(&line, "local_addr", accepted);
    line_peer(&line, "remote_addr", accepted);
    line_end(&line);
    near_miss("security_socket_setsockopt", "another call inside of socketcall");
    return 0;
}

static void two(const char *comm, int (*hit)(void), int (*miss)(void))
{
    in_child(comm, hit);
    in_child("vt-no-socket", miss);
}

void trigger_security_socket_create(void)
{
    two("vt-socket", create, create_nothing);
    if (compat_is_available())
        in_child("vt-socketcall", calls_inside);
    else
        not_possible("security_socket_create", "inside of socketcall", "this kernel takes no 32-bit calls");
}

void trigger_security_socket_listen(void)
{
    two("vt-listen", listen_all, listen_nothing);
}

void trigger_security_socket_connect(void)
{
    two("vt-connect", connect_all, connect_nothing);
    in_child("vt-connect-race", connect_raced);
}

void trigger_net_tcp_connect(void)
{
    two("vt-tcp", connect_tcp, connect_datagrams);
}

void trigger_security_socket_accept(void)
{
    two("vt-accept", accept_all, accept_nothing);
}

void trigger_security_socket_bind(void)
{
    two("vt-bind", bind_all, bind_nothing);
}

void trigger_security_socket_setsockopt(void)
{
    two("vt-setsockopt", set_option, set_no_option);
}

void trigger_socket_dup(void)
{
    two("vt-dup", dup_all, dup_nothing);
}

void trigger_socket_accept(void)
{
    /* with security_socket_accept: one call is both */
    in_child("vt-socket-acc", accept_all);
}
