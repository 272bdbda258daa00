/* SPDX-License-Identifier: Apache-2.0 */
/* The few messages that the worker makes itself, and the replies, whose sender is not trusted. */
#ifndef VEDETTE_COLLECTOR_COURIER_MESSAGES_H
#define VEDETTE_COLLECTOR_COURIER_MESSAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/plan.h"
#include "proto/vedette.pb-c.h"

enum { MESSAGE_BYTES = 256, MESSAGE_EXTRA_BYTES = 20 };

/* The session of a hello that our own drain packed. 0 or -EBADMSG. */
int message_hello_session(const uint8_t *hello, size_t size, uint64_t *ret_session);

/* The hello with a credential in it, heap, *ret_size bytes; NULL with errno: EBADMSG when it is not one hello alone, or
 * EMSGSIZE. */
uint8_t *message_add_credential(const uint8_t *hello, size_t size, const char *credential, size_t credential_size,
                                size_t *ret_size);

/* A batch without events, with a loss record where `loss` is given. Returns the size, at most MESSAGE_BYTES. */
size_t message_pack_heartbeat(uint8_t out[MESSAGE_BYTES], uint64_t session, uint64_t first_seq, uint32_t fill_permille,
                              const Vedette__V1__Loss *loss);

/* Request.queue_fill_permille and queue_oldest_ns, to append to a packed Request. Returns the size. */
size_t message_pack_extra(uint8_t out[MESSAGE_EXTRA_BYTES], uint32_t fill_permille, uint64_t oldest_ns);

struct replies;

/* Memory for one reply at a time, allocated once. NULL with errno. */
struct replies *replies_new(void);
/* NULL when it is malformed or takes more memory than any honest reply. Valid until the next call. */
const Vedette__V1__Reply *replies_unpack(struct replies *replies, const uint8_t *bytes, size_t size);

/* The events that the plan names and that can exist; the rest is a newer analyzer's and is left out. An event with a
 * watch that is not understood is wanted whole. need_snapshot is not touched. */
void message_read_plan(const Vedette__V1__Plan *plan, struct plan_request *out);

#endif
