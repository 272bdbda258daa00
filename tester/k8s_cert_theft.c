/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>

#include "tester/place.h"
#include "tester/trigger.h"

/* By a program of that path. */
static int read_by(const char *program)
{
    static const char *const words[] = {TRIGGER_READ, "/etc/kubernetes/pki/ca.key", NULL};
    int r = place_private_root();
    if (r == 0)
        r = place_empty_file(words[1]);
    if (r == 0)
        r = place_program(program);
    return r < 0 ? r : trigger_execute_payload(program, words, NULL);
}

static int read_by_copy(void)
{
    return read_by("/tmp/kubelet");
}

static int read_by_component(void)
{
    return read_by("/usr/bin/kubelet");
}

static int by_component(void)
{
    return trigger_in_child(read_by_component);
}

static int by_copy(void)
{
    return trigger_in_child(read_by_copy);
}

const struct trigger trigger_k8s_cert_theft = {
    .id = "TRC-1018",
    .name = "k8s_cert_theft",
    .deed = {.what = "opens an empty /etc/kubernetes/pki/ca.key of its own for reading",
             FILE_DEED(FILE_OPEN, "/etc/kubernetes/pki/ca.key", O_RDONLY)},
    .evasions = {{.what = "by a copy of a program, called kubelet", .run = by_copy},
                 {.what = "through a symbolic link with another name",
                  FILE_DEED(FILE_OPEN_BY_LINK, "/etc/kubernetes/pki/ca.key", O_RDONLY)},
                 {.what = "through a symbolic link to its folder",
                  FILE_DEED(FILE_OPEN_BY_FOLDER_LINK, "/etc/kubernetes/pki/etcd/ca.key", O_RDWR)},
                 {.what = "by a relative name", FILE_DEED(FILE_OPEN_RELATIVE, "/etc/kubernetes/pki/ca.key", O_RDONLY)},
                 {.what = "by its handle", FILE_DEED(FILE_OPEN_BY_HANDLE, "/etc/kubernetes/pki/ca.key", O_RDONLY)},
                 {.what = "by a 32-bit call", FILE_DEED(FILE_OPEN_COMPAT, "/etc/kubernetes/pki/ca.key", O_RDONLY)},
                 {.what = "it is moved away", FILE_DEED(FILE_RENAME_AWAY, "/etc/kubernetes/pki/ca.key", 0)},
                 {.what = "it is moved away by a name with a detour",
                  FILE_DEED(FILE_RENAME_AWAY_DETOUR, "/etc/kubernetes/pki/ca.key", 0)}},
    .near_misses =
        {{.what = "it is /usr/bin/kubelet that reads it", .run = by_component},
         {.what = "it is opened for writing only", FILE_DEED(FILE_OPEN, "/etc/kubernetes/pki/ca.key", O_WRONLY)},
         {.what = "its folder is /etc/kubernetes/pkix", FILE_DEED(FILE_OPEN, "/etc/kubernetes/pkix/ca.key", O_RDONLY)},
         {.what = "another file is renamed to the name", FILE_DEED(FILE_RENAME, "/etc/kubernetes/pki/ca.key", 0)}},
};
