/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A trigger does once, harmlessly, what a detection is about; its evasions do the same as an attacker would who wants
 * not to be seen, and must be; its near misses differ from it in one respect each and must not. One trigger is one file
 * that ends in one constant, listed in triggers.def.
 */
#ifndef VEDETTE_TESTER_TRIGGER_H
#define VEDETTE_TESTER_TRIGGER_H

#include <stdbool.h>
#include <stddef.h>

#include "tester/file_deed.h"

enum { TRIGGER_DEEDS = 8 };

/* What is done: by a function, or to one file. */
struct deed {
    const char *what;             /* one phrase; of a near miss the one respect in which it differs */
    int (*run)(void);             /* 0, or -errno after words on stderr */
    const struct file_deed *file; /* where there is no function */
    const char *also;             /* another detection that sees it too, NULL none */
};

struct trigger {
    const char *id;   /* "TRC-105" */
    const char *name; /* the detection's */
    struct deed deed;
    bool in_container;                   /* only counts in a container: refused elsewhere */
    struct deed evasions[TRIGGER_DEEDS]; /* these end at the first without `what` */
    struct deed near_misses[TRIGGER_DEEDS];
};

#define TRIGGER(name) extern const struct trigger trigger_##name;
#include "tester/triggers.def"

/* Says on stderr that `what` could not be done, and gives -errno. */
int trigger_failed(const char *what);

/* Says on stderr why this machine has not what is needed, and gives what makes it count as skipped. */
int trigger_skipped(const char *reason);

/* Forks, runs `child` there and waits for it: its return value is the child's exit code. 0, or -errno after words. */
int trigger_in_child(int (*child)(void));

/* Executes `path` (this program, by whatever name) as the harmless payload of a trigger: it prints a line and ends with
 * 0. `words` go before the word that makes it so, and end with NULL; `environment` may be NULL. Returns only to say
 * that it failed. */
int trigger_execute_payload(const char *path, const char *const *words, char *const *environment);

/* The word on the command line that makes the program the payload, and one before a path that it is to open for reading
 * first. */
#define TRIGGER_PAYLOAD "--payload"
#define TRIGGER_READ    "--read"

#endif
