/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/courier/url.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/un.h>

#include "collector/courier/courier.h"

static const char ipc_scheme[] = "ipc://";
static const char tcp_scheme[] = "tcp://";
static const char tls_scheme[] = "tls+tcp://";
static const char localhost[] = "localhost";

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

/* What stands between the scheme and the path, of either kind of tcp; NULL of ipc. */
static const char *authority_of(const char *url)
{
    const char *tls = after(url, tls_scheme);
    return tls != NULL ? tls : after(url, tcp_scheme);
}

enum url_kind url_kind(const char *url)
{
    return after(url, tls_scheme) ? URL_TLS : after(url, tcp_scheme) ? URL_TCP : URL_IPC;
}

void url_host(const char *url, char out[URL_HOST_BYTES])
{
    const char *authority = authority_of(url);
    const char *colon = authority ? strrchr(authority, ':') : NULL;
    size_t length = colon ? (size_t)(colon - authority) : 0;
    bool brackets = length >= 2 && authority[0] == '[' && authority[length - 1] == ']';
    snprintf(out, URL_HOST_BYTES, "%.*s", (int)(brackets ? length - 2 : length),
             colon ? authority + (brackets ? 1 : 0) : "");
}

static bool is_address(const char *host)
{
    unsigned char address[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
}

static bool is_loopback(const char *host)
{
    struct in_addr v4;
    struct in6_addr v6;
    return strcmp(host, localhost) == 0 ||
           (inet_pton(AF_INET, host, &v4) == 1 && ntohl(v4.s_addr) >> 24 == IN_LOOPBACKNET) ||
           (inet_pton(AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6));
}

/* RFC 952 and 1123: letters, digits, hyphens and dots; the last label of a name is no number, or it is a bad address.
 */
static bool is_name(const char *host)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    const char *dot = strrchr(host, '.');
    return host[0] != '\0' &&
           host[strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.")] == '\0' &&
           strpbrk(dot ? dot : host, letters) != NULL;
}

bool url_is_named(const char *url)
{
    char host[URL_HOST_BYTES];
    url_host(url, host);
    return host[0] != '\0' && !is_address(host) && (url_kind(url) == URL_TLS || strcmp(host, localhost) != 0);
}

static int check_host(const char *url, const char *authority, char *error)
{
    const char *colon = strrchr(authority, ':');
    char host[URL_HOST_BYTES];
    if (!colon || !is_port(colon + 1))
        return refuse(error, url, "needs a port from 1 to 65535, as in tls+tcp://analyzer.example:3367");
    if ((size_t)(colon - authority) >= sizeof(host))
        return refuse(error, url, "the host's name is longer than the 253 bytes that a name may have");
    url_host(url, host);
    if (!is_address(host) && !is_name(host))
        return refuse(error, url, "its host is neither a name nor an address");
    if (strchr(host, ':') && authority[0] != '[')
        return refuse(error, url, "an IPv6 address stands in brackets, as in tcp://[::1]:3367");
    return 0;
}

static int check_ipc(const char *url, const char *path, char *error)
{
    if (path[0] != '/' || path[1] == '\0')
        return refuse(error, url, "needs an absolute path, as in ipc:///run/vedette/bus.ipc");
    if (strlen(path) >= sizeof(((struct sockaddr_un *)0)->sun_path))
        return refuse(error, url, "the path is longer than the 107 bytes that a socket's name may have");
    return 0;
}

static int check_tcp(const struct courier_settings *settings, char *error)
{
    char host[URL_HOST_BYTES];
    url_host(settings->bus_url, host);
    if (!settings->bus_insecure && !is_loopback(host))
        return refuse(error, settings->bus_url,
                      "is not encrypted, and that no loopback address: use tls+tcp://, or "
                      "say bus.insecure to send all in the clear");
    return 0;
}

static int check_tls(const struct courier_settings *settings, char *error)
{
    const struct tls_settings *tls = settings->tls;
    char host[URL_HOST_BYTES];
    url_host(settings->bus_url, host);
    if (!tls || tls->ca[0] == '\0' || tls->certificate[0] == '\0' || tls->key[0] == '\0')
        return refuse(error, settings->bus_url, "needs bus.tls.ca, bus.tls.certificate and bus.tls.key");
    if (!settings->token || settings->token[0] == '\0')
        return refuse(error, settings->bus_url, "needs bus.token, the file that proves which node this is");
    if (tls->server_name[0] == '\0' && is_address(host))
        return refuse(error, settings->bus_url,
                      "needs bus.tls.server_name, a DNS name of the analyzer's certificate: addresses in certificates "
                      "are not compared");
    return 0;
}

/* The courier's folders are opened by their names before it is confined. */
static int check_paths(const struct courier_settings *settings, char *error)
{
    const struct tls_settings *tls = settings->tls;
    const char *const paths[] = {settings->token, tls ? tls->ca : NULL, tls ? tls->certificate : NULL,
                                 tls ? tls->key : NULL, tls ? tls->crl : NULL};
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        if (paths[i] && paths[i][0] != '\0' && paths[i][0] != '/') {
            snprintf(error, COURIER_ERROR_BYTES, "bus.token and bus.tls.*: '%.100s' is no absolute path", paths[i]);
            return -EINVAL;
        }
    return 0;
}

int courier_check_bus(const struct courier_settings *settings, char error[COURIER_ERROR_BYTES])
{
    const char *url = settings->bus_url, *path = after(url, ipc_scheme), *authority = authority_of(url);
    const struct tls_settings *tls = settings->tls;
    if (!path && !authority)
        return refuse(error, url, "must be ipc:///PATH, tls+tcp://HOST:PORT or tcp://LOOPBACK:PORT");
    int result = path ? check_ipc(url, path, error) : check_host(url, authority, error);
    if (result == 0)
        result = check_paths(settings, error);
    if (result == 0 && url_kind(url) == URL_TLS)
        return check_tls(settings, error);
    if (result == 0 && tls &&
        (tls->ca[0] != '\0' || tls->certificate[0] != '\0' || tls->key[0] != '\0' || tls->crl[0] != '\0'))
        return refuse(error, url, "bus.tls.* are given, and nothing is encrypted over it: use tls+tcp://HOST:PORT");
    return result == 0 && authority ? check_tcp(settings, error) : result;
}

void url_for_dialer(const char *url, char out[URL_BYTES])
{
    const char *host = after(url, tcp_scheme);
    const char *port = host && after(host, localhost) ? after(after(host, localhost), ":") : NULL;
    if (port)
        snprintf(out, URL_BYTES, "tcp://127.0.0.1:%s", port);
    else
        snprintf(out, URL_BYTES, "%s", url);
}
