/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials and namespaces of a process: those of its first thread, by the event that told them last. */
#ifndef VEDETTE_ANALYZER_STATE_IDENTITY_H
#define VEDETTE_ANALYZER_STATE_IDENTITY_H

#include "analyzer/state/state.h"

/* What every event says of its thread. */
void identity_from_task(struct process *process, const struct task_view *task);
/* existing_process */
void identity_from_snapshot(struct process *process, const struct event_view *event);
/* commit_creds */
void identity_from_credentials(struct process *process, const struct event_view *event);
/* switch_task_ns */
void identity_from_switch(struct process *process, const struct event_view *event);

#endif
