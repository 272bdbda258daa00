/* SPDX-License-Identifier: Apache-2.0 */
/* A container that was there before the stream began: told once, by the first of its processes that the snapshot shows.
 */
#include "analyzer/derive/derivations.h"

static bool make(const struct event_context *context, struct derived *derived)
{
    struct state_change change = state_container_change(context->state);
    if (change.kind != CHANGE_FOUND)
        return false;
    derived_describe_container(derived, change.container);
    return true;
}

const struct derivation derivation_existing_container = {
    .event = EVENT_existing_container,
    .source = EVENT_existing_process,
    .make = make,
};
