/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whoever speaks to the container daemon through its socket can start a container with the host's files in it. The
 * address is the one under which the daemon listens, as the socket has it, so that a link or a mount of it under
 * another name does not hide it; where the connection failed it is the caller's.
 *
 * What remains: the sockets of other runtimes; a daemon that listens on a network address; a descriptor that was
 * passed into the container; io_uring. No open of a socket by open(2) ever succeeds: that half is about a file of that
 * name.
 */
#include "analyzer/detections/detections.h"

const struct detection detection_docker_abuse = {
    .id = "TRC-1019",
    .name = "docker_abuse",
    .event_id = 6030,
    .title = "Docker socket used in a container",
    .description = "A process in a container connected, or tried to connect, to the socket of the container daemon "
                   "(docker.sock). Whoever can speak to the daemon is root on the host.",
    .severity = SEVERITY_MEDIUM,
    .category = "privilege-escalation",
    .technique = "Exploitation for Privilege Escalation",
    .technique_id = "T1068",
    .technique_stix = "attack-pattern--b21c3b2d-02e6-45b1-980b-e69051040839",
    .mends = STRINGS("the name must be docker.sock: any name that ended so fired (cri-docker.sock)",
                     "a connection by a link, or to a mount of the socket under another name, fires: the address is "
                     "the socket's own",
                     "a failed connection says `succeeded: false` and is one severity lower",
                     "a descriptor that cannot write (O_PATH) is no write"),
    .triggers = {{.event = "security_socket_connect",
                  .when = ALL_OF(STRING("data.remote_addr.sa_family", "AF_UNIX"),
                                 BASENAME("data.remote_addr.sun_path", "docker.sock"), IN_CONTAINER),
                  .attempt = true},
                 {.event = "security_file_open",
                  .when = ALL_OF(BASENAME("data.pathname", "docker.sock"), WRITE_OPEN, IN_CONTAINER)}},
};
