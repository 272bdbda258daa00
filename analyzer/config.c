// SPDX-License-Identifier: Apache-2.0
#include "analyzer/config.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>

#include "analyzer/alert/sink.h"
#include "analyzer/ingest/ingest.h"
#include "analyzer/redact/redact.h"
#include "common/base/log.h"
#include "common/base/privilege.h"

enum { COURIER_UID_WITHOUT_USERS = 64102 }; /* what ./dev run gives the courier, without making a user */

static const char *const log_levels[] = {"error", "warning", "info", "debug", NULL};
static const char *const formats[] = {"json", "table", NULL};
static const char *const shapes[] = {"trace", "v1beta1", NULL}; /* enum json_shape */
static const char *const colors[] = {"auto", "always", "never", NULL};
static const char *const severities[] = {"info", "low", "medium", "high", "critical", NULL};
static const char *const verbs[] = {
    "run",
    "take events in, detect, and deliver alerts until SIGTERM",
    "list",
    "print `events`, `detections`, `metrics`, `outputs`, or the `policies` of --policy; with --json for programs",
    "alerts",
    "`list` what is stored, `show ID`, `tail` what comes; `redrive` dead letters to their sinks or `ack` them",
    "balance",
    "what became of every event of each node, and of every alert; exit status 1 when it does not add up",
    "coverage",
    "ask the running analyzer what each event can show on a node's kernel; with --json for programs",
    "plan",
    "what the policies and detections ask of collectors, and what is left out in the kernel; --json too",
    "decode",
    "print what vedette-collector dump wrote, from stdin, as JSON lines; --json: its coverage too",
    "reload",
    "let the running analyzer read policies and tuning again: all or nothing",
    "validate",
    "check policy files and directories; with --json for programs",
    NULL,
};

static const char *const verb_words[] = {
    "alerts", "list show tail redrive ack", "list", "events detections metrics outputs policies", NULL,
};

#define AT(field) .offset = offsetof(struct config, field), .size = sizeof(((struct config *)0)->field)
static const struct option options[] = {
    {"bus.allow_uids", OPTION_LIST, AT(bus_allow_uids),
     .help = "Users, by name or number, that may speak on an ipc bus; if empty: root, this program's own, "
             "vedette-courier and 64102."},
    {"bus.enrolment", OPTION_STRING, AT(bus_enrolment),
     .help =
         "File of who may speak over tls+tcp:// and tcp://: a line `NODE SHA256-OF-ITS-TOKEN` each; read again when "
         "it changes."},
    {"bus.insecure", OPTION_BOOL, AT(bus_insecure), .initial = "false",
     .help = "Let bus.listen be tcp:// on any address, in the clear, and without bus.enrolment. For trials only."},
    {"bus.listen", OPTION_STRING, AT(bus_listen), .initial = "ipc:///run/vedette/bus.ipc",
     .help =
         "Where collectors connect: ipc:///PATH, tls+tcp://ADDRESS:PORT (* for all of IPv4), or tcp://127.0.0.1:PORT."},
    {"bus.quota.bytes", OPTION_BYTES, AT(bus_quota_bytes), .initial = "32M",
     .help = "What one node may send a second, bursts of 4 s aside; what is more waits at its collector. 0: no limit; "
             "over ipc there is none."},
    {"bus.quota.events", OPTION_UINT, AT(bus_quota_events), .initial = "500000", .max = 1000000000,
     .help = "Likewise in events."},
    {"bus.tls.ca", OPTION_STRING, AT(bus_tls.ca),
     .help = "PEM file of the authorities that sign collectors' certificates; needed for tls+tcp://."},
    {"bus.tls.certificate", OPTION_STRING, AT(bus_tls.certificate),
     .help = "PEM file of the certificate that is shown to collectors; read again when it changes."},
    {"bus.tls.crl", OPTION_STRING, AT(bus_tls.crl),
     .help = "PEM file of revoked collectors' certificates; read again when it changes, and then all connect anew."},
    {"bus.tls.key", OPTION_STRING, AT(bus_tls.key),
     .help = "PEM file of the certificate's key: root's or this program's user's, and not to be read by everybody."},
    {"color", OPTION_CHOICE, AT(color), .initial = "auto", .choices = colors,
     .help = "With `alerts`: colour; auto means on a terminal, unless NO_COLOR is set."},
    {"config", OPTION_STRING, AT(config), .initial = "/etc/vedette/analyzer.yaml",
     .help = "File of these same keys, nested."},
    {"control.socket", OPTION_STRING, AT(control_socket), .initial = CONFIG_CONTROL_SOCKET,
     .help = "Socket on which root and this program's own user may ask, as `coverage` does; empty for none."},
    {"dead", OPTION_BOOL, AT(dead), .initial = "false",
     .help = "With `alerts list`: dead letters only; with `redrive` and `ack`: all of them, in place of ids."},
    {"detection", OPTION_LIST, AT(detection), .help = "With `alerts`: only of these detections; may be repeated."},
    {"events", OPTION_LIST, AT(events),
     .help = "Events to print besides findings: names or sets, comma separated or repeated."},
    {"http.listen", OPTION_STRING, AT(http_listen), .initial = "127.0.0.1:3366",
     .help = "Address of /metrics, /healthz and /readyz; port 0 for any, which is printed; off for none."},
    {"http.tls.certificate", OPTION_STRING, AT(http_tls_certificate),
     .help =
         "PEM file of http.listen's certificate and those that signed it: HTTPS instead of HTTP. Read again when it "
         "changes."},
    {"http.tls.key", OPTION_STRING, AT(http_tls_key), .help = "PEM file of the key of http.tls.certificate."},
    {"http.token_file", OPTION_STRING, AT(http_token_file),
     .help = "File of the token that /metrics is given for, as in `Authorization: Bearer TOKEN`; /healthz and /readyz "
             "need none. Read again when it changes."},
    {"json", OPTION_BOOL, AT(json), .initial = "false",
     .help = "With `alerts`, `balance`, `coverage`, `list`, `plan` and `validate`, and `decode` of a dump of coverage: "
             "JSON "
             "instead of a table."},
    {"limit", OPTION_UINT, AT(limit), .initial = "100", .min = 1, .max = 10000,
     .help = "With `alerts list` and `tail`: at most so many of the newest that are stored."},
    {"log.level", OPTION_CHOICE, AT(log_level), .initial = "info", .choices = log_levels,
     .help = "How much is said on stderr."},
    {"markdown", OPTION_BOOL, AT(markdown), .initial = "false",
     .help = "With `list`: a page for docs/ instead of a table."},
    {"metrics.tracee_names", OPTION_BOOL, AT(tracee_names), .initial = "false",
     .help =
         "Also export the figures by Tracee's names (tracee_events_total and so on), for dashboards that have them."},
    {"node", OPTION_STRING, AT(node),
     .help = "With `coverage`: of which node; not needed while there is only one. With `alerts` and `balance`: of this "
             "one only."},
    {"outbox.keep", OPTION_DURATION, AT(outbox_keep_ms), .initial = "7d", .min = 60000,
     .max = 3650ull * 24 * 3600 * 1000,
     .help = "How long alerts stay that every sink has had; dead letters stay until they are acknowledged or are too "
             "many."},
    {"outbox.keep_alerts", OPTION_UINT, AT(outbox_keep_alerts), .initial = "10000", .max = 10000000,
     .help = "How many of them stay at most."},
    {"outbox.max_size", OPTION_BYTES, AT(outbox_max_bytes), .initial = "256M", .min = 1 << 20, .max = 64ull << 30,
     .help =
         "How large the database may grow while a sink is away; beyond it the oldest alerts go, each counted as lost."},
    {"outbox.path", OPTION_STRING, AT(outbox_path), .initial = "/var/lib/vedette/analyzer/outbox.db",
     .help = "Database of alerts and cursors."},
    {"outbox.temporary", OPTION_BOOL, AT(outbox_temporary), .initial = "false",
     .help =
         "The outbox goes away with this run, as under vedette-run: what a sink has not taken by the end is said to "
         "be lost."},
    {"output.events_file", OPTION_STRING, AT(events_file),
     .help = "File that selected events go to, as JSON lines, instead of stdout; SIGHUP opens it anew."},
    {"output.events_file_limit", OPTION_BYTES, AT(events_file_limit), .initial = "64M", .min = 1 << 20,
     .max = 1ull << 40, .help = "How large that file grows before it becomes PATH.1, in place of the one before."},
    {"output.events_sample", OPTION_UINT, AT(events_sample), .initial = "1", .min = 1, .max = 1000000000,
     .help = "Of the selected events one in so many is written; findings are never left out. "
             "vedette_events_sampled_out_total counts the others."},
    {"output.format", OPTION_CHOICE, AT(output_format), .initial = "table", .choices = formats,
     .help = "How findings and events are written to stdout: table for people, json (one object a line) for programs."},
    {"output.parse_arguments", OPTION_BOOL, AT(parse_arguments), .initial = "false",
     .help =
         "Words for numbers in the arguments of JSON, as Tracee's parse-arguments: O_RDONLY|O_CLOEXEC, "
         "PTRACE_ATTACH; the numbers are then under vedette.raw. The table always has words, and filters always see "
         "numbers."},
    {"output.shape", OPTION_CHOICE, AT(output_shape), .initial = "trace", .choices = shapes,
     .help =
         "JSON as Tracee's up to v0.24 (trace), or as its later v1beta1 events (v1beta1); docs/json.md compares them."},
    {"outputs", OPTION_LIST, AT(outputs),
     .help =
         "NAME.KEY=VALUE: a key of the output NAME, over the list `outputs` of the file; NAME.kind=KIND begins a new "
         "one. `list outputs` prints the kinds and their keys."},
    {"policy", OPTION_LIST, AT(policy), .help = "Policy files or directories; without any, all detections run."},
    {"redact.builtin", OPTION_BOOL, AT(redact_builtin), .initial = "true",
     .help = "Replace passwords, tokens and keys in argument lists and environments by [redacted] before anything is "
             "stored, printed or sent."},
    {"redact.patterns", OPTION_LIST, AT(redact_patterns),
     .help = "Further secrets: PCRE2 regular expressions over a whole list, its items joined by \\x00; what stands "
             "before \\K is kept."},
    {"run.allow_root", OPTION_BOOL, AT(allow_root), .initial = "false",
     .help = "Run as root all the same; nothing here needs it."},
    {"severity", OPTION_CHOICE, AT(severity), .initial = "info", .choices = severities,
     .help = "With `alerts`: at least this severe."},
    {"shards", OPTION_UINT, AT(shards), .initial = "2", .min = 1, .max = INGEST_MAX_SHARDS,
     .help = "Threads that judge events; a node belongs to one of them."},
    {"shutdown", OPTION_DURATION, AT(shutdown_ms), .initial = "5s", .max = 600000,
     .help = "How long SIGTERM waits for slow sinks; what is left then is delivered after the next start."},
    {"since", OPTION_STRING, AT(since),
     .help = "With `alerts`: of events from then on: RFC 3339 (2026-01-02T03:04:05Z, or a date), or how long ago (90s, "
             "1h, 2d)."},
    {"sink.falcosidekick.retry_max", OPTION_DURATION, AT(falcosidekick_retry_max_ms), .initial = "30s",
     .min = SINK_BACKOFF_MIN_MS, .max = SINK_RETRY_AFTER_MAX_MS,
     .help = "Longest wait between two attempts; they begin half a second apart. A Retry-After is obeyed beyond it."},
    {"sink.falcosidekick.url", OPTION_STRING, AT(falcosidekick_url),
     .help = "Falcosidekick to deliver findings to, as in http://127.0.0.1:2801/; short for an output of kind "
             "falcosidekick."},
    {"sink.stdout", OPTION_BOOL, AT(sink_stdout), .initial = "true",
     .help = "Write findings to stdout; short for an output of kind stdout."},
    {"sink_name", OPTION_STRING, AT(sink_name),
     .help =
         "With `alerts`: dead letters of this sink only; `redrive ID` sends the alert to it again even if it had it."},
    {"tuning", OPTION_LIST, AT(tuning),
     .help = "Files or directories that tune detections, beside the section `detections` of the configuration file; "
             "without any, " CONFIG_TUNING " where it is there."},
    {"until", OPTION_STRING, AT(until), .help = "With `alerts`: of events up to then, written as --since."},
};

static const char *const foreign[] = {"detections", "outputs", NULL};

static const struct option_table table = {
    .options = options,
    .count = sizeof(options) / sizeof(options[0]),
    .program = "vedette-analyzer",
    .summary = "the unprivileged half of Vedette: judges the events of any number of collectors and delivers alerts\n"
               "It decodes events, keeps the process and container state of every node, runs detections and policies, "
               "exports metrics and delivers "
               "alerts. It needs no privilege and refuses to run as root unless told to.",
    .verbs = verbs,
    .words = verb_words,
    .foreign = foreign,
    .footer = "FILES\n"
              "  /etc/vedette/analyzer.yaml            these same keys, nested\n"
              "  /etc/vedette/detections.d/            tuning of detections: exceptions, severities, limits\n"
              "  /run/vedette/bus.ipc                  the bus\n"
              "  /run/vedette/control.sock             where `alerts`, `balance`, `coverage` and `reload` ask; root's "
              "and this\n"
              "                                        program's own user's\n"
              "  /var/lib/vedette/analyzer/outbox.db   alerts and cursors\n"
              "\n"
              "EXIT STATUS\n"
              "  0  ended in good order\n"
              "  1  failed while running; `balance`: it does not add up\n"
              "  2  usage, configuration or policy\n"
              "  4  run as root without --run.allow_root; `coverage` asked as a user that is not answered\n"
              "  5  the bus, the HTTP port or the outbox is in use\n"
              "  6  the outbox cannot be used\n",
};

bool config_print_page(const struct config_request *request)
{
    return options_print_page(&table, request->special, stdout);
}

enum list_format config_list_format(const struct config *config)
{
    return config->markdown ? LIST_MARKDOWN : config->json ? LIST_JSON : LIST_TABLE;
}

static int check_arguments(const struct config_request *request, char error[OPTION_ERROR_BYTES])
{
    static const struct {
        const char *verb;
        int least, most;
        const char *words;
    } rules[] = {
        {"alerts", 1, INT_MAX, "alerts: say what: list, show ID, tail, redrive ID... or ack ID..."},
        {"list", 1, 1, "list: say what: events, detections, metrics, outputs or policies"},
        {"validate", 1, INT_MAX, "validate: name at least one policy file or directory"},
    };
    int least = 0, most = 0;
    const char *words = "";
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
        if (strcmp(rules[i].verb, request->verb) == 0) {
            least = rules[i].least;
            most = rules[i].most;
            words = rules[i].words;
        }
    if (request->n_arguments >= least && request->n_arguments <= most)
        return 0;
    if (most > 0)
        snprintf(error, OPTION_ERROR_BYTES, "%s", words);
    else
        snprintf(error, OPTION_ERROR_BYTES, "unexpected argument '%.200s'", request->argument[0]);
    return -EINVAL;
}

int config_load(int argc, char **argv, struct config *ret_config, struct config_request *ret_request,
                char error[OPTION_ERROR_BYTES])
{
    int first = argc;
    options_init(&table, ret_config, sizeof(*ret_config));
    int result =
        options_parse(&table, argc, argv, ret_config, &ret_request->verb, &ret_request->special, &first, error);
    if (result < 0)
        return result;
    ret_request->argument = argv + first;
    ret_request->n_arguments = argc - first;
    return options_is_page(ret_request->special) ? 0 : check_arguments(ret_request, error);
}

int config_allowed_uids(const struct config *config, uid_t *ret_uids, size_t limit, size_t *ret_count,
                        char error[OPTION_ERROR_BYTES])
{
    size_t n = 0;
    uid_t uid;
    gid_t gid;
    for (size_t i = 0; i < config->bus_allow_uids.count && n < limit; i++) {
        if (privilege_user(config->bus_allow_uids.item[i], &uid, &gid) < 0) {
            snprintf(error, OPTION_ERROR_BYTES, "bus.allow_uids: no user is named '%.200s': make it, or give a number",
                     config->bus_allow_uids.item[i]);
            return -EINVAL;
        }
        ret_uids[n++] = uid;
    }
    if (config->bus_allow_uids.count == 0 && limit >= 4) {
        ret_uids[n++] = 0;
        ret_uids[n++] = getuid();
        ret_uids[n++] = COURIER_UID_WITHOUT_USERS;
        if (privilege_user("vedette-courier", &uid, &gid) == 0)
            ret_uids[n++] = uid;
    }
    *ret_count = n;
    return 0;
}

int config_redact(const struct config *config, char error[OPTION_ERROR_BYTES])
{
    const char *patterns[OPTION_LIST_ITEMS];
    for (size_t i = 0; i < config->redact_patterns.count; i++)
        patterns[i] = config->redact_patterns.item[i];
    return redact_configure(config->redact_builtin, patterns, config->redact_patterns.count, error);
}
