/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events of the bulk class as fast as they go, by a process on every CPU, in the scope of the capture: below it,
 * nothing of the other classes may be missing or wrong.
 */
#ifndef VEDETTE_EVENTS_FLOOD_H
#define VEDETTE_EVENTS_FLOOD_H

/* Until flood_stop, which leaves a line {"flood": {"calls": N, "ns": N}} with what is expected. */
void flood_start(void);
void flood_stop(void);

/* From slow to as fast as it goes: a line "BEGIN END CALLS" in that file for each step, in ns of the system's clock. */
int flood_ramp(const char *path);

#endif
