/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker that was taken over, in a fault build only: does what the orders name (deeds.def) with all the rights that
 * the worker has, and notes how that went. The worker's thread.
 */
#ifndef VEDETTE_COLLECTOR_COURIER_TAKEN_OVER_H
#define VEDETTE_COLLECTOR_COURIER_TAKEN_OVER_H

#ifdef VEDETTE_FAULTS

struct queue;

void taken_over(struct queue *queue);

#else

#define taken_over(queue) ((void)0)

#endif

#endif
