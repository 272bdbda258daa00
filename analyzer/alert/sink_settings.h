/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can be set of one output, by dotted keys: one table of what every sink has, and one of each kind. The
 * configuration file, the flags, `list outputs` and the documentation's test all come from these tables.
 */
#ifndef VEDETTE_ANALYZER_ALERT_SINK_SETTINGS_H
#define VEDETTE_ANALYZER_ALERT_SINK_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/options.h"

enum {
    SINK_ERROR_BYTES = 256,
    SINK_NAME_BYTES = 64,
    SINK_PATH_BYTES = 512, /* of a URL too */
};

struct alert;
struct sink_kind;

struct sink_settings {
    const struct sink_kind *kind;
    char name[SINK_NAME_BYTES]; /* of the cursor, in metrics and in the log; "": the kind's name */

    uint32_t severity;                                                /* the least that is delivered: enum severity */
    struct option_list detections, tags, policies, nodes, namespaces; /* globs; an empty list lets all pass */
    uint64_t retry_min_ms, retry_max_ms;

    /* SINK_NETWORK */
    char url[SINK_PATH_BYTES];
    uint64_t timeout_ms;
    char tls_ca[SINK_PATH_BYTES], tls_certificate[SINK_PATH_BYTES], tls_key[SINK_PATH_BYTES];
    char tls_server_name[256];

    /* SINK_HTTP */
    char url_file[SINK_PATH_BYTES], proxy[SINK_PATH_BYTES];
    struct option_list headers;
    char auth_user[256], auth_password_file[SINK_PATH_BYTES], auth_bearer_file[SINK_PATH_BYTES];

    void *own; /* the kind's own struct; NULL when it has none */
};

/* Everything at its initial value; NULL without memory. */
struct sink_settings *sink_settings_new(const struct sink_kind *kind, const char *name);
void sink_settings_free(struct sink_settings *settings);

/* The kind's keys one after the other, those of every sink first; NULL behind the last. */
const struct option *sink_option_at(const struct sink_kind *kind, size_t index);

/* Sets a key; a list gets one more item. 0, or -EINVAL with the reason, which names the nearest key of an unknown one.
 */
enum { SINK_WHY_BYTES = 256 };
int sink_settings_set(struct sink_settings *settings, const char *key, const char *text, char why[SINK_WHY_BYTES]);
/* Empties a list; nothing for another key. */
void sink_settings_clear(struct sink_settings *settings, const char *key);
/* What only the whole can tell: keys that need each other, names that are none. 0 or -EINVAL with words. */
int sink_settings_check(const struct sink_settings *settings, char why[SINK_WHY_BYTES]);

/* "sink NAME: ..." into `error`; returns NULL, as a sink's open does then. */
void *sink_fail(const struct sink_settings *settings, char error[SINK_ERROR_BYTES], const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Whether the output's severity and filters let the alert pass. Any thread. */
bool sink_settings_want(const struct sink_settings *settings, const struct alert *alert);

#endif
