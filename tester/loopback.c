/* SPDX-License-Identifier: Apache-2.0 */
#include "tester/loopback.h"

#include <errno.h>

#include "tester/trigger.h"

socklen_t loopback_size(const struct sockaddr_storage *address)
{
    return address->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
}

int loopback_listen(int family, struct sockaddr_storage *ret_address, int *ret_listener)
{
    socklen_t size = sizeof(*ret_address);
    memset(ret_address, 0, sizeof(*ret_address));
    ret_address->ss_family = (sa_family_t)family;
    if (family == AF_INET6)
        ((struct sockaddr_in6 *)ret_address)->sin6_addr = in6addr_loopback;
    else
        ((struct sockaddr_in *)ret_address)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)ret_address, loopback_size(ret_address)) < 0)
        return errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL ? trigger_skipped("no such address here")
                                                               : trigger_failed("a socket on the loopback");
    if (listen(fd, 1) < 0 || getsockname(fd, (struct sockaddr *)ret_address, &size) < 0)
        return trigger_failed("listening on the loopback");
    *ret_listener = fd;
    return 0;
}

int loopback_connect(const struct sockaddr_storage *address)
{
    int fd = socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)address, loopback_size(address)) < 0)
        return trigger_failed("connecting to the loopback");
    return fd;
}
