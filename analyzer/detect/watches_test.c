// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "analyzer/detect/watches.h"
#include "analyzer/detections/detections.h"

static struct schema *schema;

static int setup(void **state)
{
    (void)state;
    schema = schema_new_builtin();
    return schema == NULL ? -1 : 0;
}

static int teardown(void **state)
{
    (void)state;
    schema_free(schema);
    return 0;
}

static const struct schema_event *event(const char *name)
{
    return schema_event_by_id(schema, event_by_name(name)->id);
}

/* "NAME shadow rw, DIRECTORY pki r" and the like; "all". */
static const char *words(const char *event_name, const struct predicate *when)
{
    static const char *const parts[] = {"ANYTHING", "NAME", "DIRECTORY", "NAME_END", "CONTENT"};
    static char text[1024];
    static struct watches watches;
    size_t at = 0;
    watches = (struct watches){0};
    watches_add(&watches, event(event_name), when);
    if (watches.all)
        return "all";
    text[0] = '\0';
    for (size_t i = 0; i < watches.n; i++) {
        const struct watch *watch = &watches.list[i];
        at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s %.*s %s%s%s%s", i > 0 ? ", " : "",
                               parts[watch->part], (int)watch->length, watch->text,
                               watch->access & WATCH_READ ? "r" : "", watch->access & WATCH_WRITE ? "w" : "",
                               watch->access & WATCH_READ_WRITE ? "b" : "", watch->access & WATCH_NEITHER ? "n" : "");
    }
    return text;
}

#define OPEN(when, expected)  assert_string_equal(words("security_file_open", when), expected)
#define MAGIC(when, expected) assert_string_equal(words("magic_write", when), expected)
#define PATH                  "data.pathname"

static void names_say_which_file(void **state)
{
    (void)state;
    OPEN(STRING(PATH, "/etc/shadow", "/proc/kcore"), "NAME shadow rwbn, NAME kcore rwbn");
    OPEN(BASENAME(PATH, "release_agent"), "NAME release_agent rwbn");
    OPEN(SUFFIX(PATH, "/sys/kernel/core_pattern"), "NAME core_pattern rwbn");
    OPEN(SUFFIX(PATH, "docker.sock"), "NAME_END ker.sock rwbn");
    OPEN(PREFIX(PATH, "/etc/kubernetes/pki/"), "DIRECTORY pki rwbn");
    OPEN(PREFIX(PATH, "/etc/ssh/ssh_host"), "DIRECTORY ssh rwbn");
    OPEN(CONTAINS(PATH, "/serviceaccount/"), "DIRECTORY serviceaccount rwbn");
    OPEN(STRING(PATH, "/a/a-name-that-is-longer-than-what-is-compared"), "NAME a-name-that-is-longer-th rwbn");
}

static void what_cannot_be_told_is_all(void **state)
{
    (void)state;
    OPEN(NULL, "all");
    OPEN(PREFIX(PATH, "/tmp"), "all");
    OPEN(PREFIX(PATH, "memfd:"), "all");
    OPEN(SUFFIX(PATH, ".sock"), "all"); /* shorter than the end that is compared */
    OPEN(CONTAINS(PATH, "/."), "all");
    OPEN(REGEX(PATH, "^/etc/shadow$"), "all");
    OPEN(NOT(STRING(PATH, "/etc/shadow")), "all");
    OPEN(IGNORE_CASE(STRING(PATH, "/etc/shadow")), "all");
    OPEN(STRING("task.comm", "cat"), "all");
    OPEN(STRING(PATH, "/etc/shadow", "/dir/"), "all"); /* one that says nothing is enough */
    assert_string_equal(words("ptrace", STRING("task.comm", "cat")), "all");
}

static void access_narrows(void **state)
{
    (void)state;
    OPEN(ALL_OF(STRING(PATH, "/etc/shadow"), READ_OPEN), "NAME shadow rb");
    OPEN(ALL_OF(WRITE_OPEN, STRING(PATH, "/etc/shadow")), "NAME shadow wb");
    OPEN(ALL_OF(WRITE_OPEN, CONTAINS(PATH, "/.")), "ANYTHING  wb");
    OPEN(ALL_OF(CONTAINS(PATH, "/."), BITS("data.flags", 0x400, 0x400)), "all"); /* O_APPEND says nothing of it */
    OPEN(ANY_OF(ALL_OF(STRING(PATH, "/a"), READ_OPEN), ALL_OF(STRING(PATH, "/b"), WRITE_OPEN)), "NAME a rb, NAME b wb");
    OPEN(ANY_OF(ALL_OF(STRING(PATH, "/a"), READ_OPEN), ALL_OF(STRING(PATH, "/a"), WRITE_OPEN)), "NAME a rwb");
}

static void of_all_one_is_enough_and_of_any_each_is_needed(void **state)
{
    (void)state;
    OPEN(ALL_OF(REGEX(PATH, "x"), BASENAME(PATH, "mem"), PREFIX(PATH, "/proc/")), "NAME mem rwbn");
    OPEN(ANY_OF(BASENAME(PATH, "mem"), REGEX(PATH, "x")), "all");
    OPEN(ALL_OF(ANY_OF(BASENAME(PATH, "mem"), REGEX(PATH, "x")), PREFIX(PATH, "/proc/")), "DIRECTORY proc rwbn");
    OPEN(ALL_OF(IN_CONTAINER, NOT(STRING("process.executable", "/x")), BASENAME(PATH, "token")), "NAME token rwbn");
}

static void content_is_told_by_its_beginning(void **state)
{
    (void)state;
    MAGIC(PREFIX("data.bytes", "\177ELF"), "CONTENT \177ELF rwbn");
    MAGIC(ALL_OF(PREFIX("data.bytes", "\177ELF"), IN_CONTAINER), "CONTENT \177ELF rwbn");
    MAGIC(PREFIX("data.bytes", "#!"), "all"); /* shorter than what is compared */
    MAGIC(STRING(PATH, "/a"), "NAME a rwbn");
    OPEN(PREFIX("data.bytes", "\177ELF"), "all");
}

static void too_many_are_all(void **state)
{
    (void)state;
    static char names[WIRE_PLAN_WATCHES + 1][16];
    static const char *strings[WIRE_PLAN_WATCHES + 2];
    for (size_t i = 0; i <= WIRE_PLAN_WATCHES; i++) {
        snprintf(names[i], sizeof(names[i]), "/n%zu", i);
        strings[i] = names[i];
    }
    const struct predicate many = {.op = PREDICATE_STRING, .field = PATH, .strings = strings};
    assert_string_equal(words("security_file_open", &many), "all");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_say_which_file),
        cmocka_unit_test(what_cannot_be_told_is_all),
        cmocka_unit_test(access_narrows),
        cmocka_unit_test(of_all_one_is_enough_and_of_any_each_is_needed),
        cmocka_unit_test(content_is_told_by_its_beginning),
        cmocka_unit_test(too_many_are_all),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
