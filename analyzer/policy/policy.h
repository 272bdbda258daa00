/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policy files in Tracee's two forms. For now a policy has scope `global` and rules that name events, sets of events or
 * detections; any other key is refused by file, line, column and name, because a filter that is not applied would be
 * worse than none.
 */
#ifndef VEDETTE_ANALYZER_POLICY_POLICY_H
#define VEDETTE_ANALYZER_POLICY_POLICY_H

#include <stddef.h>
#include <stdint.h>

#include "analyzer/detect/detection.h"
#include "common/events/events.h"

enum {
    POLICY_ERROR_BYTES = 512,
    POLICY_MAX = 1024,             /* policies loaded at once */
    POLICY_MAX_RULES = 2048,       /* of one policy */
    POLICY_MAX_FILE = 1024 * 1024, /* bytes of one file */
    POLICY_MAX_NAME = 253,         /* a DNS-1123 subdomain */
};

struct policy {
    char *name;
    char *path;                          /* of its file */
    uint8_t events[EVENT_ID_LIMIT];      /* 1: named, directly or by a set */
    const struct detection **detections; /* named */
    size_t n_detections;
};

struct policies {
    struct policy **policy;
    size_t count;
};

/* Adds what a file, or every *.yaml, *.yml and *.json of a directory, holds. 0, or -EINVAL / -errno with words; on
 * failure nothing is added. */
int policies_load(struct policies *policies, const char *path, char error[POLICY_ERROR_BYTES]);
void policies_fini(struct policies *policies);

/* One file's text; `path` is for the words. NULL with words and errno. */
struct policy *policy_parse(const char *path, const char *text, size_t size, char error[POLICY_ERROR_BYTES]);
void policy_free(struct policy *policy);

#endif
