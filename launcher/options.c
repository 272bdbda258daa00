/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/options.h"

#include <errno.h>
#include <limits.h>

#include "common/base/options.h"

enum kind { KIND_FLAG, KIND_TEXT, KIND_PID, KIND_LIST };

struct flag {
    const char *name;
    enum kind kind;
    size_t offset;
    const char *value; /* what --help calls it */
    const char *help;
};

#define FIELD(f) offsetof(struct run_options, f)

static const struct flag flags[] = {
    {"--json", KIND_FLAG, FIELD(json), NULL, "one JSON object a line on stdout, instead of a table"},
    {"--parse-arguments", KIND_FLAG, FIELD(parse_arguments), NULL,
     "with --json: words for numbers in arguments, as in the table"},
    {"--policy", KIND_LIST, FIELD(policies), "PATH", "a policy file, or a directory of them; may be repeated"},
    {"--events", KIND_TEXT, FIELD(events), "LIST",
     "also print these events (names, sets or beginnings like 'net_*', comma separated)"},
    {"--http", KIND_TEXT, FIELD(http), "ADDR",
     "address of /metrics, /healthz, /readyz, or off; 127.0.0.1:3366 without COMMAND, off with it"},
    {"--sink", KIND_TEXT, FIELD(sink), "URL", "also deliver findings to this Falcosidekick"},
    {"--tree", KIND_PID, FIELD(tree), "PID", "without COMMAND: only this process and its descendants"},
    {"--cgroup", KIND_TEXT, FIELD(cgroup), "PATH", "without COMMAND: only this cgroup and those below it"},
    {"--node", KIND_TEXT, FIELD(node), "NAME", "the node's name; default the host's"},
    {"--collector", KIND_LIST, FIELD(to_collector), "KEY=VALUE", "an option for vedette-collector; may be repeated"},
    {"--analyzer", KIND_LIST, FIELD(to_analyzer), "KEY=VALUE", "an option for vedette-analyzer; may be repeated"},
    {"--programs", KIND_TEXT, FIELD(programs), "DIR", "where the two programs are; default beside vedette-run"},
};

enum { N_FLAGS = sizeof(flags) / sizeof(flags[0]) };

static int fail(char error[RUN_ERROR_BYTES], const char *what, const char *name)
{
    snprintf(error, RUN_ERROR_BYTES, "%s: %s; see vedette-run --help", name, what);
    return -EINVAL;
}

static int parse_pid(const char *text, pid_t *ret_pid)
{
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || value <= 0 || value > INT_MAX)
        return -EINVAL;
    *ret_pid = (pid_t)value;
    return 0;
}

static int store(const struct flag *flag, const char *value, struct run_options *options, char error[RUN_ERROR_BYTES])
{
    void *target = (char *)options + flag->offset;
    struct run_list *list = target;
    switch (flag->kind) {
    case KIND_FLAG:
        *(bool *)target = true;
        return 0;
    case KIND_TEXT:
        *(const char **)target = value;
        return 0;
    case KIND_PID:
        return parse_pid(value, target) == 0 ? 0 : fail(error, "is no process id", value);
    case KIND_LIST:
        if (list->count == RUN_LIST_ITEMS)
            return fail(error, "given too often (32 at most)", flag->name);
        list->item[list->count++] = value;
        return 0;
    }
    return -EINVAL;
}

/* "--name" or "--name=value"; *ret_value is the text after '=' or NULL. */
static const struct flag *find(const char *word, const char **ret_value)
{
    for (size_t i = 0; i < N_FLAGS; i++) {
        size_t length = strlen(flags[i].name);
        if (strncmp(word, flags[i].name, length) != 0 || (word[length] != '\0' && word[length] != '='))
            continue;
        *ret_value = word[length] == '=' ? word + length + 1 : NULL;
        return &flags[i];
    }
    return NULL;
}

static int check(const struct run_options *options, char error[RUN_ERROR_BYTES])
{
    if (options->command != NULL && options->tree != 0)
        return fail(error, "narrows a run without COMMAND; with COMMAND its tree is the scope", "--tree");
    if (options->command != NULL && options->cgroup != NULL)
        return fail(error, "narrows a run without COMMAND; with COMMAND its tree is the scope", "--cgroup");
    if (options->tree != 0 && options->cgroup != NULL)
        return fail(error, "cannot be joined with --cgroup: give one", "--tree");
    for (size_t i = 0; i < options->to_collector.count; i++)
        if (strchr(options->to_collector.item[i], '=') == NULL)
            return fail(error, "is not KEY=VALUE", options->to_collector.item[i]);
    for (size_t i = 0; i < options->to_analyzer.count; i++)
        if (strchr(options->to_analyzer.item[i], '=') == NULL)
            return fail(error, "is not KEY=VALUE", options->to_analyzer.item[i]);
    return 0;
}

/* --help and the others that options.h gives to every program. 0 when it is none, or -EINVAL with words. */
static int find_page(char **argv, int i, int *ret_page, char error[RUN_ERROR_BYTES])
{
    static const struct {
        const char *word;
        int page;
    } pages[] = {{"--help", 'h'},          {"-h", 'h'},
                 {"--version", 'v'},       {"-V", 'v'},
                 {"--man", 'm'},           {"--completion=bash", 'b'},
                 {"--completion=zsh", 'z'}};
    const char *shell = argv[i + 1];
    for (size_t k = 0; k < sizeof(pages) / sizeof(pages[0]); k++)
        if (strcmp(argv[i], pages[k].word) == 0)
            *ret_page = pages[k].page;
    if (strcmp(argv[i], "--completion") == 0 && shell != NULL)
        *ret_page = strcmp(shell, "bash") == 0 ? 'b' : strcmp(shell, "zsh") == 0 ? 'z' : 0;
    if (strncmp(argv[i], "--completion", 12) == 0 && *ret_page == 0)
        return fail(error, "write bash or zsh behind it", "--completion");
    return 0;
}

int run_options_parse(int argc, char **argv, struct run_options *ret_options, char error[RUN_ERROR_BYTES])
{
    struct run_options options = {0};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--") == 0) {
            if (i + 1 == argc)
                return fail(error, "no COMMAND after it", "--");
            options.command = &argv[i + 1];
            break;
        }
        if (argv[i][0] != '-')
            return fail(error, "a COMMAND is written after --", argv[i]);
        const char *value = NULL;
        int r = find_page(argv, i, &options.page, error);
        if (r < 0)
            return r;
        if (options.page != 0) {
            *ret_options = options;
            return 0;
        }
        const struct flag *flag = find(argv[i], &value);
        if (flag == NULL)
            return fail(error, "no such option", argv[i]);
        if (flag->kind == KIND_FLAG && value != NULL)
            return fail(error, "takes no value", flag->name);
        if (flag->kind != KIND_FLAG && value == NULL)
            value = i + 1 < argc ? argv[++i] : NULL;
        if (flag->kind != KIND_FLAG && (value == NULL || value[0] == '\0'))
            return fail(error, "needs a value", flag->name);
        r = store(flag, value, &options, error);
        if (r < 0)
            return r;
    }
    int r = check(&options, error);
    if (r == 0)
        *ret_options = options;
    return r;
}

static enum option_type type_of(const struct flag *flag)
{
    switch (flag->kind) {
    case KIND_FLAG:
        return OPTION_BOOL;
    case KIND_PID:
        return OPTION_UINT;
    case KIND_LIST:
        return OPTION_LIST;
    case KIND_TEXT:
        break;
    }
    return OPTION_STRING;
}

void run_options_print_page(int page, FILE *out)
{
    struct option rows[N_FLAGS];
    for (size_t i = 0; i < N_FLAGS; i++)
        rows[i] = (struct option){.key = flags[i].name + strlen("--"),
                                  .type = type_of(&flags[i]),
                                  .help = flags[i].help,
                                  .initial = flags[i].kind == KIND_FLAG ? "" : NULL};
    const struct option_table table = {
        .options = rows,
        .count = N_FLAGS,
        .program = "vedette-run",
        .section = 1,
        .no_file = true,
        .synopsis = "[-- COMMAND [ARG]...]",
        .summary =
            "starts collector and analyzer of Vedette together on one host\n"
            "Without COMMAND it watches the whole host (or what --tree or --cgroup names) and prints findings until "
            "Ctrl-C. With COMMAND it watches COMMAND and its descendants, whatever namespaces, cgroups or containers "
            "they enter, and nothing else; a container that a daemon outside the tree starts is not in it. COMMAND "
            "starts when capture is on; its output goes to stderr, and stdout carries findings and selected events "
            "only. After COMMAND ends, everything it caused is delivered first.",
        .footer = "EXIT STATUS\n"
                  "  with COMMAND: COMMAND's own; 125 Vedette failed (the reason is on stderr),\n"
                  "  126 COMMAND cannot be executed, 127 COMMAND not found, 128+N COMMAND ended by\n"
                  "  signal N\n"
                  "  without: 0 after Ctrl-C; 1 runtime, 2 usage or configuration, 3 the kernel\n"
                  "  cannot, 4 privilege missing, 5 in use, 6 state unusable\n",
    };
    options_print_page(&table, page, out);
}
