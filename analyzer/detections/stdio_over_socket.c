/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A reverse shell: standard input, output or error leads to an internet socket, because the socket was made under that
 * number and connected, or was duplicated to it. A call that failed to connect says so and is one severity lower; so
 * does one that does not wait (EINPROGRESS). The servers of SSH and git hand each connection to a new image of
 * themselves as its standard input and output: that is one severity lower, by their whole path, and not when they were
 * written since a container started; standard error is not, which a shell would want too.
 *
 * What remains: a shell behind a pipe, a pseudo terminal or a Unix socket; descriptors that come by SCM_RIGHTS or
 * pidfd_getfd; io_uring. Servers that inetd or systemd starts for each connection have the socket there by design.
 */
#include "analyzer/detections/detections.h"

/* A listening socket, or one that is not connected, has no port there. */
#define TO_INTERNET STRING("data.remote_addr.sa_family", "AF_INET", "AF_INET6"), GREATER("data.remote_addr.port", 0)
#define PEER(fd)                                                                                                       \
    .data = {{.name = "IP address", .field = "data.remote_addr.address"},                                              \
             {.name = "Port", .field = "data.remote_addr.port", .as_string = true},                                    \
             {.name = "File descriptor", .field = fd}}

const struct detection detection_stdio_over_socket = {
    .id = "TRC-101",
    .name = "stdio_over_socket",
    .event_id = 6029,
    .title = "Standard input or output over a network socket",
    .description = "Standard input, output or error of a process was connected to a network address. Reverse shells "
                   "work this way: what a remote person types is the shell's input.",
    .severity = SEVERITY_HIGH,
    .category = "execution",
    .technique = "Unix Shell",
    .technique_id = "T1059.004",
    .technique_stix = "attack-pattern--a9d4b653-6915-42af-98b2-5758c4ceee56",
    .mends = STRINGS("a failed connection says `succeeded: false` and is one severity lower",
                     "a descriptor that is duplicated by fcntl (F_DUPFD) fires",
                     "the system's servers of SSH and git, which do so for each connection, are one severity lower"),
    .triggers = {{.event = "security_socket_connect",
                  .when = ALL_OF(RANGE("data.sockfd", 0, 2), TO_INTERNET),
                  PEER("data.sockfd"),
                  .attempt = true},
                 {.event = "socket_dup",
                  .when = ALL_OF(RANGE("data.newfd", 0, 2), TO_INTERNET),
                  .lower_when =
                      ALL_OF(BY_PROGRAM("/usr/lib/git-core/git-daemon", "/usr/sbin/sshd"), RANGE("data.newfd", 0, 1)),
                  PEER("data.newfd")}},
};
