/* SPDX-License-Identifier: Apache-2.0 */
/* The outbox on a disk that is full or read-only: a tiny tmpfs in a mount namespace of this process. Needs
 * CAP_SYS_ADMIN, else skipped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "analyzer/alert/alert_testing.h"

static bool privileged;

static int group_setup(void **state)
{
    (void)state;
    privileged = unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
    return 0;
}

static int setup(void **state)
{
    struct temporary *temporary = calloc(1, sizeof(*temporary));
    assert_non_null(temporary);
    temporary_make(temporary);
    *state = temporary;
    if (privileged)
        assert_int_equal(mount("tmpfs", temporary->folder, "tmpfs", 0, "size=512k"), 0);
    return 0;
}

static int teardown(void **state)
{
    struct temporary *temporary = *state;
    if (privileged)
        assert_int_equal(umount2(temporary->folder, 0), 0); /* fails if the outbox left a descriptor behind */
    temporary_remove(temporary);
    free(temporary);
    return 0;
}

/* Fills the file system to the last page; returns the filler's path. */
static void fill(const struct temporary *temporary, char path[TESTING_PATH_BYTES])
{
    snprintf(path, TESTING_PATH_BYTES, "%s/filler", temporary->folder);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    static const char page[4096];
    while (write(fd, page, sizeof(page)) > 0)
        ;
    assert_int_equal(errno, ENOSPC);
    close(fd);
}

static uint64_t cursor_of_node1;

static void see_cursor(void *arg, uint64_t session, uint64_t seq)
{
    (void)arg;
    (void)session;
    cursor_of_node1 = seq;
}

/* A batch of alerts with its cursor, as the ingest commits it. */
static int commit_batch(struct outbox *outbox, unsigned batch)
{
    struct alert alerts[20];
    for (unsigned i = 0; i < 20; i++)
        alerts[i] = alert_of(batch * 20 + i);
    const struct outbox_cursor cursor = {"node1", 1, batch + 1};
    return outbox_commit(outbox, alerts, 20, &cursor, 1);
}

static void assert_consistent(struct outbox *outbox, unsigned batches)
{
    cursor_of_node1 = 0;
    assert_int_equal(outbox_cursors(outbox, "node1", see_cursor, NULL), 0);
    assert_int_equal(cursor_of_node1, batches);
    assert_int_equal(outbox_count_after(outbox, 0), batches * 20);
}

static void test_outbox_full_disk(void **state)
{
    struct temporary *temporary = *state;
    char filler[TESTING_PATH_BYTES], words[OUTBOX_ERROR_BYTES];
    if (!privileged)
        skip();
    struct outbox *outbox = outbox_open_or_die(temporary->outbox);
    int64_t row;
    assert_int_equal(outbox_sink_open(outbox, "sink", true, &row), 0);
    assert_int_equal(commit_batch(outbox, 0), 0);
    fill(temporary, filler);
    unsigned batch = 1;
    int result;
    while ((result = commit_batch(outbox, batch)) == 0) /* the log may have room left */
        batch++;
    assert_int_equal(result, -ENOSPC);
    assert_int_equal(commit_batch(outbox, batch), -ENOSPC);
    outbox_last_error(outbox, words);
    assert_non_null(strstr(words, temporary->outbox));
    assert_non_null(strstr(words, "no space left: free some"));
    assert_non_null(strstr(words, "commit"));
    assert_consistent(outbox, batch);
    struct alert alert;
    assert_int_equal(outbox_read(outbox, row, &alert), 0); /* what is there can still be delivered */
    alert_fini(&alert);
    assert_int_equal(unlink(filler), 0);
    assert_int_equal(commit_batch(outbox, batch), 0);
    assert_int_equal(outbox_sink_advance(outbox, "sink", 1, NULL), 0);
    assert_consistent(outbox, batch + 1);
    struct outbox_figures figures;
    outbox_figures(outbox, &figures);
    assert_int_equal(figures.failures, 2);
    outbox_close(outbox);
    outbox = outbox_open_or_die(temporary->outbox);
    assert_consistent(outbox, batch + 1);
    outbox_close(outbox);
}

/* Killed while the disk is full: no fold-back at close, and what was committed is there. */
static void test_outbox_killed_on_a_full_disk(void **state)
{
    struct temporary *temporary = *state;
    char filler[TESTING_PATH_BYTES];
    if (!privileged)
        skip();
    int fds[2];
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    pid_t child = fork();
    if (child == 0) {
        struct outbox *outbox;
        char words[OUTBOX_ERROR_BYTES];
        if (outbox_open(temporary->outbox, &outbox, words))
            _exit(1);
        fill(temporary, filler);
        unsigned char batches = 0;
        while (commit_batch(outbox, batches) == 0)
            batches++;
        if (write(fds[1], &batches, 1) != 1)
            _exit(1);
        _exit(0);
    }
    close(fds[1]);
    unsigned char batches;
    assert_int_equal(read(fds[0], &batches, 1), 1);
    close(fds[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    snprintf(filler, sizeof(filler), "%s/filler", temporary->folder);
    assert_int_equal(unlink(filler), 0);
    struct outbox *outbox = outbox_open_or_die(temporary->outbox);
    assert_consistent(outbox, batches);
    outbox_close(outbox);
}

static void test_outbox_open_on_a_full_disk(void **state)
{
    struct temporary *temporary = *state;
    char filler[TESTING_PATH_BYTES], words[OUTBOX_ERROR_BYTES];
    if (!privileged)
        skip();
    fill(temporary, filler);
    struct outbox *outbox = NULL;
    assert_int_equal(outbox_open(temporary->outbox, &outbox, words), -ENOSPC);
    assert_non_null(strstr(words, "no space left"));
    assert_int_equal(unlink(filler), 0);
    outbox_close(outbox_open_or_die(temporary->outbox));
}

static void test_outbox_read_only(void **state)
{
    struct temporary *temporary = *state;
    char words[OUTBOX_ERROR_BYTES];
    if (!privileged)
        skip();
    assert_int_equal(mount(NULL, temporary->folder, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
    struct outbox *outbox = NULL;
    assert_int_equal(outbox_open(temporary->outbox, &outbox, words), -EROFS);
    assert_non_null(strstr(words, "cannot be written"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_outbox_full_disk, setup, teardown),
        cmocka_unit_test_setup_teardown(test_outbox_killed_on_a_full_disk, setup, teardown),
        cmocka_unit_test_setup_teardown(test_outbox_open_on_a_full_disk, setup, teardown),
        cmocka_unit_test_setup_teardown(test_outbox_read_only, setup, teardown),
    };
    return cmocka_run_group_tests(tests, group_setup, NULL);
}
