/* SPDX-License-Identifier: Apache-2.0 */
/* A container's own cgroup was removed: of the two that a hybrid node has, the last. */
#include "analyzer/derive/derivations.h"

static bool make(const struct event_context *context, struct derived *derived)
{
    struct state_change change = state_container_change(context->state);
    if (change.kind != CHANGE_REMOVED)
        return false;
    derived->container = change.container;
    derived_string(derived, "runtime", change.container->runtime);
    derived_string(derived, "container_id", change.container->id);
    return true;
}

const struct derivation derivation_container_remove = {
    .event = EVENT_container_remove,
    .source = EVENT_cgroup_rmdir,
    .make = make,
};
