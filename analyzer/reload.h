/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the set again and puts it in force whole, or leaves the old one and says why. Asked by SIGHUP, by a changed
 * file and by `vedette-analyzer reload`; one at a time, any thread.
 */
#ifndef VEDETTE_ANALYZER_RELOAD_H
#define VEDETTE_ANALYZER_RELOAD_H

#include "analyzer/config.h"
#include "analyzer/metrics/metrics.h"
#include "analyzer/policy/loaded.h"

enum { RELOAD_WORDS_BYTES = POLICY_ERROR_BYTES + 128, RELOAD_MAX_PATHS = 2 * OPTION_LIST_ITEMS + 1 };

struct reloader;

/* Reads the first set. The configuration must outlive it. NULL with errno; the error says why. */
struct reloader *reloader_new(const struct config *config, struct policy_error *error);
void reloader_free(struct reloader *reloader);

struct loaded_current *reloader_current(struct reloader *reloader);

/* What to watch: at most RELOAD_MAX_PATHS. */
size_t reloader_paths(const struct reloader *reloader, const char **ret_paths);

/* 0: in force; 1: nothing has changed; negative: refused, the old set stays. The words say it, and are logged. */
int reload(struct reloader *reloader, const char *why, char words[RELOAD_WORDS_BYTES]);

/* For metrics_register: vedette_reload_total, vedette_loaded_set. */
void reloader_collect(void *reloader, struct metrics_writer *writer);

#endif
