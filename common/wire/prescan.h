/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A walk over a packed message before it is unpacked, without allocating. protobuf-c allocates for every unknown field
 * (349,541 times for one hostile MiB), merges messages that come twice and makes a whole struct of an empty one, so
 * what no honest peer sends is refused here.
 */
#ifndef VEDETTE_COMMON_WIRE_PRESCAN_H
#define VEDETTE_COMMON_WIRE_PRESCAN_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

enum { PRESCAN_ERROR_BYTES = 160 };

/*
 * 0, or -EBADMSG with the reason: a field of the wrong wire type, a single field or packed list that comes twice, two
 * members of a oneof, more repeated elements than the limit of that field, more than WIRE_UNKNOWN_FIELDS unknown
 * fields, lengths that overrun.
 */
int prescan(const ProtobufCMessageDescriptor *descriptor, const uint8_t *bytes, size_t size,
            char error[PRESCAN_ERROR_BYTES]);

#endif
