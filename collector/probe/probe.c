/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "collector/probe/internal.h"
#include "common/base/clock.h"
#include "common/base/memory.h"

enum { CGROUP2_MAGIC = 0x63677270 };

_Static_assert(SCOPE_HOST == 0 && SCOPE_TREE == 1 && SCOPE_CHILDREN == 2 && SCOPE_CGROUP == 3,
               "KIND_* of collector/bpf/maps.h");
_Static_assert((int)PROBE_MAX_SELF == (int)SELF_LIMIT, "the kernel's table is as long");
_Static_assert((int)ARGV_SIZE_USUAL == (int)LISTS_USUAL && (int)ARGV_SIZE_MOST == (int)LISTS_MOST,
               "as the programs have them");

/*
 * libbpf's last complaints, so that an error can say more than its number, and the last function that the verifier was
 * in. One probe is started at a time.
 */
static char complaints[2048], last_function[64];

/* The verifier's log says "Validating NAME() func#N..." of each global function. */
static void note_function(const char *text)
{
    static const char word[] = "Validating ";
    const char *last = NULL;
    for (const char *at = text; (at = strstr(at, word)) != NULL; at += strlen(word))
        last = at + strlen(word);
    if (last != NULL)
        snprintf(last_function, sizeof(last_function), "%.*s", (int)strcspn(last, "("), last);
}

__attribute__((format(printf, 2, 0))) static int collect_complaint(enum libbpf_print_level level, const char *format,
                                                                   va_list args)
{
    char *text = NULL;
    if (level != LIBBPF_WARN || vasprintf(&text, format, args) < 0)
        return 0;
    note_function(text);
    size_t used = strlen(complaints), length = strcspn(text, "\n");
    if (length < 1024 && length + 2 <= sizeof(complaints) - used) {
        memcpy(complaints + used, text, length);
        memcpy(complaints + used + length, "\n", 2);
    }
    free(text);
    return 0;
}

/* What the kernel refused, from "prog 'NAME': failed to load: -22": that program, or the handler of it that was looked
 * at last. */
static struct program *refused_program(struct probe *probe)
{
    struct program *function = program_find(probe, "", last_function);
    for (size_t i = 0; i < probe->n_programs; i++) {
        char words[128];
        snprintf(words, sizeof(words), "prog '%s': failed to load", probe->programs[i].name);
        if (strstr(complaints, words) != NULL)
            return function != NULL && function->bpf == NULL && function->reason[0] == '\0' ? function
                                                                                            : &probe->programs[i];
    }
    return NULL;
}

/* CPUs of a group, as a power of two: two, more where there would be too many groups. */
static uint32_t group_shift(uint32_t cpus)
{
    uint32_t shift = 1;
    while ((cpus + (1u << shift) - 1) >> shift > MAX_CPU_GROUPS)
        shift++;
    return shift;
}

static uint32_t group_count(uint32_t cpus)
{
    uint32_t shift = group_shift(cpus);
    return (cpus + (1u << shift) - 1) >> shift;
}

/* One attempt: 0, or -errno with *ret_refused set when it was one program's fault. */
static int load_once(struct probe *probe, struct program **ret_refused)
{
    complaints[0] = last_function[0] = '\0';
    *ret_refused = NULL;
    struct vedette *skeleton = flavour_open(probe->plain);
    if (skeleton == NULL)
        return -errno;
    vedette__destroy(probe->skeleton);
    probe->skeleton = skeleton;
    skeleton->rodata->scope_kind = (uint32_t)probe->scope;
    skeleton->rodata->cpu_shift = group_shift(probe->n_cpus);
    skeleton->rodata->can_cast = btf__find_by_name_kind(probe->btf, "bpf_rdonly_cast", BTF_KIND_FUNC) > 0;
    skeleton->rodata->argv_size = probe->argv_bytes;
    tables_fill(skeleton->rodata);
    memcpy(&skeleton->rodata->preempt_places, &probe->places, sizeof(probe->places));
    bpf_map__set_max_entries(skeleton->maps.rings, group_count(probe->n_cpus) * CLASS_COUNT);
    bpf_map__set_max_entries(skeleton->maps.accounts, probe->n_cpus * CLASS_COUNT * CONTEXT_COUNT);
    if (probe->plain)
        bpf_map__set_max_entries(bpf_object__find_map_by_name(skeleton->obj, "drafts"), probe->n_cpus);
    programs_list(probe);
    programs_choose(probe);
    int error = vedette__load(skeleton);
    probe->bss = skeleton->bss;
    probe->rodata = skeleton->rodata;
    if (error != 0)
        *ret_refused = refused_program(probe);
    return error;
}

static int load(struct probe *probe, char error[PROBE_ERROR_BYTES])
{
    for (size_t i = 0; i <= MAX_PROGRAMS; i++) {
        struct program *refused;
        int result = load_once(probe, &refused);
        if (result == 0) {
            for (size_t k = 0; k < probe->n_programs; k++)
                probe->programs[k].loaded = probe->programs[k].wanted && probe->programs[k].reason[0] == '\0';
            return 0;
        }
        if (refused == NULL || refused->reason[0] != '\0') {
            snprintf(error, PROBE_ERROR_BYTES, "the BPF programs could not be loaded: %s: %.300s", strerror(-result),
                     complaints);
            return result == -EPERM || result == -EACCES ? -EXIT_CODE_PRIVILEGE : -EXIT_CODE_KERNEL;
        }
        snprintf(refused->reason, sizeof(refused->reason), "the kernel's verifier refused %s: %s", refused->name,
                 strerror(-result));
    }
    return -EXIT_CODE_KERNEL;
}

/* Halves the largest, a later class before an earlier one, until a group's rings fit its part. */
static void fit_rings(uint64_t bytes[CLASS_COUNT], uint64_t most)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    for (;;) {
        uint64_t sum = 0;
        int largest = 0;
        for (int i = 0; i < CLASS_COUNT; i++) {
            sum += bytes[i];
            if (bytes[i] >= bytes[largest])
                largest = i;
        }
        if (sum <= most || bytes[largest] <= page)
            return;
        bytes[largest] /= 2;
    }
}

static int make_rings(struct probe *probe, const struct probe_settings *settings, char error[PROBE_ERROR_BYTES])
{
    uint32_t groups = group_count(probe->n_cpus);
    uint64_t bytes[CLASS_COUNT];
    memcpy(bytes, settings->ring_bytes, sizeof(bytes));
    if (probe->plain)
        fit_rings(bytes, RINGS_MOST_PLAIN / groups);
    for (uint32_t i = 0; i < groups * CLASS_COUNT; i++) {
        struct ring_map *ring = &probe->rings[i];
        *ring = (struct ring_map){.class = (enum event_class)(i % CLASS_COUNT), .group = i / CLASS_COUNT};
        ring->size = bytes[ring->class];
        ring->fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "vedette_ring", 0, 0, (uint32_t)ring->size, NULL);
        if (ring->fd < 0) {
            snprintf(error, PROBE_ERROR_BYTES, "a ring of %llu bytes (%s) could not be made: %s: make ring.%s smaller",
                     (unsigned long long)ring->size, event_class_name(ring->class), strerror(errno),
                     event_class_name(ring->class));
            return -EXIT_CODE_RUNTIME;
        }
        probe->n_rings++;
        if (bpf_map_update_elem(bpf_map__fd(probe->skeleton->maps.rings), &i, &ring->fd, BPF_ANY) != 0) {
            snprintf(error, PROBE_ERROR_BYTES, "a ring could not be given to the programs: %s", strerror(errno));
            return -EXIT_CODE_KERNEL;
        }
    }
    return 0;
}

static int map_accounts(struct probe *probe, char error[PROBE_ERROR_BYTES])
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t size = probe->n_cpus * CLASS_COUNT * CONTEXT_COUNT * sizeof(struct ring_account);
    size = (size + page - 1) / page * page;
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(probe->skeleton->maps.accounts), 0);
    if (memory == MAP_FAILED) {
        snprintf(error, PROBE_ERROR_BYTES, "the rings' accounts could not be mapped: %s", strerror(errno));
        return -EXIT_CODE_RUNTIME;
    }
    probe->accounts = memory;
    probe->accounts_size = size;
    return 0;
}

static int check_settings(const struct probe_settings *settings, char error[PROBE_ERROR_BYTES])
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    for (int i = 0; i < CLASS_COUNT; i++) {
        uint64_t bytes = settings->ring_bytes[i];
        if (bytes < page || (bytes & (bytes - 1)) != 0 || bytes > 1ULL << 30) {
            snprintf(error, PROBE_ERROR_BYTES, "ring.%s: %llu is not a power of two between %llu and 1 GiB",
                     event_class_name((enum event_class)i), (unsigned long long)bytes, (unsigned long long)page);
            return -EXIT_CODE_USAGE;
        }
    }
    return 0;
}

static int set_cgroup_scope(struct probe *probe, const char *path, char error[PROBE_ERROR_BYTES])
{
    struct stat status;
    struct statfs filesystem;
    if (path == NULL || stat(path, &status) != 0 || !S_ISDIR(status.st_mode) || statfs(path, &filesystem) != 0 ||
        filesystem.f_type != CGROUP2_MAGIC) {
        snprintf(error, PROBE_ERROR_BYTES, "%s is not a directory of a cgroup2 file system",
                 path != NULL ? path : "(null)");
        return -EXIT_CODE_USAGE;
    }
    probe->bss->scope.cgroup_id = status.st_ino;
    return 0;
}

/* The iterator answers in the kernel's own numbers, whatever pid namespace this is. */
static int set_scope(struct probe *probe, const struct probe_settings *settings, char error[PROBE_ERROR_BYTES])
{
    bool by_pid = settings->scope == SCOPE_TREE || settings->scope == SCOPE_CHILDREN;
    struct vedette__bss *bss = probe->bss;
    int result = snapshot_open_pool(probe);
    if (result == 0)
        result = snapshot_identify(probe, by_pid ? settings->scope_pid : (uint32_t)getpid());
    if (result == -ESRCH && by_pid) {
        snprintf(error, PROBE_ERROR_BYTES, "there is no process %u", settings->scope_pid);
        return -EXIT_CODE_USAGE;
    }
    if (result != 0) {
        const struct program *program = program_find(probe, "iter__", "processes");
        snprintf(error, PROBE_ERROR_BYTES, "the kernel's processes could not be listed: %s%s%s", strerror(-result),
                 program != NULL && program->reason[0] != '\0' ? ": " : "", program != NULL ? program->reason : "");
        return -EXIT_CODE_KERNEL;
    }
    if (by_pid) {
        bss->scope.root_tgid = bss->identity.found_tgid;
        bss->scope.root_start_ns = bss->identity.found_start_ns;
    }
    return settings->scope == SCOPE_CGROUP ? set_cgroup_scope(probe, settings->cgroup_path, error) : 0;
}

/* A tree without its fork hook would lose whoever outlives a parent. */
static int check_scope_hook(struct probe *probe, char error[PROBE_ERROR_BYTES])
{
    const struct program *fork = program_find(probe, "tp_btf__", "sched_process_fork");
    if ((probe->scope != SCOPE_TREE && probe->scope != SCOPE_CHILDREN) ||
        (fork != NULL && fork->attached && probe->seen[HOOK_FORK]))
        return 0;
    snprintf(error, PROBE_ERROR_BYTES, "a scope by process tree needs the hook sched_process_fork: %s",
             fork != NULL ? fork->reason : "not built");
    return -EXIT_CODE_KERNEL;
}

/*
 * From here on no process can change through bpf(2) what only the programs and we need: which ring is whose, which
 * handler is called. What is mapped for stores (the plan, the accounts, the rings themselves) cannot be frozen, nor can
 * anything be where the kernel refuses: canaries tell when that is made use of.
 */
static void freeze_tables(const struct probe *probe)
{
    const struct bpf_map *const tables[] = {probe->skeleton->maps.rings, probe->skeleton->maps.exit_handlers,
                                            probe->skeleton->maps.enter_handlers, probe->skeleton->maps.elements,
                                            probe->skeleton->maps.tasks};
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
        bpf_map_freeze(bpf_map__fd(tables[i]));
}

static int start(struct probe *probe, const struct probe_settings *settings, char error[PROBE_ERROR_BYTES])
{
    int result = check_settings(settings, error);
    const char *mismatch = tables_mismatch();
    if (result == 0 && mismatch != NULL) {
        snprintf(error, PROBE_ERROR_BYTES, "the BPF programs were built for another row of %s", mismatch);
        result = -EXIT_CODE_RUNTIME;
    }
    if (result == 0)
        result = environment_check(error);
    if (result == 0) {
        probe->btf = btf__parse_raw("/sys/kernel/btf/vmlinux");
        probe->places = preempt_places_find(probe->btf);
        probe->plain = flavour_is_plain(settings->flavour);
        result = load(probe, error);
        btf__free(probe->btf);
        probe->btf = NULL;
    }
    if (result == 0)
        result = make_rings(probe, settings, error);
    if (result == 0)
        result = map_accounts(probe, error);
    if (result == 0)
        result = set_scope(probe, settings, error);
    if (result != 0)
        return result;
    argv_table_fill(probe); /* without it argv is unreadable, which the rows say */
    probe->modules = modules_open();
    programs_attach(probe);
    self_test_run(probe);
    programs_list_hooks(probe);
    coverage_fill(probe);
    result = check_scope_hook(probe, error);
    freeze_tables(probe);
    int left = resident_shrink(probe);
    if (result == 0 && left != 0) {
        snprintf(error, PROBE_ERROR_BYTES, "the programs' memory could not be mapped: %s", strerror(-left));
        result = -EXIT_CODE_RUNTIME;
    }
    return result;
}

int probe_start(const struct probe_settings *settings, struct probe **ret_probe, char error[PROBE_ERROR_BYTES])
{
    error[0] = '\0';
    struct probe *probe = calloc(1, sizeof(*probe));
    uint8_t *snapshot = malloc(SNAPSHOT_BYTES + ROW_BYTES);
    int cpus = libbpf_num_possible_cpus();
    if (probe == NULL || snapshot == NULL || cpus <= 0) {
        free(probe);
        free(snapshot);
        snprintf(error, PROBE_ERROR_BYTES, "not enough memory, or no CPUs listed in /sys/devices/system/cpu");
        return -EXIT_CODE_RUNTIME;
    }
    probe->snapshot = snapshot;
    probe->row = snapshot + SNAPSHOT_BYTES;
    probe->snapshot_fd = -1;
    probe->n_cpus = (uint32_t)cpus;
    probe->scope = settings->scope;
    probe->argv_bytes = settings->argv_bytes;
    memcpy(probe->allowed, settings->allowed, sizeof(probe->allowed));
    libbpf_print_fn_t before = libbpf_set_print(collect_complaint);
    int result = start(probe, settings, error);
    libbpf_set_print(before);
    memory_trim(); /* libbpf parsed the kernel's BTF and our objects: some 20 MiB that are not needed again */
    if (result != 0)
        probe_stop(probe);
    else
        *ret_probe = probe;
    return result;
}

void probe_stop(struct probe *probe)
{
    if (probe == NULL)
        return;
    probe_snapshot_end(probe);
    for (size_t i = 0; i < probe->n_programs; i++)
        bpf_link__destroy(probe->programs[i].link);
    for (size_t i = 0; i < probe->n_hooks; i++)
        if (probe->hook_fds[i] >= 0)
            close(probe->hook_fds[i]);
    while (probe->pool_left > 0)
        close(probe->pool[--probe->pool_left]);
    for (size_t i = 0; i < probe->n_rings; i++)
        close(probe->rings[i].fd);
    if (probe->accounts != NULL)
        munmap(probe->accounts, probe->accounts_size);
    resident_free(probe);
    coverage_free(probe);
    argv_table_free(probe->argv);
    modules_close(probe->modules);
    free(probe->snapshot);
    free(probe);
}

int probe_set_canary(struct probe *probe, uint32_t pid, struct probe_process *ret_process,
                     char error[PROBE_ERROR_BYTES])
{
    struct vedette__bss *bss = probe->bss;
    int result = probe_snapshot_begin(probe);
    if (result == 0)
        result = snapshot_identify(probe, pid);
    if (result != 0) {
        snprintf(error, PROBE_ERROR_BYTES, "process %u, which is to send canaries, is not found: %s", pid,
                 strerror(-result));
        return -EXIT_CODE_RUNTIME;
    }
    *ret_process = (struct probe_process){.start_ns = bss->identity.found_start_ns, .tgid = bss->identity.found_tgid};
    bss->canary.start_ns = ret_process->start_ns;
    __atomic_store_n(&bss->canary.tgid, ret_process->tgid, __ATOMIC_RELEASE);
    return 0;
}

void probe_set_self(struct probe *probe, const uint32_t *tgids, size_t count)
{
    struct self *self = &probe->bss->self;
    uint64_t now = clock_boot_ns();
    __atomic_store_n(&self->tgid[0], 0, __ATOMIC_RELEASE);
    for (size_t i = SELF_LIMIT; i-- > 0;) {
        self->since_ns[i] = now;
        __atomic_store_n(&self->tgid[i], i < count ? tgids[i] : 0, __ATOMIC_RELEASE);
    }
}

volatile struct throttle *probe_throttle(const struct probe *probe)
{
    return &probe->bss->throttle;
}

void probe_set_storm(struct probe *probe, bool storm)
{
    __atomic_store_n(&probe->bss->plan.storm, storm, __ATOMIC_RELEASE);
}

const struct ring_map *probe_rings(const struct probe *probe, size_t *ret_count)
{
    *ret_count = probe->n_rings;
    return probe->rings;
}

uint32_t probe_cpus(const struct probe *probe)
{
    return probe->n_cpus;
}

volatile struct ring_account *probe_account(const struct probe *probe, uint32_t cpu, enum event_class class,
                                            unsigned context)
{
    return &probe->accounts[(cpu * CLASS_COUNT + class) * CONTEXT_COUNT + context];
}

const struct probe_failure *probe_failures(struct probe *probe, size_t *ret_count)
{
    static const char *const what[FAILURE_COUNT] = {
        [FAILURE_RING_MISSING] = "no ring for the CPU",
        [FAILURE_ACCOUNT] = "no account for the CPU: an event was lost uncounted",
        [FAILURE_STORAGE] = "no storage for a task: its scope or its name before exec is not known",
        [FAILURE_SCOPE_DEPTH] = "a task has more ancestors than are looked at: taken as outside of the scope",
        [FAILURE_TAIL_CALL] = "a handler could not be reached",
        [FAILURE_SNAPSHOT] = "a snapshot ended before the last process: the rest is not in it",
        [FAILURE_NAMESPACES] = "more mount namespaces than a snapshot tells: the mounts of one are not in it",
        [FAILURE_MOUNTS] =
            "a mount was removed while its namespace was being read: the rest of it is not in the snapshot",
    };
    for (size_t i = 0; i < FAILURE_COUNT; i++)
        probe->failures[i] =
            (struct probe_failure){what[i], __atomic_load_n(&probe->bss->failures[i], __ATOMIC_RELAXED)};
    *ret_count = FAILURE_COUNT;
    return probe->failures;
}
