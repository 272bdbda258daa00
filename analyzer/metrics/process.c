/* SPDX-License-Identifier: Apache-2.0 */
#include "analyzer/metrics/metrics.h"

#include <dirent.h>
#include <sys/resource.h>

#include "common/base/clock.h"

static void write_memory(struct metrics_writer *writer)
{
    unsigned long long pages, resident;
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file)
        return;
    double page = (double)sysconf(_SC_PAGESIZE);
    if (fscanf(file, "%llu %llu", &pages, &resident) == 2) {
        metrics_put(writer, METRIC_PROCESS_VIRTUAL, NULL, (double)pages * page);
        metrics_put(writer, METRIC_PROCESS_RESIDENT, NULL, (double)resident * page);
    }
    fclose(file);
}

static void write_descriptors(struct metrics_writer *writer)
{
    DIR *directory = opendir("/proc/self/fd");
    if (directory) {
        double open = -1; /* the directory's own */
        for (struct dirent *entry; (entry = readdir(directory));)
            open += entry->d_name[0] != '.';
        closedir(directory);
        metrics_put(writer, METRIC_PROCESS_OPEN_FDS, NULL, open);
    }
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
        metrics_put(writer, METRIC_PROCESS_MAX_FDS, NULL, (double)limit.rlim_cur);
}

static void write_start_time(struct metrics_writer *writer)
{
    char text[1024];
    FILE *file = fopen("/proc/self/stat", "re");
    if (!file)
        return;
    size_t size = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[size] = '\0';
    unsigned long long ticks;
    const char *after_name = strrchr(text, ')'); /* the name may hold spaces and brackets */
    if (after_name &&
        sscanf(after_name, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
               &ticks) == 1)
        metrics_put(writer, METRIC_PROCESS_START, NULL,
                    (double)ticks / (double)sysconf(_SC_CLK_TCK) + (double)clock_wall_minus_boot_ns() / 1e9);
}

void metrics_collect_process(void *arg, struct metrics_writer *writer)
{
    (void)arg;
    struct timespec cpu;
    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu) == 0)
        metrics_put(writer, METRIC_PROCESS_CPU, NULL, (double)cpu.tv_sec + (double)cpu.tv_nsec / 1e9);
    write_memory(writer);
    write_descriptors(writer);
    write_start_time(writer);
}
