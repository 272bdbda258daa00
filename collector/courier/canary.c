/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/courier/canary.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "common/base/clock.h"
#include "common/events/canaries.h"

enum { ALL_FAMILIES = (1 << CANARY_FAMILIES) - 1 };

static const uint64_t ms = 1000000;

static uint32_t bit(enum canary_family family)
{
    return 1u << family;
}

/* What only the helper can give: it executes, and takes the name by which its exit_group is asked for. */
static const uint32_t of_helper = 1u << CANARY_exec | 1u << CANARY_sys_enter;

void canary_init(struct canary *canary, const char *helper, uint32_t interval_ms)
{
    *canary = (struct canary){.helper_fd = -1, .interval_ms = interval_ms, .missing = ALL_FAMILIES};
    if (interval_ms != 0 && helper != NULL)
        canary->helper_fd = open(helper, O_RDONLY | O_CLOEXEC);
}

/* Fails, which is as good: nobody listens at the empty name. */
static bool sing_connect(void)
{
    struct sockaddr_un nobody = {.sun_family = AF_UNIX, .sun_path = "\0" CANARY_COMM};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    int result = connect(fd, (const struct sockaddr *)&nobody, sizeof(nobody));
    bool called = result == 0 || errno == ECONNREFUSED;
    close(fd);
    return called;
}

static bool sing_open(void)
{
    int fd = open(CANARY_FILE, O_RDONLY | O_CLOEXEC);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static bool sing_call(void)
{
    errno = 0;
    return getpriority(PRIO_PROCESS, 0) != -1 || errno == 0;
}

/* In the child. Its name first, by which the plan asks for what it does next. Fork has been seen by now, and exit will
 * be. */
static _Noreturn void sing(const struct canary *canary)
{
    char name[] = CANARY_COMM, digits[12];
    char *const arguments[] = {name, digits, NULL}, *const environment[] = {NULL};
    uint32_t missing = 0;
    prctl(PR_SET_NAME, name);
    missing |= sing_call() ? 0 : bit(CANARY_sys_exit);
    missing |= sing_open() ? 0 : bit(CANARY_open);
    missing |= sing_connect() ? 0 : bit(CANARY_connect);
    snprintf(digits, sizeof(digits), "%u", missing);
    if (canary->helper_fd >= 0)
        syscall(SYS_execveat, canary->helper_fd, "", arguments, environment, AT_EMPTY_PATH);
    _exit((int)(missing | of_helper));
}

static void begin(struct canary *canary, uint64_t now_ns)
{
    canary->next_ns = now_ns + canary->interval_ms * ms;
    pid_t child = fork();
    if (child == 0)
        sing(canary);
    canary->child = child > 0 ? child : 0;
    if (child < 0)
        canary->missing = ALL_FAMILIES;
}

static void end(struct canary *canary, int status)
{
    canary->child = 0;
    canary->missing = WIFEXITED(status) ? (uint32_t)WEXITSTATUS(status) & ALL_FAMILIES : ALL_FAMILIES;
}

void canary_try(struct canary *canary)
{
    int status = 0;
    if (canary->interval_ms == 0)
        return;
    begin(canary, clock_boot_ns());
    if (canary->child > 0 && waitpid(canary->child, &status, 0) == canary->child)
        end(canary, status);
}

uint32_t canary_possible(const struct canary *canary)
{
    return canary->interval_ms == 0 ? 0 : ALL_FAMILIES & ~canary->missing;
}

int canary_due_ms(const struct canary *canary, uint64_t now_ns)
{
    if (canary->interval_ms == 0 || canary->child != 0)
        return -1;
    return canary->next_ns > now_ns ? (int)((canary->next_ns - now_ns) / ms) + 1 : 0;
}

void canary_step(struct canary *canary, uint64_t now_ns)
{
    if (canary_due_ms(canary, now_ns) == 0)
        begin(canary, now_ns);
}

bool canary_reap(struct canary *canary)
{
    int status;
    const uint32_t before = canary->missing;
    if (canary->child == 0 || waitpid(canary->child, &status, WNOHANG) != canary->child)
        return false;
    end(canary, status);
    return canary->missing != before;
}

const char *canary_names(uint32_t families, char *text, size_t size)
{
    static const char *const names[CANARY_FAMILIES] = {
#define CANARY(family, event) [CANARY_##family] = #family,
#include "common/events/canaries.def"
    };
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < CANARY_FAMILIES && used < size; i++)
        if ((families & bit((enum canary_family)i)) != 0)
            used += (size_t)snprintf(text + used, size - used, "%s%s", used > 0 ? ", " : "", names[i]);
    return text;
}
