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
/* What became of the arguments, a bit each by their position. */
struct json_marks {
    uint32_t cut;     /* not whole, by the limits */
    uint32_t decoded; /* words stand where a number is, or an object where bytes are that it may not tell all of */
};

/* [{"name":...,"type":...,"value":...},...] */
struct json_marks json_args(struct text *text, const struct event_context *context, const struct json_limits *limits,
                            enum json_arguments arguments);
/* ,"type":...,"value":... of one argument */
void json_value(struct text *text, const struct event_context *context, uint8_t arg, const struct json_limits *limits,
                enum json_arguments arguments, struct json_marks *marks);
/* ,"raw":{"argument":NUMBER or "base64",...}: the decoded ones as they came. */
void json_raw(struct text *text, const struct event_context *context, uint32_t decoded);
void json_raw_value(struct text *text, const struct event_context *context, uint8_t arg);
/* Nanoseconds as a decimal number of seconds, exactly. */
void json_seconds(struct text *text, int64_t ns);
/* {"argument":"truncated",...}; `cut` is json_args' mark, `others` are more names that were cut, NULL ends them. */
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
