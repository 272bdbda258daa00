/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>

#include "tester/trigger.h"

const struct trigger trigger_default_loader_mod = {
    .id = "TRC-1012",
    .name = "default_loader_mod",
    .deed = {.what = "opens an empty /lib64/ld-linux-x86-64.so.2 of its own for writing",
             FILE_DEED(FILE_OPEN, "/lib64/ld-linux-x86-64.so.2", O_WRONLY)},
    .evasions = {{.what = "through a symbolic link with another name",
                  FILE_DEED(FILE_OPEN_BY_LINK, "/lib64/ld-linux-x86-64.so.2", O_WRONLY)},
                 {.what = "by openat2 below its folder",
                  FILE_DEED(FILE_OPENAT2, "/lib64/ld-linux-x86-64.so.2", O_RDWR)},
                 {.what = "by a 32-bit call", FILE_DEED(FILE_OPEN_COMPAT, "/lib64/ld-linux-x86-64.so.2", O_WRONLY)},
                 {.what = "another file is renamed to the name, by a detour",
                  FILE_DEED(FILE_RENAME_DETOUR, "/lib64/ld-linux-x86-64.so.2", 0)},
                 {.what = "the name is exchanged for another file's",
                  FILE_DEED(FILE_EXCHANGE, "/lib64/ld-linux-x86-64.so.2", 0)},
                 {.what = "the name is given to another file by a hard link",
                  FILE_DEED(FILE_LINKAT, "/lib64/ld-linux-x86-64.so.2", 0)},
                 {.what = "it is the one of /usr/lib32, by a 32-bit rename",
                  FILE_DEED(FILE_RENAME_COMPAT, "/usr/lib32/ld-linux.so.2", 0)}},
    .near_misses = {{.what = "it is opened for reading", FILE_DEED(FILE_OPEN, "/lib64/ld-linux-x86-64.so.2", O_RDONLY)},
                    {.what = "it is moved away", FILE_DEED(FILE_RENAME_AWAY, "/lib64/ld-linux-x86-64.so.2", 0)},
                    {.what = "the file is /lib64/libldap.so.2", FILE_DEED(FILE_OPEN, "/lib64/libldap.so.2", O_WRONLY)},
                    {.what = "the file is /usr/lib/ldb.so", FILE_DEED(FILE_OPEN, "/usr/lib/ldb.so", O_WRONLY)}},
};
