/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pod that speaks to the API server, whose address the kubelet puts into the environment of each of its programs.
 * The first one that a container's program was given is remembered for the container, so that a later program with
 * another one in its environment, which anybody can execute, does not make it forgotten. The memory is the engine's:
 * bounded, the container that was quiet longest goes first.
 *
 * What remains: an address that is a name (of some managed clusters), a proxy, or another address of the same server;
 * containers that were there before and have executed nothing since; io_uring.
 */
#include "analyzer/detections/detections.h"

const struct detection detection_k8s_api_connection = {
    .id = "TRC-1013",
    .name = "k8s_api_connection",
    .event_id = 6032,
    .title = "Kubernetes API server connected from a container",
    .description = "A process in a container connected, or tried to connect, to the API server of its cluster. Some "
                   "programs of a pod do so for a living; in others somebody may be looking around.",
    .severity = SEVERITY_LOW,
    .category = "discovery",
    .technique = "Cloud Service Discovery",
    .technique_id = "T1526",
    .technique_stix = "attack-pattern--e24fcba8-2557-4442-a139-1ee2f2e784db",
    .mends = STRINGS(
        "what is remembered of containers is bounded: it is never given up there",
        "a program that is executed with another address in its environment does not make the true one forgotten",
        "only the variable itself counts, not one that holds its name",
        "a failed connection says `succeeded: false` and is one severity lower", "the technique has its number"),
    .correlation = {.kind = CORRELATE_REMEMBER, .keys = {"container.id"}},
    .triggers = {{.event = "sched_process_exec",
                  .when = ALL_OF(EXISTS("data.env[KUBERNETES_SERVICE_HOST]"), NOT(EXISTS("remembered.string")),
                                 IN_CONTAINER),
                  .remember = "data.env[KUBERNETES_SERVICE_HOST]",
                  .silent = true},
                 {.event = "security_socket_connect",
                  .when = ALL_OF(FIELD_EQUAL("data.remote_addr.address", "remembered.string"), IN_CONTAINER),
                  .data = {{.name = "ip", .field = "data.remote_addr.address"}},
                  .attempt = true}},
};
