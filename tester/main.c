/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vedette-tester: one harmless trigger for each detection, to see an installation work. It runs in memory, in children
 * and in mount namespaces of its own, and leaves nothing behind.
 */
#include <errno.h>
#include <stdbool.h>
#include <strings.h>
#include <sys/wait.h>

#include "common/base/exit_code.h"
#include "tester/container.h"
#include "tester/trigger.h"

static const struct trigger *const triggers[] = {
#define TRIGGER(name) &trigger_##name,
#include "tester/triggers.def"
};

enum { N_TRIGGERS = sizeof(triggers) / sizeof(triggers[0]) };

int trigger_failed(const char *what)
{
    int saved = errno != 0 ? errno : EIO;
    fprintf(stderr, "vedette-tester: cannot do this here: %s: %s\n", what, strerror(saved));
    return -saved;
}

int trigger_in_child(int (*child)(void))
{
    pid_t pid = fork();
    if (pid < 0)
        return trigger_failed("fork");
    if (pid == 0)
        _exit(child() == 0 ? 0 : 1);
    int status;
    if (waitpid(pid, &status, 0) < 0)
        return trigger_failed("waiting for the child");
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    if (WIFSIGNALED(status))
        fprintf(stderr, "vedette-tester: the child was killed by signal %d\n", WTERMSIG(status));
    return -ECHILD; /* it said the reason */
}

static const struct trigger *find(const char *word)
{
    for (size_t i = 0; i < N_TRIGGERS; i++)
        if (strcasecmp(word, triggers[i]->id) == 0 || strcasecmp(word, triggers[i]->name) == 0)
            return triggers[i];
    return NULL;
}

static void list(void)
{
    for (size_t i = 0; i < N_TRIGGERS; i++) {
        printf("%-9s %-22s %s\n", triggers[i]->id, triggers[i]->name, triggers[i]->what);
        for (size_t j = 0; j < TRIGGER_NEAR_MISSES && triggers[i]->near_misses[j].what != NULL; j++)
            printf("%-9s %-22s %s\n", "", "  near miss", triggers[i]->near_misses[j].what);
    }
}

static int run_near_misses(const struct trigger *trigger)
{
    for (size_t i = 0; i < TRIGGER_NEAR_MISSES && trigger->near_misses[i].what != NULL; i++) {
        printf("vedette-tester: near miss of %s: %s\n", trigger->name, trigger->near_misses[i].what);
        fflush(stdout); /* before children have it in their buffers too */
        int r = trigger->near_misses[i].run();
        if (r < 0)
            return r;
    }
    return 0;
}

static int run_trigger(const struct trigger *trigger)
{
    printf("vedette-tester: %s: %s\n", trigger->name, trigger->what);
    fflush(stdout);
    return trigger->run();
}

static int refuse(const struct trigger *trigger)
{
    fprintf(stderr,
            "vedette-tester: %s only counts in a container, and this is none: ./dev tester %s starts one with runc\n",
            trigger->name, trigger->id);
    return EXIT_CODE_RUNTIME;
}

static int usage(FILE *out, int code)
{
    fputs("usage: vedette-tester NAME [--near-miss]\n"
          "       vedette-tester --list\n"
          "       vedette-tester --where NAME\n\n"
          "NAME is a detection's id or name, as in TRC-105 or fileless_execution. It does once, harmlessly, what the "
          "detection\n"
          "is about; --near-miss does what comes closest and must not be found.\n"
          "--where prints \"container\" for what only counts in one, else \"host\".\n"
          "Exit status: 0 done, 1 it cannot be done here (the reason is on stderr), 2 usage.\n",
          out);
    return code;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], TRIGGER_PAYLOAD) == 0) {
        puts("vedette-tester: hello from the payload, which does nothing else");
        return EXIT_CODE_OK;
    }
    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        list();
        return EXIT_CODE_OK;
    }
    if (argc == 2 && strcmp(argv[1], "--help") == 0)
        return usage(stdout, EXIT_CODE_OK);
    bool near_miss = argc == 3 && strcmp(argv[2], "--near-miss") == 0;
    bool where = argc == 3 && strcmp(argv[1], "--where") == 0;
    if (argc != 2 && !near_miss && !where)
        return usage(stderr, EXIT_CODE_USAGE);
    const struct trigger *trigger = find(argv[where ? 2 : 1]);
    if (trigger == NULL) {
        fprintf(stderr, "vedette-tester: no trigger is called %s; see vedette-tester --list\n", argv[where ? 2 : 1]);
        return EXIT_CODE_USAGE;
    }
    if (where) {
        puts(trigger->in_container ? "container" : "host");
        return EXIT_CODE_OK;
    }
    if (trigger->in_container && !container_is_here())
        return refuse(trigger);
    return (near_miss ? run_near_misses(trigger) : run_trigger(trigger)) == 0 ? EXIT_CODE_OK : EXIT_CODE_RUNTIME;
}
