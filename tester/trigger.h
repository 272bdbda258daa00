/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A trigger does once, harmlessly, what a detection is about; its near misses differ from it in one respect each and
 * must stay silent. One trigger is one file that ends in one constant, listed in triggers.def.
 */
#ifndef VEDETTE_TESTER_TRIGGER_H
#define VEDETTE_TESTER_TRIGGER_H

#include <stdbool.h>
#include <stddef.h>

enum { TRIGGER_NEAR_MISSES = 3 };

struct near_miss {
    const char *what; /* the one respect in which it differs */
    int (*run)(void); /* 0, or -errno after words on stderr */
};

struct trigger {
    const char *id;   /* "TRC-105" */
    const char *name; /* the detection's */
    const char *what; /* what it does, one phrase */
    int (*run)(void);
    bool in_container;                                 /* only counts in a container: refused elsewhere */
    struct near_miss near_misses[TRIGGER_NEAR_MISSES]; /* ends at the first without `what` */
};

#define TRIGGER(name) extern const struct trigger trigger_##name;
#include "tester/triggers.def"

/* Says on stderr that `what` could not be done, and gives -errno. */
int trigger_failed(const char *what);

/* Forks, runs `child` there and waits for it: its return value is the child's exit code. 0, or -errno after words. */
int trigger_in_child(int (*child)(void));

/* The word on the command line that makes the program the harmless payload of a trigger: it prints a line and ends with
 * 0. */
#define TRIGGER_PAYLOAD "--payload"

#endif
