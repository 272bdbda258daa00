/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_EVENTS_PROCESSES_H
#define VEDETTE_EVENTS_PROCESSES_H

/* Two processes that say "ready" and stay until standard input ends: for a capture that starts later. */
void stay(void);

#endif
