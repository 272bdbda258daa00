/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "tester/place.h"
#include "tester/trigger.h"

static void address_of(const char *path, struct sockaddr_un *ret)
{
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(ret->sun_path, sizeof(ret->sun_path), "%s", path);
}

/* Somebody of this process listens there. */
static int listen_at(const char *path)
{
    struct sockaddr_un address;
    address_of(path, &address);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 1) < 0)
        return trigger_failed(path);
    return 0;
}

static int connect_to(const char *path, int expected)
{
    struct sockaddr_un address;
    address_of(path, &address);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return trigger_failed("a Unix socket");
    errno = 0;
    int r =
        connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 && errno != expected ? trigger_failed(path) : 0;
    close(fd);
    return r;
}

static int by_link(const char *path, const char *other)
{
    return symlink(path, other) < 0 ? trigger_failed(other) : 0;
}

static int by_mount(const char *path, const char *other)
{
    int r = place_empty_file(other);
    return r == 0 && mount(path, other, NULL, MS_BIND, NULL) < 0 ? trigger_failed(other) : r;
}

static int by_rename(const char *path, const char *other)
{
    return rename(path, other) < 0 ? trigger_failed(other) : 0;
}

static int speak(const char *path, int (*make_other)(const char *path, const char *other))
{
    static const char other[] = "/tmp/innocent.sock";
    int r = place_private_tmp();
    if (r == 0)
        r = listen_at(path);
    if (r == 0 && make_other != NULL)
        r = make_other(path, other);
    return r < 0 ? r : connect_to(make_other != NULL ? other : path, 0);
}

static int speak_to_nobody(void)
{
    int r = place_private_tmp();
    return r < 0 ? r : connect_to("/tmp/docker.sock", ENOENT);
}

#define CASE(name_, path_, make_other_)                                                                                \
    static int name_##_here(void)                                                                                      \
    {                                                                                                                  \
        return speak(path_, make_other_);                                                                              \
    }                                                                                                                  \
    static int name_(void)                                                                                             \
    {                                                                                                                  \
        return trigger_in_child(name_##_here);                                                                         \
    }

CASE(run, "/tmp/docker.sock", NULL)
CASE(linked, "/tmp/docker.sock", by_link)
CASE(mounted, "/tmp/docker.sock", by_mount)
CASE(renamed, "/tmp/docker.sock", by_rename)
CASE(of_another, "/tmp/cri-docker.sock", NULL)
CASE(of_backup, "/tmp/docker.sock.bak", NULL)

static int to_nobody(void)
{
    return trigger_in_child(speak_to_nobody);
}

const struct trigger trigger_docker_abuse = {
    .id = "TRC-1019",
    .name = "docker_abuse",
    .deed = {.what = "connects to a socket of its own that is called docker.sock", .run = run},
    .in_container = true,
    .evasions = {{.what = "by a symbolic link with another name", .run = linked},
                 {.what = "it is mounted under another name", .run = mounted},
                 {.what = "it was renamed after the daemon began to listen", .run = renamed},
                 {.what = "nobody is there", .run = to_nobody},
                 {.what = "a file of that name is opened for writing",
                  FILE_DEED(FILE_OPEN, "/run/docker.sock", O_WRONLY)}},
    .near_misses = {{.what = "the socket is called cri-docker.sock", .run = of_another},
                    {.what = "it is called docker.sock.bak", .run = of_backup},
                    {.what = "a file of that name is opened for reading",
                     FILE_DEED(FILE_OPEN, "/run/docker.sock", O_RDONLY)}},
};
