/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pty.h>

#include "common/base/progress.h"

#define MS UINT64_C(1000000)

static void test_progress_on_a_terminal(void **state)
{
    int ours, theirs;
    char seen[512] = "";
    struct progress progress;
    (void)state;
    setenv("TERM", "xterm", 1);
    assert_int_equal(openpty(&ours, &theirs, NULL, NULL, NULL), 0);
    progress_begin(&progress, theirs, "files", 4);
    progress_step(&progress, 0);
    progress_step(&progress, 50 * MS); /* too soon to be told */
    progress_step(&progress, 150 * MS);
    progress_wipe(&progress);
    progress_wipe(&progress);
    assert_true(read(ours, seen, sizeof(seen) - 1) > 0);
    assert_string_equal(seen, "\r\033[K1 of 4 files (25 %)\r\033[K3 of 4 files (75 %)\r\033[K");

    setenv("TERM", "dumb", 1);
    progress_begin(&progress, theirs, "files", 4);
    assert_int_equal(progress.fd, -1);
    close(ours);
    close(theirs);
}

static void test_progress_elsewhere(void **state)
{
    int ends[2];
    char byte;
    struct progress progress;
    (void)state;
    setenv("TERM", "xterm", 1);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    progress_begin(&progress, ends[1], "files", 0);
    progress_step(&progress, 0);
    progress_wipe(&progress);
    close(ends[1]);
    assert_int_equal(read(ends[0], &byte, 1), 0);
    close(ends[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_progress_on_a_terminal),
                                       cmocka_unit_test(test_progress_elsewhere)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
