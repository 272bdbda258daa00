/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>

#include "tester/place.h"
#include "tester/trigger.h"

static int execute_script(const char *path)
{
    int r = place_private_root();
    if (r == 0)
        r = place_script(path, "#!" PLACE_PROGRAM " " TRIGGER_PAYLOAD "\n");
    return r < 0 ? r : trigger_execute_payload(path, NULL, NULL);
}

static int update(void)
{
    return execute_script("/usr/sbin/update-rc.d");
}

static int run_update(void)
{
    return trigger_in_child(update);
}

const struct trigger trigger_rcd_modification = {
    .id = "TRC-1026",
    .name = "rcd_modification",
    .deed = {.what = "opens an empty /etc/rcS.d/S01vedette-tester of its own for writing",
             FILE_DEED(FILE_OPEN, "/etc/rcS.d/S01vedette-tester", O_WRONLY)},
    .evasions = {{.what = "through a symbolic link with another name",
                  FILE_DEED(FILE_OPEN_BY_LINK, "/etc/rcS.d/S01vedette-tester", O_WRONLY)},
                 {.what = "by openat2 below its folder",
                  FILE_DEED(FILE_OPENAT2, "/etc/rcS.d/S01vedette-tester", O_RDWR)},
                 {.what = "by a 32-bit call", FILE_DEED(FILE_OPEN_COMPAT, "/etc/rcS.d/S01vedette-tester", O_WRONLY)},
                 {.what = "another file is renamed to the name, by a detour",
                  FILE_DEED(FILE_RENAME_DETOUR, "/etc/rcS.d/S01vedette-tester", 0)},
                 {.what = "the name is exchanged for another file's",
                  FILE_DEED(FILE_EXCHANGE, "/etc/rcS.d/S01vedette-tester", 0)},
                 {.what = "a symbolic link is made there", FILE_DEED(FILE_SYMLINK, "/etc/rcS.d/S01vedette-tester", 0)},
                 {.what = "update-rc.d is executed, a script", .run = run_update}},
    .near_misses = {{.what = "it is opened for reading",
                     FILE_DEED(FILE_OPEN, "/etc/rcS.d/S01vedette-tester", O_RDONLY)},
                    {.what = "it is moved away", FILE_DEED(FILE_RENAME_AWAY, "/etc/rcS.d/S01vedette-tester", 0)},
                    {.what = "the folder is /etc/rc7.d",
                     FILE_DEED(FILE_OPEN, "/etc/rc7.d/S01vedette-tester", O_WRONLY)}},
};
