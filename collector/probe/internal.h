/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files of collector/probe only. */
#ifndef VEDETTE_COLLECTOR_PROBE_INTERNAL_H
#define VEDETTE_COLLECTOR_PROBE_INTERNAL_H

#include <sys/types.h>

#include "collector/bpf/shared.h"
#include "collector/probe/probe.h"
#include "common/base/exit_code.h"

#include "collector/bpf/vedette.skel.h"

enum {
    MAX_PROGRAMS = 192,
    MAX_EVENTS = EVENT_ID_LIMIT,
    MAX_CPU_GROUPS = 8,
    MAX_RINGS = MAX_CPU_GROUPS * CLASS_COUNT,
    RINGS_MOST_PLAIN = 6 << 20, /* of all together: that memory counts against RLIMIT_MEMLOCK before 5.11 */
    SNAPSHOT_BYTES = 1 << 16,   /* twice the kernel's buffer for an iterator */
    ARGV_MOST = 8192,           /* of one process, as at exec */
    ROW_BYTES = SCRATCH_BYTES + ARGV_MOST + 64,
    REASON_BYTES = 160,
    PROGRAM_NAME_BYTES = 48,
    KEPT_FDS = MAX_PROGRAMS + 2,
};

/* One BPF program, or a handler that is a function of its dispatcher (collector/bpf/call.h), and what became of it. */
struct program {
    char name[PROGRAM_NAME_BYTES]; /* in the object */
    char section[PROGRAM_NAME_BYTES];
    struct bpf_program *bpf; /* NULL: a handler that is a function, and after the start */
    struct bpf_link *link;
    bool wanted; /* some allowed event needs it */
    bool loaded;
    bool attached; /* as a hook of its own; handlers hang on their dispatcher */
    char reason[REASON_BYTES];
};

/* A saying of coverage rows. */
struct words {
    struct words *next;
    char text[];
};

struct argv_table;
struct modules;

struct probe {
    struct vedette *skeleton; /* NULL after the start: resident.c */
    struct vedette__bss *bss;
    const struct vedette__rodata *rodata;
    int kept_fds[KEPT_FDS]; /* of what ends with its last descriptor */
    size_t n_kept;
    bool plain;
    enum scope_kind scope;
    uint32_t argv_bytes;
    uint8_t allowed[EVENT_ID_LIMIT];
    struct program programs[MAX_PROGRAMS];
    size_t n_programs;
    struct probe_coverage coverage[MAX_EVENTS];
    struct words *words;
    size_t n_coverage;
    struct ring_map rings[MAX_RINGS];
    size_t n_rings;
    struct probe_hook hooks[MAX_PROGRAMS];
    int hook_fds[MAX_PROGRAMS];
    size_t n_hooks;     /* attached */
    size_t n_all_hooks; /* and behind them those that are not */
    uint32_t n_cpus;
    struct ring_account *accounts;
    size_t accounts_size;
    int pool[PROBE_SNAPSHOTS + 2]; /* one is for argv_table_fill, one for probe_set_canary */
    size_t pool_left;
    int snapshot_fd; /* -1: none under way */
    uint8_t *snapshot;
    size_t snapshot_at, snapshot_end;
    struct argv_table *argv;
    struct modules *modules;
    uint8_t *row;              /* of a snapshot, where it is made here */
    uint8_t seen[HOOK_COUNT];  /* SEEN_* */
    bool unproven[HOOK_COUNT]; /* taken for running because the self-test could not provoke it */
    struct btf *btf; /* the kernel's, parsed once for a start; NULL before, after, and where it cannot be read */
    struct preempt_places places;
    struct probe_failure failures[FAILURE_COUNT];
};

/* programs.c */
void programs_list(struct probe *probe);
struct program *program_find(struct probe *probe, const char *prefix, const char *name);
/* Marks what the allowed events need. */
void programs_choose(struct probe *probe);
/* Attaches hooks, fills the handlers' tables; a failure is the program's reason. */
void programs_attach(struct probe *probe);
void programs_list_hooks(struct probe *probe);
/* Index of a handler by name, HANDLER_NONE if there is none. */
enum handler handler_by_name(const char *name);
const char *handler_name(enum handler handler);

/* tables.c: what is fixed before loading. */
void tables_fill(struct vedette__rodata *rodata);
/* Names of the rows that the BPF side knows by index: NULL, or the first that does not match. */
const char *tables_mismatch(void);

/* plan.c */
/* Only the calls, for the self-test. */
void plan_store_calls(struct probe *probe, const uint64_t on_exit[SYSCALL_LIMIT],
                      const uint64_t on_enter[SYSCALL_LIMIT]);
/* Adds a handler to a chain, in the order of handlers.def; false when the chain is full. */
bool chain_add(uint64_t *chain, enum handler handler);

/* flavour.c */
bool flavour_is_plain(enum probe_flavour flavour);
/* The skeleton of either, opened; NULL with errno. */
struct vedette *flavour_open(bool plain);
/* Gives the memory back that its image was read into; it can be opened again. */
void flavour_forget(bool plain);

/* resident.c */
/* A second descriptor, which stays open after the start. -1 with errno. */
int resident_keep(struct probe *probe, int fd);
/* Frees what only a start needs: 0 or -errno. */
int resident_shrink(struct probe *probe);
/* The rest, at any time. */
void resident_free(struct probe *probe);

/* environment.c: why the kernel would refuse. 0 or a negative exit code with words. */
int environment_check(char error[PROBE_ERROR_BYTES]);

/* preempt.c: all 0 where they are not known. `btf` may be NULL. */
struct preempt_places preempt_places_find(const struct btf *btf);

/* selftest.c */
void self_test_run(struct probe *probe);

/* coverage.c */
/* The hook of a tracepoint that the self-test provokes, else HOOK_COUNT. */
enum hook hook_of(const char *tracepoint);
enum probe_self_test hook_self_test(const struct probe *probe, enum hook hook);
void coverage_fill(struct probe *probe);
void coverage_free(struct probe *probe);

/* snapshot.c */
int snapshot_open_pool(struct probe *probe);
/* Finds the scope's process and our own numbers. 0 or -errno; -ESRCH when there is no such process. */
int snapshot_identify(struct probe *probe, uint32_t pid);
/* The next record as the iterator wrote it; NULL at the end. Valid until the next call. */
const struct record_header *snapshot_read(struct probe *probe, size_t *ret_available);

/* argv.c: argv_table_fill reads it of every process of the scope, once. 0 or -errno; what could not be read is then
 * unreadable in the rows. */
int argv_table_fill(struct probe *probe);
void argv_table_free(struct argv_table *table);
/* A process's record with its argv in the place of where that lies; another record as it is. */
const struct record_header *argv_put(struct probe *probe, const struct record_header *record, size_t *ret_available);

/* modules.c. NULL without memory. */
struct modules *modules_open(void);
void modules_close(struct modules *modules);
bool modules_are_there(const struct modules *modules, const char **ret_reason);
/* Begins the list anew, for rows with that header. */
bool modules_begin(struct modules *modules, const struct record_header *header);
/* The next row into ROW_BYTES: its size, 0 after the last. */
size_t modules_next(struct modules *modules, uint8_t *row);
/* One line, without its end: where the name ends, and the size. False when it is none. */
bool modules_parse(const char *line, size_t *ret_name_length, uint64_t *ret_size);

#endif
