/* SPDX-License-Identifier: Apache-2.0 */
/* Who watches, once a start: told with the namespaces of the first process. Times are since the epoch. */
#include "analyzer/derive/derivations.h"

static bool make(const struct event_context *context, struct derived *derived)
{
    derived_unsigned(derived, "boot_time", (uint64_t)context->wall_minus_boot_ns);
    derived_unsigned(derived, "start_time", context->event->time_ns + (uint64_t)context->wall_minus_boot_ns);
    derived_string(derived, "version", VEDETTE_VERSION);
    return true;
}

const struct derivation derivation_tracee_info = {
    .event = EVENT_tracee_info,
    .source = EVENT_init_namespaces,
    .make = make,
};
