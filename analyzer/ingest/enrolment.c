// SPDX-License-Identifier: Apache-2.0
#include "analyzer/ingest/enrolment.h"

#include <errno.h>

#include <nettle/memops.h>
#include <nettle/sha2.h>

#include "common/transport/credential.h"
#include "common/wire/limits.h"

_Static_assert(ENROLMENT_DIGEST_BYTES == SHA256_DIGEST_SIZE, "SHA-256");

struct entry {
    const char *node; /* in the text */
    uint8_t digest[ENROLMENT_DIGEST_BYTES];
};

struct enrolment {
    char *text; /* the file's, cut up */
    size_t size, count;
    struct entry entry[]; /* by node */
};

static int compare(const void *left, const void *right)
{
    return strcmp(((const struct entry *)left)->node, ((const struct entry *)right)->node);
}

static int fail(char *error, const char *path, size_t line, const char *words)
{
    snprintf(error, ENROLMENT_ERROR_BYTES, "%.300s:%zu: %s", path, line, words);
    return -EINVAL;
}

static int hex_of(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c != '\0' ? strchr(digits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c) : NULL;
    return at == NULL ? -1 : (int)(at - digits);
}

static bool read_digest(const char *hex, uint8_t digest[ENROLMENT_DIGEST_BYTES])
{
    for (size_t i = 0; i < ENROLMENT_DIGEST_BYTES; i++) {
        int high = hex_of(hex[2 * i]), low = high < 0 ? -1 : hex_of(hex[2 * i + 1]);
        if (low < 0)
            return false;
        digest[i] = (uint8_t)(high << 4 | low);
    }
    return hex[(size_t)2 * ENROLMENT_DIGEST_BYTES] == '\0';
}

/* One line, without its end; *ret_used when it holds an entry. */
static const char *read_line(char *line, struct entry *entry, bool *ret_used)
{
    char *rest = NULL;
    line[strcspn(line, "#")] = '\0';
    entry->node = strtok_r(line, " \t\r", &rest);
    *ret_used = entry->node != NULL;
    if (!*ret_used)
        return NULL;
    const char *hex = strtok_r(NULL, " \t\r", &rest);
    if (hex == NULL || strtok_r(NULL, " \t\r", &rest) != NULL)
        return "needs a node and the SHA-256 of its token";
    if (strlen(entry->node) >= WIRE_NAME_BYTES)
        return "the node's name is too long";
    return read_digest(hex, entry->digest) ? NULL
                                           : "needs the SHA-256 of the token in 64 hex digits, as sha256sum prints it";
}

static size_t count_lines(const char *text)
{
    size_t lines = 1;
    for (; (text = strchr(text, '\n')) != NULL; text++)
        lines++;
    return lines;
}

static int read_entries(struct enrolment *enrolment, const char *path, char *error)
{
    size_t number = 0;
    for (char *line = enrolment->text, *next; line != NULL; line = next) {
        bool used;
        next = strchr(line, '\n');
        if (next != NULL)
            *next++ = '\0';
        number++;
        const char *words = read_line(line, &enrolment->entry[enrolment->count], &used);
        if (words == NULL && used && enrolment->count == ENROLMENT_MAX)
            words = "more than 16,384 entries";
        if (words != NULL)
            return fail(error, path, number, words);
        enrolment->count += used;
    }
    qsort(enrolment->entry, enrolment->count, sizeof(enrolment->entry[0]), compare);
    return 0;
}

int enrolment_load(const char *path, struct enrolment **ret_enrolment, char error[ENROLMENT_ERROR_BYTES])
{
    char *text;
    size_t size;
    int result = credential_read(path, CREDENTIAL_PUBLIC, &text, &size, error);
    if (result < 0)
        return result;
    size_t lines = count_lines(text);
    if (lines > ENROLMENT_MAX + 1)
        lines = ENROLMENT_MAX + 1;
    struct enrolment *enrolment = calloc(1, sizeof(*enrolment) + lines * sizeof(enrolment->entry[0]));
    if (enrolment == NULL) {
        credential_free(text, size);
        snprintf(error, ENROLMENT_ERROR_BYTES, "%.300s: no memory", path);
        return -ENOMEM;
    }
    enrolment->text = text;
    enrolment->size = size;
    result = read_entries(enrolment, path, error);
    if (result < 0)
        enrolment_free(enrolment);
    else
        *ret_enrolment = enrolment;
    return result;
}

void enrolment_free(struct enrolment *enrolment)
{
    if (enrolment == NULL)
        return;
    credential_free(enrolment->text, enrolment->size);
    free(enrolment);
}

size_t enrolment_count(const struct enrolment *enrolment)
{
    return enrolment->count;
}

void enrolment_digest(const void *token, size_t size, uint8_t ret_digest[ENROLMENT_DIGEST_BYTES])
{
    struct sha256_ctx hash;
    sha256_init(&hash);
    sha256_update(&hash, size, token);
    sha256_digest(&hash, ENROLMENT_DIGEST_BYTES, ret_digest);
}

bool enrolment_holds(const struct enrolment *enrolment, const char *node, const uint8_t digest[ENROLMENT_DIGEST_BYTES])
{
    bool holds = false;
    size_t first = 0, behind = enrolment->count;
    while (first < behind) {
        size_t middle = first + (behind - first) / 2;
        if (strcmp(enrolment->entry[middle].node, node) < 0)
            first = middle + 1;
        else
            behind = middle;
    }
    for (; first < enrolment->count && strcmp(enrolment->entry[first].node, node) == 0; first++)
        holds |= memeql_sec(enrolment->entry[first].digest, digest, ENROLMENT_DIGEST_BYTES) != 0;
    return holds;
}
