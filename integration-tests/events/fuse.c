/* SPDX-License-Identifier: Apache-2.0 */
/* The protocol of /dev/fuse, as far as opening, reading and following links need it: include/uapi/linux/fuse.h. */
#include "integration-tests/events/fuse.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/uio.h>
#include <unistd.h>

#include "integration-tests/events/evasions.h"

enum { ROOT = FUSE_ROOT_ID, FILE_NODE, LINK_NODE };

/* One that the daemon is asked for. */
struct request {
    struct fuse_in_header head;
    union {
        char name[FUSE_MIN_READ_BUFFER - sizeof(struct fuse_in_header)];
        struct fuse_read_in read;
    };
};

static void reply(const struct fuse *fuse, const struct request *request, int error, const void *body, size_t size)
{
    struct fuse_out_header head = {
        .len = (uint32_t)(sizeof(head) + size), .error = -error, .unique = request->head.unique};
    union {
        const void *in;
        void *out;
    } pointer = {.in = body};
    struct iovec parts[] = {{&head, sizeof(head)}, {pointer.out, size}};
    /* ENOENT: the asker was killed and waits no more. */
    if (writev(fuse->device, parts, size > 0 ? 2 : 1) < 0 && errno != ENOENT)
        cannot("/dev/fuse");
}

static struct fuse_attr attributes_of(uint64_t node)
{
    static const uint32_t modes[] = {
        [ROOT] = S_IFDIR | 0755, [FILE_NODE] = S_IFREG | 0644, [LINK_NODE] = S_IFLNK | 0777};
    return (struct fuse_attr){.ino = node,
                              .size = page_size(),
                              .blksize = (uint32_t)page_size(),
                              .ctime = 1,
                              .nlink = 1,
                              .mode = modes[node]};
}

static void say_hello(struct fuse *fuse, const struct request *request)
{
    struct fuse_init_out out = {
        .major = FUSE_KERNEL_VERSION, .minor = FUSE_KERNEL_MINOR_VERSION, .max_write = (uint32_t)page_size()};
    reply(fuse, request, 0, &out, sizeof(out));
}

/* What the asker said has been copied. */
static void lie(const struct fuse *fuse)
{
    char *name = __atomic_load_n(&fuse->name, __ATOMIC_ACQUIRE);
    if (name != NULL)
        memcpy(name, fuse->lie, strlen(fuse->lie) + 1);
}

/* Valid for no time: every walk asks again. */
static void find(struct fuse *fuse, const struct request *request)
{
    uint64_t node = strcmp(request->name, SERVED_FILE) == 0   ? FILE_NODE
                    : strcmp(request->name, SERVED_LINK) == 0 ? LINK_NODE
                                                              : 0;
    lie(fuse);
    if (node == 0) {
        reply(fuse, request, ENOENT, NULL, 0);
        return;
    }
    struct fuse_entry_out out = {.nodeid = node, .attr = attributes_of(node)};
    reply(fuse, request, 0, &out, sizeof(out));
}

static void tell_attributes(struct fuse *fuse, const struct request *request)
{
    struct fuse_attr_out out = {.attr = attributes_of(request->head.nodeid)};
    reply(fuse, request, 0, &out, sizeof(out));
}

static void tell_target(struct fuse *fuse, const struct request *request)
{
    reply(fuse, request, 0, fuse->targets[0], strlen(fuse->targets[0]));
    fuse->targets[0] = fuse->targets[1];
}

static void give_content(struct fuse *fuse, const struct request *request)
{
    lie(fuse);
    reply(fuse, request, 0, fuse->content, request->read.offset == 0 ? page_size() : 0);
}

static void open_file(struct fuse *fuse, const struct request *request)
{
    struct fuse_open_out out = {0};
    reply(fuse, request, 0, &out, sizeof(out));
}

static void tell_system(struct fuse *fuse, const struct request *request)
{
    struct fuse_statfs_out out = {0};
    reply(fuse, request, 0, &out, sizeof(out));
}

static void release(struct fuse *fuse, const struct request *request)
{
    reply(fuse, request, 0, NULL, 0);
}

/* Of these nobody waits for an answer. */
static void forget(struct fuse *fuse, const struct request *request)
{
    (void)fuse;
    (void)request;
}

static void (*const answers[])(struct fuse *fuse, const struct request *request) = {
    [FUSE_BATCH_FORGET] = forget, [FUSE_FORGET] = forget,        [FUSE_GETATTR] = tell_attributes,
    [FUSE_INIT] = say_hello,      [FUSE_LOOKUP] = find,          [FUSE_OPEN] = open_file,
    [FUSE_READ] = give_content,   [FUSE_READLINK] = tell_target, [FUSE_RELEASE] = release,
    [FUSE_STATFS] = tell_system,
};

static void answer(struct fuse *fuse, const struct request *request)
{
    uint32_t opcode = request->head.opcode;
    if (opcode < sizeof(answers) / sizeof(answers[0]) && answers[opcode] != NULL)
        answers[opcode](fuse, request);
    else
        reply(fuse, request, ENOSYS, NULL, 0);
}

static void *serve(void *argument)
{
    struct fuse *fuse = argument;
    struct request request;
    for (;;) {
        memset(&request, 0, sizeof(request));
        if (read(fuse->device, &request, sizeof(request)) > 0)
            answer(fuse, &request);
        else if (errno == ENODEV) /* unmounted */
            return NULL;
        else if (errno != EINTR && errno != ENOENT && errno != EAGAIN)
            cannot("/dev/fuse");
    }
}

bool fuse_open(struct fuse *fuse)
{
    char options[80];
    fuse->device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    if (fuse->device < 0)
        return false;
    snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", fuse->device);
    if (mkdir(fuse->at, 0755) < 0 || mount("vt-fuse", fuse->at, "fuse", MS_NOSUID | MS_NODEV, options) < 0)
        cannot("a FUSE mount");
    start_thread(&fuse->thread, serve, fuse);
    return true;
}

void fuse_close(struct fuse *fuse)
{
    if (umount2(fuse->at, 0) < 0)
        cannot(fuse->at);
    pthread_join(fuse->thread, NULL);
    close(fuse->device);
    rmdir(fuse->at);
}
