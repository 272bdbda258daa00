/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container's own cgroup was made. The image, the names and the pod's name are not in a path: they stay unreadable
 * until somebody asks the runtime or Kubernetes.
 */
#include "analyzer/derive/derivations.h"

void derived_describe_container(struct derived *derived, const struct container *container)
{
    derived->container = container;
    derived_string(derived, "runtime", container->runtime);
    derived_string(derived, "container_id", container->id);
    derived_string(derived, "pod_uid", container->pod_uid);
}

static bool make(const struct event_context *context, struct derived *derived)
{
    struct state_change change = state_container_change(context->state);
    if (change.kind != CHANGE_MADE)
        return false;
    derived_describe_container(derived, change.container);
    derived_unsigned(derived, "ctime", context->event->time_ns + (uint64_t)context->wall_minus_boot_ns);
    return true;
}

const struct derivation derivation_container_create = {
    .event = EVENT_container_create,
    .source = EVENT_cgroup_mkdir,
    .make = make,
};
