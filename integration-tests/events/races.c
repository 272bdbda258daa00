/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A second thread changes something while a call is under way: the caller's memory, or the descriptor that the call is
 * about to give. What the kernel used must arrive, and that a descriptor may have been another one.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>

#include "integration-tests/events/evasions.h"
#include "integration-tests/events/expect.h"

enum { FLAGS = O_RDONLY | O_CLOEXEC, ROUNDS = 50 };

static int open_at(const char *string)
{
    return (int)syscall(SYS_openat, AT_FDCWD, string, FLAGS, 0);
}

static struct stat status_of(const char *path)
{
    struct stat file;
    if (stat(path, &file) < 0)
        cannot(path);
    return file;
}

/* An open in a process whose descriptors other threads share; without `string`, whatever that was by then. */
static void raced_line(const char *what, const char *pathname, const char *string)
{
    struct stat file = status_of(pathname);
    struct line line;
    line_begin(&line, "security_file_open", what);
    if (string != NULL) /* nobody can tell here who was first */
        line_chance(&line);
    else
        line_repeated(&line);
    line_shared(&line);
    line_result(&line, "openat", 0);
    line_string(&line, "pathname", pathname);
    line_any(&line, "flags");
    line_inode(&line, "", &file);
    if (string != NULL)
        line_user_string(&line, "syscall_pathname", string);
    else
        line_user_any(&line, "syscall_pathname");
    line_any(&line, "fs_magic");
    line_unsigned(&line, "overlay_layer", 0);
    line_end(&line);
}

static char raced_name[PATH_BYTES];
static atomic_bool racing;

static void *change_name(void *good_and_bad)
{
    const char *const *names = good_and_bad;
    for (unsigned i = 0; atomic_load(&racing); i++)
        memcpy(raced_name, names[i % 2], strlen(names[i % 2]) + 1);
    return NULL;
}

static bool was_opened(const int fds[ROUNDS], const char *path)
{
    struct stat file = status_of(path), opened;
    for (int i = 0; i < ROUNDS; i++)
        if (fds[i] >= 0 && fstat(fds[i], &opened) == 0 && opened.st_ino == file.st_ino)
            return true;
    return false;
}

/* Whatever the caller's copy says afterwards, the path is that of the file which was opened. */
static int raced_open(void)
{
    const char *names[2] = {place("evade-race-a"), place("evade-race-b")};
    pthread_t thread;
    int fds[ROUNDS];
    make_file(names[0], "a");
    make_file(names[1], "b");
    snprintf(raced_name, sizeof(raced_name), "%s", names[0]);
    atomic_store(&racing, true);
    if (pthread_create(&thread, NULL, change_name, (void *)names) != 0)
        cannot("a thread");
    for (int i = 0; i < ROUNDS; i++)
        fds[i] = open_at(raced_name);
    atomic_store(&racing, false);
    pthread_join(thread, NULL);
    for (int i = 0; i < 2; i++) {
        struct stat other = status_of(names[1 - i]);
        if (was_opened(fds, names[i]))
            raced_line(i == 0 ? "raced: one name" : "raced: the other name", names[i], NULL);
        near_miss_inode("security_file_open", "raced: a name with the other's inode", names[i], &other);
    }
    return 0;
}

/*
 * The other thread acts on the number that the next open gives, at about the moment when it is there but the call has
 * not ended: after `pause` steps, which what came of the last round makes more or fewer.
 */
struct rival {
    int fd;    /* the lowest free number */
    int decoy; /* what is put in its place; -1: it is closed */
    atomic_int round, done;
    atomic_bool is_over, was_early;
    int pause;
};

static void *interfere(void *argument)
{
    struct rival *rival = argument;
    for (int seen = 0;; seen++) {
        while (atomic_load(&rival->round) == seen)
            if (atomic_load(&rival->is_over))
                return NULL;
        for (volatile int i = 0; i < rival->pause; i++)
            ;
        int result = rival->decoy < 0 ? close(rival->fd) : dup2(rival->decoy, rival->fd);
        atomic_store(&rival->was_early, result < 0);
        atomic_store(&rival->done, seen + 1);
    }
}

static void raced_round(struct rival *rival, const char *path, int round)
{
    atomic_store(&rival->round, round);
    int fd = open_at(path);
    while (atomic_load(&rival->done) != round)
        ;
    bool was_early = atomic_load(&rival->was_early) || fd != rival->fd;
    rival->pause += was_early ? rival->pause / 16 + 1 : -(rival->pause / 16 + (rival->pause > 0));
    close(fd);
    if (fd != rival->fd)
        close(rival->fd);
}

static void interfered(const char *path, int decoy)
{
    enum { RACES = 1000, LONGEST_S = 2 };
    pthread_t thread;
    struct rival rival = {.decoy = decoy, .fd = open_at(path), .pause = 500};
    struct timespec begun, now;
    close(rival.fd);
    clock_gettime(CLOCK_MONOTONIC, &begun);
    now = begun;
    if (pthread_create(&thread, NULL, interfere, &rival) != 0)
        cannot("a thread");
    for (int i = 1; i <= RACES && now.tv_sec - begun.tv_sec <= LONGEST_S; i++) {
        raced_round(&rival, path, i);
        clock_gettime(CLOCK_MONOTONIC, &now);
    }
    atomic_store(&rival.is_over, true);
    pthread_join(thread, NULL);
}

static int raced_close(void)
{
    struct line line;
    const char *path = place("evade-closed");
    make_file(path, "x");
    interfered(path, -1);
    raced_line("raced: closed too late by another thread", path, path);
    near_miss_unmarked("raced: closed before it was looked at, and not said to be", path, path, &(struct stat){0},
                       "fdMismatch");
    line_begin(&line, "security_file_open", "raced: closed by another thread before it was looked at");
    line_chance(&line);
    line_gone(&line);
    line_result(&line, "openat", 0);
    line_user_string(&line, "pathname", path); /* only the caller's copy is left */
    line_any(&line, "flags");
    line_inode(&line, "", &(struct stat){0});
    line_user_string(&line, "syscall_pathname", path);
    line_any(&line, "fs_magic");
    line_unsigned(&line, "overlay_layer", 0);
    line_end(&line);
    return 0;
}

/* What it names by then is shown, said to be perhaps another's, and beside it what was asked for. */
static int raced_replace(void)
{
    const char *path = place("evade-replaced"), *decoy = place("evade-decoy");
    make_file(path, "x");
    make_file(decoy, "y");
    interfered(path, open_at(decoy));
    raced_line("raced: replaced too late by another thread", path, path);
    struct stat other = status_of(decoy);
    near_miss_unmarked("raced: replaced before it was looked at, and not said to be", decoy, path, &other,
                       "sharedFdTable");
    raced_line("raced: replaced by another thread before it was looked at", decoy, path);
    return 0;
}

void races_run(void)
{
    in_child("vt-raced", raced_open);
    in_child("vt-raced-close", raced_close);
    in_child("vt-raced-dup", raced_replace);
}
