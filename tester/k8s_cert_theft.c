/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>

#include "tester/trigger.h"

const struct trigger trigger_k8s_cert_theft = {
    .id = "TRC-1018",
    .name = "k8s_cert_theft",
    .deed = {.what = "opens an empty /etc/kubernetes/pki/ca.key of its own for reading",
             FILE_DEED(FILE_OPEN, "/etc/kubernetes/pki/ca.key", O_RDONLY)},
    .evasions = {{.what = "through a symbolic link with another name",
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
        {{.what = "it is opened for writing only", FILE_DEED(FILE_OPEN, "/etc/kubernetes/pki/ca.key", O_WRONLY)},
         {.what = "its folder is /etc/kubernetes/pkix", FILE_DEED(FILE_OPEN, "/etc/kubernetes/pkix/ca.key", O_RDONLY)},
         {.what = "another file is renamed to the name", FILE_DEED(FILE_RENAME, "/etc/kubernetes/pki/ca.key", 0)}},
};
