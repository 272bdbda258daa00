/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_EVENTS_CALLS_H
#define VEDETTE_EVENTS_CALLS_H

/* Makes the system call of that name, which has no trigger of its own. */
void calls_run(const char *event);

#endif
