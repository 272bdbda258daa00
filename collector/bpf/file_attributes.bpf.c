/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vfs_utimes, chmod_common and do_truncate: changes of a file that succeeded. Of a descriptor the file is the kernel's;
 * of a name only the caller's copy is left.
 */
#include "collector/bpf/file_facts.h"
#include "collector/bpf/call.h"
#include "collector/bpf/emit.h"
#include "collector/bpf/events.h"
#include "collector/bpf/user_path.h"

/* Indexes in the rows; the loader checks them against the names. */
enum {
    UTIMES_pathname,
    UTIMES_dev,
    UTIMES_inode,
    UTIMES_atime,
    UTIMES_mtime,
};
enum {
    CHMOD_pathname,
    CHMOD_mode,
};
enum {
    TRUNCATE_pathname,
    TRUNCATE_inode,
    TRUNCATE_dev,
    TRUNCATE_length,
};

enum {
    NO_ARG = 0xff,
    MODE_BITS = 07777,
    NSEC_PER_SEC = 1000000000,
    NSEC_PER_USEC = 1000,
};

/* Which file: a name below a directory, or an open one. */
struct subject {
    struct file *file;
    __u64 name, dirfd;
};

static __always_inline void store_subject(struct record_header *header, __u64 capacity, struct subject *subject,
                                          __u32 path_arg, __u32 dev_arg, __u32 inode_arg)
{
    if (subject->file == NULL) {
        store_user_path(header, capacity, path_arg, subject->name, subject->dirfd);
        return;
    }
    mark_shared_files(header);
    if (dev_arg != NO_ARG)
        store_file_id(header, capacity, dev_arg, inode_arg, subject->file);
    store_file_path(header, capacity, path_arg, subject->file);
}

/* Whichever way it was found (FORGET). */
static __always_inline void subject_found(struct subject *subject)
{
    subject->file = FORGET(subject->file);
    subject->name = FORGET(subject->name);
    subject->dirfd = FORGET(subject->dirfd);
}

/* Two times of the caller's, in nanoseconds; absent when it gave none: then both are the time of the call. */
static __always_inline void store_times(struct record_header *header, __u64 capacity, struct call *call, __u64 pointer)
{
    __u64 wide[4];
    __u32 narrow[4];
    bool has_nsec = call->number == EVENT_utimensat || call->number == EVENT_utimensat_time32;
    bool is_narrow = call->short_times || call->narrow;
    if (pointer == 0)
        return;
    if (is_narrow) {
        if (bpf_probe_read_user(narrow, sizeof(narrow), (void *)pointer) != 0)
            return;
        for (int i = 0; i < 4; i++)
            wide[i] = narrow[i];
    } else if (bpf_probe_read_user(wide, sizeof(wide), (void *)pointer) != 0) {
        return;
    }
    __u64 unit = has_nsec ? 1 : NSEC_PER_USEC;
    store_integer(header, capacity, UTIMES_atime, wide[0] * NSEC_PER_SEC + wide[1] * unit);
    store_integer(header, capacity, UTIMES_mtime, wide[2] * NSEC_PER_SEC + wide[3] * unit);
}

/* utime's two numbers of seconds. */
static __always_inline void store_seconds(struct record_header *header, __u64 capacity, struct call *call,
                                          __u64 pointer)
{
    __u64 wide[2];
    __u32 narrow[2];
    if (pointer == 0)
        return;
    if (call->narrow) {
        if (bpf_probe_read_user(narrow, sizeof(narrow), (void *)pointer) != 0)
            return;
        wide[0] = narrow[0];
        wide[1] = narrow[1];
    } else if (bpf_probe_read_user(wide, sizeof(wide), (void *)pointer) != 0) {
        return;
    }
    store_integer(header, capacity, UTIMES_atime, wide[0] * NSEC_PER_SEC);
    store_integer(header, capacity, UTIMES_mtime, wide[1] * NSEC_PER_SEC);
}

static __always_inline bool utimes_fill(struct record_header *header, __u64 capacity, struct call *call,
                                        struct subject *subject)
{
    bool at = call->number != EVENT_utime && call->number != EVENT_utimes;
    record_begin_call(header, EVENT_vfs_utimes, 0, call);
    if (call->number == EVENT_utime)
        store_seconds(header, capacity, call, call->args[1]);
    else
        store_times(header, capacity, call, call->args[at ? 2 : 1]);
    store_subject(header, capacity, subject, UTIMES_pathname, UTIMES_dev, UTIMES_inode);
    return !store_take_cut(header);
}

EXIT_HANDLER(vfs_utimes)
{
    struct sink sink;
    struct subject subject = {.name = call->args[0], .dirfd = AT_FDCWD};
    if (call->ret != 0 || !event_wanted(EVENT_vfs_utimes))
        return 0;
    if (call->number != EVENT_utime && call->number != EVENT_utimes) {
        subject.dirfd = call->args[0];
        subject.name = call->args[1];
        if (subject.name == 0)
            subject.file = current_file((__s32)subject.dirfd);
    }
    if (!sink_open(&sink, CLASS_BULK, CONTEXT_TASK))
        return 0;
    subject_found(&subject);
#define FILL(header_, size_) utimes_fill(header_, size_, call, &subject)
    EMIT_3(&sink, USER_PATH_SMALL, USER_PATH_MIDDLE, USER_PATH_LARGE, FILL);
#undef FILL
    return 0;
}

static __always_inline bool chmod_fill(struct record_header *header, __u64 capacity, struct call *call,
                                       struct subject *subject)
{
    bool at = call->number == EVENT_fchmodat || call->number == EVENT_fchmodat2;
    record_begin_call(header, EVENT_chmod_common, call->ret, call);
    store_integer(header, capacity, CHMOD_mode, call->args[at ? 2 : 1] & MODE_BITS);
    store_subject(header, capacity, subject, CHMOD_pathname, NO_ARG, NO_ARG);
    return !store_take_cut(header);
}

EXIT_HANDLER(chmod_common)
{
    struct sink sink;
    struct subject subject = {.name = call->args[0], .dirfd = AT_FDCWD};
    /* A refusal is shown too; other failures never came to the file. */
    if ((call->ret != 0 && call->ret != -EPERM && call->ret != -EROFS) || !event_wanted(EVENT_chmod_common))
        return 0;
    if (call->number == EVENT_fchmod) {
        subject.file = current_file((__s32)call->args[0]);
    } else if (call->number != EVENT_chmod) {
        subject.dirfd = call->args[0];
        subject.name = call->args[1];
    }
    if (!sink_open(&sink, CLASS_BULK, CONTEXT_TASK))
        return 0;
    subject_found(&subject);
#define FILL(header_, size_) chmod_fill(header_, size_, call, &subject)
    EMIT_3(&sink, USER_PATH_SMALL, USER_PATH_MIDDLE, USER_PATH_LARGE, FILL);
#undef FILL
    return 0;
}

static __always_inline bool truncate_fill(struct record_header *header, __u64 capacity, struct call *call,
                                          struct subject *subject, __u64 length)
{
    record_begin_call(header, EVENT_do_truncate, 0, call);
    store_integer(header, capacity, TRUNCATE_length, length);
    store_subject(header, capacity, subject, TRUNCATE_pathname, TRUNCATE_dev, TRUNCATE_inode);
    return !store_take_cut(header);
}

/* What an open asked for, by the caller's registers; of openat2 by its struct open_how, as it is by now. */
static __always_inline bool open_truncates(struct call *call)
{
    __u64 flags = 0;
    switch (call->number) {
    case EVENT_creat:
        return true;
    case EVENT_open:
        return (call->args[1] & O_TRUNC) != 0;
    case EVENT_openat:
        return (call->args[2] & O_TRUNC) != 0;
    case EVENT_openat2:
        bpf_probe_read_user(&flags, sizeof(flags), (void *)call->args[2]);
        return (flags & O_TRUNC) != 0;
    }
    return false;
}

/* False when the call truncates nothing. */
static __always_inline bool truncate_subject(struct call *call, struct subject *subject, __u64 *ret_length)
{
    subject->name = call->args[0];
    subject->dirfd = AT_FDCWD;
    *ret_length = call->compat ? (__u64)(__s32)call->args[1] : call->args[1];
    switch (call->number) {
    case EVENT_truncate64:
    case EVENT_ftruncate64:
        *ret_length = call->args[1] | call->args[2] << 32;
        break;
    case EVENT_truncate:
    case EVENT_ftruncate:
        break;
    default:
        *ret_length = 0;
        subject->file = call->ret >= 0 && open_truncates(call) ? current_file(call->ret) : NULL;
        return subject->file != NULL;
    }
    if (call->number == EVENT_ftruncate || call->number == EVENT_ftruncate64)
        subject->file = current_file((__s32)call->args[0]);
    return call->ret == 0;
}

EXIT_HANDLER(do_truncate)
{
    struct sink sink;
    struct subject subject = {0};
    __u64 length;
    if (call->ret < 0 || !truncate_subject(call, &subject, &length) || !event_wanted(EVENT_do_truncate) ||
        !sink_open(&sink, CLASS_BULK, CONTEXT_TASK))
        return 0;
    subject_found(&subject);
    length = FORGET(length);
#define FILL(header_, size_) truncate_fill(header_, size_, call, &subject, length)
    EMIT_3(&sink, USER_PATH_SMALL, USER_PATH_MIDDLE, USER_PATH_LARGE, FILL);
#undef FILL
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
