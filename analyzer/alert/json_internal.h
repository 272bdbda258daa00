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

/*
 * How many bytes of JSON a string and a list may take. An event that is printed is whole; a finding is stored, and one
 * batch of a hostile node may hold thousands of them that share one huge string.
 */
struct json_limits {
    size_t string, list;
};
extern const struct json_limits json_whole, json_finding_limits;

/* From "{" to "parentEntityId":N: the fields that a finding copies from its trigger, under the name and number given.
 * False when the path of the executable was cut.
 */
bool json_context(struct text *text, const struct event_context *context, unsigned event_id, const char *event_name,
                  unsigned n_args, struct policies policies, const struct json_limits *limits);
/* [{"name":...,"type":...,"value":...},...]; the arguments that were cut, a bit each by their position. */
uint32_t json_args(struct text *text, const struct event_context *context, const struct json_limits *limits);
/* {"argument":"truncated",...}; `cut` is what json_args gave, `others` are more names that were cut, NULL ends them. */
void json_states(struct text *text, const struct event_context *context, uint32_t cut, const char *const *others);
/* "node":...,"session":...,"seq":N */
void json_place(struct text *text, const struct event_context *context);
/* Nanoseconds since the epoch. */
void json_time(struct text *text, const struct event_context *context, uint64_t boot_ns);
/* How many of the bytes fit into `limit` bytes of JSON without their quotes; never a part of a character. */
size_t json_fit(const char *data, size_t size, size_t limit);
/* The string, or as much of it as fits; false when it was cut. */
bool json_fitting(struct text *text, const char *data, size_t size, size_t limit);
void json_key_string(struct text *text, const char *key, const char *string);

/* Gives the text back as it was if memory ran out. */
int json_finish(struct text *text, size_t size_before);

#endif
