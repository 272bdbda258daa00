/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/notify.h"

#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

int notify_open(void)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (path == NULL || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof(address.sun_path))
        return -1;
    size_t length = strlen(path);
    memcpy(address.sun_path, path, length);
    if (path[0] == '@')
        address.sun_path[0] = '\0'; /* an abstract address */
    unsetenv("NOTIFY_SOCKET");

    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 &&
        connect(fd, (struct sockaddr *)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)) != 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

void notify_send(int fd, const char *state)
{
    /* Nobody is worse off when it is lost: the listener has its own time-out. */
    if (fd >= 0 && write(fd, state, strlen(state)) < 0)
        return;
}
