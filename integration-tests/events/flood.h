/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events of the bulk class as fast as they go, by a process on every CPU, in the scope of the capture: below it,
 * nothing of the other classes may be missing or wrong.
 */
#ifndef VEDETTE_EVENTS_FLOOD_H
#define VEDETTE_EVENTS_FLOOD_H

/* From slow to as fast as it goes: leaves a line {"ramp": [BEGIN, END, CALLS]} with what is expected for each step, in
 * ns of the system's clock. */
void flood_ramp(void);

/* All of it, until flood_stop, which leaves a line {"flood": {"calls": N, "ns": N}}. */
void flood_start(void);
void flood_stop(void);

#endif
