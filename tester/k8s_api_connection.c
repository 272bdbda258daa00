/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "tester/trigger.h"

/* The server is at an address of the loopback where nobody is: asking is enough. */
enum { SERVER_PORT = 6443 };

static char *variable;

static int execute_with_variable(void)
{
    char *environment[] = {variable, NULL};
    return trigger_execute_payload("/proc/self/exe", NULL, environment);
}

/* A program of the container that was given this in its environment. */
static int run_with(const char *name, const char *address)
{
    char text[128];
    snprintf(text, sizeof(text), "%s=%s", name, address);
    variable = text;
    return trigger_in_child(execute_with_variable);
}

static int connect_to(const char *address, int type)
{
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(SERVER_PORT)};
    inet_pton(AF_INET, address, &server.sin_addr);
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return trigger_failed("a socket");
    /* Refused, in progress, or no network at all. */
    (void)!connect(fd, (struct sockaddr *)&server, sizeof(server));
    close(fd);
    return 0;
}

#define SERVER "127.0.0.1"

/* The kubelet gives every program the true address; then another one may come, and then somebody connects. */
static int ask(const char *name, const char *other, const char *to, int type)
{
    int r = run_with("KUBERNETES_SERVICE_HOST", SERVER);
    if (r == 0 && name != NULL && other != NULL)
        r = run_with(name, other);
    return r < 0 ? r : connect_to(to, type);
}

static int run(void)
{
    return ask(NULL, NULL, SERVER, SOCK_STREAM);
}

static int after_another(void)
{
    return ask("KUBERNETES_SERVICE_HOST", "127.0.0.2", SERVER, SOCK_STREAM);
}

static int without_waiting(void)
{
    return ask(NULL, NULL, SERVER, SOCK_STREAM | SOCK_NONBLOCK);
}

static int elsewhere(void)
{
    return ask(NULL, NULL, "127.0.0.2", SOCK_STREAM);
}

static int other_variable(void)
{
    return ask("MY_KUBERNETES_SERVICE_HOST", "127.0.0.3", "127.0.0.3", SOCK_STREAM);
}

static int only_environment(void)
{
    return run_with("KUBERNETES_SERVICE_HOST", SERVER);
}

const struct trigger trigger_k8s_api_connection = {
    .id = "TRC-1013",
    .name = "k8s_api_connection",
    .deed = {.what = "executes a program that is told an address as the API server's, and connects to it", .run = run},
    .in_container = true,
    .evasions = {{.what = "a program that is told another one is executed before", .run = after_another},
                 {.what = "it does not wait for the connection", .run = without_waiting}},
    .near_misses = {{.what = "it connects to another address", .run = elsewhere},
                    {.what = "it connects to what another variable says", .run = other_variable},
                    {.what = "it does not connect", .run = only_environment}},
};
