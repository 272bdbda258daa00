/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sys/prctl.h>

#include "tester/place.h"
#include "tester/trigger.h"

/* The name that the kernel shows for a web server that executes a program is the server's until the program runs. */
static int execute_as(const char *server, const char *program)
{
    char path[64];
    int r = place_private_tmp();
    if (r < 0)
        return r;
    snprintf(path, sizeof(path), "/tmp/%s", program);
    if (symlink("/proc/self/exe", path) < 0)
        return trigger_failed(path);
    if (prctl(PR_SET_NAME, server, 0, 0, 0) < 0)
        return trigger_failed("PR_SET_NAME");
    return trigger_execute_payload(path, NULL, NULL);
}

#define CASE(name_, server_, program_)                                                                                 \
    static int execute_##name_(void)                                                                                   \
    {                                                                                                                  \
        return execute_as(server_, program_);                                                                          \
    }                                                                                                                  \
    static int name_(void)                                                                                             \
    {                                                                                                                  \
        return trigger_in_child(execute_##name_);                                                                      \
    }

CASE(run, "nginx", "sh")
CASE(of_tomcat, "http-nio-8080-e", "dash")
CASE(of_php, "apache2", "ash")
CASE(no_shell, "nginx", "true")
CASE(no_server, "nginx-exporter", "sh")

const struct trigger trigger_illegitimate_shell = {
    .id = "TRC-1016",
    .name = "illegitimate_shell",
    .deed = {.what = "a process named nginx executes a program named sh, which prints a line", .run = run},
    .evasions = {{.what = "a thread of Tomcat's does, and the shell is dash", .run = of_tomcat},
                 {.what = "apache2 does, and the shell is busybox's", .run = of_php}},
    .near_misses = {{.what = "the program is named true", .run = no_shell},
                    {.what = "the process is named nginx-exporter", .run = no_server}},
};
