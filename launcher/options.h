/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of vedette-run. */
#ifndef VEDETTE_LAUNCHER_OPTIONS_H
#define VEDETTE_LAUNCHER_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

enum { RUN_LIST_ITEMS = 32, RUN_ERROR_BYTES = 512 };

struct run_list {
    size_t count;
    const char *item[RUN_LIST_ITEMS];
};

/* All strings are those of argv. */
struct run_options {
    bool json;
    bool parse_arguments;
    int page;                                  /* of options_print_page, 0: none was asked for */
    const char *events;                        /* comma list, NULL: findings only */
    const char *http;                          /* address, "off", NULL: the mode's default */
    const char *sink;                          /* URL of a Falcosidekick, NULL none */
    const char *cgroup;                        /* bare run: only this cgroup */
    pid_t tree;                                /* bare run: only this process's tree, 0 all */
    const char *node;                          /* NULL: the node's name as the programs find it */
    const char *programs;                      /* folder of the two programs, NULL: beside vedette-run */
    struct run_list policies;                  /* files */
    struct run_list to_collector, to_analyzer; /* KEY=VALUE */
    char **command;                            /* NULL: bare run */
};

/* 0, or -EINVAL with words. With a page the rest of the line is not judged. */
int run_options_parse(int argc, char **argv, struct run_options *ret_options, char error[RUN_ERROR_BYTES]);
void run_options_print_page(int page, FILE *out);

#endif
