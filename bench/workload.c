/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pinned loops that the bench measures. Commands come on stdin, one a line, one line of answer each, so that a
 * probe can be attached to this process by its pid and taken off again between two measurements of the same process:
 *
 *   loop OP COUNT CHUNKS      "loop OP CPU_NS WALL_NS": ns an operation, the median of CHUNKS chunks of COUNT
 * operations flat OP MILLISECONDS      "flat OP COUNT WALL_NS CPU_NS": operations done at full speed pace OP RATE
 * MILLISECONDS "pace OP COUNT WALL_NS": operations done at RATE a second exec PROGRAM [ARG...]     "exec STATUS
 * WALL_NS": runs it; WALL_NS is the wall clock just before the fork quit
 *
 * "& " before a command runs it in a child, which answers when it is done, with "& " before its answer.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { MAX_CHUNKS = 101, MAX_WORDS = 32, LINE_BYTES = 4096, EXIT_USAGE = 2 };

struct operation {
    const char *name;
    void (*run)(void);
};

static const char *open_path = "/dev/null", *watched_path = "/dev/null";

/* Never an event: what a system call costs that nobody asked about. */
static void run_getpgid(void)
{
    syscall(SYS_getpgid, 0);
}

/* Its number, 110 on x86-64, is iopl's of 32-bit programs, which is always on: the caller's ABI must be looked at. */
static void run_getppid(void)
{
    syscall(SYS_getppid);
}

/*
 * The smallest event of the default selection. The request does not exist and neither does process 0, so the kernel
 * answers ESRCH after one failed look-up; four integers are all there is to report.
 */
static void run_ptrace(void)
{
    syscall(SYS_ptrace, 0x7fff, 0, 0, 0);
}

static void open_and_close(const char *path)
{
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    syscall(SYS_close, fd);
}

/* No detection waits for it: left out in the kernel. */
static void run_openclose(void)
{
    open_and_close(open_path);
}

/* One whose name a detection waits for, in another place than it thinks of: captured, judged, and no finding. */
static void run_openwatched(void)
{
    open_and_close(watched_path);
}

static const struct operation operations[] = {
    {"getpgid", run_getpgid},
    {"getppid", run_getppid},
    {"openclose", run_openclose},
    {"openwatched", run_openwatched},
    {"ptrace", run_ptrace},
};

static const struct operation *operation_by_name(const char *name)
{
    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
        if (strcmp(operations[i].name, name) == 0)
            return &operations[i];
    return NULL;
}

static uint64_t read_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int compare_double(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t count)
{
    qsort(values, count, sizeof(*values), compare_double);
    return values[count / 2];
}

/* The thread's CPU time is the figure: it holds what the hooks cost, and not the turns that the scheduler gave to
 * others. */
static void answer_loop(const struct operation *op, uint64_t count, uint64_t chunks)
{
    double cpu[MAX_CHUNKS], wall[MAX_CHUNKS];
    for (uint64_t chunk = 0; chunk < chunks; chunk++) {
        uint64_t wall_start = read_ns(CLOCK_MONOTONIC);
        uint64_t cpu_start = read_ns(CLOCK_THREAD_CPUTIME_ID);
        for (uint64_t i = 0; i < count; i++)
            op->run();
        cpu[chunk] = (double)(read_ns(CLOCK_THREAD_CPUTIME_ID) - cpu_start) / (double)count;
        wall[chunk] = (double)(read_ns(CLOCK_MONOTONIC) - wall_start) / (double)count;
    }
    printf("loop %s %.2f %.2f\n", op->name, median(cpu, chunks), median(wall, chunks));
}

static void answer_flat(const struct operation *op, uint64_t milliseconds)
{
    enum { BETWEEN_CLOCKS = 64 };
    uint64_t start = read_ns(CLOCK_MONOTONIC), now = start, done = 0;
    uint64_t cpu_start = read_ns(CLOCK_THREAD_CPUTIME_ID);
    while (now - start < milliseconds * 1000000u) {
        for (int i = 0; i < BETWEEN_CLOCKS; i++)
            op->run();
        done += BETWEEN_CLOCKS;
        now = read_ns(CLOCK_MONOTONIC);
    }
    printf("flat %s %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", op->name, done, now - start,
           read_ns(CLOCK_THREAD_CPUTIME_ID) - cpu_start);
}

/* Bursts of a millisecond's worth with a sleep between them: a steady rate that leaves the CPU to others when it is
 * low. */
static void answer_pace(const struct operation *op, uint64_t rate, uint64_t milliseconds)
{
    uint64_t start = read_ns(CLOCK_MONOTONIC), now = start, done = 0;
    while (now - start < milliseconds * 1000000u) {
        uint64_t due = (uint64_t)((double)(now - start) * (double)rate / 1e9);
        for (; done < due; done++)
            op->run();
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        now = read_ns(CLOCK_MONOTONIC);
    }
    printf("pace %s %" PRIu64 " %" PRIu64 "\n", op->name, done, now - start);
}

/* What the program prints is not ours to mix with the answers. */
static void answer_exec(char **arguments)
{
    int status = -1;
    uint64_t start = read_ns(CLOCK_REALTIME);
    pid_t child = fork();
    if (child == 0) {
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        dup2(null, STDIN_FILENO);
        dup2(null, STDOUT_FILENO);
        dup2(null, STDERR_FILENO);
        execvp(arguments[0], arguments);
        _exit(127);
    }
    if (child > 0)
        waitpid(child, &status, 0);
    printf("exec %d %" PRIu64 "\n", child > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1, start);
}

static uint64_t parse_number(const char *text)
{
    char *end;
    errno = 0;
    uint64_t value = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || text[0] == '-') {
        printf("error: not a number: %s\n", text);
        exit(EXIT_USAGE);
    }
    return value;
}

static bool answer(char **words, size_t count)
{
    if (count >= 2 && strcmp(words[0], "exec") == 0) {
        answer_exec(words + 1);
        return true;
    }
    const struct operation *op = count >= 2 ? operation_by_name(words[1]) : NULL;
    if (op == NULL)
        return false;
    if (count == 4 && strcmp(words[0], "loop") == 0) {
        uint64_t chunks = parse_number(words[3]), loops = parse_number(words[2]);
        if (chunks == 0 || chunks > MAX_CHUNKS || loops == 0)
            return false;
        answer_loop(op, loops, chunks);
    } else if (count == 3 && strcmp(words[0], "flat") == 0) {
        answer_flat(op, parse_number(words[2]));
    } else if (count == 4 && strcmp(words[0], "pace") == 0) {
        answer_pace(op, parse_number(words[2]), parse_number(words[3]));
    } else {
        return false;
    }
    return true;
}

static void answer_in_child(char **words, size_t count)
{
    fflush(stdout);
    pid_t child = fork();
    if (child != 0) {
        printf(child > 0 ? "started\n" : "error: fork failed\n");
        return;
    }
    fputs("& ", stdout);
    if (!answer(words, count))
        printf("error: bad command\n");
    fflush(stdout);
    _exit(0);
}

static size_t split(char *line, char *words[MAX_WORDS + 1])
{
    size_t count = 0;
    char *rest = NULL;
    for (char *word = strtok_r(line, " \n", &rest); word != NULL && count < MAX_WORDS;
         word = strtok_r(NULL, " \n", &rest))
        words[count++] = word;
    words[count] = NULL;
    return count;
}

static void serve(void)
{
    char line[LINE_BYTES];
    while (fgets(line, sizeof(line), stdin) != NULL) {
        char *words[MAX_WORDS + 1];
        size_t count = split(line, words);
        while (waitpid(-1, NULL, WNOHANG) > 0)
            continue;
        if (count > 0 && strcmp(words[0], "quit") == 0)
            return;
        if (count > 1 && strcmp(words[0], "&") == 0)
            answer_in_child(words + 1, count - 1);
        else if (count == 0 || !answer(words, count))
            printf("error: bad command\n");
        fflush(stdout);
    }
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: bench-workload CPU PATH WATCHED\nRuns on CPU; openclose opens PATH, openwatched WATCHED. Commands on stdin: see "
                        "bench/workload.c.\n");
        return EXIT_USAGE;
    }
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(parse_number(argv[1]) % CPU_SETSIZE, &cpus);
    if (sched_setaffinity(0, sizeof(cpus), &cpus) != 0) {
        fprintf(stderr, "bench-workload: cannot run on CPU %s: %m\n", argv[1]);
        return 1;
    }
    open_path = argv[2];
    watched_path = argv[3];
    if (access(open_path, R_OK) != 0 || access(watched_path, R_OK) != 0) {
        fprintf(stderr, "bench-workload: cannot read %s or %s: %m\n", open_path, watched_path);
        return 1;
    }
    /* The timer's default slack of 50 us would be half of a paced burst's period at the higher rates. */
    prctl(PR_SET_TIMERSLACK, 1000);
    serve();
    return 0;
}
