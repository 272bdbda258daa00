/* SPDX-License-Identifier: Apache-2.0 */
/* For the tests of this folder: a place for a database, alerts to put into it, and a look at it from outside. */
#ifndef VEDETTE_ANALYZER_ALERT_ALERT_TESTING_H
#define VEDETTE_ANALYZER_ALERT_ALERT_TESTING_H

#include "analyzer/alert/outbox.h"

enum { TESTING_PATH_BYTES = 128 };

/* A fresh folder, removed with all that is in it by temporary_remove. */
struct temporary {
    char folder[TESTING_PATH_BYTES / 2];
    char outbox[TESTING_PATH_BYTES]; /* path of a database that does not exist yet */
};
void temporary_make(struct temporary *temporary);
void temporary_remove(const struct temporary *temporary);
/* For cmocka: a test's state is a struct temporary. */
int temporary_setup(void **state);
int temporary_teardown(void **state);

/* An alert whose id and texts follow from `number`. The texts are constant and shared. */
struct alert alert_of(unsigned number);

/* One with everything that a sink reads of a finding, hostile where a name may be: quotes, brackets, controls, UTF-8.
 */
struct alert alert_rich(void);

struct outbox *outbox_open_or_die(const char *path);
/* Commits alerts first to first + count - 1; the result of outbox_commit. */
int commit_alerts(struct outbox *outbox, unsigned first, unsigned count);

/* By a connection of its own, as a person with sqlite3 would. */
void outside_execute(const char *path, const char *sql);
int64_t outside_integer(const char *path, const char *sql);

#endif
