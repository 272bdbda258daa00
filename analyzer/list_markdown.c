// SPDX-License-Identifier: Apache-2.0
/* The reference pages docs/events.md and docs/detections.md, from the tables. A test compares the pages with this. */
#include "analyzer/list.h"

#include "analyzer/arguments/arguments.h"

static void code(struct text *text, const char *word, size_t length)
{
    text_literal(text, "`");
    text_append(text, word, length);
    text_literal(text, "`");
}

/* A list whose words are parted by `separator`, each in backquotes. */
static void code_list(struct text *text, const char *words, const char *separator)
{
    for (size_t length; *words != '\0'; words += length) {
        length = strcspn(words, separator);
        code(text, words, length);
        if (words[length] == '\0')
            return;
        text_literal(text, ", ");
        length++;
    }
}

static void code_word(struct text *text, const char *word)
{
    code(text, word, strlen(word));
}

/* Where an event comes from, as a person says it. */
static void source(struct text *text, const struct event_source *source)
{
    switch (source->kind) {
    case SOURCE_TRACEPOINT:
        text_literal(text, "the tracepoint ");
        code_word(text, source->name);
        return;
    case SOURCE_EXIT:
        text_literal(text, "the end of the calls ");
        code_list(text, source->syscalls, " ");
        return;
    case SOURCE_ENTER_EXIT:
        text_literal(text, "begin and end of the calls ");
        code_list(text, source->syscalls, " ");
        return;
    case SOURCE_ITERATOR:
        text_literal(text, "a walk through the kernel's own list (");
        code_word(text, source->name);
        text_literal(text, "), at the start");
        return;
    case SOURCE_ENTER:
        text_literal(text, "the begin of the calls ");
        code_list(text, source->syscalls, " ");
        return;
    case SOURCE_SYSCALL:
        text_literal(text, "the end of the system call; its result is `returnValue`");
        return;
    case SOURCE_SYSCALL_ENTER:
        text_literal(text, "the begin of the system call, which does not return");
        return;
    case SOURCE_DERIVED:
        text_literal(text, "the analyzer makes it from ");
        code_word(text, source->name);
        return;
    case SOURCE_NONE:
        text_literal(text, "not covered: ");
        text_string(text, source->name);
        return;
    }
}

static void argument_rows(struct text *text, const struct event *event)
{
    if (event->n_args == 0)
        return;
    text_literal(text, "\n| argument | type |\n|---|---|\n");
    for (size_t i = 0; i < event->n_args; i++) {
        text_literal(text, "| ");
        code_word(text, event->args[i].name);
        text_literal(text, " | ");
        code_word(text, arg_type_name(event->args[i].type));
        enum table table = argument_table(event, i);
        if (table != TABLE_NONE) {
            text_literal(text, ", in words: ");
            code_word(text, table_name(table));
        }
        text_literal(text, " |\n");
    }
}

static void event_section(struct text *text, const struct event *event)
{
    text_literal(text, "\n## ");
    text_string(text, event->name);
    text_literal(text, "\n\n- id: ");
    text_unsigned(text, event->id);
    text_literal(text, "\n- class: ");
    text_string(text, event_class_name((enum event_class)event->class));
    if (event_is_always_on(event))
        text_literal(text, ", always on");
    if (event_told_by(event) != NULL) {
        text_literal(text, "; only when asked for, since what was done is told by ");
        code_word(text, event_told_by(event)->name);
    }
    text_literal(text, "\n- sets: ");
    if (event->sets[0] == '\0')
        text_literal(text, "none");
    code_list(text, event->sets, ",");
    text_literal(text, "\n- source: ");
    for (uint8_t i = 0; i < event->n_sources; i++) {
        if (i > 0)
            text_literal(text, "; else ");
        source(text, &event->sources[i]);
    }
    text_literal(text, "\n- losses: ");
    text_string(text, event->losses[0] != '\0' ? event->losses : "none known");
    text_literal(text, "\n");
    argument_rows(text, event);
}

void markdown_events(struct text *text)
{
    size_t count;
    const struct event *events = events_all(&count);
    text_literal(
        text,
        "# Events\n\n"
        "<!-- Generated from common/events/events.def: edit that and run ./dev docs. -->\n\n"
        "What can be named in a policy or with `--events`. Names, arguments and their types are Tracee's. "
        "`class` is the "
        "ring that an event travels in:\n`critical` and `watched` ones are delivered at once and no flood of "
        "others hides "
        "them; `bulk` ones wait up to a second. \"Losses\" is what the source\ncannot see. Which events a kernel "
        "covers is printed by `vedette-collector coverage`.\n\n"
        "A string or list that could not be read whole is named in the event's `vedette.states`: `truncated`, "
        "`unreadable`, or `user` when it is the\ncaller's own copy, which the caller can change meanwhile.\n\n"
        "\"In words\" are arguments whose number has a name in Linux: the table shows it, JSON with "
        "`output.parse_arguments` (`./dev run --parse-arguments`), which\nis Tracee's parse-arguments; the numbers "
        "are then under `vedette.raw`, with the bytes of socket addresses. The names are in "
        "`analyzer/arguments/*.def`.\nNames of several bits are joined by `|`, bits without a name follow as one "
        "hexadecimal number. Filters and detections see numbers.\n\n"
        "| event | id | class |\n|---|---|---|\n");
    for (size_t i = 0; i < count; i++) {
        text_literal(text, "| [");
        text_string(text, events[i].name);
        text_literal(text, "](#");
        text_string(text, events[i].name);
        text_literal(text, ") | ");
        text_unsigned(text, events[i].id);
        text_literal(text, " | ");
        text_string(text, event_class_name((enum event_class)events[i].class));
        text_literal(text, " |\n");
    }
    for (size_t i = 0; i < count; i++)
        event_section(text, &events[i]);
}

static void trigger_row(struct text *text, const struct trigger *trigger)
{
    text_literal(text, "| [");
    text_string(text, trigger->event);
    text_literal(text, "](events.md#");
    text_string(text, trigger->event);
    text_literal(text, ") | ");
    if (trigger->attempt)
        text_literal(text, "yes, one severity lower");
    else
        text_literal(text, "no");
    text_literal(text, " | ");
    for (size_t i = 0; i < TRIGGER_MAX_DATA && trigger->data[i].name != NULL; i++) {
        text_string(text, i > 0 ? ", " : "");
        code_word(text, trigger->data[i].name);
    }
    text_literal(text, " |\n");
}

static bool is_covered_anywhere(const struct detection *detection)
{
    for (size_t i = 0; i < DETECTION_MAX_TRIGGERS && detection->triggers[i].event != NULL; i++) {
        const struct event *event = event_by_name(detection->triggers[i].event);
        if (event != NULL && event->sources[0].kind != SOURCE_NONE)
            return true;
    }
    return false;
}

static void detection_section(struct text *text, const struct detection *detection)
{
    text_literal(text, "\n## ");
    text_string(text, detection->name);
    text_literal(text, "\n\n**");
    text_string(text, detection->title);
    text_literal(text, ".** ");
    text_string(text, detection->description);
    text_literal(text, "\n\n- id: ");
    text_string(text, detection->id);
    text_literal(text, ", `eventId` ");
    text_unsigned(text, detection->event_id);
    text_literal(text, "\n- severity: ");
    text_string(text, severity_names[detection->severity]);
    text_literal(text, "\n- MITRE ATT&CK: ");
    text_string(text, detection->technique_id);
    text_literal(text, " ");
    text_string(text, detection->technique);
    text_literal(text, " (");
    text_string(text, detection->category);
    text_literal(text, ")\n- to try it: ");
    if (is_covered_anywhere(detection)) {
        text_literal(text, "`sudo ./dev tester ");
        text_string(text, detection->id);
        text_literal(text, "`");
    } else {
        text_literal(text, "not yet: nothing shows its events");
    }
    text_literal(text, "\n\n| looks at | failed attempts too | argument of the finding |\n|---|---|---|\n");
    for (size_t i = 0; i < DETECTION_MAX_TRIGGERS && detection->triggers[i].event != NULL; i++)
        trigger_row(text, &detection->triggers[i]);
    if (detection->mends == NULL)
        return;
    text_literal(text, "\nDiffers from Tracee's:\n\n");
    for (size_t i = 0; detection->mends[i] != NULL; i++) {
        text_literal(text, "- ");
        text_string(text, detection->mends[i]);
        text_literal(text, "\n");
    }
}

void markdown_detections(struct text *text)
{
    size_t count;
    const struct detection *const *all = detections_all(&count);
    text_literal(
        text, "# Detections\n\n"
              "<!-- Generated from analyzer/detections/: edit that and run ./dev docs. -->\n\n"
              "All of them run unless a policy names some. What each does not see is said at the head of its file in "
              "`analyzer/detections/`.\n\n"
              "| detection | id | severity | technique |\n|---|---|---|---|\n");
    for (size_t i = 0; i < count; i++) {
        text_literal(text, "| [");
        text_string(text, all[i]->name);
        text_literal(text, "](#");
        text_string(text, all[i]->name);
        text_literal(text, ") | ");
        text_string(text, all[i]->id);
        text_literal(text, " | ");
        text_string(text, severity_names[all[i]->severity]);
        text_literal(text, " | ");
        text_string(text, all[i]->technique_id);
        text_literal(text, " |\n");
    }
    for (size_t i = 0; i < count; i++)
        detection_section(text, all[i]);
}
