/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "analyzer/alert/alert_testing.h"

static void test_outbox_commit_and_read(void **state)
{
    struct temporary *temporary = *state;
    struct outbox *outbox = outbox_open_or_die(temporary->outbox);
    struct alert alert, sent = alert_of(7);
    assert_int_equal(outbox_read(outbox, 0, &alert), -ENOENT);
    assert_int_equal(outbox_commit(outbox, &sent, 1, NULL, 0), 0);
    assert_int_equal(outbox_read(outbox, 0, &alert), 0);
    assert_string_equal(alert.id, sent.id);
    assert_string_equal(alert.node, sent.node);
    assert_string_equal(alert.detection, sent.detection);
    assert_string_equal(alert.json, sent.json);
    assert_true(alert.time_ns == sent.time_ns);
    assert_int_equal(alert.severity, 3);
    assert_int_equal(alert.row, 1);
    assert_int_equal(outbox_read(outbox, alert.row, &sent), -ENOENT);
    alert_fini(&alert);
    outbox_close(outbox);
    struct stat status;
    assert_int_equal(stat(temporary->outbox, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
}

/* An id that is known is not stored again, in the same commit, in a later one and after a restart; and takes no row
 * number. */
static void test_outbox_same_id_once(void **state)
{
    struct temporary *temporary = *state;
    struct outbox *outbox = outbox_open_or_die(temporary->outbox);
    struct alert twice[] = {alert_of(1), alert_of(1)};
    struct outbox_figures figures;
    assert_int_equal(outbox_commit(outbox, twice, 2, NULL, 0), 0);
    assert_int_equal(outbox_commit(outbox, twice, 2, NULL, 0), 0);
    outbox_figures(outbox, &figures);
    assert_int_equal(figures.alerts, 1);
    assert_int_equal(figures.duplicates, 3);
    assert_int_equal(figures.commits, 2);
    outbox_close(outbox);
    outbox = outbox_open_or_die(temporary->outbox);
    assert_int_equal(commit_alerts(outbox, 1, 3), 0);
    outbox_figures(outbox, &figures);
    assert_int_equal(figures.duplicates, 1);
    assert_int_equal(figures.last_row, 3);
    assert_int_equal(outbox_count_after(outbox, 0), 3);
    outbox_close(outbox);
}

struct seen_cursors {
    size_t count;
    uint64_t session[200], seq[200];
};

static void see_cursor(void *arg, uint64_t session, uint64_t seq)
{
    struct seen_cursors *seen = arg;
    assert_true(seen->count < 200);
    seen->session[seen->count] = session;
    seen->seq[seen->count++] = seq;
}

static void test_outbox_cursors(void **state)
{
    struct temporary *temporary = *state;
    struct outbox *outbox = outbox_open_or_die(temporary->outbox);
    const struct outbox_cursor first[] = {{"node1", UINT64_MAX, 5}, {"node1", 3, UINT64_MAX}, {"node2", 3, 1}};
    const struct outbox_cursor second = {"node1", UINT64_MAX, 6};
    struct seen_cursors seen = {0};
    assert_int_equal(outbox_commit(outbox, NULL, 0, first, 3), 0);
    assert_int_equal(outbox_commit(outbox, NULL, 0, &second, 1), 0);
    outbox_close(outbox);
    outbox = outbox_open_or_die(temporary->outbox);
    assert_int_equal(outbox_cursors(outbox, "node1", see_cursor, &seen), 0);
    assert_int_equal(seen.count, 2);
    /* Newest session first; sessions are random, so the order is of their first cursor. */
    assert_true(seen.session[0] == 3 && seen.seq[0] == UINT64_MAX);
    assert_true(seen.session[1] == UINT64_MAX && seen.seq[1] == 6);
    for (uint64_t session = 100; session < 100 + 2 * OUTBOX_KEEP_SESSIONS; session++) {
        const struct outbox_cursor cursor = {"node1", session, 1};
        assert_int_equal(outbox_commit(outbox, NULL, 0, &cursor, 1), 0);
    }
    seen.count = 0;
    assert_int_equal(outbox_cursors(outbox, "node1", see_cursor, &seen), 0);
    assert_int_equal(seen.count, OUTBOX_KEEP_SESSIONS);
    assert_true(seen.session[0] == 99 + 2 * OUTBOX_KEEP_SESSIONS);
    seen.count = 0;
    assert_int_equal(outbox_cursors(outbox, "node2", see_cursor, &seen), 0);
    assert_int_equal(seen.count, 1);
    outbox_close(outbox);
}

static void test_outbox_sinks_have_own_cursors(void **state)
{
    struct temporary *temporary = *state;
    struct outbox *outbox = outbox_open_or_die(temporary->outbox);
    int64_t row = -1;
    assert_int_equal(commit_alerts(outbox, 1, 5), 0);
    assert_int_equal(outbox_sink_open(outbox, "from_begin", false, &row), 0);
    assert_int_equal(row, 0);
    assert_int_equal(outbox_sink_open(outbox, "from_now", true, &row), 0);
    assert_int_equal(row, 5);
    assert_int_equal(outbox_sink_advance(outbox, "from_begin", 2, NULL), 0);
    assert_int_equal(outbox_sink_advance(outbox, "from_begin", 3, "not wanted"), 0);
    assert_int_equal(outbox_sink_advance(outbox, "from_begin", 1, NULL), 0); /* never backward */
    assert_int_equal(outbox_sink_advance(outbox, "nobody", 1, NULL), -ENOENT);
    outbox_close(outbox);
    assert_int_equal(
        outside_integer(
            temporary->outbox,
            "SELECT COUNT(*) FROM dead_letters WHERE sink = 'from_begin' AND row = 3 AND reason = 'not wanted'"),
        1);
    outbox = outbox_open_or_die(temporary->outbox);
    assert_int_equal(outbox_sink_open(outbox, "from_begin", true, &row), 0);
    assert_int_equal(row, 3);
    assert_int_equal(outbox_sink_open(outbox, "from_now", false, &row), 0);
    assert_int_equal(row, 5);
    outbox_close(outbox);
}

static void test_outbox_prune_keeps_what_a_sink_needs(void **state)
{
    struct temporary *temporary = *state;
    struct outbox *outbox = outbox_open_or_die(temporary->outbox);
    const unsigned total = OUTBOX_KEEP_ROWS + 500;
    int64_t row;
    struct alert alert;
    assert_int_equal(outbox_sink_open(outbox, "fast", true, &row), 0);
    assert_int_equal(outbox_sink_open(outbox, "slow", true, &row), 0);
    assert_int_equal(commit_alerts(outbox, 1, total), 0);
    assert_int_equal(outbox_sink_advance(outbox, "fast", total, NULL), 0);
    assert_int_equal(outbox_sink_advance(outbox, "slow", 100, NULL), 0);
    assert_int_equal(outbox_prune(outbox, OUTBOX_MAX_BYTES), 0);
    assert_int_equal(outbox_read(outbox, 0, &alert), 0);
    assert_int_equal(alert.row, 101);
    alert_fini(&alert);
    assert_int_equal(outbox_sink_advance(outbox, "slow", total, NULL), 0);
    assert_int_equal(outbox_prune(outbox, OUTBOX_MAX_BYTES), 0);
    assert_int_equal(outbox_count_after(outbox, 0), OUTBOX_KEEP_ROWS);
    struct outbox_figures figures;
    outbox_figures(outbox, &figures);
    assert_int_equal(figures.pruned, 500);
    assert_int_equal(figures.lost, 0);
    outbox_close(outbox);
}

static void test_outbox_prune_by_age(void **state)
{
    struct temporary *temporary = *state;
    struct outbox *outbox = outbox_open_or_die(temporary->outbox);
    int64_t row;
    assert_int_equal(outbox_sink_open(outbox, "sink", true, &row), 0);
    assert_int_equal(commit_alerts(outbox, 1, 10), 0);
    assert_int_equal(outbox_sink_advance(outbox, "sink", 4, "refused"), 0);
    assert_int_equal(outbox_sink_advance(outbox, "sink", 8, NULL), 0);
    assert_int_equal(outbox_prune(outbox, OUTBOX_MAX_BYTES), 0);
    assert_int_equal(outbox_count_after(outbox, 0), 10);
    outside_execute(temporary->outbox,
                    "UPDATE alerts SET added = added - 8 * 24 * 3600 WHERE row <= 9; UPDATE sinks SET seen = 0");
    assert_int_equal(outbox_prune(outbox, OUTBOX_MAX_BYTES), 0);
    /* Old and passed: 1 to 8; but 4 is a dead letter. 9 is old, and the sink is in use, however long it has not
     * advanced. */
    assert_int_equal(outside_integer(temporary->outbox, "SELECT COUNT(*) FROM alerts WHERE row IN (4, 9, 10)"), 3);
    assert_int_equal(outbox_count_after(outbox, 0), 3);
    outbox_close(outbox);
    /* The next life does not use that sink, and nobody has seen it for long: it holds nothing any more. */
    outbox = outbox_open_or_die(temporary->outbox);
    outside_execute(temporary->outbox, "UPDATE sinks SET seen = 0");
    assert_int_equal(outbox_sink_open(outbox, "other", true, &row), 0);
    assert_int_equal(outbox_prune(outbox, OUTBOX_MAX_BYTES), 0);
    assert_int_equal(outside_integer(temporary->outbox, "SELECT COUNT(*) FROM alerts WHERE row IN (4, 10)"), 2);
    assert_int_equal(outbox_count_after(outbox, 0), 2);
    outbox_close(outbox);
}

static void test_outbox_size_limit_counts_what_is_lost(void **state)
{
    struct temporary *temporary = *state;
    struct outbox *outbox = outbox_open_or_die(temporary->outbox);
    int64_t row;
    struct outbox_figures figures;
    assert_int_equal(outbox_sink_open(outbox, "sink", true, &row), 0);
    assert_int_equal(commit_alerts(outbox, 1, 2000), 0);
    assert_int_equal(outbox_sink_advance(outbox, "sink", 100, NULL), 0);
    assert_int_equal(outbox_prune(outbox, 200000), 0);
    outbox_figures(outbox, &figures);
    uint64_t left = outbox_count_after(outbox, 0);
    assert_true(figures.bytes <= 200000);
    assert_in_range(left, 1, 1999);
    assert_int_equal(figures.pruned, 2000 - left);
    assert_int_equal(figures.lost, 2000 - left - 100); /* the first hundred had been delivered */
    struct alert alert;
    assert_int_equal(outbox_read(outbox, 100, &alert), 0); /* the sink goes on at what is there */
    assert_int_equal(alert.row, (int64_t)(2000 - left + 1));
    alert_fini(&alert);
    uint64_t lost = figures.lost;
    outbox_close(outbox);
    outbox = outbox_open_or_die(temporary->outbox);
    outbox_figures(outbox, &figures);
    assert_int_equal(figures.lost, lost);
    assert_int_equal(commit_alerts(outbox, 5000, 1), 0);
    outbox_figures(outbox, &figures);
    assert_int_equal(figures.last_row, 2001);
    outbox_close(outbox);
}

/* Few large alerts: no more go than must. */
static void test_outbox_size_limit_and_large_alerts(void **state)
{
    struct temporary *temporary = *state;
    struct outbox *outbox = outbox_open_or_die(temporary->outbox);
    struct outbox_figures figures;
    enum { LARGE = 100000 };
    char *json = malloc(LARGE + 1);
    assert_non_null(json);
    memset(json, 'x', LARGE);
    json[LARGE] = '\0';
    for (unsigned i = 0; i < 40; i++) {
        struct alert alert = alert_of(i);
        alert.json = json;
        assert_int_equal(outbox_commit(outbox, &alert, 1, NULL, 0), 0);
    }
    free(json);
    assert_int_equal(outbox_prune(outbox, 20 * LARGE), 0);
    outbox_figures(outbox, &figures);
    assert_true(figures.bytes <= 20 * LARGE);
    assert_in_range(outbox_count_after(outbox, 0), 15, 20);
    assert_int_equal(figures.lost, 0); /* no sink waits for them */
    outbox_close(outbox);
}

struct waiter {
    struct outbox *outbox;
    int64_t row;
    uint64_t wakes;
};

static void *wait_for_news(void *arg)
{
    struct waiter *waiter = arg;
    outbox_wait_since(waiter->outbox, waiter->row, waiter->wakes, 3600000);
    return NULL;
}

/* Ends only if the news arrive: the test's own time limit is the verdict. */
static void test_outbox_wait(void **state)
{
    struct temporary *temporary = *state;
    struct outbox *outbox = outbox_open_or_die(temporary->outbox);
    pthread_t thread;
    struct waiter waiter = {outbox, 0, outbox_wakes(outbox)};
    assert_int_equal(pthread_create(&thread, NULL, wait_for_news, &waiter), 0);
    assert_int_equal(commit_alerts(outbox, 1, 1), 0);
    pthread_join(thread, NULL);
    waiter.row = 1;
    outbox_wake(outbox); /* before the wait begins: not lost */
    assert_int_equal(pthread_create(&thread, NULL, wait_for_news, &waiter), 0);
    pthread_join(thread, NULL);
    outbox_wait(outbox, 1, 1);       /* by its time */
    outbox_wait(outbox, 0, 3600000); /* there is news already */
    outbox_close(outbox);
}

/* What the child had committed before each of its signs of life must be there after kill -9, and nothing half. */
static void run_writer(const char *path, unsigned first, int sign)
{
    struct outbox *outbox;
    char error[OUTBOX_ERROR_BYTES];
    if (outbox_open(path, &outbox, error))
        _exit(1);
    for (unsigned batch = first;; batch++) {
        struct alert alerts[5];
        for (unsigned i = 0; i < 5; i++)
            alerts[i] = alert_of(batch * 5 + i);
        const struct outbox_cursor cursor = {"node1", 1, batch + 1};
        if (outbox_commit(outbox, alerts, 5, &cursor, 1) || write(sign, "", 1) != 1)
            _exit(1);
    }
}

static void test_outbox_kill_is_all_or_nothing(void **state)
{
    struct temporary *temporary = *state;
    uint64_t signs = 0;
    unsigned next = 0;
    for (int life = 0; life < 5; life++) {
        int fds[2];
        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            run_writer(temporary->outbox, next, fds[1]);
        close(fds[1]);
        char sign;
        for (int i = 0; i < 7 + 3 * life; i++)
            signs += (uint64_t)read(fds[0], &sign, 1);
        assert_int_equal(kill(child, SIGKILL), 0);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        while (read(fds[0], &sign, 1) == 1)
            signs++;
        close(fds[0]);
        struct outbox *outbox = outbox_open_or_die(temporary->outbox);
        struct seen_cursors seen = {0};
        assert_int_equal(outbox_cursors(outbox, "node1", see_cursor, &seen), 0);
        assert_int_equal(seen.count, 1);
        assert_true(seen.seq[0] >= signs);
        assert_true(outbox_count_after(outbox, 0) == seen.seq[0] * 5);
        next = (unsigned)seen.seq[0];
        signs = next;
        outbox_close(outbox);
    }
}

static void test_outbox_of_another_process(void **state)
{
    struct temporary *temporary = *state;
    struct outbox *outbox = outbox_open_or_die(temporary->outbox), *second = NULL;
    char error[OUTBOX_ERROR_BYTES] = "";
    assert_int_equal(outbox_open(temporary->outbox, &second, error), -EBUSY);
    assert_null(second);
    assert_non_null(strstr(error, "open in another process"));
    assert_non_null(strstr(error, temporary->outbox));
    outbox_close(outbox);
    outbox_close(outbox_open_or_die(temporary->outbox));
}

static void write_file(const char *path, off_t at, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, text, strlen(text), at), strlen(text));
    close(fd);
}

static void assert_refused(const char *path, int error, const char *words)
{
    char text[OUTBOX_ERROR_BYTES] = "";
    struct outbox *outbox = NULL;
    assert_int_equal(outbox_open(path, &outbox, text), error);
    assert_null(outbox);
    assert_non_null(strstr(text, path));
    if (!strstr(text, words))
        fail_msg("expected \"%s\" in: %s", words, text);
}

static void test_outbox_refuses_what_it_cannot_use(void **state)
{
    struct temporary *temporary = *state;
    char path[TESTING_PATH_BYTES];
    snprintf(path, sizeof(path), "%s/text", temporary->folder);
    write_file(path, 0,
               "This is no database, but a text that is long enough to be taken for a header of one hundred bytes, and "
               "more than that.");
    assert_refused(path, -EBADMSG, "move it away");
    snprintf(path, sizeof(path), "%s/other", temporary->folder);
    outside_execute(path, "CREATE TABLE t(x)");
    assert_refused(path, -EBADMSG, "another program");
    snprintf(path, sizeof(path), "%s/no/folder", temporary->folder);
    assert_refused(path, -ENOENT, "folder does not exist");
    snprintf(path, sizeof(path), "%s/folder", temporary->folder);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_refused(path, -EISDIR, "name another path");
    outbox_close(outbox_open_or_die(temporary->outbox));
    outside_execute(temporary->outbox, "PRAGMA user_version=4");
    assert_refused(temporary->outbox, -EBADMSG, "newer vedette-analyzer");
}

static void append_key(void *arg, const struct outbox_memory *memory)
{
    char *words = arg;
    const size_t used = strlen(words);
    assert_string_equal(memory->boot_id, "boot");
    assert_int_equal(memory->definition, UINT64_MAX);
    snprintf(words + used, 256 - used, "%c=%.*s@%llu ", memory->key[0], (int)memory->size, (const char *)memory->bytes,
             (unsigned long long)memory->touched_ns);
}

static void keys_are(struct outbox *outbox, const char *expected)
{
    char words[256] = "";
    assert_int_equal(outbox_memory_read(outbox, "n", "d", append_key, words), 0);
    assert_string_equal(words, expected);
}

static struct outbox_memory memory_of(const char *key, const char *bytes, uint64_t touched_ns)
{
    return (struct outbox_memory){.node = "n",
                                  .boot_id = "boot",
                                  .detection = "d",
                                  .definition = UINT64_MAX,
                                  .key = (const uint8_t *)key,
                                  .touched_ns = touched_ns,
                                  .bytes = (const uint8_t *)bytes,
                                  .size = bytes != NULL ? strlen(bytes) : 0};
}

/* In a database of the layout that had no such table, too. */
static void test_outbox_keeps_what_detections_know(void **state)
{
    struct temporary *temporary = *state;
    static const char a[] = "a...............", b[] = "b...............", c[] = "c...............";
    struct outbox *outbox = outbox_open_or_die(temporary->outbox);
    assert_int_equal(commit_alerts(outbox, 1, 3), 0);
    outbox_close(outbox);
    outside_execute(
        temporary->outbox,
        "DROP TABLE memory; DROP TABLE sinks; CREATE TABLE sinks(name TEXT PRIMARY KEY, row INTEGER NOT NULL, life "
        "INTEGER NOT NULL, seen INTEGER NOT NULL) STRICT; ALTER TABLE dead_letters DROP COLUMN again;"
        "PRAGMA user_version=1");
    outbox = outbox_open_or_die(temporary->outbox);
    assert_int_equal(outbox_count_after(outbox, 0), 3);

    const struct outbox_memory first[] = {memory_of(a, "one", 5), memory_of(b, "two", 4), memory_of(c, "three", 6)};
    assert_int_equal(outbox_commit_memory(outbox, NULL, 0, NULL, 0, first, 3), 0);
    keys_are(outbox, "b=two@4 a=one@5 c=three@6 ");
    const struct outbox_memory second[] = {memory_of(c, NULL, 0), memory_of(a, "1", 7), memory_of(c, "3", 8),
                                           memory_of(b, NULL, 0)};
    assert_int_equal(outbox_commit_memory(outbox, NULL, 0, NULL, 0, second, 4), 0);
    outbox_close(outbox);
    outbox = outbox_open_or_die(temporary->outbox);
    keys_are(outbox, "a=1@7 c=3@8 ");
    const struct outbox_memory third[] = {{.node = "n", .detection = "d"}, memory_of(b, "2", 9)};
    assert_int_equal(outbox_commit_memory(outbox, NULL, 0, NULL, 0, third, 2), 0);
    keys_are(outbox, "b=2@9 ");
    assert_int_equal(outbox_memory_forget(outbox, "other", "d"), 0);
    keys_are(outbox, "b=2@9 ");
    assert_int_equal(outbox_memory_forget(outbox, "n", "d"), 0);
    keys_are(outbox, "");
    outbox_close(outbox);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_outbox_commit_and_read, temporary_setup, temporary_teardown),
        cmocka_unit_test_setup_teardown(test_outbox_same_id_once, temporary_setup, temporary_teardown),
        cmocka_unit_test_setup_teardown(test_outbox_cursors, temporary_setup, temporary_teardown),
        cmocka_unit_test_setup_teardown(test_outbox_sinks_have_own_cursors, temporary_setup, temporary_teardown),
        cmocka_unit_test_setup_teardown(test_outbox_prune_keeps_what_a_sink_needs, temporary_setup, temporary_teardown),
        cmocka_unit_test_setup_teardown(test_outbox_prune_by_age, temporary_setup, temporary_teardown),
        cmocka_unit_test_setup_teardown(test_outbox_size_limit_counts_what_is_lost, temporary_setup,
                                        temporary_teardown),
        cmocka_unit_test_setup_teardown(test_outbox_size_limit_and_large_alerts, temporary_setup, temporary_teardown),
        cmocka_unit_test_setup_teardown(test_outbox_wait, temporary_setup, temporary_teardown),
        cmocka_unit_test_setup_teardown(test_outbox_kill_is_all_or_nothing, temporary_setup, temporary_teardown),
        cmocka_unit_test_setup_teardown(test_outbox_of_another_process, temporary_setup, temporary_teardown),
        cmocka_unit_test_setup_teardown(test_outbox_refuses_what_it_cannot_use, temporary_setup, temporary_teardown),
        cmocka_unit_test_setup_teardown(test_outbox_keeps_what_detections_know, temporary_setup, temporary_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
