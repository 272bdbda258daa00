/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_EVENTS_EXISTING_H
#define VEDETTE_EVENTS_EXISTING_H

#include <stdbool.h>

/* Processes that say "ready" and stay until standard input ends: for a capture that starts later. */
void stay(void);

/* Whether this program was executed to be one of those; then it is, and ends. */
bool stay_as_told(int argc, char **argv);

#endif
