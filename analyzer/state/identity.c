// SPDX-License-Identifier: Apache-2.0
#include "analyzer/state/identity.h"

#include "analyzer/state/argument.h"

static bool is_first_thread(const struct task_view *task)
{
    return task->tid == task->tgid;
}

static void set_namespace(struct process *process, enum process_namespace which, const struct event_view *event,
                          const char *argument)
{
    const struct value *value = state_argument(event, argument, ARG_UINT32);
    if (value != NULL && value->u != 0)
        process->namespaces[which] = (uint32_t)value->u;
}

static void set_credentials(struct process *process, const struct event_view *event, const char *argument)
{
    const struct value *value = state_argument(event, argument, ARG_CREDENTIALS);
    if (value == NULL || value->string.length != sizeof(process->credentials))
        return;
    memcpy(&process->credentials, value->string.data, sizeof(process->credentials));
    process->credentials_known = true;
    process->namespaces[NAMESPACE_USER] = process->credentials.user_ns;
}

void identity_from_task(struct process *process, const struct task_view *task)
{
    if (!is_first_thread(task))
        return;
    process->namespaces[NAMESPACE_MNT] = task->mnt_ns;
    process->namespaces[NAMESPACE_PID] = task->pid_ns;
}

void identity_from_snapshot(struct process *process, const struct event_view *event)
{
    set_credentials(process, event, "cred");
    set_namespace(process, NAMESPACE_CGROUP, event, "cgroup_ns");
    set_namespace(process, NAMESPACE_IPC, event, "ipc_ns");
    set_namespace(process, NAMESPACE_NET, event, "net_ns");
    set_namespace(process, NAMESPACE_TIME, event, "time_ns");
    set_namespace(process, NAMESPACE_UTS, event, "uts_ns");
}

void identity_from_credentials(struct process *process, const struct event_view *event)
{
    if (is_first_thread(event->task))
        set_credentials(process, event, "new_cred");
}

void identity_from_switch(struct process *process, const struct event_view *event)
{
    if (!is_first_thread(event->task))
        return;
    set_namespace(process, NAMESPACE_CGROUP, event, "new_cgroup");
    set_namespace(process, NAMESPACE_IPC, event, "new_ipc");
    set_namespace(process, NAMESPACE_MNT, event, "new_mnt");
    set_namespace(process, NAMESPACE_NET, event, "new_net");
    set_namespace(process, NAMESPACE_UTS, event, "new_uts");
}
