/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <errno.h>
#include <stdint.h>
#include <sys/stat.h>

#include "common/base/options.h"

struct target {
    char name[16];
    uint64_t port;
    uint64_t queue_size;
    uint64_t flush;
    bool json;
    uint32_t color;
    struct option_list events;
    char config[64];
    uint64_t deep;
};

static const char *const colors[] = {"auto", "always", "never", NULL};
static const char *const verbs[] = {"run", "Run it.", "list", "List events.", NULL};

#define AT(member_) .offset = offsetof(struct target, member_)
static const struct option rows[] = {
    {.key = "name", .type = OPTION_STRING, AT(name), .size = 16, .initial = "node", .help = "The name."},
    {.key = "http.port", .type = OPTION_UINT, AT(port), .initial = "3366", .help = "The port.", .max = 65535},
    {.key = "queue.size",
     .type = OPTION_BYTES,
     AT(queue_size),
     .initial = "32M",
     .help = "The size.",
     .min = 4096,
     .max = 1ull << 30},
    {.key = "flush", .type = OPTION_DURATION, AT(flush), .initial = "50ms", .help = "The wait."},
    {.key = "json", .type = OPTION_BOOL, AT(json), .help = "Print JSON."},
    {.key = "color", .type = OPTION_CHOICE, AT(color), .help = "Colours.", .choices = colors},
    {.key = "events", .type = OPTION_LIST, AT(events), .initial = "execve", .help = "Events."},
    {.key = "config", .type = OPTION_STRING, AT(config), .size = 64, .help = "The file."},
    {.key = "a.b.c.d", .type = OPTION_UINT, AT(deep), .help = "Deep."},
};

static const struct option_table table = {
    .options = rows,
    .count = sizeof(rows) / sizeof(rows[0]),
    .program = "test-program",
    .summary = "does a test\nIt is a test.",
    .verbs = verbs,
    .footer = "EXIT STATUS\n    0 is good",
};

static char error[OPTION_ERROR_BYTES];
static const char *verb;
static int special, first;

static int parse(struct target *target, int argc, char **argv)
{
    verb = NULL;
    special = first = -1;
    options_init(&table, target, sizeof(*target));
    return options_parse(&table, argc, argv, target, &verb, &special, &first, error);
}

#define PARSE(target_, ...)                                                                                            \
    parse(target_, (int)(sizeof((const char *[]){"test-program", __VA_ARGS__}) / sizeof(char *)),                      \
          (char *[]){(char[]){"test-program"}, __VA_ARGS__, NULL})
#define ARG(text_) ((char[]){text_})

static char file_path[] = "/tmp/vedette_options_test.XXXXXX";

static void write_file(const char *text, size_t size)
{
    FILE *file = fopen(file_path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static int read_text(struct target *target, const char *text)
{
    write_file(text, strlen(text));
    options_init(&table, target, sizeof(*target));
    return options_read_file(&table, file_path, target, error);
}

static void assert_error_has(const char *words)
{
    if (strstr(error, words) == NULL)
        fail_msg("\"%s\" lacks \"%s\"", error, words);
}

static void test_options_initial(void **state)
{
    (void)state;
    struct target target;
    assert_int_equal(parse(&target, 1, (char *[]){ARG("test-program"), NULL}), 0);
    assert_string_equal(target.name, "node");
    assert_int_equal(target.port, 3366);
    assert_int_equal(target.queue_size, 32 << 20);
    assert_int_equal(target.flush, 50);
    assert_false(target.json);
    assert_int_equal(target.color, 0);
    assert_int_equal(target.events.count, 1);
    assert_string_equal(verb, "run");
    assert_int_equal(special, 0);
    assert_int_equal(first, 1);
}

static void test_options_flags(void **state)
{
    (void)state;
    struct target target;
    assert_int_equal(PARSE(&target, ARG("list"), ARG("--name=x=y"), ARG("--http.port"), ARG("0"), ARG("--queue.size"),
                           ARG("64K"), ARG("--json"), ARG("--flush=2m"), ARG("--color"), ARG("never"), ARG("--events"),
                           ARG("open"), ARG("--events=creat")),
                     0);
    assert_string_equal(verb, "list");
    assert_string_equal(target.name, "x=y");
    assert_int_equal(target.port, 0);
    assert_int_equal(target.queue_size, 65536);
    assert_true(target.json);
    assert_int_equal(target.flush, 120000);
    assert_int_equal(target.color, 2);
    assert_int_equal(target.events.count, 2);
    assert_string_equal(target.events.item[0], "open");
    assert_string_equal(target.events.item[1], "creat");
    assert_int_equal(PARSE(&target, ARG("--json"), ARG("false")), 0);
    assert_false(target.json);
    assert_int_equal(PARSE(&target, ARG("--name=")), 0);
    assert_string_equal(target.name, "");
}

static void test_options_operands_move_to_the_end(void **state)
{
    (void)state;
    struct target target;
    char *argv[] = {ARG("p"),  ARG("list"),   ARG("one"),    ARG("--json"), ARG("-"),
                    ARG("--"), ARG("--name"), ARG("--help"), NULL};
    assert_int_equal(parse(&target, 8, argv), 0);
    assert_true(target.json);
    assert_int_equal(special, 0);
    assert_int_equal(first, 4);
    assert_string_equal(argv[4], "one");
    assert_string_equal(argv[5], "-");
    assert_string_equal(argv[6], "--name");
    assert_string_equal(argv[7], "--help");
    assert_string_equal(target.name, "node");
}

static void test_options_special(void **state)
{
    (void)state;
    struct target target;
    assert_int_equal(PARSE(&target, ARG("--bogus"), ARG("--help")), 0);
    assert_int_equal(special, 'h');
    assert_int_equal(PARSE(&target, ARG("-V")), 0);
    assert_int_equal(special, 'v');
    assert_int_equal(PARSE(&target, ARG("--config"), ARG("/nonexistent"), ARG("-h")), 0);
    assert_int_equal(special, 'h');
    assert_int_equal(PARSE(&target, ARG("--check"), ARG("--json")), 0);
    assert_int_equal(special, 'c');
    assert_true(target.json);
}

static void test_options_bad_flags(void **state)
{
    (void)state;
    static const struct {
        const char *flag, *value, *words;
    } cases[] = {
        {"--queue.sise", "1M", "unknown flag '--queue.sise'; did you mean '--queue.size'?"},
        {"--size=1M", NULL, "did you mean '--queue.size'?"},
        {"--zzzzzzzzzzzz", NULL, "unknown flag '--zzzzzzzzzzzz'; see --help"},
        {"-x", NULL, "unknown flag '-x'"},
        {"--name", NULL, "--name: needs a value"},
        {"--name", "--json", "--name: needs a value"},
        {"--name", "0123456789abcdef", "16 bytes are too long: at most 15"},
        {"--http.port", "-1", "'-1' is not a whole number of 0 or more"},
        {"--http.port", "65536", "out of range: from 0 to 65535"},
        {"--http.port", "99999999999999999999", "out of range"},
        {"--http.port", "0x10", "'0x10' is not a whole number"},
        {"--http.port", "", "'' is not a whole number"},
        {"--queue.size", "4095", "out of range: from 4K to 1G"},
        {"--queue.size", "99999999999G", "out of range"},
        {"--queue.size", "5 M", "'5 M' is not a size such as"},
        {"--flush", "5", "'5' is not a duration such as"},
        {"--flush", "99999999999999999h", "out of range: from 0ms to"},
        {"--json=maybe", NULL, "'maybe' is neither true nor false"},
        {"--color", "allways", "'allways' is not one of auto always never; did you mean 'always'?"},
        {"lst", NULL, "unknown verb 'lst'; did you mean 'list'?"},
        {"--config", NULL, "--config: needs the path"},
        {"--config", "/nonexistent/file", "/nonexistent/file: No such file"},
        {"--config", "/tmp", "/tmp: Is a directory"},
        {"--bell\a\x1b[2J", NULL, "'--bell??[2J'"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct target target;
        char flag[64], value[64];
        snprintf(flag, sizeof(flag), "%s", cases[i].flag);
        snprintf(value, sizeof(value), "%s", cases[i].value != NULL ? cases[i].value : "");
        char *argv[] = {ARG("p"), flag, cases[i].value != NULL ? value : NULL, NULL};
        assert_true(parse(&target, cases[i].value != NULL ? 3 : 2, argv) < 0);
        assert_error_has(cases[i].words);
        assert_null(verb);
    }
}

static void test_options_too_many_items(void **state)
{
    (void)state;
    struct target target;
    static char item[] = "--events=x";
    char *argv[OPTION_LIST_ITEMS + 3] = {ARG("p")};
    for (int i = 1; i <= OPTION_LIST_ITEMS + 1; i++)
        argv[i] = item;
    assert_int_equal(parse(&target, OPTION_LIST_ITEMS + 1, argv), 0);
    assert_int_equal(target.events.count, OPTION_LIST_ITEMS);
    assert_int_equal(parse(&target, OPTION_LIST_ITEMS + 2, argv), -EINVAL);
    assert_error_has("more than 64 items");
}

static void test_options_file(void **state)
{
    (void)state;
    struct target target;
    assert_int_equal(
        read_text(&target,
                  "# comment\nname: 'web 1'\nhttp:\n  port: 99\nqueue: {size: 1G}\nflush: 0\njson: yes\ncolor: always\n"
                  "events:\n- open\n- \"\"\na: {b: {c: {d: 7}}}\n"),
        0);
    assert_string_equal(target.name, "web 1");
    assert_int_equal(target.port, 99);
    assert_int_equal(target.queue_size, 1 << 30);
    assert_int_equal(target.flush, 0);
    assert_true(target.json);
    assert_int_equal(target.color, 1);
    assert_int_equal(target.events.count, 2);
    assert_string_equal(target.events.item[0], "open");
    assert_string_equal(target.events.item[1], "");
    assert_int_equal(target.deep, 7);
    assert_int_equal(read_text(&target, ""), 0);
    assert_int_equal(read_text(&target, "---\n# nothing\n"), 0);
    assert_string_equal(target.name, "node");
    assert_int_equal(read_text(&target, "events: []\n"), 0);
    assert_int_equal(target.events.count, 0);
}

static void test_options_flag_over_file(void **state)
{
    (void)state;
    struct target target;
    const char *text = "name: file\nhttp: {port: 1}\nevents: [a, b, c]\n";
    write_file(text, strlen(text));
    char path[64];
    snprintf(path, sizeof(path), "--config=%s", file_path);
    assert_int_equal(PARSE(&target, ARG("--name"), ARG("flag"), ARG("--events"), ARG("z"), path), 0);
    assert_string_equal(target.name, "flag");
    assert_int_equal(target.port, 1);
    assert_int_equal(target.events.count, 1);
    assert_string_equal(target.events.item[0], "z");
    assert_string_equal(target.config, file_path);
    assert_int_equal(PARSE(&target, path, path), -EINVAL);
    assert_error_has("given twice");
}

static void test_options_bad_file(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"queue:\n  sise: 1M\n", ":2:3: key 'queue.sise': unknown; did you mean 'queue.size'?"},
        {"nonsense_entirely: 1\n", ":1:1: key 'nonsense_entirely': unknown"},
        {"config: /etc/other\n", "key 'config': unknown"},
        {"http:\n  port: many\n", ":2:9: key 'http.port': 'many' is not a whole number"},
        {"http: {port: -1}\n", "'-1' is not a whole number"},
        {"http: {port: 99999999999999999999999}\n", "out of range: from 0 to 65535"},
        {"http: 80\n", "key 'http': is a section"},
        {"name: {first: x}\n", "key 'name': takes a value, not a section"},
        {"name: [x]\n", "key 'name': takes one value, not a list"},
        {"events: open\n", "key 'events': takes a list"},
        {"events: [[open]]\n", "an item of this list must be one value"},
        {"name:\n", "key 'name': has no value"},
        {"name: ~\n", "key 'name': has no value"},
        {"name: a\nname: b\n", ":2:7: key 'name': is there twice"},
        {"queue: {size: 1M}\nqueue: {size: 1M}\n", "key 'queue': this section is there twice"},
        {"queue.size: 1M\nqueue: {size: 1M}\n", "key 'queue.size': is there twice"},
        {"name: &a x\n", "anchors and aliases are not allowed"},
        {"a: &a [x,x]\nb: &b [*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b]\n", ":1:4: anchors and aliases are not allowed"},
        {"name: *a\n", "anchors and aliases are not allowed"},
        {"name: !!str x\n", "tags (!...) are not allowed"},
        {"name: a\n---\nname: b\n", ":2:1: a second document"},
        {"- name\n", ":1:1: a configuration is 'key: value' lines"},
        {"just words\n", "a configuration is 'key: value' lines"},
        {"name: 'open\n", "while scanning"},
        {"name: x\n\tjson: true\n", ":2:"},
        {"? [a]\n: b\n", "a key must be a plain word"},
        {"name: \"a\\0b\"\n", "holds a NUL byte"},
        {"\"na\\0me\": x\n", "holds a NUL byte"},
        {"\"na\\x07me\": x\n", "key 'na?me': unknown"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct target target;
        assert_int_equal(read_text(&target, cases[i].text), -EINVAL);
        /* libyaml's own words differ by version; that there is a position is ours. */
        assert_error_has(strcmp(cases[i].words, "while scanning") == 0 ? ":1:" : cases[i].words);
        assert_error_has(file_path);
    }
}

static void test_options_bad_file_changes_nothing(void **state)
{
    (void)state;
    struct target target;
    assert_int_equal(read_text(&target, "name: changed\nevents: [x]\nbogus: 1\n"), -EINVAL);
    assert_string_equal(target.name, "node");
    assert_string_equal(target.events.item[0], "execve");
}

static void test_options_hostile_file(void **state)
{
    (void)state;
    struct target target;
    options_init(&table, &target, sizeof(target));
    char *bytes = malloc((1 << 20) + 2);
    assert_non_null(bytes);

    for (size_t i = 0; i < 4096; i++)
        bytes[i] = (char)(i * 37 + 128);
    write_file(bytes, 4096);
    assert_int_equal(options_read_file(&table, file_path, &target, error), -EINVAL);
    assert_error_has("not a text file");

    size_t size = 0;
    for (int i = 0; i < 10000; i++)
        size += (size_t)snprintf(bytes + size, 64, "# line %d\n", i);
    size += (size_t)snprintf(bytes + size, 64, "name: last\nnmae: wrong\n");
    write_file(bytes, size);
    assert_int_equal(options_read_file(&table, file_path, &target, error), -EINVAL);
    assert_error_has(":10002:1: key 'nmae': unknown; did you mean 'name'?");

    memset(bytes, '[', 1 << 20);
    memcpy(bytes, "name: ", 6);
    write_file(bytes, 1 << 16);
    assert_int_equal(options_read_file(&table, file_path, &target, error), -EINVAL);

    memset(bytes, '#', (1 << 20) + 1);
    write_file(bytes, 1 << 20);
    assert_int_equal(options_read_file(&table, file_path, &target, error), 0);
    write_file(bytes, (1 << 20) + 1);
    assert_int_equal(options_read_file(&table, file_path, &target, error), -EFBIG);
    assert_error_has("over 1 MiB");
    free(bytes);
}

static void test_options_file_by_root_only(void **state)
{
    (void)state;
    struct option_table strict = table;
    struct target target;
    strict.file_by_root_only = true;
    write_file("name: x\n", 8);
    options_init(&table, &target, sizeof(target));
    assert_int_equal(chmod(file_path, 0646), 0);
    assert_int_equal(options_read_file(&strict, file_path, &target, error), -EPERM);
    assert_error_has("root must own it");
    assert_string_equal(target.name, "node");
    assert_int_equal(chmod(file_path, 0644), 0);
    assert_int_equal(options_read_file(&strict, file_path, &target, error), geteuid() == 0 ? 0 : -EPERM);
}

static void test_options_help(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    options_print_help(&table, out);
    fclose(out);
    static const char *const parts[] = {
        "NAME\n    test-program - does a test\n",
        "SYNOPSIS\n    test-program [VERB] [OPTION]...",
        "DESCRIPTION\n    It is a test.\n",
        "VERBS\n    run (the default)\n        Run it.\n",
        "    --queue.size SIZE\n        The size. Default: 32M. From 4K to 1G.\n",
        "One of: auto, always, never. Default: auto.",
        "    --config PATH\n",
        "EXIT STATUS\n    0 is good\n",
    };
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        if (strstr(text, parts[i]) == NULL)
            fail_msg("help lacks \"%s\":\n%s", parts[i], text);
    free(text);
}

static int make_file(void **state)
{
    (void)state;
    int fd = mkstemp(file_path);
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(file_path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options_initial),
        cmocka_unit_test(test_options_flags),
        cmocka_unit_test(test_options_operands_move_to_the_end),
        cmocka_unit_test(test_options_special),
        cmocka_unit_test(test_options_bad_flags),
        cmocka_unit_test(test_options_too_many_items),
        cmocka_unit_test(test_options_file),
        cmocka_unit_test(test_options_flag_over_file),
        cmocka_unit_test(test_options_bad_file),
        cmocka_unit_test(test_options_bad_file_changes_nothing),
        cmocka_unit_test(test_options_hostile_file),
        cmocka_unit_test(test_options_file_by_root_only),
        cmocka_unit_test(test_options_help),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
