/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vedette-collector. The order of main is the security argument: settings are parsed in a child before a capability is
 * used; the courier is forked before anything is loaded, so that it never holds a BPF descriptor; after attaching,
 * everything is given up.
 */
#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/stat.h>

#include "collector/config.h"
#include "collector/coverage.h"
#include "collector/courier/courier.h"
#include "collector/drain/drain.h"
#include "collector/drain/dump.h"
#include "collector/drain/hello.h"
#include "collector/drain/privilege.h"
#include "collector/spool/spool.h"
#include "common/base/clock.h"
#include "common/base/exit_code.h"
#include "common/base/fault.h"
#include "common/base/notify.h"
#include "common/base/privilege.h"
#include "common/wire/limits.h"

enum { BOOT_ID_BYTES = 37, ROUND_RECORDS = 4096 };

struct collector {
    struct config config;
    char boot_id[BOOT_ID_BYTES];
    char scope[CONFIG_PATH_BYTES + 64];
    uid_t drain_uid, courier_uid;
    gid_t drain_gid, courier_gid, bus_gid;
    uint64_t session;
    int notify_fd;
    struct queue *queue;
    struct queue_recovery recovery;
    struct spool *spool;
    struct courier *courier;
    struct probe *probe;
    struct rings *rings;
    struct batch_encoder *encoder;
    uint64_t capture_began_ns;
    struct hello_canary canary;
};

static int read_boot_id(char boot_id[BOOT_ID_BYTES])
{
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
    size_t length = file != NULL ? fread(boot_id, 1, BOOT_ID_BYTES - 1, file) : 0;
    if (file != NULL)
        fclose(file);
    boot_id[length] = '\0';
    if (length == BOOT_ID_BYTES - 1)
        return EXIT_CODE_OK;
    log_error("cannot read /proc/sys/kernel/random/boot_id: %s (mount /proc)", strerror(errno));
    return EXIT_CODE_RUNTIME;
}

static int resolve_users(struct collector *c)
{
    if (privilege_user(c->config.user_drain, &c->drain_uid, &c->drain_gid) != 0) {
        log_error("user.drain: no user '%s' (make it, or give a number)", c->config.user_drain);
        return EXIT_CODE_USAGE;
    }
    if (privilege_user(c->config.user_courier, &c->courier_uid, &c->courier_gid) != 0) {
        log_error("user.courier: no user '%s' (make it, or give a number)", c->config.user_courier);
        return EXIT_CODE_USAGE;
    }
    if (c->drain_uid == 0 || c->courier_uid == 0) {
        log_error("user.drain and user.courier must not be root: giving up privilege is what they are for");
        return EXIT_CODE_USAGE;
    }
    if (privilege_group(c->config.bus_group, &c->bus_gid) != 0) {
        log_error("user.bus_group: no group '%s' (make it, or give a number)", c->config.bus_group);
        return EXIT_CODE_USAGE;
    }
    return EXIT_CODE_OK;
}

static void describe_scope(struct collector *c)
{
    const struct config *config = &c->config;
    if (config->scope_tree != 0)
        snprintf(c->scope, sizeof(c->scope), "process %" PRIu64 " and its descendants", config->scope_tree);
    else if (config->scope_children_of != 0)
        snprintf(c->scope, sizeof(c->scope), "descendants of process %" PRIu64, config->scope_children_of);
    else if (config->scope_cgroup[0] != '\0')
        snprintf(c->scope, sizeof(c->scope), "cgroup %s", config->scope_cgroup);
}

/* The directory of the queue, made for root alone: no unprivileged process may replace what is in it. */
static int prepare_directory(const char *queue_path)
{
    char directory[CONFIG_PATH_BYTES];
    snprintf(directory, sizeof(directory), "%s", queue_path);
    char *slash = strrchr(directory, '/');
    if (slash == NULL || slash == directory)
        return EXIT_CODE_OK;
    *slash = '\0';
    if (mkdir(directory, 0700) == 0 || errno == EEXIST)
        return EXIT_CODE_OK;
    log_error("%s: %s (queue.path needs a directory that root may write)", directory, strerror(errno));
    return EXIT_CODE_STATE;
}

static void say_dropped(const char *path, const char *which, uint64_t batches, uint64_t events)
{
    if (batches > 0)
        log_warning("%s: %" PRIu64 " batches %s were dropped, with %" PRIu64 " events", path, batches, which, events);
}

static void say_foreign(const char *path, bool foreign)
{
    if (foreign)
        log_warning("%s: another version's file, or damaged: replaced, what it held is not known", path);
}

static void say_recovery(const struct collector *c)
{
    const struct queue_recovery *before = &c->recovery;
    const char *path = c->config.queue_path;
    if (before->entries > 0)
        log_info("%" PRIu64 " batches of the life before are still queued", before->entries);
    if (before->dropped > 0)
        log_warning("%s: %" PRIu64 " torn batches were dropped, with at least %" PRIu64 " events", path,
                    before->dropped, before->dropped_events);
    say_dropped(path, "of another version's event table", before->dropped_schema, before->dropped_schema_events);
    say_dropped(path, "from before the reboot", before->dropped_boot, before->dropped_boot_events);
    say_foreign(path, before->foreign);
}

static int open_queue(struct collector *c)
{
    const char *path = c->config.queue_path;
    int r = prepare_directory(path);
    if (r != EXIT_CODE_OK)
        return r;
    r = queue_open(path, c->config.queue_size, c->boot_id, &c->queue, &c->recovery);
    if (r == -EBUSY) {
        log_error("%s: another vedette-collector uses this queue; stop it, or give this one a queue.path of its own",
                  path);
        return EXIT_CODE_IN_USE;
    }
    if (r != 0) {
        log_error("%s: %s (queue.path needs %" PRIu64 " bytes on a writable file system)", path, strerror(-r),
                  c->config.queue_size);
        return EXIT_CODE_STATE;
    }
    say_recovery(c);
    FAULT_POINT(collector_after_recovery);
    return EXIT_CODE_OK;
}

static void say_spool_recovery(const struct collector *c, const struct spool_recovery *before)
{
    const char *path = c->config.spool_path;
    if (before->batches > 0)
        log_info("%s: %" PRIu64 " batches of the life before, with %" PRIu64 " events", path, before->batches,
                 before->events);
    if (before->lost_parts > 0)
        log_warning("%s: %" PRIu64 " parts are torn or damaged, with at least %" PRIu64 " events: reported as lost",
                    path, before->lost_parts, before->lost_events);
    say_dropped(path, "of another version's event table", before->dropped_schema, before->dropped_schema_events);
    say_dropped(path, "from before the reboot", before->dropped_boot, before->dropped_boot_events);
    say_foreign(path, before->foreign);
}

/* The file's directory and the one above it, for root alone. What cannot be made is found out when the file is. */
static void prepare_spool_directory(const char *path)
{
    char directory[CONFIG_PATH_BYTES];
    snprintf(directory, sizeof(directory), "%s", path);
    char *file = strrchr(directory, '/');
    if (file == NULL || file == directory)
        return;
    *file = '\0';
    char *last = strrchr(directory, '/');
    if (last != NULL && last != directory) {
        *last = '\0';
        mkdir(directory, 0755);
        *last = '/';
    }
    mkdir(directory, 0700);
}

/*
 * After the courier was forked, which must have neither the file nor the inlet. A disk that cannot be had is no reason
 * to see nothing: it is said, and the queue in memory is all there is.
 */
static int open_spool(struct collector *c)
{
    char inlet[CONFIG_PATH_BYTES + 8];
    const char *path = c->config.spool_path;
    struct spool_recovery before;
    if (c->config.spool_size == 0) {
        if (access(path, F_OK) == 0)
            log_warning("%s: there is a spool, and spool.size is 0: what is in it is not delivered", path);
        return EXIT_CODE_OK;
    }
    snprintf(inlet, sizeof(inlet), "%s.inlet", c->config.queue_path);
    prepare_spool_directory(path);
    const struct spool_settings settings = {
        .path = path, .size = c->config.spool_size, .inlet_path = inlet, .boot_id = c->boot_id, .queue = c->queue};
    int r = spool_open(&settings, &c->recovery, &c->spool, &before);
    if (r == -EBUSY) {
        log_error("%s: another vedette-collector uses this spool; stop it, or give this one a spool.path of its own",
                  path);
        return EXIT_CODE_IN_USE;
    }
    if (r != 0) {
        log_warning("%s: %s (spool.path needs %" PRIu64 " bytes in a file of root's own on a writable disk); going on "
                    "with the queue in memory alone",
                    path, strerror(-r), c->config.spool_size);
        return EXIT_CODE_OK;
    }
    say_spool_recovery(c, &before);
    return EXIT_CODE_OK;
}

/* vedette-canary stands beside this program; "" when that cannot be told, and then no canary executes anything. */
static void find_canary(char path[CONFIG_PATH_BYTES])
{
    ssize_t length = readlink("/proc/self/exe", path, CONFIG_PATH_BYTES - 1);
    path[length > 0 ? length : 0] = '\0';
    char *slash = strrchr(path, '/');
    if (slash == NULL)
        return;
    size_t room = CONFIG_PATH_BYTES - (size_t)(slash + 1 - path);
    if ((size_t)snprintf(slash + 1, room, "vedette-canary") >= room)
        path[0] = '\0';
}

static int fork_courier(struct collector *c)
{
    char helper[CONFIG_PATH_BYTES];
    find_canary(helper);
    struct courier_settings settings = config_bus(&c->config);
    settings.uid = c->courier_uid;
    settings.gid = c->courier_gid;
    settings.bus_gid = c->bus_gid;
    settings.heartbeat_ms = (uint32_t)c->config.heartbeat_ms;
    settings.canary_helper = helper;
    settings.canary_ms = (uint32_t)c->config.canary_ms;
    if (c->config.bus_insecure)
        log_warning("bus.insecure: what goes to %s is neither encrypted nor is the analyzer known", c->config.bus_url);
    int r = courier_fork(&settings, c->queue, &c->courier);
    if (r == 0)
        return EXIT_CODE_OK;
    log_error("cannot start the courier: %s", strerror(-r));
    return EXIT_CODE_RUNTIME;
}

static int start_probe(struct collector *c)
{
    struct probe_settings settings = {.scope = SCOPE_HOST};
    char error[PROBE_ERROR_BYTES] = "", words[OPTION_ERROR_BYTES];
    if (c->config.scope_tree != 0) {
        settings.scope = SCOPE_TREE;
        settings.scope_pid = (uint32_t)c->config.scope_tree;
    } else if (c->config.scope_children_of != 0) {
        settings.scope = SCOPE_CHILDREN;
        settings.scope_pid = (uint32_t)c->config.scope_children_of;
    } else if (c->config.scope_cgroup[0] != '\0') {
        settings.scope = SCOPE_CGROUP;
        settings.cgroup_path = c->config.scope_cgroup;
    }
    memcpy(settings.ring_bytes, c->config.ring_size, sizeof(settings.ring_bytes));
    settings.argv_bytes = (uint32_t)c->config.argv_size;
    config_allowed_events(&c->config, settings.allowed, words); /* config_load has checked it */
    int r = probe_start(&settings, &c->probe, error);
    if (r != 0) {
        log_error("%s", error);
        return -r;
    }
    return EXIT_CODE_OK;
}

/* Who sings, in the numbers that events have. */
static int start_canaries(struct collector *c)
{
    char error[PROBE_ERROR_BYTES];
    if (c->config.canary_ms == 0)
        return EXIT_CODE_OK;
    struct probe_process keeper;
    int r = probe_set_canary(c->probe, (uint32_t)courier_keeper(c->courier), &keeper, error);
    if (r != 0) {
        log_error("%s", error);
        return -r;
    }
    c->canary = (struct hello_canary){
        .tgid = keeper.tgid,
        .start_ns = keeper.start_ns,
        .interval_ms = (uint32_t)c->config.canary_ms,
        .families = courier_canaries(c->courier),
    };
    return EXIT_CODE_OK;
}

/* Until an analyzer says what it wants: what it wanted in the life before, or the default set; and what is always on.
 */
static void apply_first_plan(struct collector *c)
{
    static struct plan_request plan;
    size_t count;
    const struct event *rows = events_all(&count);
    if (c->recovery.has_plan)
        plan = c->recovery.plan;
    for (size_t i = 0; i < count && !c->recovery.has_plan; i++)
        plan.selected[rows[i].id] = event_in_set(&rows[i], "default");
    drain_require_critical(&plan);
    probe_apply_plan(c->probe, &plan);
    c->capture_began_ns = clock_boot_ns();
}

static int open_rings(struct collector *c)
{
    size_t count;
    const struct ring_map *maps = probe_rings(c->probe, &count);
    int r = rings_open(maps, count, ROUND_RECORDS, &c->rings);
    c->encoder = batch_encoder_new(WIRE_REQUEST_BYTES);
    if (r == 0 && c->encoder != NULL)
        return EXIT_CODE_OK;
    log_error("cannot map the rings: %s", strerror(r != 0 ? -r : errno));
    return EXIT_CODE_RUNTIME;
}

/* Heap, *ret_size bytes; NULL with errno. */
static uint8_t *make_hello(struct collector *c, size_t *ret_size)
{
    struct hello_facts facts = {
        .node = c->config.node,
        .boot_id = c->boot_id,
        .session = c->session,
        .heartbeat_ms = (uint32_t)c->config.heartbeat_ms,
        .scope = c->scope,
        .probe = c->probe,
        .canary = c->canary,
    };
    return hello_pack(&facts, ret_size);
}

static int send_hello(struct collector *c)
{
    size_t size;
    uint8_t *hello = make_hello(c, &size);
    int r = hello != NULL ? courier_send_hello(c->courier, hello, size) : -ENOMEM;
    free(hello);
    malloc_trim(0); /* it names every event, with its arguments */
    if (r == 0)
        return EXIT_CODE_OK;
    log_error("the courier does not take the hello: %s", strerror(-r));
    return EXIT_CODE_RUNTIME;
}

static int drop_privilege(struct collector *c)
{
    char error[PRIVILEGE_ERROR_BYTES], empty[CONFIG_PATH_BYTES + 8];
    const char *confined;
    snprintf(empty, sizeof(empty), "%s.root", c->config.queue_path);
    int r = privilege_drop(c->drain_uid, c->drain_gid, empty, &confined, error);
    int spool = r == 0 && c->spool != NULL ? spool_start(c->spool) : 0;
    if (spool != 0) {
        log_error("the spool's thread cannot be started: %s", strerror(-spool));
        return EXIT_CODE_RUNTIME;
    }
    if (r == 0)
        r = privilege_filter(error);
    if (r != 0) {
        log_error("%s", error);
        return -r;
    }
    log_debug("draining as uid %u in %s", (unsigned)c->drain_uid, confined);
    return EXIT_CODE_OK;
}

/* The descriptor that tells the end, and, if asked, that of children. */
static int block_signals(bool of_children)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    if (of_children)
        sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void say_covered(const struct collector *c)
{
    size_t count, covered = 0;
    const struct probe_coverage *rows = probe_coverage(c->probe, &count);
    for (size_t i = 0; i < count; i++)
        covered += rows[i].covered;
    log_info("capturing %s: %zu of %zu events are covered on this kernel",
             c->scope[0] != '\0' ? c->scope : "the whole host", covered, count);
}

static int run(struct collector *c)
{
    int r, signal_fd;
    c->notify_fd = notify_open();
    if ((r = resolve_users(c)) != EXIT_CODE_OK || (r = read_boot_id(c->boot_id)) != EXIT_CODE_OK ||
        (r = open_queue(c)) != EXIT_CODE_OK || (r = fork_courier(c)) != EXIT_CODE_OK ||
        (r = open_spool(c)) != EXIT_CODE_OK)
        return r;
    signal_fd = block_signals(true);
    describe_scope(c);
    if ((r = start_probe(c)) != EXIT_CODE_OK || (r = start_canaries(c)) != EXIT_CODE_OK ||
        (r = open_rings(c)) != EXIT_CODE_OK || (r = send_hello(c)) != EXIT_CODE_OK)
        return r;
    FAULT_POINT(collector_after_hello);
    apply_first_plan(c);
    FAULT_POINT(collector_after_first_plan);
    if ((r = drop_privilege(c)) != EXIT_CODE_OK)
        return r;
    say_covered(c);
    struct drain_settings settings = {
        .probe = c->probe,
        .rings = c->rings,
        .queue = c->queue,
        .spool = c->spool,
        .keeper = courier_keeper(c->courier),
        .worker = courier_worker,
        .courier = c->courier,
        .encoder = c->encoder,
        .session = c->session,
        .heartbeat_ms = c->config.heartbeat_ms,
        .shutdown_ms = c->config.shutdown_ms,
        .signal_fd = signal_fd,
        .notify_fd = c->notify_fd,
        .wait_for_plan = c->config.wait_for_plan,
        .capture_began_ns = c->capture_began_ns,
        .recovery = c->recovery,
    };
    return drain_run(&settings);
}

static int print_coverage(struct collector *c)
{
    int r = start_probe(c);
    if (r != EXIT_CODE_OK)
        return r;
    coverage_print(c->probe, stdout);
    if (fflush(stdout) == 0 && !ferror(stdout))
        return EXIT_CODE_OK;
    log_error("standard output cannot be written: %s", strerror(errno));
    return EXIT_CODE_RUNTIME;
}

/* What was asked for; else what is selected while no analyzer has said what it wants. */
static void apply_dump_plan(struct collector *c)
{
    static struct plan_request plan;
    char words[OPTION_ERROR_BYTES];
    size_t count;
    const struct probe_coverage *rows = probe_coverage(c->probe, &count);
    config_dump_events(&c->config, plan.selected, words); /* config_load has checked it */
    for (size_t i = 0; i < count; i++)
        if (plan.selected[rows[i].event->id] != 0 && !rows[i].covered)
            log_warning("%s is not covered: %s", rows[i].event->name, rows[i].reason);
    if (c->config.dump_events.count == 0) {
        apply_first_plan(c);
        return;
    }
    probe_apply_plan(c->probe, &plan);
    c->capture_began_ns = clock_boot_ns();
}

/* As run, with standard output instead of queue and courier. */
static int dump_batches(struct collector *c, struct dump_out *out)
{
    int r = open_rings(c);
    if (r != EXIT_CODE_OK)
        return r;
    apply_dump_plan(c);
    if ((r = drop_privilege(c)) != EXIT_CODE_OK)
        return r;
    say_covered(c);
    const struct dump_settings settings = {
        .probe = c->probe,
        .rings = c->rings,
        .encoder = c->encoder,
        .session = c->session,
        .seconds = c->config.dump_seconds,
        .out = out,
        .capture_began_ns = c->capture_began_ns,
    };
    return dump_run(&settings);
}

static int dump(struct collector *c)
{
    struct dump_out out = {.fd = STDOUT_FILENO, .patience_ms = c->config.shutdown_ms};
    int r;
    size_t size;
    if (isatty(STDOUT_FILENO)) {
        log_error("dump: what is written is for programs: vedette-collector dump | vedette-analyzer decode");
        return EXIT_CODE_USAGE;
    }
    if ((r = resolve_users(c)) != EXIT_CODE_OK || (r = read_boot_id(c->boot_id)) != EXIT_CODE_OK ||
        (r = prepare_directory(c->config.queue_path)) != EXIT_CODE_OK)
        return r;
    out.signal_fd = block_signals(false);
    describe_scope(c);
    if ((r = start_probe(c)) != EXIT_CODE_OK)
        return r;
    uint8_t *hello = make_hello(c, &size);
    r = hello != NULL ? dump_hello(&out, hello, size) : -ENOMEM;
    free(hello);
    if (r == 0)
        return c->config.dump_coverage ? EXIT_CODE_OK : dump_batches(c, &out);
    log_error("standard output cannot be written: %s", strerror(-r));
    return EXIT_CODE_RUNTIME;
}

static void close_all(struct collector *c)
{
    courier_stop(c->courier);
    spool_close(c->spool);
    rings_close(c->rings);
    batch_encoder_free(c->encoder);
    probe_stop(c->probe);
    queue_close(c->queue);
}

int main(int argc, char **argv)
{
    static struct collector c;
    struct config_request request;
    char error[OPTION_ERROR_BYTES] = "";
    log_init("vedette-collector", LOG_LEVEL_INFO);
    close_range(3, ~0u, 0); /* nothing of the caller's comes along */
    fault_open();
    prctl(PR_SET_NAME, "vedette-drain", 0, 0, 0);
    int r = config_load(argc, argv, &c.config, &request, error);
    if (r != 0) {
        log_error("%s", error);
        return -r;
    }
    if (config_print_page(&request))
        return EXIT_CODE_OK;
    log_init("vedette-collector", (enum log_level)c.config.log_level);
    if (request.special == 'c') {
        printf("the configuration is valid\n");
        return EXIT_CODE_OK;
    }
    if (getrandom(&c.session, sizeof(c.session), 0) != (ssize_t)sizeof(c.session))
        return EXIT_CODE_RUNTIME;
    r = strcmp(request.verb, "coverage") == 0 ? print_coverage(&c)
        : strcmp(request.verb, "dump") == 0   ? dump(&c)
                                              : run(&c);
    close_all(&c);
    return r;
}
