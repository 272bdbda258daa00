/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attaches one floor (floor.bpf.c) for one process, empties its ring, and takes it off when stdin ends:
 *
 *   bench-floor MODE TGID     prints "ready", and at the end "submitted N lost N consumed N filtered N path_bytes N"
 *
 * Exit status 77: this kernel, or this user, cannot run BPF programs (the reason is on stderr).
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>

#include "bench/floor/floor.h"
#include "floor.skel.h"

enum { EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_CANNOT = 77, MAX_PROGRAMS = 2 };

/* What each mode attaches. */
static const struct mode {
    const char *name;
    const char *programs[MAX_PROGRAMS];
} modes[] = {
    {"capture-full", {"capture_full"}}, {"capture-small", {"capture_small"}},
    {"empty", {"empty_exit"}},          {"empty-both", {"empty_exit", "empty_enter"}},
    {"empty-enter", {"empty_enter"}},   {"open-filtered", {"open_filtered"}},
    {"open-path", {"open_path"}},
};

static const struct mode *mode_by_name(const char *name)
{
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
        if (strcmp(modes[i].name, name) == 0)
            return &modes[i];
    return NULL;
}

__attribute__((format(printf, 2, 0))) static int print_warnings(enum libbpf_print_level level, const char *format,
                                                                va_list arguments)
{
    return level == LIBBPF_WARN ? vfprintf(stderr, format, arguments) : 0;
}

static bool mode_has(const struct mode *mode, const char *program)
{
    for (size_t i = 0; i < MAX_PROGRAMS && mode->programs[i] != NULL; i++)
        if (strcmp(mode->programs[i], program) == 0)
            return true;
    return false;
}

/* 0, or the exit status after having said why. */
static int load(const struct mode *mode, uint32_t tgid, struct floor **ret_floor)
{
    if (access("/sys/kernel/btf/vmlinux", R_OK) != 0) {
        fprintf(stderr, "bench-floor: /sys/kernel/btf/vmlinux: %s; a kernel with CONFIG_DEBUG_INFO_BTF is needed\n",
                strerror(errno));
        return EXIT_CANNOT;
    }
    struct floor *floor = floor__open();
    if (floor == NULL) {
        fprintf(stderr, "bench-floor: cannot open the BPF object: %s\n", strerror(errno));
        return EXIT_FAILED;
    }
    floor->rodata->target_tgid = tgid;
    floor->rodata->small_syscall = SYS_ptrace;
    floor->rodata->open_syscall = SYS_openat;
    floor->rodata->close_syscall = SYS_close;
    struct bpf_program *program;
    bpf_object__for_each_program(program, floor->obj)
        bpf_program__set_autoload(program, mode_has(mode, bpf_program__name(program)));
    int error = floor__load(floor);
    if (error == 0)
        error = floor__attach(floor);
    if (error == 0) {
        *ret_floor = floor;
        return 0;
    }
    floor__destroy(floor);
    bool refused = error == -EPERM || error == -EACCES;
    fprintf(stderr, "bench-floor: cannot load the programs of %s: %s%s\n", mode->name, strerror(-error),
            refused ? "; CAP_BPF and CAP_PERFMON are needed: run as root" : "");
    return refused ? EXIT_CANNOT : EXIT_FAILED;
}

/* As many names as a policy might list, none of which the workload opens. */
static void fill_wanted(struct floor *floor)
{
    int map = bpf_map__fd(floor->maps.wanted_leaves);
    for (uint64_t i = 1; i <= 128; i++) {
        uint64_t leaf = i * 0x9e3779b97f4a7c15u;
        uint8_t one = 1;
        bpf_map_update_elem(map, &leaf, &one, BPF_ANY);
    }
}

static int count_record(void *context, void *data, size_t size)
{
    (void)data;
    (void)size;
    ++*(uint64_t *)context;
    return 0;
}

/* Empties the ring every millisecond until stdin ends: no wake-ups, which would be charged to the workload. */
static int consume_until_end(struct floor *floor, uint64_t *consumed)
{
    struct ring_buffer *ring = ring_buffer__new(bpf_map__fd(floor->maps.ring), count_record, consumed, NULL);
    if (ring == NULL)
        return -errno;
    struct pollfd end = {.fd = STDIN_FILENO, .events = POLLIN};
    while (poll(&end, 1, 1) == 0)
        ring_buffer__consume(ring);
    ring_buffer__consume(ring);
    ring_buffer__free(ring);
    return 0;
}

int main(int argc, char **argv)
{
    const struct mode *mode = argc == 3 ? mode_by_name(argv[1]) : NULL;
    char *end = NULL;
    unsigned long tgid = argc == 3 ? strtoul(argv[2], &end, 10) : 0;
    if (mode == NULL || *end != '\0' || tgid == 0 || tgid > INT32_MAX) {
        fprintf(stderr, "usage: bench-floor MODE TGID\nMODE is one of");
        for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
            fprintf(stderr, " %s", modes[i].name);
        fprintf(stderr, "\n");
        return EXIT_USAGE;
    }
    libbpf_set_print(print_warnings);
    struct floor *floor = NULL;
    int status = load(mode, (uint32_t)tgid, &floor);
    if (status != 0)
        return status;
    fill_wanted(floor);
    printf("ready\n");
    fflush(stdout);

    uint64_t consumed = 0;
    int error = consume_until_end(floor, &consumed);
    if (error != 0)
        fprintf(stderr, "bench-floor: cannot read the ring: %s\n", strerror(-error));
    const struct floor_counts counts = floor->bss->counts;
    printf("submitted %" PRIu64 " lost %" PRIu64 " consumed %" PRIu64 " filtered %" PRIu64 " path_bytes %" PRIu64 "\n",
           (uint64_t)counts.submitted, (uint64_t)counts.lost, consumed, (uint64_t)counts.filtered,
           (uint64_t)counts.path_bytes);
    floor__destroy(floor);
    return error == 0 ? 0 : EXIT_FAILED;
}
