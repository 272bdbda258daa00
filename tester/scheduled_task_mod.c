/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>

#include "tester/place.h"
#include "tester/trigger.h"

static int execute(const char *path, const char *const *words)
{
    int r = place_private_root();
    if (r == 0)
        r = place_program(path);
    return r < 0 ? r : trigger_execute_payload(path, words, NULL);
}

static int execute_script(const char *path)
{
    int r = place_private_root();
    if (r == 0)
        r = place_script(path, "#!" PLACE_PROGRAM " " TRIGGER_PAYLOAD "\n");
    return r < 0 ? r : trigger_execute_payload(path, NULL, NULL);
}

static int list_them(void)
{
    static const char *const words[] = {"-l", NULL};
    return execute("/usr/bin/crontab", words);
}

static int batch(void)
{
    return execute_script("/usr/bin/batch");
}

static int list_jobs(void)
{
    return trigger_in_child(list_them);
}

static int run_batch(void)
{
    return trigger_in_child(batch);
}

const struct trigger trigger_scheduled_task_mod = {
    .id = "TRC-1027",
    .name = "scheduled_task_mod",
    .deed = {.what = "opens an empty /var/spool/anacron/vedette-tester of its own for writing",
             FILE_DEED(FILE_OPEN, "/var/spool/anacron/vedette-tester", O_WRONLY)},
    .evasions = {{.what = "through a symbolic link with another name",
                  FILE_DEED(FILE_OPEN_BY_LINK, "/var/spool/anacron/vedette-tester", O_WRONLY)},
                 {.what = "by openat2 below its folder",
                  FILE_DEED(FILE_OPENAT2, "/var/spool/anacron/vedette-tester", O_RDWR)},
                 {.what = "by a 32-bit call",
                  FILE_DEED(FILE_OPEN_COMPAT, "/var/spool/anacron/vedette-tester", O_WRONLY)},
                 {.what = "another file is renamed to the name, by a detour",
                  FILE_DEED(FILE_RENAME_DETOUR, "/var/spool/anacron/vedette-tester", 0)},
                 {.what = "the name is exchanged for another file's",
                  FILE_DEED(FILE_EXCHANGE, "/var/spool/anacron/vedette-tester", 0)},
                 {.what = "the name is given to another file by a hard link",
                  FILE_DEED(FILE_LINK, "/var/spool/anacron/vedette-tester", 0)},
                 {.what = "batch is executed, a script", .run = run_batch}},
    .near_misses = {{.what = "it is opened for reading",
                     FILE_DEED(FILE_OPEN, "/var/spool/anacron/vedette-tester", O_RDONLY)},
                    {.what = "it is moved away", FILE_DEED(FILE_RENAME_AWAY, "/var/spool/anacron/vedette-tester", 0)},
                    {.what = "the file is /etc/crontab.bak", FILE_DEED(FILE_OPEN, "/etc/crontab.bak", O_WRONLY)},
                    {.what = "crontab is asked for its list", .run = list_jobs}},
};
