/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file system that this process serves, of a directory with a file and a link: whoever asks for a name, a page or a
 * link waits for this process, which changes the asker's memory meanwhile.
 */
#ifndef VEDETTE_EVENTS_FUSE_H
#define VEDETTE_EVENTS_FUSE_H

#include <pthread.h>
#include <stdbool.h>

#define SERVED_FILE "file"
#define SERVED_LINK "link"

struct fuse {
    const char *at;         /* where it is mounted; the directory is made */
    char *name;             /* becomes `lie` when a name or a page is asked for; NULL: nothing does */
    const char *lie;        /* fits in `name` */
    const char *content;    /* of the file: a page */
    const char *targets[2]; /* what the link names: at first, and from then on */
    int device;
    pthread_t thread;
};

/* False where the kernel has no FUSE. */
bool fuse_open(struct fuse *fuse);
/* Nothing on it is open any more. */
void fuse_close(struct fuse *fuse);

#endif
