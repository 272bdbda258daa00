/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "collector/spool/spool.h"
#include "common/base/exit_code.h"
#include "common/base/privilege.h"
#include "common/wire/limits.h"

#define NODE_NAME_BYTES "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:+-~"

static const char *const log_levels[] = {"error", "warning", "info", "debug", NULL};
static const char *const verbs[] = {
    "run",      "collect and deliver until SIGTERM",
    "coverage", "load the programs, print what each event can show on this kernel, and end",
    "dump",     "write what would be delivered to stdout, for vedette-analyzer decode; needs no analyzer",
    NULL,
};

#define AT(field) .offset = offsetof(struct config, field), .size = sizeof(((struct config *)0)->field)
static const struct option options[] = {
    {"argv.size", OPTION_BYTES, AT(argv_size), .initial = "8K", .min = ARGV_SIZE_USUAL, .max = ARGV_SIZE_MOST,
     .help = "How much of a program's arguments events show, and as much of its environment; the rest is marked "
             "truncated. More than 8K makes the start longer, and takes 152 KiB of ring.critical for each event that "
             "has as much."},
    {"bus.insecure", OPTION_BOOL, AT(bus_insecure), .initial = "false",
     .help = "Let bus.url be tcp:// to another host: everything, the token too, in the clear. For trials only."},
    {"bus.tls.ca", OPTION_STRING, AT(bus_tls.ca),
     .help = "PEM file of the authorities that sign analyzers' certificates; needed for tls+tcp://."},
    {"bus.tls.certificate", OPTION_STRING, AT(bus_tls.certificate),
     .help = "PEM file of the certificate that is shown to the analyzer; read again when it changes."},
    {"bus.tls.crl", OPTION_STRING, AT(bus_tls.crl), .help = "PEM file of revoked analyzers' certificates."},
    {"bus.tls.key", OPTION_STRING, AT(bus_tls.key),
     .help = "PEM file of the certificate's key: root's or user.courier's, and not to be read by everybody."},
    {"bus.tls.server_name", OPTION_STRING, AT(bus_tls.server_name),
     .help = "DNS name that the analyzer's certificate must have; the host of bus.url if empty."},
    {"bus.token", OPTION_STRING, AT(bus_token),
     .help = "File with this node's enrolment token, which proves its name to the analyzer; read at each hello."},
    {"bus.url", OPTION_STRING, AT(bus_url), .initial = "ipc:///run/vedette/bus.ipc",
     .help = "Where the analyzer listens: ipc:///PATH, tls+tcp://HOST:PORT, or tcp://127.0.0.1:PORT."},
    {"canary.interval", OPTION_DURATION, AT(canary_ms), .initial = "5s", .max = 60000,
     .help = "How often the collector causes an event of its own in each family of hooks that an unprivileged process "
             "can touch; the analyzer raises vedette_node_blind when three in a row do not come. 0 for never."},
    {"config", OPTION_STRING, AT(config_path), .initial = "/etc/vedette/collector.yaml",
     .help = "File with these keys, nested; read if it exists. It must be root's alone."},
    {"coverage", OPTION_BOOL, AT(dump_coverage), .initial = "false",
     .help = "With `dump`: only what `coverage` prints, no events."},
    {"events", OPTION_LIST, AT(dump_events),
     .help = "With `dump`: only these events, names or sets, comma separated or repeated; if empty, what is selected "
             "while no analyzer has said what it wants."},
    {"heartbeat", OPTION_DURATION, AT(heartbeat_ms), .initial = "5s", .min = 100, .max = 60000,
     .help = "Longest silence towards the analyzer; statistics travel at least this often."},
    {"log.level", OPTION_CHOICE, AT(log_level), .initial = "info", .choices = log_levels,
     .help = "How much is said on stderr."},
    {"node", OPTION_STRING, AT(node), .help = "This node's name in events and alerts; the host name if empty."},
    {"plan.allow", OPTION_LIST, AT(plan_allow),
     .help =
         "Events and sets that an analyzer may select; everything if empty. Events of the critical class may always "
         "be selected, and are on unless another one tells the same."},
    {"queue.path", OPTION_STRING, AT(queue_path), .initial = "/run/vedette-collector/queue",
     .help = "File of the batch queue, in a directory of root's own."},
    {"queue.size", OPTION_BYTES, AT(queue_size), .initial = "32M", .min = 1 << 20, .max = 4ull << 30,
     .help = "How much the queue holds while the analyzer is away."},
    {"ring.bulk", OPTION_BYTES, AT(ring_size[CLASS_BULK]), .initial = "4M", .min = 4096, .max = 256 << 20,
     .help = "Ring of ordinary events, for each 2 CPUs; a power of two."},
    {"ring.critical", OPTION_BYTES, AT(ring_size[CLASS_CRITICAL]), .initial = "1M", .min = 4096, .max = 256 << 20,
     .help = "Ring of process and privilege events, for each 2 CPUs; a power of two."},
    {"ring.watched", OPTION_BYTES, AT(ring_size[CLASS_WATCHED]), .initial = "2M", .min = 4096, .max = 256 << 20,
     .help = "Ring of events that a detection named, for each 2 CPUs; a power of two."},
    {"run.wait_for_plan", OPTION_BOOL, AT(wait_for_plan), .initial = "false",
     .help = "Report readiness only when the analyzer's plan is in force."},
    {"scope.cgroup", OPTION_STRING, AT(scope_cgroup), .help = "Collect only below this cgroup2 directory."},
    {"scope.children_of", OPTION_UINT, AT(scope_children_of), .max = 1 << 22,
     .help = "Collect only the descendants of this process, not the process itself. Containers that a daemon outside "
             "the tree starts are not in it."},
    {"scope.tree", OPTION_UINT, AT(scope_tree), .max = 1 << 22,
     .help = "Collect only this process and its descendants."},
    {"seconds", OPTION_UINT, AT(dump_seconds), .max = 86400,
     .help = "With `dump`: end after so many; 0 for not before SIGINT or SIGTERM."},
    {"shutdown", OPTION_DURATION, AT(shutdown_ms), .initial = "10s", .max = 600000,
     .help = "How long SIGTERM waits for the analyzer; what is left then stays queued. With `dump`: for its reader."},
    {"spool.path", OPTION_STRING, AT(spool_path), .initial = "/var/lib/vedette/collector/spool",
     .help = "File that batches go to when the queue is 60 percent full, in a directory of root's own, on a disk."},
    {"spool.size", OPTION_BYTES, AT(spool_size), .initial = "0", .max = SPOOL_SIZE_MAX,
     .help =
         "How much that file holds, from 4M to 1G, taken at the start; 0 for no such file. When it is full, the oldest "
         "batches of bulk events are given up first, and reported as lost. Its figures are the analyzer's metrics "
         "vedette_node_spool_..."},
    {"user.bus_group", OPTION_STRING, AT(bus_group), .initial = "vedette",
     .help = "Group that may open the bus: name or number."},
    {"user.courier", OPTION_STRING, AT(user_courier), .initial = "vedette-courier",
     .help = "User of the delivering half: name or number."},
    {"user.drain", OPTION_STRING, AT(user_drain), .initial = "vedette-drain",
     .help = "User of the draining half once its programs are attached: name or number."},
};

static const struct option_table table = {
    .options = options,
    .count = sizeof(options) / sizeof(options[0]),
    .program = "vedette-collector",
    .summary = "the privileged half of Vedette: kernel events of this node, delivered until they are acknowledged\n"
               "It loads its eBPF programs, drains their rings and delivers the events to vedette-analyzer. "
               "It holds no rule, parses no foreign input and listens on nothing. "
               "It starts with CAP_BPF, CAP_PERFMON, CAP_SETUID, CAP_SETGID and CAP_SYS_CHROOT (root has them) and "
               "gives up everything once attached.",
    .verbs = verbs,
    .file_by_root_only = true,
    .footer = "FILES\n"
              "  /etc/vedette/collector.yaml   the same keys, nested\n"
              "  /run/vedette-collector/queue  batches not yet acknowledged\n"
              "  /var/lib/vedette/collector/spool  more of them, if spool.size is not 0\n"
              "\n"
              "EXIT STATUS\n"
              "  0  ended in good order, everything delivered\n"
              "  1  failed while running, or batches were left in the queue\n"
              "  2  usage or configuration\n"
              "  3  the kernel cannot (no BTF, tracing refused)\n"
              "  4  a capability is missing\n"
              "  5  another collector uses the queue or the spool\n"
              "  6  the queue's file is unusable\n",
};

struct courier_settings config_bus(const struct config *config)
{
    return (struct courier_settings){.bus_url = config->bus_url,
                                     .bus_insecure = config->bus_insecure,
                                     .tls = &config->bus_tls,
                                     .token = config->bus_token};
}

bool config_print_page(const struct config_request *request)
{
    return options_print_page(&table, request->special, stdout);
}

/* What crosses the pipe from the parsing child. */
struct parsed {
    int result;
    struct config config;
    struct config_request request;
    char error[OPTION_ERROR_BYTES];
};

static int validate(struct config *config, char error[OPTION_ERROR_BYTES])
{
    uint8_t allowed[EVENT_ID_LIMIT];
    int scopes = (config->scope_tree != 0) + (config->scope_children_of != 0) + (config->scope_cgroup[0] != '\0');
    if (scopes > 1) {
        snprintf(error, OPTION_ERROR_BYTES,
                 "scope.tree, scope.children_of and scope.cgroup exclude each other: give one");
        return -EXIT_CODE_USAGE;
    }
    for (int class = 0; class < CLASS_COUNT; class ++) {
        uint64_t size = config->ring_size[class];
        if ((size & (size - 1)) != 0) {
            snprintf(error, OPTION_ERROR_BYTES, "ring.%s: %llu is no power of two",
                     event_class_name((enum event_class) class), (unsigned long long)size);
            return -EXIT_CODE_USAGE;
        }
    }
    if (config->spool_size != 0 && config->spool_size < SPOOL_SIZE_MIN) {
        snprintf(error, OPTION_ERROR_BYTES, "spool.size: %llu bytes are too few (0 for none, or at least 4M)",
                 (unsigned long long)config->spool_size);
        return -EXIT_CODE_USAGE;
    }
    const struct courier_settings bus = config_bus(config);
    if (courier_check_bus(&bus, error) != 0)
        return -EXIT_CODE_USAGE;
    if (config->node[0] == '\0') {
        struct utsname names;
        uname(&names);
        snprintf(config->node, sizeof(config->node), "%s", names.nodename);
    }
    /* The analyzer takes no other bytes: a name goes into labels, paths and terminals. */
    if (config->node[strspn(config->node, NODE_NAME_BYTES)] != '\0') {
        snprintf(error, OPTION_ERROR_BYTES,
                 "node: '%s' has other characters than letters, digits and _.:+-~ (give --node a name)", config->node);
        return -EXIT_CODE_USAGE;
    }
    int r = config_dump_events(config, allowed, error);
    return r == 0 ? config_allowed_events(config, allowed, error) : r;
}

static void parse(int argc, char **argv, struct parsed *ret)
{
    const char *verb = NULL;
    int first = argc;
    privilege_forget_capabilities();
    ret->result = -EXIT_CODE_USAGE;
    options_init(&table, &ret->config, sizeof(ret->config));
    if (options_parse(&table, argc, argv, &ret->config, &verb, &ret->request.special, &first, ret->error) != 0)
        return;
    snprintf(ret->request.verb, sizeof(ret->request.verb), "%s", verb != NULL ? verb : "run");
    if (first < argc) {
        snprintf(ret->error, sizeof(ret->error), "unexpected argument '%s'", argv[first]);
        return;
    }
    ret->result = options_is_page(ret->request.special) ? 0 : validate(&ret->config, ret->error);
}

static int read_whole(int fd, void *buffer, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = read(fd, (char *)buffer + done, size - done);
        if (n == 0 || (n < 0 && errno != EINTR))
            return -EIO;
        if (n > 0)
            done += (size_t)n;
    }
    return 0;
}

static void child_parse(int fd, int argc, char **argv)
{
    static struct parsed parsed;
    parse(argc, argv, &parsed);
    const char *bytes = (const char *)&parsed;
    for (size_t done = 0; done < sizeof(parsed);) {
        ssize_t n = write(fd, bytes + done, sizeof(parsed) - done);
        if (n <= 0)
            _exit(1);
        done += (size_t)n;
    }
    _exit(0);
}

int config_load(int argc, char **argv, struct config *ret_config, struct config_request *ret_request,
                char error[OPTION_ERROR_BYTES])
{
    static struct parsed parsed;
    int pipes[2];
    if (pipe2(pipes, O_CLOEXEC) != 0) {
        snprintf(error, OPTION_ERROR_BYTES, "pipe: %s", strerror(errno));
        return -EXIT_CODE_RUNTIME;
    }
    pid_t child = fork();
    if (child == 0)
        child_parse(pipes[1], argc, argv);
    close(pipes[1]);
    int r = child > 0 ? read_whole(pipes[0], &parsed, sizeof(parsed)) : -errno;
    close(pipes[0]);
    if (child > 0)
        waitpid(child, NULL, 0);
    if (r != 0) {
        snprintf(error, OPTION_ERROR_BYTES, "the process that reads the configuration died");
        return -EXIT_CODE_RUNTIME;
    }
    *ret_config = parsed.config;
    *ret_request = parsed.request;
    memcpy(error, parsed.error, OPTION_ERROR_BYTES);
    return parsed.result;
}

/* An event by name, or every event of a set. */
static size_t mark(const char *name, uint8_t marked[EVENT_ID_LIMIT])
{
    size_t count, found = 0;
    const struct event *rows = events_all(&count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rows[i].name, name) != 0 && !event_in_set(&rows[i], name))
            continue;
        marked[rows[i].id] = 1;
        found++;
    }
    return found;
}

int config_allowed_events(const struct config *config, uint8_t allowed[EVENT_ID_LIMIT], char error[OPTION_ERROR_BYTES])
{
    size_t count;
    const struct event *rows = events_all(&count);
    memset(allowed, 0, EVENT_ID_LIMIT);
    for (size_t i = 0; i < count; i++)
        if ((config->plan_allow.count == 0 && !rows[i].sources[0].on_request) || rows[i].class == CLASS_CRITICAL)
            allowed[rows[i].id] = 1;
    for (size_t i = 0; i < config->plan_allow.count; i++)
        if (mark(config->plan_allow.item[i], allowed) == 0) {
            snprintf(error, OPTION_ERROR_BYTES,
                     "plan.allow: no event or set is named '%s' (vedette-analyzer list events shows them)",
                     config->plan_allow.item[i]);
            return -EXIT_CODE_USAGE;
        }
    return 0;
}

int config_dump_events(const struct config *config, uint8_t selected[EVENT_ID_LIMIT], char error[OPTION_ERROR_BYTES])
{
    memset(selected, 0, EVENT_ID_LIMIT);
    for (size_t i = 0; i < config->dump_events.count; i++) {
        char words[OPTION_LIST_BYTES], *rest = NULL;
        snprintf(words, sizeof(words), "%s", config->dump_events.item[i]);
        for (char *word = strtok_r(words, ",", &rest); word != NULL; word = strtok_r(NULL, ",", &rest)) {
            if (mark(word, selected) > 0)
                continue;
            snprintf(error, OPTION_ERROR_BYTES,
                     "events: no event or set is named '%s' (vedette-analyzer list events shows them)", word);
            return -EXIT_CODE_USAGE;
        }
    }
    return 0;
}
