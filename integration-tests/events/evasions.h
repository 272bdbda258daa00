/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ways that attackers use to make a sensor see another file or another actor than the kernel does, or nothing. Each is
 * a further case of an event that must tell the truth; evasions.def says which case answers which way.
 */
#ifndef VEDETTE_EVENTS_EVASIONS_H
#define VEDETTE_EVENTS_EVASIONS_H

#include <pthread.h>

#include "integration-tests/events/trigger.h"

void evasions_run(void);
/* Row 1: those with a second thread. */
void races_run(void);

/* Runs a command, as on a kernel where the hook sys_enter fires no more for the collector's self-test. */
int deafen(char **command);

/* Its parts. */
void evasions_by_fault(void);   /* evasions_faults.c */
void evasions_by_fuse(void);    /* evasions_fuse.c */
void evasions_by_number(void);  /* evasions_calls.c */
void evasions_by_program(void); /* evasions_programs.c */
void evasions_by_waiting(void); /* evasions_waiting.c */

/* For those that wait: a page of zeros, a thread, a network of this process alone, a TCP socket over IPv4. */
size_t page_size(void);
char *new_page(void);
void start_thread(pthread_t *thread, void *(*run)(void *), void *argument);
void enter_network(void);
int tcp_socket(int flags);

/* What a name is overwritten with: a file that is there, and that nobody here opens; short. */
#define INNOCENT "/etc/passwd"

/* A security_file_open. */
struct opened {
    const char *what, *call;
    const struct who *who; /* NULL: this thread */
    struct stat file;
    unsigned long fs_magic;
    const char *pathname; /* as the kernel names the file */
    const char *string;   /* what the caller said, NULL for nothing */
    enum {
        STRING_COMPLETE,
        STRING_UNREADABLE,
        STRING_ANY,
    } string_state;
    bool is_compat;
};

void opened_line(const struct opened *opened);
/* The same of a descriptor of this thread. */
void opened_by(const char *what, const char *call, int fd, const char *pathname, const char *string);
/* Fills in what a descriptor or a name tells. */
void opened_file(struct opened *opened, int fd);

#endif
