/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cgroup path taken apart: which container, of which runtime, in which pod. Paths come from the node and are hostile:
 * any bytes are fine, at most CONTAINER_PATH_BYTES of them are looked at (from the leaf), and nothing is allocated.
 * Constant data only, so any thread may call.
 *
 * The shapes are those that runtimes and kubelets make: runc's and crun's cgroup managers (cgroupfs and systemd), the
 * kubelet's QoS tree, docker, containerd's CRI plugin, CRI-O, podman, nerdctl, ctr, Garden, GitHub's runners. They are
 * the same in v1, in v2 and in a hybrid. No shape is anchored at the start but ctr's, because Kubernetes in a container
 * (kind, k3d) puts all of it below an outer container's path: the innermost match wins.
 */
#ifndef VEDETTE_COMMON_CONTAINERS_PATH_H
#define VEDETTE_COMMON_CONTAINERS_PATH_H

#include <stdbool.h>
#include <stddef.h>

enum {
    CONTAINER_ID_BYTES = 77,      /* containerd's ids have up to 76 characters, all others fewer */
    CONTAINER_RUNTIME_BYTES = 16, /* "docker", "containerd", "crio", "podman", "garden" */
    CONTAINER_POD_UID_BYTES = 40, /* a dashed UUID, or the 32 hex digits of a static pod */
    CONTAINER_PATH_BYTES = 4096,  /* the kernel's PATH_MAX; the head of a longer path is not looked at */
};

struct container_name {
    char id[CONTAINER_ID_BYTES]; /* 64 hex digits, or the runtime's own shape */
    char runtime[CONTAINER_RUNTIME_BYTES];
    char pod_uid[CONTAINER_POD_UID_BYTES]; /* "" if none */
    bool is_root; /* the path is the container's own cgroup, not one that was made below it (systemd in a pod) */
};

/*
 * The innermost container that the path lies in; false when it lies in none, and the output is untouched. The path is
 * not NUL terminated.
 */
bool container_name_from_path(const char *path, size_t length, struct container_name *ret_name);

/* Whether the path is a container's own cgroup. */
bool container_path_is_root(const char *path, size_t length);

#endif
