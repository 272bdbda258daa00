/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>

#include "tester/trigger.h"

static int execute_with(char *variable)
{
    char *environment[] = {variable, NULL};
    return trigger_execute_payload("/proc/self/exe", NULL, environment);
}

static int execute_with_library(void)
{
    char variable[] = "LD_PRELOAD=/nonexistent/vedette-tester.so";
    return execute_with(variable);
}

static int execute_with_nothing(void)
{
    char variable[] = "LD_PRELOAD=";
    return execute_with(variable);
}

static int variable(void)
{
    return trigger_in_child(execute_with_library);
}

static int empty_variable(void)
{
    return trigger_in_child(execute_with_nothing);
}

const struct trigger trigger_ld_preload = {
    .id = "TRC-107",
    .name = "ld_preload",
    .deed = {.what = "opens an empty /etc/ld.so.preload of its own for writing",
             FILE_DEED(FILE_OPEN, "/etc/ld.so.preload", O_WRONLY)},
    .evasions = {{.what = "through a symbolic link with another name",
                  FILE_DEED(FILE_OPEN_BY_LINK, "/etc/ld.so.preload", O_WRONLY)},
                 {.what = "by openat2 below its folder", FILE_DEED(FILE_OPENAT2, "/etc/ld.so.preload", O_RDWR)},
                 {.what = "by a 32-bit call", FILE_DEED(FILE_OPEN_COMPAT, "/etc/ld.so.preload", O_WRONLY)},
                 {.what = "another file is renamed to the name, by a detour",
                  FILE_DEED(FILE_RENAME_DETOUR, "/etc/ld.so.preload", 0)},
                 {.what = "the name is exchanged for another file's",
                  FILE_DEED(FILE_EXCHANGE, "/etc/ld.so.preload", 0)},
                 {.what = "the name is given to another file by a hard link",
                  FILE_DEED(FILE_LINKAT, "/etc/ld.so.preload", 0)},
                 {.what = "a program is started with LD_PRELOAD", .run = variable}},
    .near_misses = {{.what = "it is opened for reading", FILE_DEED(FILE_OPEN, "/etc/ld.so.preload", O_RDONLY)},
                    {.what = "it is moved away", FILE_DEED(FILE_RENAME_AWAY, "/etc/ld.so.preload", 0)},
                    {.what = "the file is ld.so.preload.txt", FILE_DEED(FILE_OPEN, "/etc/ld.so.preload.txt", O_WRONLY)},
                    {.what = "a program is started with an empty LD_PRELOAD", .run = empty_variable}},
};
