/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policy files in Tracee's two forms, as data: whose events (scope), which of them (rules), under which conditions
 * (filters). Constant once read. docs/policies.md is the language for people.
 */
#ifndef VEDETTE_ANALYZER_POLICY_POLICY_H
#define VEDETTE_ANALYZER_POLICY_POLICY_H

#include <stddef.h>
#include <stdint.h>

#include "analyzer/detect/detection.h"
#include "analyzer/policy/pool.h"
#include "analyzer/policy/document.h"
#include "analyzer/policy/filter.h"
#include "common/events/events.h"

enum {
    POLICY_MAX = 1024,             /* policies loaded at once */
    POLICY_MAX_RULES = 2048,       /* of one policy */
    POLICY_MAX_SCOPES = 64,        /* lines of one scope */
    POLICY_MAX_NAME = 253,         /* a DNS-1123 subdomain */
    POLICY_MAX_CONDITIONS = 65536, /* filters times events that they are for, of one policy */
};

enum scope_new { SCOPE_ANY_AGE, SCOPE_NEW, SCOPE_NOT_NEW };

/* A process of `tree=`: it and what descends from it. */
struct scope_root {
    uint32_t pid;
    bool excluded;
};

/* Whose events. */
struct scope {
    const char *text; /* its lines, joined by " and " */
    struct filter *filters;
    size_t n_filters;
    struct scope_root *roots;
    size_t n_roots;
    uint8_t new_process; /* enum scope_new */
    bool is_global, follow;
    bool wants_host_namespace; /* a filter names "host:" */
};

struct rule {
    const char *text; /* as "event" has it */
    size_t line, column;
    uint16_t *events; /* what it selects in the end */
    size_t n_events;
    const struct detection **detections;
    size_t n_detections;
    struct filter *filters;
    size_t n_filters;
};

struct policy {
    struct pool pool; /* owns all below */
    const char *name;
    const char *path; /* of its file */
    const char *description;
    struct scope scope;
    struct rule *rules;
    size_t n_rules;
    uint8_t events[EVENT_ID_LIMIT];      /* 1: some rule selects it */
    const struct detection **detections; /* that some rule selects */
    size_t n_detections;
};

struct policies {
    struct policy **policy;
    size_t count;
};

/* Adds what a file, or every *.yaml, *.yml and *.json of a directory, holds. 0, or -EINVAL / -errno with the error; on
 * failure nothing is added. */
int policies_load(struct policies *policies, const char *path, struct policy_error *error);
/* The same; `read` is told the text of every file that was taken. */
int policies_load_with(struct policies *policies, const char *path,
                       void (*read)(void *arg, const char *text, size_t size), void *arg, struct policy_error *error);
/* Adds one policy, which it takes; -EINVAL when its name is taken, and the policy is freed. */
int policies_add(struct policies *policies, struct policy *policy, struct policy_error *error);
void policies_fini(struct policies *policies);

/* One file's text; `path` is for the words. NULL with the error and errno. */
struct policy *policy_parse(const char *path, const char *text, size_t size, struct policy_error *error);
void policy_free(struct policy *policy);

/*
 * The parts of policy_parse. `at` is where the text stands; they fill the document's error and return 0, -EINVAL or
 * -ENOMEM. What they make is the pool's.
 */
int scope_add(struct document *document, const yaml_node_t *at, struct pool *pool, struct scope *scope,
              const char *text);
int scope_check(struct document *document, const yaml_node_t *at, const struct scope *scope);
/* Works out what each rule selects from their texts, and whether every filter fits it. */
int rules_resolve(struct document *document, struct policy *policy);

/* The files of a directory that are read, sorted; or the path itself when it is no directory. */
struct policy_files {
    char **path;
    size_t count, skipped; /* the latter: entries whose names have another ending */
};
int policy_files_list(const char *path, struct policy_files *ret_files, struct policy_error *error);
void policy_files_fini(struct policy_files *files);

#endif
