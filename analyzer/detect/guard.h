/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of an event's triggers can hold at all, by one string of the event: nearly all events are ruled out by their
 * path, and for a path that was met in the batch before that is one load, however many detections name the event.
 * Belongs to the engine and its thread.
 */
#ifndef VEDETTE_ANALYZER_DETECT_GUARD_H
#define VEDETTE_ANALYZER_DETECT_GUARD_H

#include "analyzer/detect/engine.h"
#include "analyzer/detect/matcher.h"

/* Of one event. The bit i of an answer stands for condition i. */
struct guard;

enum { GUARD_CONDITIONS = 64 };

/* For at most GUARD_CONDITIONS conditions. NULL with errno 0 when no string rules out more than one of them. */
struct guard *guard_new(const struct condition *const *conditions, uint32_t n);
void guard_free(struct guard *guard);

/* Forgets what was kept of the batch before. */
void guard_begin_batch(struct guard *guard, uint32_t n_strings);

/* The conditions that the event's string does not rule out. */
uint64_t guard_ask(struct guard *guard, struct matcher *matcher, const struct event_context *context);

/* How often a pattern of condition `i` was given up since this was asked last. */
uint64_t guard_take_given_up(struct guard *guard, uint32_t i);

#endif
