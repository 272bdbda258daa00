/* SPDX-License-Identifier: Apache-2.0 */
/*
 * integration-tests/receiver/receiver.py, which judges as a real receiver does and misbehaves as told, for the tests of
 * sinks. Those run from the repository's root and need python3.
 */
#ifndef VEDETTE_ANALYZER_ALERT_RECEIVER_TESTING_H
#define VEDETTE_ANALYZER_ALERT_RECEIVER_TESTING_H

#include <jansson.h>
#include <sys/types.h>

#include "analyzer/alert/alert_testing.h"

struct receiver {
    pid_t pid;
    int stdin_fd; /* it ends when this closes, also when the test dies */
    char url[64], out[TESTING_PATH_BYTES], log[TESTING_PATH_BYTES];
};

/* `kind` is what it judges as: falcosidekick, webhook, alertmanager, loki; `script` are its STEPS. */
struct receiver receiver_start(const struct temporary *temporary, const char *kind, const char *script);
void receiver_stop(struct receiver *receiver);

/* The JSON lines of a file, an array that the caller frees. */
json_t *lines_of(const char *path);

#endif
