// SPDX-License-Identifier: Apache-2.0
#include "common/containers/path.h"

#include <stdint.h>
#include <string.h>

struct piece {
    const char *data;
    size_t length;
};

enum { HASH_DIGITS = 64, ID_LETTERS_MOST = CONTAINER_ID_BYTES - 1 };

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

static bool is_letter_or_digit(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool has_prefix(struct piece piece, const char *prefix)
{
    size_t length = strlen(prefix);
    return piece.length >= length && memcmp(piece.data, prefix, length) == 0;
}

static bool has_suffix(struct piece piece, const char *suffix)
{
    size_t length = strlen(suffix);
    return piece.length >= length && memcmp(piece.data + piece.length - length, suffix, length) == 0;
}

static bool is_word(struct piece piece, const char *word)
{
    return piece.length == strlen(word) && has_prefix(piece, word);
}

static struct piece skip(struct piece piece, size_t n)
{
    return (struct piece){piece.data + n, piece.length - n};
}

static struct piece without_suffix(struct piece piece, const char *suffix)
{
    if (has_suffix(piece, suffix))
        piece.length -= strlen(suffix);
    return piece;
}

/* Ids as the runtimes make them. */

static bool is_hash(struct piece id)
{
    if (id.length != HASH_DIGITS)
        return false;
    for (size_t i = 0; i < id.length; i++)
        if (!is_hex(id.data[i]))
            return false;
    return true;
}

/* Groups of hex digits, the lengths given in letters; dashes between them. */
static bool is_grouped(struct piece id, const char *groups)
{
    size_t at = 0;
    for (const char *group = groups; *group != '\0'; group++) {
        if (group != groups && (at >= id.length || id.data[at++] != '-'))
            return false;
        for (char left = *group; left > '0'; left--)
            if (at >= id.length || !is_hex(id.data[at++]))
                return false;
    }
    return at == id.length;
}

/* Garden's own form, which is no UUID: nothing else looks like it, so it counts below any parent. */
static bool is_garden(struct piece id)
{
    return is_grouped(id, "84444");
}

static bool is_uuid(struct piece id)
{
    return is_grouped(id, "8444<"); /* '<' is '0' + 12 */
}

static bool is_hash_or_uuid(struct piece id)
{
    return is_hash(id) || is_uuid(id) || is_garden(id);
}

/* containerd's identifiers: letters and digits, joined by single '.', '_' or '-'. systemd's units are not meant. */
static bool is_containerd_id(struct piece id)
{
    static const char *const units[] = {".slice", ".scope", ".service", ".mount", ".socket", ".swap"};
    if (id.length == 0 || id.length > ID_LETTERS_MOST)
        return false;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (has_suffix(id, units[i]))
            return false;
    bool joined = true;
    for (size_t i = 0; i < id.length; i++) {
        bool joins = id.data[i] == '.' || id.data[i] == '_' || id.data[i] == '-';
        if (joins ? joined : !is_letter_or_digit(id.data[i]))
            return false;
        joined = joins;
    }
    return !joined;
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

/* "pod<UID>", "kubepods-pod<UID>.slice", "kubelet-kubepods-burstable-pod<UID>.slice", and these before ":cri-...";
 * *ret_uid still has the underscores of a slice. */
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

static bool is_pod(struct piece component)
{
    struct piece uid;
    return pod_of(component, &uid);
}

/* Names that carry their runtime, with or without systemd's ".scope". */
static const struct {
    const char *prefix, *runtime;
} named[] = {
    {"cri-containerd-", "containerd"}, {"crio-", "crio"},     {"docker-", "docker"},
    {"libpod-payload-", "podman"},     {"libpod-", "podman"}, {"nerdctl-", "containerd"},
};

static const char *runtime_of_name(struct piece component, struct piece *ret_id)
{
    struct piece name = without_suffix(component, ".scope");
    for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
        if (!has_prefix(name, named[i].prefix))
            continue;
        *ret_id = skip(name, strlen(named[i].prefix));
        /* crio-conmon-<id> and libpod-conmon-<id> are the runtime's own process: "conmon-..." is no hash. */
        if (is_hash(*ret_id))
            return named[i].runtime;
    }
    /* containerd told to use cgroupfs below a systemd parent takes "slice:cri-containerd:id" for a name. */
    static const char infix[] = ":cri-containerd:";
    const char *at = memmem(name.data, name.length, infix, sizeof(infix) - 1);
    if (at == NULL)
        return NULL;
    *ret_id = skip(name, (size_t)(at - name.data) + sizeof(infix) - 1);
    return is_hash(*ret_id) ? "containerd" : NULL;
}

/* Bare ids, which a parent tells apart. */
static const struct {
    const char *parent;
    bool whole; /* the parent's whole name, else how it begins */
    bool (*is_id)(struct piece id);
    const char *runtime;
} below[] = {
    {"docker", true, is_hash, "docker"},
    {"actions_job", true, is_hash, "docker"},
    {"garden", false, is_hash_or_uuid, "garden"},
};

/* containerd's namespaces: what ctr and nerdctl use unless told otherwise, the CRI plugin's, docker's and buildkit's.
 */
static bool is_containerd_namespace(struct piece component)
{
    static const char *const known[] = {"default", "k8s.io", "moby", "buildkit"};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (is_word(component, known[i]))
            return true;
    return false;
}

static const char *runtime_of_place(struct piece id, struct piece above)
{
    struct piece parent, outer, ignored;
    if (!take_last(&above, &parent))
        return NULL;
    for (size_t i = 0; i < sizeof(below) / sizeof(below[0]); i++)
        if ((below[i].whole ? is_word(parent, below[i].parent) : has_prefix(parent, below[i].parent)) &&
            below[i].is_id(id))
            return below[i].runtime;
    if (is_pod(parent))
        return is_hash(id) ? "containerd" : NULL;
    if (!is_containerd_namespace(parent))
        return NULL;
    if (is_hash(id))
        return "containerd";
    /* Ids of any shape would be too much to believe anywhere: at the root, where ctr puts them, or right below another
     * container. */
    if (take_last(&above, &outer) && runtime_of_name(outer, &ignored) == NULL && !is_hash(outer))
        return NULL;
    return is_containerd_id(id) ? "containerd" : NULL;
}

/* The runtime of one component, NULL when it is no container; `above` is what stands before it. */
static const char *runtime_of(struct piece component, struct piece above, struct piece *ret_id)
{
    const char *runtime = runtime_of_name(component, ret_id);
    if (runtime != NULL)
        return runtime;
    *ret_id = component;
    return is_garden(component) ? "garden" : runtime_of_place(component, above);
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

/* The part of a path that is looked at: whole components. */
static struct piece bounded(const char *path, size_t length)
{
    struct piece piece = {path, length};
    if (length <= CONTAINER_PATH_BYTES)
        return piece;
    piece = skip(piece, length - CONTAINER_PATH_BYTES);
    const char *slash = memchr(piece.data, '/', piece.length);
    return skip(piece, slash == NULL ? piece.length : (size_t)(slash - piece.data));
}

bool container_name_from_path(const char *path, size_t length, struct container_name *ret_name)
{
    struct piece whole = bounded(path, length), rest = whole, component, id;
    for (bool last = true; take_last(&rest, &component); last = false) {
        const char *runtime = runtime_of(component, rest, &id);
        if (runtime == NULL)
            continue;
        copy(ret_name->id, sizeof(ret_name->id), id);
        copy(ret_name->runtime, sizeof(ret_name->runtime), (struct piece){runtime, strlen(runtime)});
        /* The pod stands above, or in the component itself (the ":cri-containerd:" form). */
        find_pod((struct piece){whole.data, rest.length + component.length}, ret_name->pod_uid,
                 sizeof(ret_name->pod_uid));
        ret_name->is_root = last;
        return true;
    }
    return false;
}

bool container_path_is_root(const char *path, size_t length)
{
    struct container_name name;
    return container_name_from_path(path, length, &name) && name.is_root;
}
