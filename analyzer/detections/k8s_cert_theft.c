/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates and keys of the cluster read, or moved away, by something that has no business with them. Tracee lets
 * the cluster's components through by base name, which an attacker's copy of cat can have too; here it is the whole
 * path, below directories that only root writes. A descriptor that cannot read (O_PATH) is no read. Moving a file away
 * is judged whoever does it.
 *
 * What remains: a container's image, or a mount over /usr/bin in a mount namespace of one's own, decides what lies at
 * these paths; a rename through a symbolic link to the directory shows the caller's name only; a component installed
 * elsewhere fires and wants an exception; listing a subdirectory opens it for reading and fires.
 */
#include "analyzer/detections/detections.h"

const struct detection detection_k8s_cert_theft = {
    .id = "TRC-1018",
    .name = "k8s_cert_theft",
    .event_id = 6006,
    .title = "Kubernetes certificates read or moved",
    .description = "A certificate or key of the Kubernetes control plane was opened for reading by a program that is "
                   "no component of it, or was renamed. Whoever holds them can speak for the API server, a node or "
                   "etcd.",
    .severity = SEVERITY_HIGH,
    .category = "credential-access",
    .technique = "Steal Application Access Token",
    .technique_id = "T1528",
    .technique_stix = "attack-pattern--890c9858-598c-401d-a4d5-c67ebcdd703a",
    .mends = STRINGS("the cluster's components are let through by whole path, not by base name, which a copy can have",
                     "a descriptor that cannot read (O_PATH) is no read",
                     "a rename by a name with detours (`//`, `/./`, `/x/../`) fires"),
    .triggers = {{.event = "security_file_open",
                  .when = ALL_OF(PREFIX("data.pathname", "/etc/kubernetes/pki/"), READ_OPEN,
                                 NOT(STRING("process.executable", "/usr/bin/etcd", "/usr/bin/kube-apiserver",
                                            "/usr/bin/kube-controller-manager", "/usr/bin/kubelet",
                                            "/usr/local/bin/etcd", "/usr/local/bin/kube-apiserver",
                                            "/usr/local/bin/kube-controller-manager", "/usr/local/bin/kubelet")))},
                 {.event = "security_inode_rename",
                  .when = REGEX("data.old_path",
                                DETOUR_DEFINED "^/(?:\\.\\./|(?&detour))*+etc/" DETOUR "kubernetes/" DETOUR "pki/")}},
};
