/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pod's service account token read. The kubelet mounts it under .../serviceaccount/..TIMESTAMP/token, behind two
 * symbolic links; the kernel's path is that one. Tracee lets the cluster's own components through by base name, which
 * any copy of cat can have; here it is the whole path, and only of a program that came with the image (overlayfs's
 * lower layer), since what lies in the upper one could be written by the container itself.
 *
 * What remains: an image whose author put something else at these paths; every program that talks to the API server
 * reads its token, so that the severity says only that it happened. On a snapshotter other than overlayfs nobody is let
 * through.
 */
#include "analyzer/detections/detections.h"

#define IN_EACH(name) "/" name, "/bin/" name, "/usr/bin/" name, "/usr/local/bin/" name, "/opt/bin/" name

const struct detection detection_k8s_service_account_token = {
    .id = "TRC-108",
    .name = "k8s_service_account_token",
    .event_id = 6008,
    .title = "Kubernetes service account token read",
    .description = "A process in a container read the token of its pod's service account, with which it can speak to "
                   "the API server in that account's name.",
    .severity = SEVERITY_INFO,
    .category = "credential-access",
    .technique = "Exploitation for Credential Access",
    .technique_id = "T1212",
    .technique_stix = "attack-pattern--9c306d8d-cde7-4b4c-b6e8-d0bb16caca36",
    .mends = STRINGS("the cluster's components are let through by whole path and only as they came with the image, not "
                     "by base name, which a copy can have",
                     "a descriptor that cannot read (O_PATH) is no read"),
    .triggers = {{.event = "security_file_open",
                  .when = ALL_OF(
                      CONTAINS("data.pathname", "/serviceaccount/"), /* what the kernel looks for */
                      REGEX("data.pathname", "secrets/kubernetes\\.io/serviceaccount/.*token$"), READ_OPEN,
                      IN_CONTAINER,
                      NOT(ALL_OF(NUMBER("process.overlay_layer", 1),
                                 STRING("process.executable", IN_EACH("coredns"), IN_EACH("etcd"), IN_EACH("flanneld"),
                                        IN_EACH("kube-apiserver"), IN_EACH("kube-controller-manager"),
                                        IN_EACH("kube-proxy"), IN_EACH("kubectl")))))}},
};
