/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loaded set: policies, the selection and the tuning, read together, constant, under one version. A new set
 * replaces the old one whole or not at all.
 */
#ifndef VEDETTE_ANALYZER_POLICY_LOADED_H
#define VEDETTE_ANALYZER_POLICY_LOADED_H

#include "analyzer/policy/judge.h"
#include "analyzer/policy/tuner.h"
#include "common/base/options.h"

enum { LOADED_VERSION_BYTES = 17 };

struct loaded_set;

/* What it is read from; the strings are borrowed. */
struct loaded_sources {
    const char *const *policies; /* files and directories */
    size_t n_policies;
    const char *const *events; /* words of --events */
    size_t n_events;
    const char *const *tuning; /* files and directories that hold `detections:` */
    size_t n_tuning;
    const char *config; /* the program's own file, of which the key `detections` is read; NULL or "" for none */
};

/* With one reference. NULL with the error and errno. It was compiled once for this build's own events, so that nothing
 * but memory can fail at a node. */
struct loaded_set *loaded_set_new(const struct loaded_sources *sources, struct policy_error *error);
struct loaded_set *loaded_set_ref(struct loaded_set *set); /* any thread */
void loaded_set_unref(struct loaded_set *set);             /* any thread; NULL is fine */

/* 16 hexadecimal digits of what was read: equal sets have equal versions. */
const char *loaded_set_version(const struct loaded_set *set);
const struct selection *loaded_set_selection(const struct loaded_set *set);
const struct tuning *loaded_set_tuning(const struct loaded_set *set);
/* What runs, for engine_new_from. */
const struct detection *const *loaded_set_detections(const struct loaded_set *set, size_t *ret_count);

/* Which set is in force; any thread. */
struct loaded_current;

/* Takes the set's reference. NULL with errno. */
struct loaded_current *loaded_current_new(struct loaded_set *set);
void loaded_current_free(struct loaded_current *current);
/* Takes the set's reference; the old one goes when the last node has left it. */
void loaded_current_replace(struct loaded_current *current, struct loaded_set *set);
/* A reference to the set in force; and its number, which changes with every replacement. */
struct loaded_set *loaded_current_get(struct loaded_current *current, uint64_t *ret_number);
/* Cheap: for every batch. */
uint64_t loaded_current_number(const struct loaded_current *current);

#endif
