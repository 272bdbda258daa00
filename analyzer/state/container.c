// SPDX-License-Identifier: Apache-2.0
#include "analyzer/state/container.h"

#include <string.h>

/*
 * The shapes, as runtimes and kubelets make them. systemd driver:
 *   .../kubepods-burstable.slice/kubepods-burstable-pod<UID, - written _>.slice/cri-containerd-<64 hex>.scope
 * cgroupfs driver: .../kubepods/burstable/pod<UID>/<64 hex>; containerd told to use cgroupfs below a systemd parent:
 *   .../kubepods-pod<UID>.slice:cri-containerd:<64 hex>; docker: /docker/<64 hex>, /system.slice/docker-<64 hex>.scope;
 * podman: /machine.slice/libpod-<64 hex>.scope/container. kind and k3d put all of it below an outer container's path,
 * so nothing is anchored at the start and the innermost match wins.
 */

struct piece {
    const char *data;
    size_t length;
};

enum { ID_DIGITS = 64 };

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

static bool is_container_id(struct piece piece)
{
    if (piece.length != ID_DIGITS)
        return false;
    for (size_t i = 0; i < piece.length; i++)
        if (!is_hex(piece.data[i]))
            return false;
    return true;
}

/* Garden's own: hex groups of 8, 4, 4, 4 and 4. */
static bool is_garden_id(struct piece piece)
{
    if (piece.length != 28)
        return false;
    for (size_t i = 0; i < piece.length; i++)
        if (i == 8 || i == 13 || i == 18 || i == 23 ? piece.data[i] != '-' : !is_hex(piece.data[i]))
            return false;
    return true;
}

static bool has_prefix(struct piece piece, const char *prefix)
{
    size_t length = strlen(prefix);
    return piece.length >= length && memcmp(piece.data, prefix, length) == 0;
}

static struct piece skip(struct piece piece, size_t n)
{
    return (struct piece){piece.data + n, piece.length - n};
}

static struct piece without_suffix(struct piece piece, const char *suffix)
{
    size_t length = strlen(suffix);
    if (piece.length >= length && memcmp(piece.data + piece.length - length, suffix, length) == 0)
        piece.length -= length;
    return piece;
}

/* Takes the last component off *path; false at the root. */
static bool take_last(struct piece *path, struct piece *ret_component)
{
    while (path->length > 0 && path->data[path->length - 1] == '/')
        path->length--;
    if (path->length == 0)
        return false;
    const char *slash = memrchr(path->data, '/', path->length);
    size_t start = slash == NULL ? 0 : (size_t)(slash - path->data) + 1;
    *ret_component = skip(*path, start);
    path->length = start;
    return true;
}

static void copy(char *target, size_t size, struct piece piece)
{
    size_t n = piece.length < size ? piece.length : size - 1;
    memcpy(target, piece.data, n);
    target[n] = '\0';
}

/* "pod<UID>", "kubepods-pod<UID>.slice", "kubepods-burstable-pod<UID>.slice"; *ret_uid still has its underscores. */
static bool pod_of(struct piece component, struct piece *ret_uid)
{
    const char *colon = memchr(component.data, ':', component.length);
    if (colon != NULL)
        component.length = (size_t)(colon - component.data);
    struct piece uid = without_suffix(component, ".slice");
    if (has_prefix(uid, "pod")) {
        uid = skip(uid, 3);
    } else {
        const char *at = memmem(uid.data, uid.length, "-pod", 4);
        if (at == NULL || memmem(uid.data, uid.length, "kubepods", 8) == NULL)
            return false;
        uid = skip(uid, (size_t)(at - uid.data) + 4);
    }
    /* A dashed UUID, or the 32 hex digits of a static pod's configuration. */
    if (uid.length != 36 && uid.length != 32)
        return false;
    for (size_t i = 0; i < uid.length; i++)
        if (!is_hex(uid.data[i]) && uid.data[i] != '_' && uid.data[i] != '-')
            return false;
    *ret_uid = uid;
    return true;
}

/* Names that carry their runtime. */
static const char *named(struct piece name, struct piece *ret_id)
{
    static const struct {
        const char *prefix, *runtime;
    } prefixes[] = {
        {"cri-containerd-", "containerd"}, {"crio-", "crio"},     {"docker-", "docker"},
        {"libpod-payload-", "podman"},     {"libpod-", "podman"}, {"nerdctl-", "containerd"},
    };
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        if (!has_prefix(name, prefixes[i].prefix))
            continue;
        *ret_id = skip(name, strlen(prefixes[i].prefix));
        /* crio-conmon-<id> and libpod-conmon-<id> are the runtime's own process: "conmon-..." is no id. */
        if (is_container_id(*ret_id))
            return prefixes[i].runtime;
    }
    return NULL;
}

/* The runtime of one component, NULL when it is no container; `above` is what stands before it. */
static const char *runtime_of(struct piece component, struct piece above, struct piece *ret_id)
{
    struct piece name = without_suffix(component, ".scope");
    const char *runtime = named(name, ret_id);
    if (runtime != NULL)
        return runtime;

    static const char infix[] = ":cri-containerd:";
    const char *at = memmem(name.data, name.length, infix, sizeof(infix) - 1);
    if (at != NULL) {
        *ret_id = skip(name, (size_t)(at - name.data) + sizeof(infix) - 1);
        return is_container_id(*ret_id) ? "containerd" : NULL;
    }

    *ret_id = component;
    if (is_garden_id(component))
        return "garden";
    struct piece parent, uid;
    if (!is_container_id(component) || !take_last(&above, &parent))
        return NULL;
    if ((parent.length == 6 && has_prefix(parent, "docker")) ||
        (parent.length == 11 && has_prefix(parent, "actions_job")))
        return "docker";
    return pod_of(parent, &uid) ? "containerd" : NULL;
}

static void find_pod(struct piece path, char *target, size_t size)
{
    struct piece component, uid;
    target[0] = '\0';
    while (take_last(&path, &component)) {
        if (!pod_of(component, &uid))
            continue;
        copy(target, size, uid);
        for (char *c = target; *c != '\0'; c++)
            if (*c == '_')
                *c = '-';
        return;
    }
}

bool container_from_path(const char *path, size_t length, struct container *ret_container, bool *ret_root)
{
    struct piece rest = {path, length}, component, id;
    for (bool last = true; take_last(&rest, &component); last = false) {
        const char *runtime = runtime_of(component, rest, &id);
        if (runtime == NULL)
            continue;
        copy(ret_container->id, sizeof(ret_container->id), id);
        copy(ret_container->runtime, sizeof(ret_container->runtime), (struct piece){runtime, strlen(runtime)});
        /* The pod stands above, or in the component itself (the ":cri-containerd:" form). */
        find_pod((struct piece){path, rest.length + component.length}, ret_container->pod_uid,
                 sizeof(ret_container->pod_uid));
        *ret_root = last;
        return true;
    }
    return false;
}
