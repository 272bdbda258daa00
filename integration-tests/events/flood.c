/* SPDX-License-Identifier: Apache-2.0 */
#include "integration-tests/events/flood.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "integration-tests/events/expect.h"

enum {
    CPUS = 64,
    PORTION = 64,     /* calls between two looks at the clock */
    FIRST_RATE = 250, /* calls a second, doubled from step to step */
    STEPS = 14,       /* to two million */
    STEP_NS = 500000000,
    TICK_NS = 4000000, /* of a paced step: this long a portion takes at its rate */
    SECOND_NS = 1000000000,
};

static struct {
    int cpus;
    pid_t pid[CPUS];
    unsigned long *calls; /* by CPU; shared */
    uint64_t begin_ns;
} flood;

static uint64_t now_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

static void prepare(void)
{
    flood.cpus = (int)sysconf(_SC_NPROCESSORS_ONLN);
    if (flood.cpus < 1 || flood.cpus > CPUS)
        flood.cpus = CPUS;
    flood.calls = mmap(NULL, CPUS * sizeof(*flood.calls), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (flood.calls == MAP_FAILED)
        cannot("memory for counters");
    for (int i = 0; i < CPUS; i++)
        flood.calls[i] = 0;
}

/* Reads, each of which is an event. */
static void pour(int fd, int cpu, unsigned long count)
{
    char byte;
    for (unsigned long i = 0; i < count; i++)
        if (pread(fd, &byte, 1, 0) != 1)
            _exit(1);
    __atomic_fetch_add(&flood.calls[cpu], count, __ATOMIC_RELAXED);
}

/* A child on that CPU; it ends with this process. */
static pid_t begin(int cpu, void (*run)(int fd, int cpu, unsigned long rate), unsigned long rate)
{
    pid_t parent = getpid(), pid = fork();
    cpu_set_t set;
    if (pid != 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NAME, "vt-flood");
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    sched_setaffinity(0, sizeof(set), &set); /* where it may not, it runs anywhere */
    int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    if (fd < 0 || getppid() != parent)
        _exit(1);
    run(fd, cpu, rate);
    _exit(0);
}

static void pour_on(int fd, int cpu, unsigned long rate)
{
    (void)rate;
    for (;;)
        pour(fd, cpu, PORTION);
}

void flood_start(void)
{
    prepare();
    flood.begin_ns = now_ns(CLOCK_MONOTONIC);
    for (int i = 0; i < flood.cpus; i++)
        flood.pid[i] = begin(i, pour_on, 0);
    /* Not before all of them are at it. */
    for (int i = 0; i < flood.cpus; i++)
        while (__atomic_load_n(&flood.calls[i], __ATOMIC_RELAXED) == 0)
            sched_yield();
}

void flood_stop(void)
{
    unsigned long calls = 0;
    uint64_t ns = now_ns(CLOCK_MONOTONIC) - flood.begin_ns;
    char text[128];
    for (int i = 0; i < flood.cpus; i++) {
        kill(flood.pid[i], SIGKILL);
        waitpid(flood.pid[i], NULL, 0);
        calls += flood.calls[i];
    }
    int length = snprintf(text, sizeof(text), "{\"flood\":{\"calls\":%lu,\"ns\":%ju}}\n", calls, (uintmax_t)ns);
    if (write(expectations, text, (size_t)length) != length)
        cannot("writing what is expected");
}

/* A portion, then nothing until its time is over: as many a second as it was told. */
static void pour_paced(int fd, int cpu, unsigned long rate)
{
    unsigned long portion = rate * (TICK_NS / 1000) / (SECOND_NS / 1000) + 1;
    uint64_t begin_ns = now_ns(CLOCK_MONOTONIC), next = begin_ns;
    while (now_ns(CLOCK_MONOTONIC) - begin_ns < STEP_NS) {
        pour(fd, cpu, portion);
        next += portion * (uint64_t)SECOND_NS / rate;
        struct timespec until = {.tv_sec = (time_t)(next / SECOND_NS), .tv_nsec = (long)(next % SECOND_NS)};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
    }
}

static unsigned long all_calls(void)
{
    unsigned long calls = 0;
    for (int i = 0; i < flood.cpus; i++)
        calls += __atomic_load_n(&flood.calls[i], __ATOMIC_RELAXED);
    return calls;
}

static void step_line(uint64_t begin_ns, uint64_t end_ns, unsigned long calls)
{
    char text[128];
    int length =
        snprintf(text, sizeof(text), "{\"ramp\":[%ju,%ju,%lu]}\n", (uintmax_t)begin_ns, (uintmax_t)end_ns, calls);
    if (write(expectations, text, (size_t)length) != length)
        cannot("writing what is expected");
}

void flood_ramp(void)
{
    int too_fast = 0;
    prepare();
    for (int step = 0; step < STEPS && too_fast < 2; step++) {
        unsigned long rate = (unsigned long)FIRST_RATE << step, before = all_calls();
        uint64_t begin_ns = now_ns(CLOCK_REALTIME);
        for (int i = 0; i < flood.cpus; i++)
            flood.pid[i] = begin(i, pour_paced, rate / (unsigned long)flood.cpus + 1);
        for (int i = 0; i < flood.cpus; i++)
            waitpid(flood.pid[i], NULL, 0);
        unsigned long calls = all_calls() - before;
        uint64_t end_ns = now_ns(CLOCK_REALTIME);
        step_line(begin_ns, end_ns, calls);
        too_fast = calls * SECOND_NS / (end_ns - begin_ns) < rate / 2 ? too_fast + 1 : 0;
    }
}
