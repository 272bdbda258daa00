/* SPDX-License-Identifier: Apache-2.0 */
/* What sinks read out of a finding's JSON. */
#ifndef VEDETTE_ANALYZER_ALERT_ROW_H
#define VEDETTE_ANALYZER_ALERT_ROW_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/alert/outbox.h"

/* The finding, or NULL when it is no JSON object. */
json_t *alert_parse(const struct alert *alert);

/* The string at a path of keys ("executable", "path", NULL), NULL when there is none or it is empty. */
const char *alert_string(const json_t *object, ...) __attribute__((sentinel));

/* The finding's own argument by name, else its trigger's; NULL if none. */
const json_t *alert_argument(const json_t *finding, const char *name);
/* Name of the event that triggered it, NULL unknown. */
const char *alert_trigger(const json_t *finding);

/* The finding's tags: id of the detection, technique, tactic; NULL where there is none. */
enum { ALERT_TAGS = 3 };
void alert_tags(const json_t *finding, const char *ret_tags[ALERT_TAGS]);

/* "2026-01-02T03:04:05.000000006Z" */
enum { ALERT_TIME_BYTES = 48 };
void alert_time(uint64_t time_ns, char ret_text[ALERT_TIME_BYTES]);

/*
 * A row for people, in the columns of table_heading (analyzer/alert/json.h), so that findings and events line up: time
 * of day UTC, uid, comm, pid, tid, result, detection; then severity, title, file, executable, container, node. Control
 * characters and what else could drive a terminal stand as \xHH. Heap, without newline; NULL without memory. JSON that
 * cannot be read still gives what is known without it.
 */
char *alert_row(const struct alert *alert);

#endif
