// SPDX-License-Identifier: Apache-2.0
/*
 * vedette-analyzer. The order of main: settings and policies, then nothing that could be misused is left, then the
 * outbox, the bus, HTTP and the sinks, then a loop that waits for a signal.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>

#include <curl/curl.h>

#include "analyzer/alert/sink.h"
#include "analyzer/alert/stdout.h"
#include "analyzer/alerts.h"
#include "analyzer/config.h"
#include "analyzer/confine.h"
#include "analyzer/control.h"
#include "analyzer/decode.h"
#include "analyzer/ingest/ingest.h"
#include "analyzer/list.h"
#include "analyzer/metrics/http.h"
#include "analyzer/outputs.h"
#include "analyzer/policy/watch.h"
#include "analyzer/reload.h"
#include "analyzer/validate.h"
#include "common/base/clock.h"
#include "common/base/exit_code.h"
#include "common/base/fault.h"
#include "common/base/log.h"
#include "common/base/memory.h"
#include "common/base/notify.h"

enum {
    HOUSEKEEPING_MS = 2000,
    STUCK_S = 60 /* more than ingest_mend may take */,
    RELOAD_QUIET_MS = 200,
    RELOAD_MOST_MS = 2000
};

struct analyzer {
    struct config config;
    struct reloader *reloader;
    struct watch *watch; /* NULL: changes of files are not noticed */
    struct outbox *outbox;
    struct output output;
    struct ingest_settings ingest_settings;
    struct ingest *ingest;
    struct metrics *metrics;
    struct http_server *http, *control;
    struct control asked; /* what the control socket's pages speak of */
    struct outputs outputs;
    struct sink_runner *sink[OUTPUTS_MAX]; /* of the output at the same place */
    size_t n_sinks;
    atomic_uint_fast64_t moved_ns; /* when the main loop last went round */
    int signal_fd, notify_fd;
    int give_up_fd; /* a timer: when it ends, a reader of stdout that stands still is waited for no longer */
};

static int code_of(int result)
{
    switch (result) {
    case 0:
        return EXIT_CODE_OK;
    case -EADDRINUSE:
    case -EBUSY:
        return EXIT_CODE_IN_USE;
    case -EINVAL:
    case -ENOENT: /* of a path that was configured */
    case -EACCES:
        return EXIT_CODE_USAGE;
    default:
        return EXIT_CODE_RUNTIME;
    }
}

static int select_events(struct analyzer *analyzer)
{
    struct policy_error error = {0};
    char words[POLICY_ERROR_BYTES];
    analyzer->reloader = reloader_new(&analyzer->config, &error);
    if (analyzer->reloader == NULL) {
        policy_error_words(&error, words);
        log_error("%s", words);
        return EXIT_CODE_USAGE;
    }
    struct ingest_settings *settings = &analyzer->ingest_settings;
    if (config_allowed_uids(&analyzer->config, settings->allowed_uid, INGEST_MAX_UIDS, &settings->n_allowed_uids,
                            words) < 0) {
        log_error("%s", words);
        return EXIT_CODE_USAGE;
    }
    return EXIT_CODE_OK;
}

static int drop_privilege(const struct analyzer *analyzer)
{
    if (geteuid() == 0 && !analyzer->config.allow_root) {
        log_error("will not run as root, which nothing here needs: run it as another user (systemd: User=vedette), or "
                  "give --run.allow_root");
        return EXIT_CODE_PRIVILEGE;
    }
    int result = confine_privilege();
    if (result < 0) {
        log_error("privilege cannot be given up: %s", strerror(-result));
        return EXIT_CODE_RUNTIME;
    }
    result = confine_calls();
    if (result < 0 && result != -ENOSYS) {
        log_error("no system call filter: %s; it needs a kernel with CONFIG_SECCOMP_FILTER", strerror(-result));
        return EXIT_CODE_RUNTIME;
    }
    log_info("no capability, no_new_privs, not dumpable, system calls %s",
             result == 0 ? "filtered" : "not filtered (left out of this build)");
    return EXIT_CODE_OK;
}

/* Signals are read, not handled; before any thread, so that all inherit the mask. */
static int open_signals(struct analyzer *analyzer)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    signal(SIGPIPE, SIG_IGN);
    sigprocmask(SIG_BLOCK, &set, NULL);
    analyzer->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    analyzer->give_up_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    analyzer->notify_fd = notify_open();
    if (analyzer->signal_fd >= 0 && analyzer->give_up_fd >= 0)
        return EXIT_CODE_OK;
    log_error("signalfd or timerfd: %s", strerror(errno));
    return EXIT_CODE_RUNTIME;
}

static void say_salvage(const struct outbox_salvage *salvage)
{
    if (!salvage->done)
        return;
    log_error(
        "the outbox was damaged: %llu alerts could be read and are kept, at least %llu could not; the damaged file "
        "is kept as %s, look at the disk it was on",
        (unsigned long long)salvage->kept, (unsigned long long)salvage->unreadable, salvage->aside);
    if (salvage->tables_cut > 0)
        log_error("the outbox was damaged: %llu of its tables beside the alerts have lost rows%s",
                  (unsigned long long)salvage->tables_cut,
                  salvage->sinks_cut
                      ? "; a sink whose place is lost begins at the next alert: what it may have missed is "
                        "in `vedette-analyzer alerts list`, and goes to it by `alerts redrive`"
                      : "");
}

static int open_outbox(struct analyzer *analyzer)
{
    char error[OUTBOX_ERROR_BYTES];
    int result = outbox_open(analyzer->config.outbox_path, &analyzer->outbox, error);
    if (result != 0) {
        log_error("%s", error);
        return result == -EBUSY ? EXIT_CODE_IN_USE : EXIT_CODE_STATE;
    }
    const struct outbox_limits limits = {.keep_rows = analyzer->config.outbox_keep_alerts,
                                         .keep_seconds = analyzer->config.outbox_keep_ms / 1000,
                                         .max_bytes = analyzer->config.outbox_max_bytes};
    outbox_set_limits(analyzer->outbox, &limits);
    say_salvage(outbox_salvaged(analyzer->outbox));
    return EXIT_CODE_OK;
}

/* Of which outputs, and whether each could begin. */
static int load_outputs(struct analyzer *analyzer)
{
    char error[OUTPUTS_ERROR_BYTES];
    if (outputs_load(&analyzer->config, &analyzer->outputs, error) == 0)
        return EXIT_CODE_OK;
    log_error("%s", error);
    return EXIT_CODE_USAGE;
}

static int check_outputs(const struct analyzer *analyzer)
{
    char error[OUTPUTS_ERROR_BYTES];
    if (outputs_check(&analyzer->outputs, error) == 0)
        return EXIT_CODE_OK;
    log_error("%s", error);
    return EXIT_CODE_USAGE;
}

static bool writes_findings_to_stdout(const struct analyzer *analyzer)
{
    for (size_t i = 0; i < analyzer->outputs.count; i++)
        if (strcmp(analyzer->outputs.output[i]->kind->name, "stdout") == 0)
            return true;
    return false;
}

static int open_events_file(struct analyzer *analyzer)
{
    char error[EVENT_FILE_ERROR_BYTES];
    const struct config *config = &analyzer->config;
    if (config->events_file[0] == '\0')
        return EXIT_CODE_OK;
    int result = event_file_open(config->events_file, config->events_file_limit, &analyzer->output.file, error);
    if (result < 0)
        log_error("%s", error);
    return code_of(result);
}

static int start_sinks(struct analyzer *analyzer)
{
    const struct config *config = &analyzer->config;
    bool table = config->output_format == OUTPUT_TABLE;
    if (table && (writes_findings_to_stdout(analyzer) || config->events.count + config->policy.count > 0)) {
        struct text heading = {0};
        if (table_heading(&heading) == 0) {
            text_literal(&heading, "\n");
            output_flush(&analyzer->output, &heading);
        }
        text_fini(&heading);
    }
    for (size_t i = 0; i < analyzer->outputs.count; i++) {
        char error[SINK_ERROR_BYTES];
        analyzer->sink[i] = sink_runner_start(analyzer->outbox, analyzer->outputs.output[i], error);
        if (analyzer->sink[i] == NULL) {
            log_error("%s", error);
            return EXIT_CODE_USAGE;
        }
        analyzer->n_sinks++;
    }
    return EXIT_CODE_OK;
}

static int start_ingest(struct analyzer *analyzer)
{
    char error[INGEST_ERROR_BYTES];
    struct ingest_settings *settings = &analyzer->ingest_settings;
    settings->url = analyzer->config.bus_listen;
    settings->insecure = analyzer->config.bus_insecure;
    settings->tls = &analyzer->config.bus_tls;
    settings->enrolment = analyzer->config.bus_enrolment;
    /* Over ipc there is the host's own collector, and no other node to protect from it. */
    if (strncmp(settings->url, "ipc://", 6) != 0)
        settings->quota = (struct quota_limits){.bytes = analyzer->config.bus_quota_bytes,
                                                .events = analyzer->config.bus_quota_events};
    settings->shards = (unsigned)analyzer->config.shards;
    settings->loaded = reloader_current(analyzer->reloader);
    settings->outbox = analyzer->outbox;
    settings->output = &analyzer->output;
    settings->arguments = analyzer->output.arguments;
    int result = ingest_start(settings, &analyzer->ingest, error);
    if (result < 0) {
        log_error("%s", error);
        return code_of(result);
    }
    log_info("bus on %s", ingest_url(analyzer->ingest));
    if (settings->insecure)
        log_warning("bus.insecure: what comes over %s is not encrypted%s", ingest_url(analyzer->ingest),
                    settings->enrolment[0] == '\0' ? ", and whoever can connect can speak for every node" : "");
    return EXIT_CODE_OK;
}

static void healthy(void *arg, struct report *report)
{
    struct analyzer *analyzer = arg;
    uint64_t moved_ns = atomic_load(&analyzer->moved_ns), now_ns = clock_boot_ns();
    bool stuck = moved_ns != 0 && now_ns > moved_ns + STUCK_S * UINT64_C(1000000000);
    report_add(report, "ingest", true, ingest_health(analyzer->ingest));
    report_add(report, "main", true, stuck ? "the main loop has not gone round for more than 60 s" : NULL);
}

/* One receiver that is away does not make this analyzer unfit: alerts wait for it. But when none takes any, somebody
 * should look. */
static void ready(void *arg, struct report *report)
{
    _Static_assert(OUTPUTS_MAX + 3 <= REPORT_CHECKS, "each output has its line, and bus, outbox and delivery theirs");
    struct analyzer *analyzer = arg;
    size_t away = 0;
    char words[EXPIRY_WORDS_BYTES];
    report_add(report, "bus", true, ingest_bus_readiness(analyzer->ingest));
    report_add(report, "certificates", false, ingest_warning(analyzer->ingest, words) ? words : NULL);
    report_add(report, "outbox", true, ingest_outbox_readiness(analyzer->ingest));
    for (size_t i = 0; i < analyzer->n_sinks; i++) {
        char name[REPORT_NAME_BYTES];
        bool is_away = sink_runner_is_away(analyzer->sink[i]);
        snprintf(name, sizeof(name), "sink.%s", analyzer->outputs.output[i]->name);
        report_add(report, name, false, is_away ? "its receiver is away: see the log; alerts wait for it" : NULL);
        away += is_away ? 1 : 0;
    }
    report_add(report, "delivery", true,
               away > 0 && away == analyzer->n_sinks ? "no sink can deliver; alerts wait in the outbox" : NULL);
}

static void collect_readiness(void *arg, struct metrics_writer *writer)
{
    struct report report = {0};
    ready(arg, &report);
    for (size_t i = 0; i < report.n; i++) {
        const struct metric_label labels[] = {{"check", report.check[i].name}, {0}};
        metrics_put(writer, METRIC_READY, labels, report.check[i].words[0] == '\0' ? 1 : 0);
    }
}

static const char *path_or_none(const char *path)
{
    return path[0] == '\0' ? NULL : path;
}

static int start_http(struct analyzer *analyzer)
{
    char error[HTTP_ERROR_BYTES];
    if (strcmp(analyzer->config.http_listen, "off") == 0)
        return EXIT_CODE_OK;
    analyzer->metrics = metrics_new();
    if (analyzer->metrics == NULL) {
        log_error("no memory for metrics");
        return EXIT_CODE_RUNTIME;
    }
    metrics_register(analyzer->metrics, ingest_collect, analyzer->ingest);
    metrics_register(analyzer->metrics, reloader_collect, analyzer->reloader);
    metrics_register(analyzer->metrics, outbox_collect, analyzer->outbox);
    for (size_t i = 0; i < analyzer->n_sinks; i++)
        metrics_register(analyzer->metrics, sink_runner_collect, analyzer->sink[i]);
    metrics_register(analyzer->metrics, collect_readiness, analyzer);
    if (analyzer->config.tracee_names)
        metrics_register(analyzer->metrics, ingest_collect_tracee, analyzer->ingest);
    metrics_register(analyzer->metrics, metrics_collect_process, NULL);
    const struct http_settings settings = {.address = analyzer->config.http_listen,
                                           .metrics = analyzer->metrics,
                                           .healthy = healthy,
                                           .ready = ready,
                                           .arg = analyzer,
                                           .tls_certificate = path_or_none(analyzer->config.http_tls_certificate),
                                           .tls_key = path_or_none(analyzer->config.http_tls_key),
                                           .token_file = path_or_none(analyzer->config.http_token_file)};
    int result = http_start(&settings, &analyzer->http, error);
    if (result < 0) {
        log_error("%s", error);
        return code_of(result);
    }
    log_info("HTTP%s on %s", settings.tls_certificate != NULL ? "S" : "", http_address(analyzer->http));
    return EXIT_CODE_OK;
}

/* Whoever names a path wants it; the default's directory is there where Vedette is installed. */
static int start_control(struct analyzer *analyzer)
{
    char error[HTTP_ERROR_BYTES];
    const char *path = analyzer->config.control_socket;
    if (path[0] == '\0')
        return EXIT_CODE_OK;
    analyzer->asked = (struct control){.ingest = analyzer->ingest,
                                       .reloader = analyzer->reloader,
                                       .outbox = analyzer->outbox,
                                       .outbox_path = analyzer->config.outbox_path};
    struct http_settings settings = {.address = path, .arg = &analyzer->asked};
    settings.pages = control_pages(&settings.n_pages);
    int result = http_start(&settings, &analyzer->control, error);
    if (result == 0)
        return EXIT_CODE_OK;
    if (strcmp(path, CONFIG_CONTROL_SOCKET) == 0) {
        log_warning("%s; `alerts`, `balance`, `coverage` and `reload` cannot ask this analyzer", error);
        return EXIT_CODE_OK;
    }
    log_error("control.socket: %s", error);
    return code_of(result);
}

static void watch_files(struct analyzer *analyzer)
{
    const char *paths[RELOAD_MAX_PATHS];
    size_t n = reloader_paths(analyzer->reloader, paths);
    if (analyzer->watch != NULL)
        watch_paths(analyzer->watch, paths, n);
}

static void reload_because(struct analyzer *analyzer, const char *why)
{
    char words[RELOAD_WORDS_BYTES];
    /* Before reading: what changes meanwhile is noticed, and read again. */
    watch_files(analyzer);
    reload(analyzer->reloader, why, words);
}

/* Files are often changed several at a time: they are read when nothing has changed for a moment, or this long. */
struct quiet {
    uint64_t first_ns, last_ns; /* 0: nothing has changed */
};

static int quiet_left_ms(const struct quiet *quiet, uint64_t now_ns)
{
    const uint64_t moment_ns = RELOAD_QUIET_MS * UINT64_C(1000000), most_ns = RELOAD_MOST_MS * UINT64_C(1000000);
    if (quiet->first_ns == 0)
        return HOUSEKEEPING_MS;
    uint64_t until_ns = quiet->last_ns + moment_ns;
    if (until_ns > quiet->first_ns + most_ns)
        until_ns = quiet->first_ns + most_ns;
    return until_ns <= now_ns ? 0 : (int)((until_ns - now_ns) / 1000000) + 1;
}

/* False when the program is to end. */
static bool take_signals(struct analyzer *analyzer)
{
    struct signalfd_siginfo signal;
    while (read(analyzer->signal_fd, &signal, sizeof(signal)) == sizeof(signal)) {
        if (signal.ssi_signo != SIGHUP)
            return false;
        event_file_reopen(analyzer->output.file);
        reload_because(analyzer, "SIGHUP");
        for (size_t i = 0; i < analyzer->n_sinks; i++)
            sink_runner_reopen(analyzer->sink[i]);
    }
    return true;
}

/* Each becomes a loss record of its node; of a node that is not here any more only the log tells. */
static void tell_lost_alerts(struct analyzer *analyzer)
{
    struct outbox_loss loss;
    while (outbox_take_loss(analyzer->outbox, &loss))
        if (!ingest_take_loss(analyzer->ingest, &loss))
            log_warning("lost %llu alerts of node %s: %s%s", (unsigned long long)loss.count, loss.node,
                        loss.refused ? "refused by sink " : "the outbox had no room",
                        loss.refused ? loss.sink : "; outbox.max_size");
}

static void loop(struct analyzer *analyzer)
{
    struct pollfd fds[] = {{.fd = analyzer->signal_fd, .events = POLLIN}, {.fd = -1, .events = POLLIN}};
    struct quiet quiet = {0};
    uint64_t kept_ns = clock_boot_ns();
    if (analyzer->watch != NULL)
        fds[1].fd = watch_fd(analyzer->watch);
    for (;;) {
        if (poll(fds, 2, quiet_left_ms(&quiet, clock_boot_ns())) < 0 && errno != EINTR)
            return;
        if (!take_signals(analyzer))
            return;
        uint64_t now_ns = clock_boot_ns();
        if (analyzer->watch != NULL && watch_read(analyzer->watch)) {
            quiet.last_ns = now_ns;
            quiet.first_ns = quiet.first_ns == 0 ? now_ns : quiet.first_ns;
        }
        if (quiet.first_ns != 0 && quiet_left_ms(&quiet, now_ns) == 0) {
            quiet = (struct quiet){0};
            reload_because(analyzer, "a file has changed");
        }
        if (now_ns - kept_ns < HOUSEKEEPING_MS * UINT64_C(1000000))
            continue;
        kept_ns = now_ns;
        atomic_store(&analyzer->moved_ns, now_ns);
        ingest_pulse(analyzer->ingest, now_ns);
        http_tend(analyzer->http, now_ns);
        http_tend(analyzer->control, now_ns);
        ingest_reap(analyzer->ingest, now_ns);
        ingest_mend(analyzer->ingest);
        ingest_renew(analyzer->ingest, now_ns);
        outbox_keep_house(analyzer->outbox);
        tell_lost_alerts(analyzer);
    }
}

/* What a dead or slow receiver did not take. */
static void stop_sinks(struct analyzer *analyzer)
{
    const struct config *config = &analyzer->config;
    for (size_t i = 0; i < analyzer->n_sinks; i++)
        sink_runner_stop_soon(analyzer->sink[i], (uint32_t)config->shutdown_ms);
    for (size_t i = 0; i < analyzer->n_sinks; i++) {
        unsigned long long left = sink_runner_stop(analyzer->sink[i], (uint32_t)config->shutdown_ms);
        const char *name = analyzer->outputs.output[i]->name;
        if (left > 0 && config->outbox_temporary)
            log_warning("sink %s: %llu alerts were not delivered and are lost to it, as the outbox is temporary", name,
                        left);
        else if (left > 0)
            log_warning("sink %s: %llu alerts were not delivered; they wait in %s for the next start", name, left,
                        config->outbox_path);
    }
}

/* In the reverse of the order in which they came; tolerates what did not. */
static int stop(struct analyzer *analyzer)
{
    int code = EXIT_CODE_OK;
    uint64_t patience_ms = analyzer->config.shutdown_ms == 0 ? 1 : analyzer->config.shutdown_ms;
    const struct itimerspec patience = {
        .it_value = {.tv_sec = (time_t)(patience_ms / 1000), .tv_nsec = (long)(patience_ms % 1000) * 1000000}};
    timerfd_settime(analyzer->give_up_fd, 0, &patience, NULL);
    http_stop(analyzer->control);
    control_fini(&analyzer->asked);
    http_stop(analyzer->http);
    if (analyzer->ingest != NULL && ingest_stop(analyzer->ingest) < 0) {
        log_error(
            "the last alerts could not be stored; they are raised again when the collectors send their batches again");
        code = EXIT_CODE_RUNTIME;
    }
    stop_sinks(analyzer);
    outputs_fini(&analyzer->outputs);
    metrics_free(analyzer->metrics);
    outbox_close(analyzer->outbox);
    watch_free(analyzer->watch);
    reloader_free(analyzer->reloader);
    event_file_close(analyzer->output.file);
    return code;
}

static int run(struct analyzer *analyzer, bool check_only)
{
    int code = select_events(analyzer);
    if (code == EXIT_CODE_OK)
        code = load_outputs(analyzer);
    if (code == EXIT_CODE_OK && check_only)
        code = check_outputs(analyzer);
    if (code == EXIT_CODE_OK && !check_only)
        code = open_signals(analyzer);
    /* Before the filter, and before any thread: libcurl's own start is not safe beside one. */
    if (code == EXIT_CODE_OK && !check_only && curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
        code = EXIT_CODE_RUNTIME;
    if (code == EXIT_CODE_OK && !check_only)
        code = drop_privilege(analyzer);
    if (code != EXIT_CODE_OK || check_only) {
        outputs_fini(&analyzer->outputs);
        reloader_free(analyzer->reloader);
        return code;
    }
    analyzer->output.table = analyzer->config.output_format == OUTPUT_TABLE;
    analyzer->output.arguments = analyzer->config.parse_arguments ? JSON_WORDS : JSON_NUMBERS;
    analyzer->output.shape = (enum json_shape)analyzer->config.output_shape;
    analyzer->output.sample = (uint32_t)analyzer->config.events_sample;
    analyzer->output.cancel_fd = analyzer->give_up_fd;
    code = open_events_file(analyzer);
    if (code == EXIT_CODE_OK)
        code = open_outbox(analyzer);
    /* Sinks first: one that the outbox has not seen begins at the next alert. */
    if (code == EXIT_CODE_OK)
        code = start_sinks(analyzer);
    if (code == EXIT_CODE_OK)
        code = start_ingest(analyzer);
    if (code == EXIT_CODE_OK)
        code = start_http(analyzer);
    if (code == EXIT_CODE_OK)
        code = start_control(analyzer);
    if (code == EXIT_CODE_OK) {
        analyzer->watch = watch_new();
        if (analyzer->watch == NULL)
            log_warning("files cannot be watched (%s): after a change send SIGHUP, or `vedette-analyzer reload`",
                        strerror(errno));
        watch_files(analyzer);
        memory_trim();
        notify_send(analyzer->notify_fd, "READY=1");
        loop(analyzer);
        notify_send(analyzer->notify_fd, "STOPPING=1");
    }
    int stopped = stop(analyzer);
    return code != EXIT_CODE_OK ? code : stopped;
}

static int plan(struct analyzer *analyzer)
{
    int code = select_events(analyzer);
    if (code == EXIT_CODE_OK)
        code = list_plan(reloader_current(analyzer->reloader), config_list_format(&analyzer->config));
    reloader_free(analyzer->reloader);
    return code;
}

static bool write_standard_output(void *arg, const char *data, size_t size)
{
    (void)arg;
    return fwrite(data, 1, size, stdout) == size && fflush(stdout) == 0;
}

static int decode_standard_input(const struct config *config)
{
    const struct decode_settings settings = {
        .arguments = config->parse_arguments ? JSON_WORDS : JSON_NUMBERS,
        .json = config->json,
        .write = write_standard_output,
    };
    signal(SIGPIPE, SIG_IGN);
    return decode(&settings);
}

int main(int argc, char **argv)
{
    static struct analyzer analyzer; /* its lists are too much for a stack */
    struct config_request request;
    char error[OPTION_ERROR_BYTES];
    umask(0077);
    log_init("vedette-analyzer", LOG_LEVEL_INFO);
    fault_open();
    if (config_load(argc, argv, &analyzer.config, &request, error) < 0) {
        log_error("%s", error);
        return EXIT_CODE_USAGE;
    }
    log_init("vedette-analyzer", (enum log_level)analyzer.config.log_level);
    if (config_print_page(&request))
        return EXIT_CODE_OK;
    if (config_redact(&analyzer.config, error) < 0) {
        log_error("%s", error);
        return EXIT_CODE_USAGE;
    }
    if (strcmp(request.verb, "list") == 0 && strcmp(request.argument[0], "policies") == 0)
        return list_policies(&analyzer.config.policy, analyzer.config.json);
    if (strcmp(request.verb, "list") == 0)
        return list(request.argument[0], config_list_format(&analyzer.config));
    if (strcmp(request.verb, "alerts") == 0)
        return alerts(&analyzer.config, request.argument, request.n_arguments);
    if (strcmp(request.verb, "balance") == 0)
        return control_balance(analyzer.config.control_socket, analyzer.config.node, analyzer.config.json);
    if (strcmp(request.verb, "coverage") == 0)
        return control_coverage(analyzer.config.control_socket, analyzer.config.node, analyzer.config.json);
    if (strcmp(request.verb, "reload") == 0)
        return control_reload(analyzer.config.control_socket);
    if (strcmp(request.verb, "decode") == 0)
        return decode_standard_input(&analyzer.config);
    if (strcmp(request.verb, "plan") == 0)
        return plan(&analyzer);
    if (strcmp(request.verb, "validate") == 0)
        return validate(request.argument, request.n_arguments, analyzer.config.json);
    return run(&analyzer, request.special == 'c');
}
