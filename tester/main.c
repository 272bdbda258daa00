/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vedette-tester: one harmless trigger for each detection, to see an installation work. It runs in memory, in children
 * and in mount namespaces of its own, and leaves nothing behind.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
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

enum {
    SKIPPED = 77, /* exit code of a child that this machine cannot show */
    KINDS = 3,
};

int trigger_failed(const char *what)
{
    int saved = errno != 0 ? errno : EIO;
    fprintf(stderr, "vedette-tester: cannot do this here: %s: %s\n", what, strerror(saved));
    return -saved;
}

/* Of no call that is made here. */
static const int skipped_errno = ENOTNAM;

int trigger_skipped(const char *reason)
{
    fprintf(stderr, "vedette-tester: cannot be shown here: %s\n", reason);
    return -skipped_errno;
}

static int exit_code_of(int result)
{
    if (result == -skipped_errno)
        return SKIPPED;
    return result == 0 ? 0 : 1;
}

int trigger_in_child(int (*child)(void))
{
    pid_t pid = fork();
    if (pid < 0)
        return trigger_failed("fork");
    if (pid == 0)
        _exit(exit_code_of(child()));
    int status;
    if (waitpid(pid, &status, 0) < 0)
        return trigger_failed("waiting for the child");
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED)
        return -skipped_errno;
    if (WIFSIGNALED(status))
        fprintf(stderr, "vedette-tester: the child was killed by signal %d\n", WTERMSIG(status));
    return -ECHILD; /* it said the reason */
}

int trigger_execute_payload(const char *path, const char *const *words, char *const *environment)
{
    static char *const no_environment[] = {NULL};
    const char *argv[8] = {path};
    size_t n = 1;
    while (words != NULL && *words != NULL && n < 6)
        argv[n++] = *words++;
    argv[n] = TRIGGER_PAYLOAD;
    execve(path, (char *const *)(uintptr_t)argv, environment != NULL ? environment : no_environment);
    /* execve(2): ENOENT also of the interpreter, here the dynamic loader of a build that is not static. */
    if (errno == ENOENT && access(path, X_OK) == 0)
        return trigger_skipped("its root holds no dynamic loader for this build, which is not static");
    return trigger_failed(path);
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
        printf("%-9s %-26s %s\n", triggers[i]->id, triggers[i]->name, triggers[i]->deed.what);
        for (size_t j = 0; j < TRIGGER_DEEDS && triggers[i]->evasions[j].what != NULL; j++)
            printf("%-9s %-26s %s\n", "", "  evasion", triggers[i]->evasions[j].what);
        for (size_t j = 0; j < TRIGGER_DEEDS && triggers[i]->near_misses[j].what != NULL; j++)
            printf("%-9s %-26s %s\n", "", "  near miss", triggers[i]->near_misses[j].what);
    }
}

static const char *const kind_words[KINDS] = {"trigger", "evasion", "near miss"};

/* The deeds of one kind; *ret_count of them. */
static const struct deed *deeds_of(const struct trigger *trigger, size_t kind, size_t *ret_count)
{
    const struct deed *deeds = kind == 0 ? &trigger->deed : kind == 1 ? trigger->evasions : trigger->near_misses;
    size_t count = kind == 0;
    while (kind != 0 && count < TRIGGER_DEEDS && deeds[count].what != NULL)
        count++;
    *ret_count = count;
    return deeds;
}

static int do_it(const struct deed *deed)
{
    return deed->run != NULL ? deed->run() : file_deed_run(deed->file);
}

/* What cannot be shown here keeps nothing else from being done. */
static int run_kind(const struct trigger *trigger, size_t kind)
{
    int result = 0;
    size_t count;
    const struct deed *deeds = deeds_of(trigger, kind, &count);
    for (size_t i = 0; i < count; i++) {
        printf("vedette-tester: %s of %s: %s\n", kind_words[kind], trigger->name, deeds[i].what);
        fflush(stdout); /* before children have it in their buffers too */
        int r = do_it(&deeds[i]);
        if (r < 0)
            result = r;
        if (r < 0 && r != -skipped_errno)
            break;
    }
    return result;
}

/* One deed under a host name of its own, so that its findings can be told from all others. */
static const struct deed *named_deed;
static char deed_name[16];

static int do_it_by_name(void)
{
    if (unshare(CLONE_NEWUTS) < 0 || sethostname(deed_name, strlen(deed_name)) < 0)
        return trigger_failed("a host name of its own (needs CAP_SYS_ADMIN)");
    return do_it(named_deed);
}

/* Every deed of the triggers that count there, a line each: name, detection, kind, outcome, what else sees it, what.
 * "outside" does those that count in a container, on the host, where none may be found. */
static int matrix(const char *place)
{
    const bool in_container = strcmp(place, "host") != 0;
    unsigned number = 0;
    for (size_t i = 0; i < N_TRIGGERS; i++)
        for (size_t kind = 0; kind < KINDS; kind++) {
            size_t count;
            const struct deed *deeds = deeds_of(triggers[i], kind, &count);
            for (size_t j = 0; j < count && triggers[i]->in_container == in_container; j++) {
                snprintf(deed_name, sizeof(deed_name), "%.8s-%03u", place, number++);
                named_deed = &deeds[j];
                int r = trigger_in_child(do_it_by_name);
                printf("@@deed\t%s\t%s\t%s\t%s\t%s\t%s\n", deed_name, triggers[i]->name, kind_words[kind],
                       r == -skipped_errno ? "skipped"
                       : r == 0            ? "done"
                                           : "failed",
                       deeds[j].also != NULL ? deeds[j].also : "", deeds[j].what);
                fflush(stdout);
            }
        }
    return EXIT_CODE_OK;
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
    fputs("usage: vedette-tester NAME [--evasion | --near-miss]\n"
          "       vedette-tester --list\n"
          "       vedette-tester --where NAME\n"
          "       vedette-tester --matrix host | container | outside\n\n"
          "NAME is a detection's id or name, as in TRC-105 or fileless_execution. It does once, harmlessly, what the "
          "detection\n"
          "is about; --evasion does it in the ways of somebody who wants not to be found, --near-miss does what comes "
          "closest\nand must not be found.\n"
          "--matrix does all of this for every detection that counts there, and prints a line for each; \"outside\" "
          "does on "
          "the host\nwhat only counts in a container.\n"
          "--where prints \"container\" for what only counts in one, else \"host\".\n"
          "Exit status: 0 done, 1 it cannot be done here (the reason is on stderr), 2 usage.\n",
          out);
    return code;
}

static bool is_payload(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], TRIGGER_PAYLOAD) == 0)
            return true;
    return false;
}

/* The words that stand alone, or before their one argument. -1: none of them. */
static int other_words(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        list();
        return EXIT_CODE_OK;
    }
    if (argc == 2 && strcmp(argv[1], "--help") == 0)
        return usage(stdout, EXIT_CODE_OK);
    if (argc == 3 && strcmp(argv[1], "--matrix") == 0) {
        static const char *const places[] = {"host", "container", "outside"};
        for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
            if (strcmp(argv[2], places[i]) == 0)
                return matrix(places[i]);
        return usage(stderr, EXIT_CODE_USAGE);
    }
    return -1;
}

int main(int argc, char **argv)
{
    if (is_payload(argc, argv)) {
        if (argc > 2 && strcmp(argv[1], TRIGGER_READ) == 0 && close(open(argv[2], O_RDONLY | O_CLOEXEC)) < 0)
            return EXIT_CODE_RUNTIME;
        puts("vedette-tester: hello from the payload, which does nothing else");
        return EXIT_CODE_OK;
    }
    int code = other_words(argc, argv);
    if (code >= 0)
        return code;
    size_t kind = argc == 3 && strcmp(argv[2], "--evasion") == 0     ? 1
                  : argc == 3 && strcmp(argv[2], "--near-miss") == 0 ? 2
                                                                     : 0;
    bool where = argc == 3 && strcmp(argv[1], "--where") == 0;
    if (argc != 2 && kind == 0 && !where)
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
    return run_kind(trigger, kind) == 0 ? EXIT_CODE_OK : EXIT_CODE_RUNTIME;
}
