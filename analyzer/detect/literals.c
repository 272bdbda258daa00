/* SPDX-License-Identifier: Apache-2.0 */
#include "analyzer/detect/literals.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { ROOT = 0, BYTES = 256 };

/*
 * States are numbered breadth first, so that a state's children follow one another and stand in the order of their
 * bytes: a state needs its first child's number and how many there are.
 */
struct state {
    uint32_t fail;        /* the longest end of this state's string that begins another */
    uint32_t first_child; /* 0: none */
    uint16_t n_children;
    uint8_t byte; /* that leads here from the parent */
    bool is_end;  /* a string ends here; nothing follows */
};

struct literals {
    uint32_t root[BYTES]; /* the root's children by byte, ROOT where there is none */
    uint32_t n_states;
    struct state states[];
};

/* The trie while strings are added, by first child and next sibling. */
struct draft {
    uint32_t child, sibling;
    uint8_t byte;
    bool is_end;
};

static uint32_t draft_child(struct draft *drafts, uint32_t *n, uint32_t parent, uint8_t byte)
{
    uint32_t *at = &drafts[parent].child;
    while (*at != 0 && drafts[*at].byte < byte)
        at = &drafts[*at].sibling;
    if (*at != 0 && drafts[*at].byte == byte)
        return *at;
    const uint32_t made = (*n)++;
    drafts[made] = (struct draft){.byte = byte, .sibling = *at};
    *at = made;
    return made;
}

static void draft_string(struct draft *drafts, uint32_t *n, const struct literal *string)
{
    uint32_t at = ROOT;
    for (size_t i = 0; i < string->length && !drafts[at].is_end; i++)
        at = draft_child(drafts, n, at, (uint8_t)string->data[i]);
    drafts[at].is_end = true;
}

static uint32_t child_of(const struct literals *literals, uint32_t state, uint8_t byte)
{
    if (state == ROOT)
        return literals->root[byte];
    const struct state *children = &literals->states[literals->states[state].first_child];
    for (uint16_t i = 0; i < literals->states[state].n_children; i++)
        if (children[i].byte == byte)
            return literals->states[state].first_child + i;
    return ROOT;
}

/* Where a byte leads that none of the state's children takes. */
static uint32_t step(const struct literals *literals, uint32_t state, uint8_t byte)
{
    for (;;) {
        const uint32_t next = child_of(literals, state, byte);
        if (next != ROOT || state == ROOT)
            return next;
        state = literals->states[state].fail;
    }
}

/* Numbers the children of a state, breadth first over the whole draft. `queue` holds drafts by their number. */
static void number_states(struct literals *literals, struct draft *drafts, uint32_t *queue)
{
    uint32_t made = 1;
    queue[0] = ROOT;
    for (uint32_t number = 0; number < made; number++) {
        struct state *state = &literals->states[number];
        const struct draft *draft = &drafts[queue[number]];
        state->is_end = draft->is_end;
        state->byte = draft->byte;
        /* What an end's string is followed by is found already. */
        for (uint32_t child = draft->is_end ? 0 : draft->child; child != 0; child = drafts[child].sibling) {
            if (state->n_children++ == 0)
                state->first_child = made;
            if (number == ROOT)
                literals->root[drafts[child].byte] = made;
            literals->states[made].byte = drafts[child].byte;
            queue[made++] = child;
        }
    }
    literals->n_states = made;
}

static void link_failures(struct literals *literals)
{
    for (uint32_t parent = 0; parent < literals->n_states; parent++) {
        const struct state *state = &literals->states[parent];
        for (uint32_t i = 0; i < state->n_children; i++) {
            struct state *child = &literals->states[state->first_child + i];
            child->fail = parent == ROOT ? ROOT : step(literals, state->fail, child->byte);
            child->is_end = child->is_end || literals->states[child->fail].is_end;
        }
    }
}

struct literals *literals_new(const struct literal *strings, size_t n)
{
    size_t most = 1;
    for (size_t i = 0; i < n; i++)
        most += strings[i].length;
    if (most > UINT32_MAX) {
        errno = E2BIG;
        return NULL;
    }
    struct draft *drafts = calloc(most, sizeof(*drafts));
    uint32_t *queue = calloc(most, sizeof(*queue)), n_drafts = 1;
    struct literals *literals = NULL;
    if (drafts != NULL && queue != NULL) {
        for (size_t i = 0; i < n; i++)
            draft_string(drafts, &n_drafts, &strings[i]);
        literals = calloc(1, sizeof(*literals) + n_drafts * sizeof(literals->states[0]));
    }
    if (literals != NULL) {
        number_states(literals, drafts, queue);
        link_failures(literals);
    }
    free(drafts);
    free(queue);
    return literals;
}

void literals_free(struct literals *literals)
{
    free(literals);
}

bool literals_any(const struct literals *literals, const char *text, size_t length)
{
    uint32_t state = ROOT;
    if (literals->states[ROOT].is_end)
        return true;
    for (size_t i = 0; i < length; i++) {
        state = step(literals, state, (uint8_t)text[i]);
        if (literals->states[state].is_end)
            return true;
    }
    return false;
}
