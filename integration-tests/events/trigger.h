/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A trigger does what one event of the table is about, in children of its own, and writes down what must arrive: one
 * JSON object a line, judged by `run` beside this file. It is listed in triggers.def under the event's name.
 *
 *   struct line line;
 *   line_begin(&line, "openat", "relative to a directory");   who: this thread, as it is now
 *   line_result(&line, "openat", fd);
 *   line_int(&line, "dirfd", directory); ...                  every argument of the row
 *   line_end(&line);
 *
 * Nothing is torn down after a failure: a child that cannot do its part says so with `cannot`, which makes the whole
 * program fail.
 */
#ifndef VEDETTE_EVENTS_TRIGGER_H
#define VEDETTE_EVENTS_TRIGGER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#define TRIGGER(name) void trigger_##name(void);
#include "integration-tests/events/triggers.def"

enum { PATH_BYTES = 512, LINE_BYTES = 96 * 1024 };

/* One expectation while it is written. */
struct line {
    char *text;
    size_t size;
    const char *separator; /* before the next argument */
};

/* Whose event it is. line_begin takes `who_am_i`; another's is for a child in namespaces of its own, or a thread that
 * has ended. */
struct who {
    pid_t pid, tid, ppid;                /* in its own pid namespace */
    pid_t host_pid, host_tid, host_ppid; /* in the one that this program was started in */
    uid_t uid;
    ino_t mount_ns, pid_ns;
    char comm[16];
};

struct who who_am_i(void);

/* `what`: the case, one phrase. */
void line_begin(struct line *line, const char *event, const char *what);
void line_begin_of(struct line *line, const char *event, const char *what, const struct who *who);
/* The system call in progress ("a|b": one of them) and returnValue: a result, or -errno. */
void line_result(struct line *line, const char *syscall, long long result);
void line_compat(struct line *line);
/* It must be said that other threads share the descriptors. */
void line_shared(struct line *line);
/* Of one life of a pid: those of others must be told from it. */
void line_life(struct line *line, int life);
/* It must be said that the descriptor names nothing any more. */
void line_gone(struct line *line);
/* A call that finding out who one is makes too: it may come again. */
void line_repeated(struct line *line);
/* What comes of a race that cannot be won at will: it may come again, and where it never came that is a case skipped.
 */
void line_chance(struct line *line);
void line_int(struct line *line, const char *argument, long long value);
void line_unsigned(struct line *line, const char *argument, unsigned long long value);
void line_pointer(struct line *line, const char *argument, const void *value);
void line_bool(struct line *line, const char *argument, bool value);
void line_string(struct line *line, const char *argument, const char *value);
/* The same, and said to be the caller's own copy. */
void line_user_string(struct line *line, const char *argument, const char *value);
/* `values` ends with NULL. */
void line_strings(struct line *line, const char *argument, const char *const *values);
void line_user_strings(struct line *line, const char *argument, const char *const *values);
/* Cut somewhere: what arrives is a beginning of it. */
void line_cut_strings(struct line *line, const char *argument, const char *const *values);
/* A value that is neither a number nor a string, as JSON has it; and the same as the caller's own copy. */
void line_json(struct line *line, const char *argument, const char *json);
/* The caller's own copy of something that cannot be known here. */
void line_user_any(struct line *line, const char *argument);
void line_user_json(struct line *line, const char *argument, const char *json);
/* The caller's own copy if it could be read; what a capture cannot wait for is said to be unreadable. */
void line_user_or_unreadable(struct line *line, const char *argument, const char *value);
void line_user_list_or_unreadable(struct line *line, const char *argument, const char *const *values);
/* Not compared. */
void line_any(struct line *line, const char *argument);
void line_unreadable(struct line *line, const char *argument, bool is_string);
/* The end of a path, `least` names or more, said to be truncated unless it is the whole; `is_cut`: it cannot be. */
void line_path_end(struct line *line, const char *argument, const char *path, int least, bool is_cut);
/* A start time in ns, of which /proc knows the 1/100 s. */
void line_start_time(struct line *line, const char *argument, pid_t pid, pid_t tid);
/* What most rows say of a file: dev and inode. */
void line_file_id(struct line *line, const struct stat *file);
/* The same of an open one, and its ctime too. */
void line_open_id(struct line *line, int fd);
void line_open_inode(struct line *line, int fd);
/* A ctime as the events have it. */
unsigned long long ctime_ns(const struct stat *file);
/* What the row says of a file: dev, inode, ctime. */
void line_inode(struct line *line, const char *prefix, const struct stat *file);
/* The magic number of a descriptor's file system. */
void line_file_system(struct line *line, const char *argument, int fd);
void line_end(struct line *line);

/* A near miss: no such event of this process (or of that one). */
void near_miss(const char *event, const char *what);
void near_miss_of(const char *event, const char *what, pid_t host_pid);
/* The same, where only events with that argument count: finding out who one is opens files too. */
void near_miss_with(const char *event, const char *what, const char *argument, const char *value);
/* The same, of that path with that file's inode. */
void near_miss_inode(const char *event, const char *what, const char *pathname, const struct stat *file);
/* No open of that file by that string of the caller's without that mark, a key of vedette. */
void near_miss_unmarked(const char *what, const char *pathname, const char *string, const struct stat *file,
                        const char *mark);
/* What this machine cannot show, and why. */
void not_possible(const char *event, const char *what, const char *reason);

/* Whether the running kernel is that one or a later one. */
bool kernel_is_from(int major, int minor);

/* Runs `child` in a forked process with a name of its own and waits for it; it gives the exit status that it wants, 0
 * normally. */
void in_child(const char *comm, int (*child)(void));

/* What a call gave, as an event shows it: its result or -errno. Before anything else sets errno. */
long long result_or_error(long returned);

/*
 * Reads it. The programs of a capture cannot wait for a page that was never touched, and a kernel that refuses a call
 * early does not touch it: then the argument is "unreadable".
 */
void touch(const char *string);
void touch_strings(const char *const *strings);

_Noreturn void cannot(const char *what);

/* The directory of this run, a file system of its own, real path. place("a") is "<it>/a", in one of a few static
 * buffers. */
extern const char *const directory;
const char *place(const char *name);
void make_file(const char *path, const char *content);
/* The content of a file into a descriptor; a new program of that content. */
void copy_into(int to, const char *from);
void copy_file(const char *from, const char *to);
/* A copy of this program, which ends with status 0 when it is executed with PAYLOAD among its arguments. */
#define PAYLOAD "--payload"
const char *program_copy(void);
/* The file of the program that waited with this pid for the start of the capture. */
extern const char *waiting_program;

/* Of the cgroup that tells containers apart; false when /proc does not show the whole path. */
bool own_cgroup(char ret_path[PATH_BYTES]);
void line_cgroup(struct line *line, const char *argument);

#endif
