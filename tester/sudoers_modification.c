/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>

#include "tester/trigger.h"

const struct trigger trigger_sudoers_modification = {
    .id = "TRC-1028",
    .name = "sudoers_modification",
    .deed = {.what = "opens an empty /etc/sudoers.d/vedette-tester of its own for writing",
             FILE_DEED(FILE_OPEN, "/etc/sudoers.d/vedette-tester", O_WRONLY)},
    .evasions = {{.what = "through a symbolic link with another name",
                  FILE_DEED(FILE_OPEN_BY_LINK, "/etc/sudoers.d/vedette-tester", O_WRONLY)},
                 {.what = "by openat2 below its folder",
                  FILE_DEED(FILE_OPENAT2, "/etc/sudoers.d/vedette-tester", O_RDWR)},
                 {.what = "by a 32-bit call", FILE_DEED(FILE_OPEN_COMPAT, "/etc/sudoers.d/vedette-tester", O_WRONLY)},
                 {.what = "another file is renamed to the name, by a detour",
                  FILE_DEED(FILE_RENAME_DETOUR, "/etc/sudoers.d/vedette-tester", 0)},
                 {.what = "the name is exchanged for another file's",
                  FILE_DEED(FILE_EXCHANGE, "/etc/sudoers.d/vedette-tester", 0)},
                 {.what = "the name is given to another file by a hard link",
                  FILE_DEED(FILE_LINKAT, "/etc/sudoers.d/vedette-tester", 0)},
                 {.what = "a folder is renamed to /etc/sudoers.d",
                  FILE_DEED(FILE_RENAME_FOLDER, "/etc/sudoers.d/vedette-tester", 0)}},
    .near_misses = {{.what = "it is opened for reading",
                     FILE_DEED(FILE_OPEN, "/etc/sudoers.d/vedette-tester", O_RDONLY)},
                    {.what = "it is moved away", FILE_DEED(FILE_RENAME_AWAY, "/etc/sudoers.d/vedette-tester", 0)},
                    {.what = "the file is /etc/sudoers.tmp", FILE_DEED(FILE_OPEN, "/etc/sudoers.tmp", O_WRONLY)}},
};
