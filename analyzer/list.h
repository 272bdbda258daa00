/* SPDX-License-Identifier: Apache-2.0 */
/* `vedette-analyzer list` and `plan`: what can be named, and what is asked for. Each gives the exit code. */
#ifndef VEDETTE_ANALYZER_LIST_H
#define VEDETTE_ANALYZER_LIST_H

#include "analyzer/alert/text.h"
#include "analyzer/detect/detection.h"
#include "analyzer/policy/loaded.h"
#include "common/events/events.h"

enum list_format {
    LIST_TABLE,    /* for people */
    LIST_JSON,     /* for programs */
    LIST_MARKDOWN, /* a page of docs/ */
};

/* `what` is "detections", "events", "metrics" or "outputs". */
int list(const char *what, enum list_format format);

/* Writes it to standard output and frees it; an exit code. */
int list_print(struct text *text);
/* "name":"value" */
void list_member(struct text *text, const char *name, const char *value);

/* What the set in force makes of the plan, and what of it is decided in the kernel. */
int list_plan(struct loaded_current *current, enum list_format format);

/* The pages, from the tables. */
void markdown_events(struct text *text);
void markdown_detections(struct text *text);
void markdown_outputs(struct text *text);
void table_outputs(struct text *text);
void json_outputs(struct text *text);

/* list_metrics.c */
void table_metrics(struct text *text);
void json_metrics(struct text *text);
void markdown_metrics(struct text *text);

#endif
