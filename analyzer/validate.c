// SPDX-License-Identifier: Apache-2.0
#include "analyzer/validate.h"

#include <errno.h>

#include "analyzer/list.h"
#include "analyzer/policy/tuning.h"
#include "common/base/clock.h"
#include "common/base/exit_code.h"
#include "common/base/log.h"
#include "common/base/progress.h"

/* What was found in all paths together. */
struct findings {
    struct policies policies;
    struct tuning tuning;
    size_t tunings, skipped, failed;
    struct text errors; /* JSON objects */
    bool json;
    struct progress progress;
};

static void add_error(struct findings *findings, const struct policy_error *error)
{
    char words[POLICY_ERROR_BYTES];
    findings->failed++;
    progress_wipe(&findings->progress);
    policy_error_words(error, words);
    if (!findings->json) {
        log_error("%s", words);
        return;
    }
    struct text *text = &findings->errors;
    text_string(text, text->size == 0 ? "{" : ",{");
    list_member(text, "file", error->path);
    text_literal(text, ",\"line\":");
    text_unsigned(text, error->line);
    text_literal(text, ",\"column\":");
    text_unsigned(text, error->column);
    text_literal(text, ",");
    list_member(text, "key", error->key);
    text_literal(text, ",");
    list_member(text, "message", error->message);
    text_literal(text, "}");
}

/* Files of detections are told by their key. */
static void read_tuning(struct findings *findings, const char *path, const char *text, size_t size)
{
    struct policy_error error = {0};
    if (tuning_parse(&findings->tuning, path, text, size, true, &error) < 0) {
        add_error(findings, &error);
        return;
    }
    findings->tunings++;
    if (!findings->json)
        printf("%s: tuning is right\n", path);
}

static void read_file(struct findings *findings, const char *path)
{
    struct policy_error error = {0};
    size_t size;
    char *text = document_load(path, &size, &error);
    if (text != NULL && tuning_is_meant(text)) {
        read_tuning(findings, path, text, size);
        free(text);
        return;
    }
    struct policy *policy = text == NULL ? NULL : policy_parse(path, text, size, &error);
    free(text);
    if (policy == NULL || policies_add(&findings->policies, policy, &error) < 0)
        add_error(findings, &error);
    else if (!findings->json)
        printf("%s: policy %s is right\n", path, policy->name);
}

static void read_path(struct findings *findings, const char *path)
{
    struct policy_error error = {0};
    struct policy_files files;
    if (policy_files_list(path, &files, &error) < 0) {
        add_error(findings, &error);
        return;
    }
    if (files.count == 0) {
        policy_error_set(&error, path, "", "holds nothing to read: no *.yaml, *.yml or *.json");
        add_error(findings, &error);
    }
    findings->skipped += files.skipped;
    findings->progress.total += files.count;
    for (size_t i = 0; i < files.count; i++) {
        read_file(findings, files.path[i]);
        progress_step(&findings->progress, clock_boot_ns());
    }
    policy_files_fini(&files);
}

static int print_json(struct findings *findings)
{
    struct text text = {0};
    text_literal(&text, "{\"loaded\":");
    text_unsigned(&text, findings->policies.count + findings->tunings);
    text_literal(&text, ",\"skipped\":");
    text_unsigned(&text, findings->skipped);
    text_literal(&text, ",\"failed\":");
    text_unsigned(&text, findings->failed);
    text_literal(&text, ",\"errors\":[");
    text_append(&text, findings->errors.size == 0 ? "" : findings->errors.data, findings->errors.size);
    text_literal(&text, "]}\n");
    text.failed = text.failed || findings->errors.failed;
    return list_print(&text);
}

int validate(char **paths, int n_paths, bool json)
{
    struct findings findings = {.json = json};
    int code = EXIT_CODE_OK;
    if (tuning_init(&findings.tuning) < 0) {
        log_error("no memory");
        return EXIT_CODE_RUNTIME;
    }
    /* Where a line for each file can be seen, they are the progress. */
    progress_begin(&findings.progress, json || !isatty(STDOUT_FILENO) ? STDERR_FILENO : -1, "files", 0);
    for (int i = 0; i < n_paths; i++)
        read_path(&findings, paths[i]);
    progress_wipe(&findings.progress);
    if (json)
        code = print_json(&findings);
    else if (fflush(stdout) != 0)
        code = EXIT_CODE_RUNTIME;
    if (code == EXIT_CODE_OK && findings.failed > 0)
        code = EXIT_CODE_USAGE;
    text_fini(&findings.errors);
    policies_fini(&findings.policies);
    tuning_fini(&findings.tuning);
    return code;
}

/* -- list policies -- */

static void json_rule(struct text *text, const struct rule *rule)
{
    text_literal(text, "{");
    list_member(text, "event", rule->text);
    text_literal(text, ",\"filters\":[");
    for (size_t i = 0; i < rule->n_filters; i++) {
        text_string(text, i == 0 ? "" : ",");
        text_json(text, rule->filters[i].text, strlen(rule->filters[i].text));
    }
    text_literal(text, "],\"events\":");
    text_unsigned(text, rule->n_events);
    text_literal(text, ",\"detections\":");
    text_unsigned(text, rule->n_detections);
    text_literal(text, "}");
}

static void json_policy(struct text *text, const struct policy *policy)
{
    text_literal(text, "{");
    list_member(text, "name", policy->name);
    text_literal(text, ",");
    list_member(text, "description", policy->description);
    text_literal(text, ",");
    list_member(text, "path", policy->path);
    text_literal(text, ",");
    list_member(text, "scope", policy->scope.text);
    text_literal(text, ",\"rules\":[");
    for (size_t i = 0; i < policy->n_rules; i++) {
        text_string(text, i == 0 ? "" : ",");
        json_rule(text, &policy->rules[i]);
    }
    text_literal(text, "]}");
}

static void table_policy(struct text *text, const struct policy *policy)
{
    char line[POLICY_MAX_NAME + 64];
    size_t n_events = 0;
    for (size_t id = 0; id < EVENT_ID_LIMIT; id++)
        n_events += policy->events[id];
    snprintf(line, sizeof(line), "%-30s %6zu %7zu %10zu  ", policy->name, policy->n_rules, n_events,
             policy->n_detections);
    text_string(text, line);
    text_printable(text, policy->scope.text, strlen(policy->scope.text));
    text_literal(text, "\n");
}

int list_policies(const struct option_list *paths, bool json)
{
    struct policies policies = {0};
    struct policy_error error = {0};
    struct text text = {0};
    char words[POLICY_ERROR_BYTES];
    for (size_t i = 0; i < paths->count; i++)
        if (policies_load(&policies, paths->item[i], &error) < 0) {
            policy_error_words(&error, words);
            log_error("%s", words);
            policies_fini(&policies);
            return EXIT_CODE_USAGE;
        }
    if (json)
        text_literal(&text, "[");
    else
        text_literal(&text, "POLICY                          RULES  EVENTS DETECTIONS  SCOPE\n");
    for (size_t i = 0; i < policies.count; i++) {
        text_string(&text, json && i > 0 ? ",\n" : "");
        (json ? json_policy : table_policy)(&text, policies.policy[i]);
    }
    text_string(&text, json ? "]\n" : "");
    policies_fini(&policies);
    return list_print(&text);
}
