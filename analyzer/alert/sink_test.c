/* SPDX-License-Identifier: Apache-2.0 */
/* The runner, with sinks that do as they are told. Where a test waits, it waits for the thing itself; its time limit is
 * the verdict. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "analyzer/alert/alert_testing.h"
#include "analyzer/alert/backoff.h"
#include "analyzer/alert/sink.h"
#include "common/base/log.h"

enum { MAX_CALLS = 4096, HOUR_MS = 3600000 };

/* What the test sink was told and what it saw. `plan` is followed call by call: d, r(etry), R(efused), h(ang until
 * interrupted); then d. */
struct tape {
    pthread_mutex_t lock;
    pthread_cond_t moved;
    const char *plan;
    unsigned calls, delivered;
    unsigned numbers[MAX_CALLS]; /* of the delivered alerts */
    bool interrupted;
    uint32_t retry_after_ms;
};

static struct tape tapes[2];

static void *tape_open(const struct sink_settings *settings, char error[SINK_ERROR_BYTES])
{
    if (!settings->url[0])
        return sink_fail(settings, error, "no url");
    return &tapes[settings->url[0] - '0'];
}

static enum sink_result tape_deliver(void *sink, const struct alert *alert, uint32_t *retry_after_ms,
                                     char error[SINK_ERROR_BYTES])
{
    struct tape *tape = sink;
    enum sink_result result = SINK_DELIVERED;
    pthread_mutex_lock(&tape->lock);
    char step = tape->plan[0];
    if (step)
        tape->plan++;
    tape->calls++;
    pthread_cond_broadcast(&tape->moved);
    while (step == 'h' && !tape->interrupted)
        pthread_cond_wait(&tape->moved, &tape->lock);
    if (step == 'r' || step == 'h') {
        *retry_after_ms = tape->retry_after_ms;
        snprintf(error, SINK_ERROR_BYTES, "away");
        result = SINK_RETRY;
    } else if (step == 'R') {
        snprintf(error, SINK_ERROR_BYTES, "not this one");
        result = SINK_REFUSED;
    } else if (tape->delivered < MAX_CALLS) {
        tape->numbers[tape->delivered++] = (unsigned)strtoul(alert->id, NULL, 16);
        pthread_cond_broadcast(&tape->moved);
    }
    pthread_mutex_unlock(&tape->lock);
    return result;
}

static void tape_close(void *sink)
{
    (void)sink;
}

static void tape_interrupt(void *sink)
{
    struct tape *tape = sink;
    pthread_mutex_lock(&tape->lock);
    tape->interrupted = true;
    pthread_cond_broadcast(&tape->moved);
    pthread_mutex_unlock(&tape->lock);
}

static const struct sink_kind tape_kind = {
    .name = "tape", .open = tape_open, .deliver = tape_deliver, .close = tape_close, .interrupt = tape_interrupt};

static void wait_for(struct tape *tape, const unsigned *counter, unsigned count)
{
    pthread_mutex_lock(&tape->lock);
    while (*counter < count)
        pthread_cond_wait(&tape->moved, &tape->lock);
    pthread_mutex_unlock(&tape->lock);
}

struct fixture {
    struct temporary temporary;
    struct outbox *outbox;
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    temporary_make(&fixture->temporary);
    fixture->outbox = outbox_open_or_die(fixture->temporary.outbox);
    for (int i = 0; i < 2; i++) {
        tapes[i] = (struct tape){.plan = ""};
        pthread_mutex_init(&tapes[i].lock, NULL);
        pthread_cond_init(&tapes[i].moved, NULL);
    }
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    outbox_close(fixture->outbox);
    temporary_remove(&fixture->temporary);
    free(fixture);
    return 0;
}

static struct sink_runner *start(struct outbox *outbox, int tape, const char *plan, uint32_t backoff_ms)
{
    static struct sink_settings settings[2];
    char error[SINK_ERROR_BYTES] = "";
    settings[tape].kind = &tape_kind;
    settings[tape].retry_min_ms = settings[tape].retry_max_ms = backoff_ms;
    snprintf(settings[tape].url, sizeof(settings[tape].url), "%d", tape);
    snprintf(settings[tape].name, sizeof(settings[tape].name), "sink%d", tape);
    tapes[tape].plan = plan;
    tapes[tape].interrupted = false;
    struct sink_runner *runner = sink_runner_start(outbox, &settings[tape], error);
    if (!runner)
        fail_msg("%s", error);
    return runner;
}

static void assert_in_order(const struct tape *tape, unsigned first, unsigned count)
{
    assert_int_equal(tape->delivered, count);
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(tape->numbers[i], first + i);
}

static void assert_metric(struct sink_runner *runner, const char *line)
{
    struct metrics *metrics = metrics_new();
    size_t size;
    metrics_register(metrics, sink_runner_collect, runner);
    char *page = metrics_render(metrics, &size);
    if (!strstr(page, line))
        fail_msg("no \"%s\" in:\n%s", line, page);
    free(page);
    metrics_free(metrics);
}

static void test_sink_delivers_in_order_and_goes_on_after_restart(void **state)
{
    struct fixture *fixture = *state;
    struct sink_runner *runner = start(fixture->outbox, 0, "", 1);
    for (unsigned i = 0; i < 50; i++)
        assert_int_equal(commit_alerts(fixture->outbox, i * 4, 4), 0);
    assert_int_equal(sink_runner_stop(runner, HOUR_MS), 0);
    assert_in_order(&tapes[0], 0, 200);
    assert_int_equal(commit_alerts(fixture->outbox, 200, 5), 0); /* while the sink is away */
    outbox_close(fixture->outbox);
    fixture->outbox = outbox_open_or_die(fixture->temporary.outbox);
    runner = start(fixture->outbox, 0, "", 1);
    assert_int_equal(sink_runner_stop(runner, HOUR_MS), 0);
    assert_in_order(&tapes[0], 0, 205);
}

static void test_sink_retries_and_refuses(void **state)
{
    struct fixture *fixture = *state;
    struct sink_runner *runner = start(fixture->outbox, 0, "rrrdRrRdddh", 1);
    assert_int_equal(commit_alerts(fixture->outbox, 0, 5), 0);
    wait_for(&tapes[0], &tapes[0].delivered, 3);
    assert_int_equal(commit_alerts(fixture->outbox, 5, 2), 0);
    wait_for(&tapes[0], &tapes[0].calls, 11); /* in the last one, so all before it are counted */
    assert_int_equal(tapes[0].numbers[0], 0);
    assert_int_equal(tapes[0].numbers[1], 3);
    assert_int_equal(tapes[0].numbers[2], 4);
    assert_metric(runner, "vedette_sink_retries_total{sink=\"sink0\"} 4\n");
    assert_metric(runner, "vedette_sink_refused_total{sink=\"sink0\"} 2\n");
    assert_metric(runner, "vedette_sink_delivered_total{sink=\"sink0\"} 4\n");
    assert_metric(runner, "vedette_sink_queue_alerts{sink=\"sink0\"} 1\n");
    assert_int_equal(sink_runner_stop(runner, 0), 1);
    assert_int_equal(
        outside_integer(fixture->temporary.outbox,
                        "SELECT SUM(row) FROM dead_letters WHERE sink = 'sink0' AND reason = 'not this one'"),
        2 + 3);
}

static void test_sink_stop_ends_a_backoff(void **state)
{
    struct fixture *fixture = *state;
    struct sink_runner *runner = start(fixture->outbox, 0, "rr", HOUR_MS);
    assert_int_equal(commit_alerts(fixture->outbox, 0, 3), 0);
    wait_for(&tapes[0], &tapes[0].calls, 1);
    assert_metric(runner, "vedette_sink_queue_alerts{sink=\"sink0\"} 3\n");
    assert_int_equal(sink_runner_stop(runner, 0), 3);
    /* The next life finds all three; the stop's own time is used for one more attempt at once. */
    unsigned calls = tapes[0].calls;
    runner = start(fixture->outbox, 0, "r", HOUR_MS);
    wait_for(&tapes[0], &tapes[0].calls, calls + 1);
    assert_int_equal(sink_runner_stop(runner, HOUR_MS), 0);
    assert_in_order(&tapes[0], 0, 3);
}

static void test_sink_stop_gives_up_at_its_time(void **state)
{
    struct fixture *fixture = *state;
    struct sink_runner *runner =
        start(fixture->outbox, 0, "rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr", HOUR_MS);
    assert_int_equal(commit_alerts(fixture->outbox, 0, 2), 0);
    assert_int_equal(sink_runner_stop(runner, 20), 2);
    unsigned calls = tapes[0].calls;
    runner = start(fixture->outbox, 0, "h", 1);
    wait_for(&tapes[0], &tapes[0].calls, calls + 1);
    assert_int_equal(sink_runner_stop(runner, 20), 2); /* a delivery that hangs is interrupted */
    assert_true(tapes[0].interrupted);
}

static void test_sink_that_hangs_delays_nobody(void **state)
{
    struct fixture *fixture = *state;
    struct sink_runner *dead = start(fixture->outbox, 0, "h", 1), *live = start(fixture->outbox, 1, "", 1);
    assert_int_equal(commit_alerts(fixture->outbox, 0, 1), 0);
    wait_for(&tapes[0], &tapes[0].calls, 1);
    for (unsigned i = 1; i < 100; i++)
        assert_int_equal(commit_alerts(fixture->outbox, i, 1), 0);
    wait_for(&tapes[1], &tapes[1].delivered, 100);
    assert_int_equal(tapes[0].delivered, 0);
    assert_int_equal(sink_runner_stop(live, HOUR_MS), 0);
    assert_in_order(&tapes[1], 0, 100);
    assert_int_equal(sink_runner_stop(dead, 0), 100);
}

static void test_sink_new_one_begins_now(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(commit_alerts(fixture->outbox, 0, 10), 0);
    struct sink_runner *runner = start(fixture->outbox, 0, "", 1);
    assert_int_equal(commit_alerts(fixture->outbox, 10, 2), 0);
    assert_int_equal(sink_runner_stop(runner, HOUR_MS), 0);
    assert_in_order(&tapes[0], 10, 2);
}

/* What the filter holds back is no delivery, but the cursor passes it, also on disk: the outbox keeps what stands
 * behind it. */
static void test_sink_filter_passes_over(void **state)
{
    struct fixture *fixture = *state;
    static struct sink_settings settings = {.kind = &tape_kind, .url = "0", .name = "sink0", .severity = 4};
    char error[SINK_ERROR_BYTES] = "";
    struct sink_runner *runner = sink_runner_start(fixture->outbox, &settings, error);
    assert_non_null(runner);
    struct alert loud = alert_of(5000);
    loud.severity = 4;
    assert_int_equal(commit_alerts(fixture->outbox, 0, SINK_FILTERED_MAX + 10), 0);
    assert_int_equal(outbox_commit(fixture->outbox, &loud, 1, NULL, 0), 0);
    wait_for(&tapes[0], &tapes[0].delivered, 1);
    assert_int_equal(tapes[0].numbers[0], 5000);
    assert_metric(runner, "vedette_sink_filtered_total{sink=\"sink0\"} 266\n");
    assert_int_equal(commit_alerts(fixture->outbox, 1000, 7), 0);
    assert_int_equal(sink_runner_stop(runner, HOUR_MS), 0);
    assert_int_equal(tapes[0].delivered, 1);
    assert_int_equal(outside_integer(fixture->temporary.outbox, "SELECT row FROM sinks WHERE name = 'sink0'"),
                     SINK_FILTERED_MAX + 10 + 1 + 7);
}

/* Followed as a tape: how often it was asked, and whether it works. */
static unsigned ticks;
static const char *tick_plan;

static enum sink_result tape_tick(void *sink, uint32_t *ret_wait_ms, char error[SINK_ERROR_BYTES])
{
    struct tape *tape = sink;
    pthread_mutex_lock(&tape->lock);
    char step = *tick_plan;
    tick_plan += step != '\0';
    ticks++;
    pthread_cond_broadcast(&tape->moved);
    pthread_mutex_unlock(&tape->lock);
    *ret_wait_ms = step ? 1 : HOUR_MS;
    snprintf(error, SINK_ERROR_BYTES, "away");
    return step == 'r' ? SINK_RETRY : SINK_DELIVERED;
}

/* Asked while nothing waits, again after the time it names, after a failure too, and an alert wakes it meanwhile. */
static void test_sink_ticks(void **state)
{
    struct fixture *fixture = *state;
    static struct sink_kind kind;
    static struct sink_settings settings = {
        .kind = &kind, .url = "0", .name = "sink0", .retry_min_ms = 1, .retry_max_ms = 1};
    char error[SINK_ERROR_BYTES] = "";
    kind = tape_kind;
    kind.tick = tape_tick;
    ticks = 0;
    tick_plan = "drrd";
    struct sink_runner *runner = sink_runner_start(fixture->outbox, &settings, error);
    assert_non_null(runner);
    wait_for(&tapes[0], &ticks, 5);
    assert_int_equal(commit_alerts(fixture->outbox, 0, 1), 0);
    wait_for(&tapes[0], &tapes[0].delivered, 1);
    wait_for(&tapes[0], &ticks, 6);
    assert_metric(runner, "vedette_sink_retries_total{sink=\"sink0\"} 2\n");
    assert_metric(runner, "vedette_sink_up{sink=\"sink0\"} 1\n");
    assert_int_equal(sink_runner_stop(runner, 0), 0);
}

static void test_sink_start_fails_with_words(void **state)
{
    struct fixture *fixture = *state;
    char error[SINK_ERROR_BYTES] = "";
    static const struct sink_settings settings = {.kind = &tape_kind};
    assert_null(sink_runner_start(fixture->outbox, &settings, error));
    assert_string_equal(error, "sink tape: no url");
    assert_int_equal(sink_runner_stop(NULL, 0), 0);
}

/* A sink that writes down what it delivers, and kills the process after some. */
struct crash_sink {
    int fd;
    unsigned left;
};

static enum sink_result crash_deliver(void *sink, const struct alert *alert, uint32_t *retry_after_ms,
                                      char error[SINK_ERROR_BYTES])
{
    (void)retry_after_ms;
    (void)error;
    struct crash_sink *crash = sink;
    unsigned number = (unsigned)strtoul(alert->id, NULL, 16);
    if (write(crash->fd, &number, sizeof(number)) != sizeof(number))
        return SINK_RETRY;
    if (crash->left-- == 1)
        kill(getpid(), SIGKILL);
    return SINK_DELIVERED;
}

static void *crash_open(const struct sink_settings *settings, char error[SINK_ERROR_BYTES])
{
    static struct crash_sink crash;
    (void)error;
    crash.fd = open(settings->url, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    crash.left = 7;
    return &crash;
}

static void crash_close(void *sink)
{
    close(((struct crash_sink *)sink)->fd);
}

/* Killed between the delivery and the cursor, again and again: the one alert comes twice, none is left out. */
static void test_sink_at_most_one_duplicate_a_crash(void **state)
{
    static const struct sink_kind kind = {
        .name = "crash", .open = crash_open, .deliver = crash_deliver, .close = crash_close};
    static struct sink_settings settings = {.kind = &kind};
    struct fixture *fixture = *state;
    char path[TESTING_PATH_BYTES], error[SINK_ERROR_BYTES];
    snprintf(path, sizeof(path), "%s/delivered", fixture->temporary.folder);
    snprintf(settings.url, sizeof(settings.url), "%s", path);
    int64_t row;
    assert_int_equal(outbox_sink_open(fixture->outbox, "crash", true, &row), 0);
    assert_int_equal(commit_alerts(fixture->outbox, 0, 19), 0);
    outbox_close(fixture->outbox);
    for (int life = 0; life < 3; life++) {
        pid_t child = fork();
        if (child == 0) {
            struct outbox *outbox;
            if (outbox_open(fixture->temporary.outbox, &outbox, error) || !sink_runner_start(outbox, &settings, error))
                _exit(1);
            for (;;)
                pause();
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    }
    /* 0-6, 6-12, 12-18 */
    unsigned numbers[64];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = read(fd, numbers, sizeof(numbers));
    close(fd);
    assert_int_equal(size, 21 * sizeof(numbers[0]));
    for (unsigned i = 0; i < 21; i++)
        assert_int_equal(numbers[i], i < 7 ? i : i < 14 ? i - 1 : i - 2);
    fixture->outbox = outbox_open_or_die(fixture->temporary.outbox);
}

static void test_sink_backoff(void **state)
{
    (void)state;
    uint64_t random = 1;
    for (uint64_t attempt = 0; attempt < 200; attempt++) {
        uint64_t bound = attempt < 6 ? 500u << attempt : 30000;
        for (int i = 0; i < 50; i++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            uint32_t wait = sink_backoff_ms(500, 30000, attempt, 0, random);
            assert_in_range(wait, 500, bound < 30000 ? bound : 30000);
        }
    }
    assert_int_equal(sink_backoff_ms(500, 30000, 40, 0, 0), 500); /* full jitter reaches both ends */
    assert_int_equal(sink_backoff_ms(500, 30000, 40, 0, 29500), 30000);
    assert_int_equal(sink_backoff_ms(500, 30000, 0, 7000, 1), 7000);
    assert_int_equal(sink_backoff_ms(500, 30000, 0, UINT32_MAX, 1), SINK_RETRY_AFTER_MAX_MS);
    assert_int_equal(sink_backoff_ms(1, 1, UINT64_MAX, 0, UINT64_MAX), 1);
    assert_in_range(sink_backoff_ms(1, UINT32_MAX, UINT64_MAX, 0, UINT64_MAX), 1, UINT32_MAX);
}

static void test_sink_kinds(void **state)
{
    (void)state;
    size_t count;
    const struct sink_kind *const *kinds = sink_kinds(&count);
    for (size_t i = 0; i < count; i++) {
        assert_ptr_equal(sink_kind_by_name(kinds[i]->name), kinds[i]);
        assert_true(i == 0 || strcmp(kinds[i - 1]->name, kinds[i]->name) < 0);
    }
    assert_non_null(sink_kind_by_name("stdout"));
    assert_non_null(sink_kind_by_name("falcosidekick"));
    assert_non_null(sink_kind_by_name("webhook"));
    assert_null(sink_kind_by_name("nothing"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_sink_delivers_in_order_and_goes_on_after_restart, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sink_retries_and_refuses, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sink_stop_ends_a_backoff, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sink_stop_gives_up_at_its_time, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sink_that_hangs_delays_nobody, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sink_new_one_begins_now, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sink_filter_passes_over, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sink_ticks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sink_start_fails_with_words, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sink_at_most_one_duplicate_a_crash, setup, teardown),
        cmocka_unit_test(test_sink_backoff),
        cmocka_unit_test(test_sink_kinds),
    };
    log_init("sink_test", LOG_LEVEL_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
