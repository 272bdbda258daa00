/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which nodes may speak, and by which tokens. A file of one line a node and token:
 *
 *     # comment
 *     NODE SHA256      64 hex digits, of the token without the end of its line
 *
 * A node may stand there more than once, for the time in which its token is replaced. Of a token only its hash is kept,
 * so whoever reads the file cannot speak for anybody; tokens are random and long, so a plain hash is enough.
 */
#ifndef VEDETTE_ANALYZER_INGEST_ENROLMENT_H
#define VEDETTE_ANALYZER_INGEST_ENROLMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ENROLMENT_DIGEST_BYTES = 32, ENROLMENT_MAX = 16384, ENROLMENT_ERROR_BYTES = 512 };

struct enrolment; /* immutable */

/* 0, or -errno with words naming file, line and what is wrong. */
int enrolment_load(const char *path, struct enrolment **ret_enrolment, char error[ENROLMENT_ERROR_BYTES]);
void enrolment_free(struct enrolment *enrolment);
size_t enrolment_count(const struct enrolment *enrolment);

void enrolment_digest(const void *token, size_t size, uint8_t ret_digest[ENROLMENT_DIGEST_BYTES]);

/* Whether one of the node's tokens has that digest. Takes as long for a digest that is wrong at its first byte as for
 * one that is wrong at its last. Any thread. */
bool enrolment_holds(const struct enrolment *enrolment, const char *node, const uint8_t digest[ENROLMENT_DIGEST_BYTES]);

#endif
