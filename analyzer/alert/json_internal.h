/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parts of the object that events and findings share. Each appends; json.c looks at text.failed once.
 */
#ifndef VEDETTE_ANALYZER_ALERT_JSON_INTERNAL_H
#define VEDETTE_ANALYZER_ALERT_JSON_INTERNAL_H

#include "analyzer/alert/json.h"

struct policies {
    const char *const *names;
    size_t n;
};

/* From "{" to "parentEntityId":N: the fields that a finding copies from its trigger, under the name and number given.
 */
void json_context(struct text *text, const struct event_context *context, unsigned event_id, const char *event_name,
                  unsigned n_args, struct policies policies);
/* [{"name":...,"type":...,"value":...},...] */
void json_args(struct text *text, const struct event_context *context);
/* {"argument":"truncated",...} */
void json_states(struct text *text, const struct event_context *context);
/* "node":...,"session":...,"seq":N */
void json_place(struct text *text, const struct event_context *context);
/* Nanoseconds since the epoch. */
void json_time(struct text *text, const struct event_context *context, uint64_t boot_ns);
void json_key_string(struct text *text, const char *key, const char *string);

/* Gives the text back as it was if memory ran out. */
int json_finish(struct text *text, size_t size_before);

#endif
