/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every limit of the contract, in one place. A receiver refuses what is beyond; a sender never sends it.
 */
#ifndef VEDETTE_COMMON_WIRE_LIMITS_H
#define VEDETTE_COMMON_WIRE_LIMITS_H

enum {
    WIRE_VERSION_MIN = 1,
    WIRE_VERSION_MAX = 1,

    WIRE_REQUEST_BYTES = 256 * 1024, /* one request, framing included; also the socket's RECVMAXSZ plus slack */
    WIRE_APPENDED_BYTES = 32, /* of a request, left free by the encoder for the two fields that the courier appends */
    WIRE_REPLY_BYTES = 64 * 1024,
    WIRE_ARENA_FACTOR = 12, /* a decoded message may take this many times its size (measured worst honest case: 9) */
    WIRE_ARENA_SLACK = 96 * 1024,
    WIRE_BATCH_EVENTS = 4096,
    WIRE_BATCH_STRINGS = 16384,
    WIRE_BATCH_TASKS = 4096,
    WIRE_BATCH_LOSSES = 1024,
    WIRE_BATCH_ARGS = 1 << 18, /* integers in EventBatch.args */
    WIRE_STRING_BYTES = 128 * 1024,
    WIRE_LIST_ITEMS = 8192,
    WIRE_SCHEMA_EVENTS = 2048,
    WIRE_HOOKS = 256,
    WIRE_NAME_BYTES = 256, /* node, version, kernel, event and argument names */
    WIRE_CREDENTIAL_BYTES = 16 * 1024,
    WIRE_PLAN_EVENTS = 1024,
    WIRE_PLAN_WATCHES = 512,
    WIRE_WATCH_TEXT = 24, /* of a longer name the beginning */
    WIRE_PLAN_SCOPES = 16,
    WIRE_SCOPE_VALUES = 64, /* of all scopes of a plan */
    WIRE_SCOPE_TEXT = 15,
    WIRE_CURSORS = 64,
    WIRE_TEXT_BYTES = 1024,   /* sentences for people: losses, reasons, scope */
    WIRE_UNKNOWN_FIELDS = 64, /* fields of a newer peer in one message, all levels together */
};

#endif
