/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files whose path is a hard one: deep, long, below other mounts, of a layer, gone, in no directory, with bytes that no
 * name should have. What must arrive is what stat() says of the descriptor, and the path that was made here.
 */
#include "integration-tests/events/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "integration-tests/events/expect.h"
#include "integration-tests/events/lists.h"

#ifndef OPEN_TREE_CLONE /* linux/mount.h, which sys/mount.h of glibc 2.36 does not go with */
#define OPEN_TREE_CLONE 1
#endif

enum {
    NAMES = 300,      /* more than must be shown, less than are */
    MANY_NAMES = 400, /* more than are shown */
};

struct opened {
    const char *what;
    int at;             /* the directory that `string` begins in */
    const char *string; /* the caller's */
    const char *shown;  /* as `string` is in JSON; NULL: the same */
    const char *path;   /* the file's, of which the last `least` names must be shown, all where it is 0 */
    int least;
    bool is_cut; /* all of them cannot be */
    unsigned layer;
};

static void open_one(const struct opened *opened)
{
    struct stat file;
    struct line line;
    int fd = (int)syscall(SYS_openat, opened->at, opened->string, O_RDONLY | O_NONBLOCK, 0);
    if (fd < 0 || fstat(fd, &file) < 0)
        cannot(opened->what);
    line_begin(&line, "security_file_open", opened->what);
    line_result(&line, "openat", 0);
    if (opened->least > 0)
        line_path_end(&line, "pathname", opened->path, opened->least, opened->is_cut);
    else
        line_string(&line, "pathname", opened->path);
    line_int(&line, "flags", fcntl(fd, F_GETFL));
    line_inode(&line, "", &file);
    line_user_string(&line, "syscall_pathname", opened->shown != NULL ? opened->shown : opened->string);
    line_file_system(&line, "fs_magic", fd);
    line_unsigned(&line, "overlay_layer", opened->layer);
    line_end(&line);
    close(fd);
}

/* How many names this kernel shows at least, of collector/bpf/path_walk.h. */
static int least_names(void)
{
    return kernel_is_from(5, 17) ? 256 : 64;
}

/* Goes down `count` directories, which it makes, from a descriptor; the path grows by them. */
static int descend(int from, int count, char *path, size_t size)
{
    int at = dup(from);
    for (int i = 0; i < count; i++) {
        char name[16];
        snprintf(name, sizeof(name), "d%d", i % 100);
        if (mkdirat(at, name, 0755) < 0 && errno != EEXIST)
            cannot(name);
        int next = openat(at, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (next < 0 || strlen(path) + sizeof(name) > size)
            cannot(name);
        close(at);
        at = next;
        snprintf(path + strlen(path), size - strlen(path), "/%s", name);
    }
    return at;
}

static void open_below(const char *what, const char *top, int count, int least, bool is_cut)
{
    static char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s", place(top));
    if (mkdir(path, 0755) < 0)
        cannot(path);
    int first = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC), at = descend(first, count, path, sizeof(path) - 8);
    int fd = openat(at, "leaf", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0 || close(fd) < 0)
        cannot("a file");
    snprintf(path + strlen(path), sizeof(path) - strlen(path), "/leaf");
    open_one(
        &(struct opened){.what = what, .at = at, .string = "leaf", .path = path, .least = least, .is_cut = is_cut});
    close(first);
    close(at);
}

static int open_deep(void)
{
    open_below("40 directories down", "deep", 40, 0, false);
    open_below("300 directories down", "deeper", NAMES, least_names(), false);
    open_below("400 directories down", "deepest", MANY_NAMES, least_names(), true);
    return 0;
}

/* The longest string that a call takes, all of it the path. */
static int open_long(void)
{
    const char *path = longest_path("long");
    make_file(path, "");
    open_one(&(struct opened){.what = "a path of 4,095 bytes", .at = AT_FDCWD, .string = path, .path = path});
    return 0;
}

static int open_below_bind(void)
{
    if (unshare(CLONE_NEWNS) < 0 || mkdir(place("source"), 0755) < 0 || mkdir(place("target"), 0755) < 0)
        cannot("directories");
    make_file(place("source/bound"), "");
    if (mount(place("source"), place("target"), NULL, MS_BIND, NULL) < 0)
        cannot("a bind mount");
    const char *path = place("target/bound");
    open_one(&(struct opened){.what = "below a bind mount", .at = AT_FDCWD, .string = path, .path = path});
    int at = open(place("target"), O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (umount2(place("target"), MNT_DETACH) < 0)
        cannot("umount2");
    /* In no namespace any more: the path is the one within its file system. */
    open_one(&(struct opened){
        .what = "below a mount that is taken away", .at = at, .string = "bound", .path = "/source/bound"});
    return 0;
}

static int open_below_clone(void)
{
    if (mkdir(place("cloned"), 0755) < 0)
        cannot("a directory");
    make_file(place("cloned/inside"), "");
    int at = (int)syscall(SYS_open_tree, AT_FDCWD, place("cloned"), OPEN_TREE_CLONE | O_CLOEXEC);
    if (at < 0)
        cannot("open_tree");
    open_one(&(struct opened){
        .what = "below a clone of a mount that is attached nowhere", .at = at, .string = "inside", .path = "/inside"});
    return 0;
}

static void open_of_layer(const char *what, const char *name, unsigned layer)
{
    const char *path = place(name);
    open_one(&(struct opened){.what = what, .at = AT_FDCWD, .string = path, .path = path, .layer = layer});
}

bool make_overlay(const char *top)
{
    static const char *const parts[] = {"", "/lower", "/upper", "/work", "/merged"};
    static char options[3 * PATH_BYTES + 64];
    char path[PATH_BYTES];
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        snprintf(path, sizeof(path), "%s%s", top, parts[i]);
        if (mkdir(path, 0755) < 0 && errno != EEXIST)
            cannot(path);
    }
    snprintf(options, sizeof(options), "lowerdir=%s/lower,upperdir=%s/upper,workdir=%s/work", top, top, top);
    if (mount("overlay", path, "overlay", 0, options) == 0)
        return true;
    if (errno != ENODEV)
        cannot("an overlay");
    return false;
}

static int open_in_overlay(void)
{
    if (unshare(CLONE_NEWNS) < 0 || mkdir(place("lower"), 0755) < 0)
        cannot("directories");
    make_file(place("lower/of-image"), "");
    make_file(place("lower/changed"), "");
    if (!make_overlay(directory)) {
        not_possible("security_file_open", "a file of an overlay's layers", "this kernel has no overlayfs");
        return 0;
    }
    make_file(place("merged/written"), "");
    if (chmod(place("merged/changed"), 0600) < 0)
        cannot("chmod");
    open_of_layer("a file of an overlay's lower layer", "merged/of-image", LAYER_LOWER);
    open_of_layer("a file of an overlay's upper layer", "merged/written", LAYER_UPPER);
    open_of_layer("a file that an overlay copied up", "merged/changed", LAYER_UPPER);
    return 0;
}

/* Opens again what a descriptor has, through /proc. */
static void open_again(const char *what, int fd, const char *path)
{
    char string[64];
    snprintf(string, sizeof(string), "/proc/self/fd/%d", fd);
    open_one(&(struct opened){.what = what, .at = AT_FDCWD, .string = string, .path = path});
}

static const char *numbered(const char *kind, int fd)
{
    static char name[64];
    struct stat file;
    if (fstat(fd, &file) < 0)
        cannot(kind);
    snprintf(name, sizeof(name), "%s:[%ju]", kind, (uintmax_t)file.st_ino);
    return name;
}

static int open_nameless(void)
{
    int ends[2], memory = memfd_create("a name\nin memory", MFD_CLOEXEC);
    const char *path = place("gone");
    int gone = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (memory < 0 || gone < 0 || unlink(path) < 0 || pipe2(ends, O_CLOEXEC) < 0)
        cannot("descriptors");
    open_again("a file that is gone: its last name", gone, path);
    open_again("a memfd", memory, "memfd:a name\nin memory");
    open_again("a pipe", ends[0], numbered("pipe", ends[0]));
    return 0;
}

static int open_odd_names(void)
{
    static const struct {
        const char *what, *name, *shown;
    } odd[] = {
        {"a name with a newline", "two\nlines", NULL},
        {"a name that would drive a terminal", "\033[2J\033]0;title\a\r\b\177", NULL},
        {"a name with quotes and backslashes", "\"}\\u0000,{\\", NULL},
        {"a name that is not UTF-8", "x\xff\xfe y", "x\xef\xbf\xbd\xef\xbf\xbd y"},
        {"a name that looks like the end of one that is deleted", "file (deleted)", NULL},
    };
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        const char *string = place(odd[i].name), *shown = place(odd[i].shown != NULL ? odd[i].shown : odd[i].name);
        make_file(string, "");
        open_one(
            &(struct opened){.what = odd[i].what, .at = AT_FDCWD, .string = string, .shown = shown, .path = shown});
    }
    return 0;
}

void open_hard_paths(void)
{
    in_child("vt-path-deep", open_deep);
    in_child("vt-path-long", open_long);
    in_child("vt-path-bind", open_below_bind);
    in_child("vt-path-clone", open_below_clone);
    in_child("vt-path-layer", open_in_overlay);
    in_child("vt-path-none", open_nameless);
    in_child("vt-path-odd", open_odd_names);
}

static void write_one(const char *what, int fd, const char *path)
{
    struct stat file;
    struct line line;
    if (write(fd, "written", 7) != 7 || fstat(fd, &file) < 0)
        cannot(what);
    line_begin(&line, "vfs_write", what);
    line_result(&line, "write", 7);
    line_string(&line, "pathname", path);
    line_file_id(&line, &file);
    line_unsigned(&line, "count", 7);
    line_int(&line, "pos", 0);
    line_end(&line);
}

/* One of the files that the kernel keeps in no file system. */
static void write_event_counter(void)
{
    uint64_t one = 1;
    struct stat file;
    struct line line;
    int fd = eventfd(0, EFD_CLOEXEC);
    if (fd < 0 || fstat(fd, &file) < 0 || write(fd, &one, sizeof(one)) != sizeof(one))
        cannot("eventfd");
    line_begin(&line, "vfs_write", "an event counter");
    line_result(&line, "write", sizeof(one));
    line_string(&line, "pathname", "anon_inode:[eventfd]");
    line_file_id(&line, &file);
    line_unsigned(&line, "count", sizeof(one));
    line_int(&line, "pos", 0);
    line_end(&line);
}

/* Where there is no position and no directory; and a file after its name is gone. */
static int write_nameless(void)
{
    int ends[2], sockets[2], memory = memfd_create("written to", MFD_CLOEXEC);
    const char *path = place("gone-too");
    int gone = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (memory < 0 || gone < 0 || unlink(path) < 0 || pipe2(ends, O_CLOEXEC) < 0 ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) < 0)
        cannot("descriptors");
    write_one("a file that is gone", gone, path);
    write_one("a memfd", memory, "memfd:written to");
    write_one("a pipe", ends[1], numbered("pipe", ends[1]));
    write_one("a socket", sockets[0], numbered("socket", sockets[0]));
    write_event_counter();
    near_miss_with("magic_write", "what is written to a pipe", "pathname", numbered("pipe", ends[1]));
    return 0;
}

void write_hard_paths(void)
{
    in_child("vt-path-write", write_nameless);
}
