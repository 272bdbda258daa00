/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events and findings as JSON in the shape of Tracee v0.24.1 and before, one object a line; what is ours stands under
 * the key "vedette". Strings from outside are made valid UTF-8 (U+FFFD for what is not) and escaped.
 */
#ifndef VEDETTE_ANALYZER_ALERT_JSON_H
#define VEDETTE_ANALYZER_ALERT_JSON_H

#include <stddef.h>

#include "analyzer/alert/outbox.h"
#include "analyzer/alert/text.h"
#include "analyzer/detect/engine.h"

enum {
    FINDING_MAX_STRING_BYTES = 4096, /* of JSON, in a finding: an outbox holds many of them */
    FINDING_MAX_LIST_BYTES = 16384,
    FINDING_MAX_ANCESTOR_BYTES = 1024, /* the path, and the command line, of each parent */
};

/*
 * How arguments are shown that have words for their numbers. With words they are strings, pointers are hexadecimal, and
 * "vedette.raw" has the numbers, and the bytes of socket addresses in base64. Tracee's option is parse-arguments.
 */
enum json_arguments { JSON_NUMBERS, JSON_WORDS };

/*
 * Appends the object, without newline. 0, or -ENOMEM with the text as it was before. Without policies "matchedPolicies"
 * is [""], as Tracee has it. A string that could not be read is "", a list null; "vedette.states" tells them from empty
 * ones. A finding's strings and lists are cut at the bounds above, and "vedette.states" says "truncated" of them.
 */
int json_event(struct text *text, const struct event_context *context, const char *const *policies, size_t n_policies,
               enum json_arguments arguments);
int json_finding(struct text *text, const struct finding *finding, const char *alert_id, const char *const *policies,
                 size_t n_policies, enum json_arguments arguments);

/*
 * threadEntityId, processEntityId, parentEntityId: our own 32-bit hash of (start time, id), equal for the same thread
 * in every event of a node; not Tracee's number.
 */
uint32_t entity_id(uint64_t start_ns, uint32_t id);

/* The deterministic id: first 128 bits of SHA-256(node, boot, session, sequence, detection, output index), hex. */
void alert_id(const struct finding *finding, char ret_id[ALERT_ID_BYTES]);

/* A row of the readable table for people, without newline; the heading first. Arguments are in words. */
int table_heading(struct text *text);
int table_event(struct text *text, const struct event_context *context);
int table_finding(struct text *text, const struct finding *finding);

/* Of enum LossStage, as JSON and metrics name it: "ring"; "unknown" for one that is newer than we are. */
const char *loss_stage_name(unsigned stage);

#endif
