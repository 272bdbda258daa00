/* SPDX-License-Identifier: Apache-2.0 */
#include <nettle/sha2.h>

#include "analyzer/alert/json.h"

/* Each text ends with its NUL and each number has its width, so that no two different alerts hash the same bytes. */
static void hash_string(struct sha256_ctx *hash, const char *string)
{
    sha256_update(hash, strlen(string) + 1, (const uint8_t *)string);
}

static void hash_number(struct sha256_ctx *hash, uint64_t number, unsigned bytes)
{
    uint8_t big_endian[8];
    for (unsigned i = 0; i < bytes; i++)
        big_endian[i] = (uint8_t)(number >> (bytes - 1 - i) * 8);
    sha256_update(hash, bytes, big_endian);
}

void alert_id(const struct finding *finding, char ret_id[ALERT_ID_BYTES])
{
    struct sha256_ctx hash;
    sha256_init(&hash);
    hash_string(&hash, finding->context->node);
    hash_string(&hash, finding->context->boot_id);
    hash_number(&hash, finding->context->session, 8);
    hash_number(&hash, finding->context->event->seq, 8);
    hash_string(&hash, finding->detection->name);
    hash_number(&hash, finding->output_index, 4);

    uint8_t digest[(ALERT_ID_BYTES - 1) / 2];
    sha256_digest(&hash, sizeof(digest), digest);
    for (size_t i = 0; i < sizeof(digest); i++)
        snprintf(ret_id + i * 2, 3, "%02x", digest[i]);
}

uint32_t entity_id(uint64_t start_ns, uint32_t id)
{
    uint64_t h = start_ns ^ (uint64_t)id * UINT64_C(0x9e3779b97f4a7c15);
    h = (h ^ h >> 30) *
        UINT64_C(0xbf58476d1ce4e5b9); /* the finaliser of splitmix64: every bit of both moves every bit */
    h = (h ^ h >> 27) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)((h ^ h >> 31) >> 32);
}
