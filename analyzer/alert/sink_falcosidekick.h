/* SPDX-License-Identifier: Apache-2.0 */
/* The Falcosidekick sink with time-outs of the caller's; programs take it from sink_kind_by_name. */
#ifndef VEDETTE_ANALYZER_ALERT_SINK_FALCOSIDEKICK_H
#define VEDETTE_ANALYZER_ALERT_SINK_FALCOSIDEKICK_H

#include "analyzer/alert/sink.h"

struct falcosidekick_times {
    uint32_t connect_ms, total_ms; /* of one request */
};

/* As sink_kind.open: what it returns goes to the functions of that kind. */
void *falcosidekick_open(const char *target, const struct falcosidekick_times *times, char error[SINK_ERROR_BYTES]);

#endif
