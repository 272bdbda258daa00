/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/courier/url.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/un.h>

#include "collector/courier/courier.h"

static const char ipc_scheme[] = "ipc://";
static const char tcp_scheme[] = "tcp://";
static const char localhost[] = "localhost:";

static int refuse(char *error, const char *url, const char *why)
{
    snprintf(error, COURIER_ERROR_BYTES, "bus url '%.100s': %s", url, why);
    return -EINVAL;
}

static const char *after(const char *text, const char *prefix)
{
    size_t length = strlen(prefix);
    return strncmp(text, prefix, length) == 0 ? text + length : NULL;
}

static bool is_port(const char *text)
{
    char *end = NULL;
    if (*text < '0' || *text > '9')
        return false;
    unsigned long port = strtoul(text, &end, 10);
    return *end == '\0' && port >= 1 && port <= 65535;
}

static bool is_loopback_v4(const char *host, size_t length)
{
    char text[INET_ADDRSTRLEN];
    struct in_addr address;
    if (length >= sizeof(text))
        return false;
    memcpy(text, host, length);
    text[length] = '\0';
    return inet_pton(AF_INET, text, &address) == 1 && ntohl(address.s_addr) >> 24 == IN_LOOPBACKNET;
}

static int check_tcp(const char *url, const char *host, char *error)
{
    const char *colon = strrchr(host, ':');
    if (!colon || !is_port(colon + 1))
        return refuse(error, url, "needs a port from 1 to 65535, as in tcp://127.0.0.1:3367");
    size_t length = (size_t)(colon - host);
    bool named = after(host, localhost) == colon + 1 || after(host, "[::1]:") == colon + 1;
    if (!named && !is_loopback_v4(host, length))
        return refuse(
            error, url,
            "tcp:// is not encrypted and so only for a loopback address (127.0.0.1, [::1]); on one host use ipc://");
    return 0;
}

int courier_check_url(const char *url, char error[COURIER_ERROR_BYTES])
{
    const char *path = after(url, ipc_scheme);
    const char *host = after(url, tcp_scheme);
    if (host)
        return check_tcp(url, host, error);
    if (!path)
        return refuse(error, url, "must be ipc:///PATH or tcp://LOOPBACK:PORT");
    if (path[0] != '/' || path[1] == '\0')
        return refuse(error, url, "needs an absolute path, as in ipc:///run/vedette/bus.ipc");
    if (strlen(path) >= sizeof(((struct sockaddr_un *)0)->sun_path))
        return refuse(error, url, "the path is longer than the 107 bytes that a socket's name may have");
    return 0;
}

bool url_is_tcp(const char *url)
{
    return after(url, tcp_scheme) != NULL;
}

void url_for_dialer(const char *url, char out[URL_BYTES])
{
    const char *host = after(url, tcp_scheme);
    const char *port = host ? after(host, localhost) : NULL;
    if (port)
        snprintf(out, URL_BYTES, "tcp://127.0.0.1:%s", port);
    else
        snprintf(out, URL_BYTES, "%s", url);
}
