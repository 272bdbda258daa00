/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A finding in the shape that Falcosidekick takes: one JSON object with rule, priority, time, source, hostname, tags,
 * output and output_fields, the fields under Falco's names, and ours as vedette.id.
 */
#ifndef VEDETTE_ANALYZER_ALERT_FALCO_H
#define VEDETTE_ANALYZER_ALERT_FALCO_H

#include "analyzer/alert/outbox.h"

/* Falcosidekick cuts strings itself beyond this, also inside `output`; ours are cut so that it need not. */
enum { FALCO_PAYLOAD_BYTES = 4096, FALCO_ERROR_BYTES = 128 };

/* Heap, *ret_size without the NUL. NULL with words and errno: EBADMSG when the alert is no finding that can be sent,
 * ENOMEM. */
char *falco_payload(const struct alert *alert, size_t *ret_size, char error[FALCO_ERROR_BYTES]);

#endif
