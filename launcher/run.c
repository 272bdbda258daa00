/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/run.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include "common/base/clock.h"
#include "common/base/exit_code.h"
#include "common/base/log.h"
#include "launcher/command.h"
#include "launcher/directory.h"
#include "launcher/guard.h"
#include "launcher/service.h"

enum {
    READY_MS = 180 * 1000, /* an emulated machine loads BPF programs slowly */
    BACK_MS = 10 * 1000,   /* after a death the node is blind: longer than this fails the run */
    STOP_MS = 75 * 1000,   /* the collector delivers for up to 10 s, or as long as its option shutdown says */
    RETRY_MS = 200,
    MAX_DEATHS = 50,       /* of one service in one run: it comes back only to die again */
    SAME_SIGNAL_MS = 1000, /* timeout(1) and some terminals send one wish twice */
};

struct supervised {
    struct service service;
    uint64_t back_by;  /* boot ns; 0: not being restarted */
    uint64_t retry_at; /* boot ns */
    unsigned deaths;
};

struct runner {
    const struct run_options *options;
    char directory[DIRECTORY_PATH_BYTES];
    struct guard guard;
    struct supervised analyzer, collector;
    struct command command;
    sigset_t original_mask;
    int signal_fd;
    int interrupt; /* the signal that asks us to end, 0 none */
    uint64_t interrupt_ms;
    int failure; /* exit code of the first failure of Vedette's own, 0 none */
};

static uint64_t now_ms(void)
{
    return clock_boot_ns() / 1000000;
}

static bool has_command(const struct runner *runner)
{
    return runner->options->command != NULL;
}

/* What the run ends with when Vedette fails: 125 keeps COMMAND's own codes apart. */
static void note_failure(struct runner *runner, int code)
{
    if (runner->failure == 0)
        runner->failure = has_command(runner) ? COMMAND_EXIT_VEDETTE : code != 0 ? code : EXIT_CODE_RUNTIME;
}

static int end_code(const struct service *service)
{
    return WIFEXITED(service->status) ? WEXITSTATUS(service->status) : EXIT_CODE_RUNTIME;
}

static void handle_signal(struct runner *runner, const struct signalfd_siginfo *info)
{
    int signal = (int)info->ssi_signo;
    if (signal == SIGCHLD || signal == SIGPIPE)
        return; /* children are looked at after every wake-up */
    if (runner->command.scope > 0 && !runner->command.ended) {
        /* The terminal sent it to COMMAND as well; what a person sent to us alone is passed on. COMMAND decides. */
        if (info->ssi_code != SI_KERNEL)
            command_signal(&runner->command, signal);
    }
    if (runner->interrupt_ms == 0 || now_ms() - runner->interrupt_ms > SAME_SIGNAL_MS)
        runner->interrupt = signal;
    runner->interrupt_ms = now_ms();
}

/* Waits for anything to happen, at most `timeout_ms`, and takes note of it. */
static void take_events(struct runner *runner, uint64_t timeout_ms)
{
    struct pollfd fds[] = {
        {.fd = runner->signal_fd, .events = POLLIN},
        {.fd = runner->analyzer.service.notify, .events = POLLIN},
        {.fd = runner->collector.service.notify, .events = POLLIN},
        {.fd = runner->command.scope > 0 && !runner->command.ended ? runner->command.report : -1, .events = POLLIN},
    };
    if (poll(fds, sizeof(fds) / sizeof(fds[0]), timeout_ms > INT_MAX ? INT_MAX : (int)timeout_ms) < 0)
        return;
    struct signalfd_siginfo info;
    while ((fds[0].revents & POLLIN) && read(runner->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
        handle_signal(runner, &info);
    if (fds[3].revents & (POLLIN | POLLHUP))
        command_read_report(&runner->command);
    /* Last words are read after the death was seen. */
    service_reap(&runner->analyzer.service);
    service_reap(&runner->collector.service);
    service_read_notify(&runner->analyzer.service);
    service_read_notify(&runner->collector.service);
}

static bool command_over(const struct runner *runner)
{
    return has_command(runner) ? runner->command.ended : runner->interrupt != 0;
}

static int start(struct runner *runner, struct supervised *supervised)
{
    int r = service_start(&supervised->service, &runner->original_mask);
    if (r < 0)
        log_error("cannot start %s: %s", supervised->service.name, strerror(-r));
    else
        guard_watch(&runner->guard, supervised->service.pid);
    return r;
}

/* The first start: true when ready; else said why, unless it was interrupted. */
static bool bring_up(struct runner *runner, struct supervised *supervised)
{
    struct service *service = &supervised->service;
    if (start(runner, supervised) < 0) {
        note_failure(runner, EXIT_CODE_RUNTIME);
        return false;
    }
    uint64_t deadline = now_ms() + READY_MS;
    for (uint64_t now; !service->ready && !service->ended && runner->interrupt == 0 && (now = now_ms()) < deadline;)
        take_events(runner, deadline - now);
    if (service->ready)
        return true;
    if (service->ended) {
        char text[96];
        service_describe_end(service, text, sizeof(text));
        log_error("%s %s before it was ready; its message is above", service->name, text);
        note_failure(runner, end_code(service));
    } else if (runner->interrupt == 0) {
        log_error("%s was not ready within %d s", service->name, READY_MS / 1000);
        note_failure(runner, EXIT_CODE_RUNTIME);
    }
    return false;
}

static bool give_up(struct runner *runner, struct supervised *supervised, const char *why)
{
    log_error("%s did not come back %s", supervised->service.name, why);
    note_failure(runner, supervised->service.ended ? end_code(&supervised->service) : EXIT_CODE_RUNTIME);
    supervised->back_by = 0;
    return false;
}

/* Starts a service again that died. False when it is given up. */
static bool revive(struct runner *runner, struct supervised *supervised)
{
    struct service *service = &supervised->service;
    uint64_t now = now_ms();
    if (service->pid != 0 && service->ready) {
        if (supervised->back_by != 0)
            log_info("%s is back", service->name);
        supervised->back_by = 0;
        return true;
    }
    if (service->ended && supervised->back_by == 0) {
        char text[96];
        service_describe_end(service, text, sizeof(text));
        if (++supervised->deaths > MAX_DEATHS)
            return give_up(runner, supervised, "for good: it died 50 times");
        log_warning("%s %s; starting it again", service->name, text);
        supervised->back_by = now + BACK_MS;
        supervised->retry_at = now;
    }
    if (now >= supervised->back_by)
        return give_up(runner, supervised, "within 10 s");
    if (service->ended && now >= supervised->retry_at) {
        supervised->retry_at = now + RETRY_MS;
        return start(runner, supervised) == 0 || give_up(runner, supervised, "at all");
    }
    return true;
}

/* When something is due, in ms from now. */
static uint64_t next_due(const struct runner *runner)
{
    const struct supervised *both[] = {&runner->analyzer, &runner->collector};
    uint64_t now = now_ms(), due = UINT64_MAX;
    for (size_t i = 0; i < 2; i++) {
        if (both[i]->back_by == 0)
            continue;
        uint64_t at = both[i]->service.ended ? both[i]->retry_at : both[i]->back_by;
        uint64_t wait = at > now ? at - now : 1;
        due = wait < due ? wait : due;
    }
    return due;
}

/* Until COMMAND ends, Ctrl-C, or a service is given up. */
static void watch(struct runner *runner)
{
    /* First what was noticed before: a service may have died while the other one, or COMMAND, was started. */
    while (!command_over(runner) && revive(runner, &runner->analyzer) && revive(runner, &runner->collector))
        take_events(runner, next_due(runner));
    if (!command_over(runner) && has_command(runner)) {
        /* It is not ours to kill. */
        log_error("COMMAND goes on unwatched; the exit status will be 125");
        while (!command_over(runner))
            take_events(runner, UINT64_MAX);
    }
}

/* COMMAND is over, but a service is just being started again: what it queued is delivered only when it is back. */
static void settle(struct runner *runner)
{
    runner->interrupt = 0;
    while (runner->failure == 0 && runner->interrupt == 0 && revive(runner, &runner->analyzer) &&
           revive(runner, &runner->collector) && (runner->analyzer.back_by != 0 || runner->collector.back_by != 0))
        take_events(runner, next_due(runner));
}

static void note_bad_end(struct runner *runner, const struct service *service)
{
    char text[96];
    service_describe_end(service, text, sizeof(text));
    log_error("%s %s: not everything was delivered", service->name, text);
    note_failure(runner, end_code(service));
}

/*
 * SIGTERM, and the patience it may need: both programs deliver what they hold before they end. `needed` (or NULL) is
 * what it delivers to, kept alive meanwhile.
 */
static void bring_down(struct runner *runner, struct supervised *supervised, struct supervised *needed)
{
    struct service *service = &supervised->service;
    supervised->back_by = 0;
    if (service->pid == 0 || !service->ready) {
        if (service->pid == 0 && service->ended && runner->failure == 0)
            note_bad_end(runner, service);
        service_kill(service);
        return;
    }
    service_signal(service, SIGTERM);
    uint64_t deadline = now_ms() + STOP_MS;
    runner->interrupt = 0;
    for (uint64_t now; service->pid != 0 && runner->interrupt == 0 && (now = now_ms()) < deadline;) {
        uint64_t due = next_due(runner);
        take_events(runner, due < deadline - now ? due : deadline - now);
        if (needed != NULL && !revive(runner, needed))
            needed = NULL;
    }
    if (service->pid != 0) {
        log_error("%s did not end %s; killed", service->name,
                  runner->interrupt != 0 ? "before a second signal" : "within 75 s");
        service_kill(service);
        note_failure(runner, EXIT_CODE_RUNTIME);
    } else if (service->status != 0) {
        note_bad_end(runner, service);
    }
}

static void add_common(struct service *service, const struct run_list *extra)
{
    for (size_t i = 0; i < extra->count; i++)
        service_argument(service, "--%s", extra->item[i]);
}

/* Whether the user named a place for the alerts that outlives this run. */
static bool keeps_outbox(const struct run_options *options)
{
    static const char key[] = "outbox.path=";
    for (size_t i = 0; i < options->to_analyzer.count; i++)
        if (strncmp(options->to_analyzer.item[i], key, sizeof(key) - 1) == 0)
            return true;
    return false;
}

static int describe_analyzer(struct runner *runner, char *error, size_t error_size)
{
    const struct run_options *options = runner->options;
    struct service *service = &runner->analyzer.service;
    const char *http = options->http != NULL ? options->http : has_command(runner) ? "off" : "127.0.0.1:3366";
    service_argument(service, "%s", service->name);
    service_argument(service, "--bus.listen=ipc://%s/bus/bus.ipc", runner->directory);
    service_argument(service, "--bus.allow_uids=%d", DIRECTORY_COURIER_UID);
    service_argument(service, "--outbox.path=%s/analyzer/outbox.db", runner->directory);
    if (!keeps_outbox(options))
        service_argument(service, "--outbox.temporary");
    service_argument(service, "--control.socket=%s/analyzer/control.sock", runner->directory);
    service_argument(service, "--http.listen=%s", http);
    service_argument(service, "--output.format=%s", options->json ? "json" : "table");
    if (options->parse_arguments)
        service_argument(service, "--output.parse_arguments");
    if (options->events != NULL)
        service_argument(service, "--events=%s", options->events);
    if (options->sink != NULL)
        service_argument(service, "--sink.falcosidekick.url=%s", options->sink);
    for (size_t i = 0; i < options->policies.count; i++) {
        char *copy = NULL;
        int r = directory_add_policy(runner->directory, i, options->policies.item[i], &copy, error, error_size);
        if (r < 0)
            return r;
        service_argument(service, "--policy=%s", copy);
        free(copy);
    }
    add_common(service, &options->to_analyzer);
    return 0;
}

static void describe_collector(struct runner *runner)
{
    const struct run_options *options = runner->options;
    struct service *service = &runner->collector.service;
    service_argument(service, "%s", service->name);
    service_argument(service, "--bus.url=ipc://%s/bus/bus.ipc", runner->directory);
    service_argument(service, "--queue.path=%s/collector/queue", runner->directory);
    service_argument(service, "--spool.path=%s/collector/spool", runner->directory);
    service_argument(service, "--run.wait_for_plan");
    service_argument(service, "--user.drain=%d", DIRECTORY_DRAIN_UID);
    service_argument(service, "--user.courier=%d", DIRECTORY_COURIER_UID);
    service_argument(service, "--user.bus_group=%d", DIRECTORY_BUS_GROUP);
    if (options->node != NULL)
        service_argument(service, "--node=%s", options->node);
    if (has_command(runner))
        service_argument(service, "--scope.children_of=%d", runner->command.scope);
    if (options->tree != 0)
        service_argument(service, "--scope.tree=%d", options->tree);
    if (options->cgroup != NULL)
        service_argument(service, "--scope.cgroup=%s", options->cgroup);
    add_common(service, &options->to_collector);
}

static int find_programs(const struct run_options *options, char folder[PATH_MAX])
{
    if (options->programs != NULL)
        return snprintf(folder, PATH_MAX, "%s", options->programs) < PATH_MAX ? 0 : -ENAMETOOLONG;
    ssize_t length = readlink("/proc/self/exe", folder, PATH_MAX - 1);
    if (length < 0)
        return -errno;
    folder[length] = '\0';
    *strrchr(folder, '/') = '\0';
    return 0;
}

static void block_signals(struct runner *runner)
{
    sigset_t ours;
    sigemptyset(&ours);
    const int signals[] = {SIGCHLD, SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE};
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        sigaddset(&ours, signals[i]);
    signal(SIGCHLD, SIG_DFL); /* inherited as ignored, it would hide every exit status */
    sigprocmask(SIG_BLOCK, &ours, &runner->original_mask);
    runner->signal_fd = signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Everything that can fail before a process of Vedette's runs. 0, or an exit code after a message. */
static int set_up(struct runner *runner)
{
    char error[RUN_ERROR_BYTES], folder[PATH_MAX];
    int r = find_programs(runner->options, folder);
    if (r < 0) {
        log_error("cannot find the programs' folder: %s", strerror(-r));
        return EXIT_CODE_RUNTIME;
    }
    if (service_open(&runner->analyzer.service, folder, error, sizeof(error)) < 0 ||
        service_open(&runner->collector.service, folder, error, sizeof(error)) < 0) {
        log_error("%s", error);
        return EXIT_CODE_USAGE;
    }
    if (directory_make("/run", runner->directory, error, sizeof(error)) < 0) {
        log_error("%s", error);
        return EXIT_CODE_STATE;
    }
    if ((r = guard_start(runner->directory, &runner->guard)) < 0 ||
        (r = service_listen(&runner->analyzer.service, runner->directory)) < 0 ||
        (r = service_listen(&runner->collector.service, runner->directory)) < 0) {
        log_error("cannot prepare the run in %s: %s", runner->directory, strerror(-r));
        return EXIT_CODE_RUNTIME;
    }
    if (describe_analyzer(runner, error, sizeof(error)) < 0) {
        log_error("%s", error);
        return EXIT_CODE_USAGE;
    }
    return 0;
}

static void tear_down(struct runner *runner)
{
    service_close(&runner->collector.service);
    service_close(&runner->analyzer.service);
    command_close(&runner->command);
    if (runner->directory[0] != '\0') {
        int r = directory_remove(runner->directory);
        if (r < 0)
            log_warning("cannot remove %s: %s", runner->directory, strerror(-r));
    }
    guard_stop(&runner->guard);
    close(runner->signal_fd);
    sigprocmask(SIG_SETMASK, &runner->original_mask, NULL);
}

static int prepare_command(struct runner *runner)
{
    char **argv = runner->options->command;
    char *path = NULL;
    int code = command_find(argv[0], &path);
    if (code != 0) {
        log_error("%s: %s", argv[0], code == COMMAND_EXIT_NOT_FOUND ? "command not found" : "cannot be executed");
        return code;
    }
    int r = command_prepare(path, argv, &runner->original_mask, &runner->command);
    free(path);
    if (r < 0) {
        log_error("cannot prepare COMMAND: %s", strerror(-r));
        return COMMAND_EXIT_VEDETTE;
    }
    return 0;
}

/* From both programs ready to both ended. */
static int supervise(struct runner *runner)
{
    if (bring_up(runner, &runner->analyzer) && bring_up(runner, &runner->collector)) {
        if (has_command(runner))
            command_release(&runner->command);
        else if (runner->options->tree == 0 && runner->options->cgroup == NULL)
            log_info("watching this host until Ctrl-C. In a second terminal: sudo ./dev tester TRC-105");
        else
            log_info("watching the chosen scope until Ctrl-C");
        watch(runner);
        if (has_command(runner)) {
            command_name_survivors(&runner->command);
            settle(runner);
        }
    }
    int interrupt = runner->interrupt;
    bring_down(runner, &runner->collector, &runner->analyzer);
    bring_down(runner, &runner->analyzer, NULL);
    if (runner->failure != 0)
        return runner->failure;
    if (!has_command(runner))
        return EXIT_CODE_OK;
    return runner->command.ended ? runner->command.exit_code : COMMAND_EXIT_SIGNAL + interrupt;
}

int run(const struct run_options *options)
{
    struct runner runner = {
        .options = options,
        .analyzer.service = {.name = "vedette-analyzer",
                             .program = -1,
                             .notify = -1,
                             .owns_stdout = true,
                             .uid = DIRECTORY_ANALYZER_UID,
                             .gid = DIRECTORY_ANALYZER_UID,
                             .group = DIRECTORY_BUS_GROUP,
                             .notify_uid = DIRECTORY_ANALYZER_UID},
        .collector.service = {.name = "vedette-collector",
                              .program = -1,
                              .notify = -1,
                              .notify_uid = DIRECTORY_DRAIN_UID},
    };
    block_signals(&runner);
    int code = set_up(&runner);
    if (code == 0 && has_command(&runner)) {
        code = prepare_command(&runner);
    } else if (code != 0 && has_command(&runner)) {
        code = COMMAND_EXIT_VEDETTE;
    }
    if (code == 0) {
        describe_collector(&runner);
        code = supervise(&runner);
    }
    tear_down(&runner);
    return code;
}
