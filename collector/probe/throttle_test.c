/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cgroup that makes more events than a ring holds leaves room for the others, on the running kernel, with processes
 * and cgroups of the test's own. Exits 77 where programs cannot be loaded.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "collector/probe/test_probe.h"
#include "collector/probe/test_records.h"
#include "common/base/clock.h"

enum { NOISE = 4000, QUIET = 20, RING = 256 * 1024 };

/* A process in a cgroup of its own that opens `path` so often once it is told. */
struct opener {
    char cgroup[320];
    int go[2];
    pid_t pid;
};

static bool make_opener(struct opener *opener, const char *root, const char *name, const char *path, int times)
{
    char procs[340], byte;
    snprintf(opener->cgroup, sizeof(opener->cgroup), "%s/vedette-throttle-%s-%d", root, name, getpid());
    snprintf(procs, sizeof(procs), "%s/cgroup.procs", opener->cgroup);
    if (mkdir(opener->cgroup, 0755) != 0 || pipe(opener->go) != 0) {
        printf("%s: %s: not tested\n", opener->cgroup, strerror(errno));
        return false;
    }
    opener->pid = fork();
    if (opener->pid != 0)
        return opener->pid > 0;
    int fd = open(procs, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, "0", 1) != 1 || read(opener->go[0], &byte, 1) != 1)
        _exit(1);
    for (int i = 0; i < times; i++)
        close(open(path, O_RDONLY | O_CLOEXEC));
    _exit(0);
}

static void run_opener(struct opener *opener)
{
    int status;
    assert_int_equal(write(opener->go[1], "g", 1), 1);
    assert_int_equal(waitpid(opener->pid, &status, 0), opener->pid);
    assert_int_equal(status, 0);
    close(opener->go[0]);
    close(opener->go[1]);
    rmdir(opener->cgroup);
}

static void test_throttle_leaves_room_for_others(void **state)
{
    (void)state;
    static const uint32_t events[] = {EVENT_security_file_open};
    char root[256];
    struct opener noisy, quiet;
    if (!find_cgroup2(root)) {
        printf("no cgroup2 file system is mounted: not tested\n");
        skip();
    }
    if (!make_opener(&noisy, root, "noisy", "/", NOISE) || !make_opener(&quiet, root, "quiet", "/proc", QUIET))
        skip();
    struct probe_settings settings = everything;
    settings.ring_bytes[CLASS_BULK] = RING;
    struct probe *probe = start_probe(&settings, SCOPE_CHILDREN, (uint32_t)getpid());
    assert_non_null(probe);
    struct rings *rings = open_rings(probe);
    volatile struct throttle *throttle = probe_throttle(probe);
    select_some(probe, events, 1);
    throttle->round++;
    run_opener(&noisy);
    run_opener(&quiet);

    struct records *records = calloc(1, sizeof(*records));
    uint64_t end = clock_boot_ns(), lost = 0, attempts = 0, throttled = 0, quiet_cgroup = 0, noisy_cgroup = 0;
    while (records->until_ns < end)
        records_take(records, rings);
    for (uint32_t cpu = 0; cpu < probe_cpus(probe); cpu++) {
        const volatile struct ring_account *account = probe_account(probe, cpu, CLASS_BULK, CONTEXT_TASK);
        lost += account->lost;
        attempts += account->attempts;
        throttled += account->throttled;
    }
    assert_int_equal(lost, 0);
    assert_int_equal(attempts, NOISE + QUIET);
    assert_int_equal(attempts, throttled + records->count);
    assert_true(throttled > NOISE / 4);
    assert_int_equal(throttle->count, throttled);
    assert_int_equal(records_count(records, "security_file_open", (uint32_t)quiet.pid), QUIET);
    for (size_t i = 0; i < records->count; i++)
        *(records->record[i]->tgid == (uint32_t)quiet.pid ? &quiet_cgroup : &noisy_cgroup) =
            records->record[i]->cgroup_id;
    assert_int_not_equal(quiet_cgroup, noisy_cgroup);
    for (size_t i = 0; i < THROTTLE_SLOTS; i++)
        if (throttle->cgroup[i].count > 0) {
            assert_int_equal(throttle->cgroup[i].cgroup_id, noisy_cgroup);
            assert_int_equal(throttle->cgroup[i].count, throttled);
            assert_true(throttle->cgroup[i].first_ns <= throttle->cgroup[i].last_ns);
            assert_true(throttle->cgroup[i].last_ns <= end);
        }
    records_free(records);
    free(records);
    rings_close(rings);
    probe_stop(probe);
}

int main(void)
{
    int skipped = can_load();
    if (skipped != 0)
        return skipped;
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_throttle_leaves_room_for_others)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
