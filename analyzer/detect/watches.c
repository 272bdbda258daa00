// SPDX-License-Identifier: Apache-2.0
/*
 * A condition is taken apart from the outside: of an "all" the child that says most decides, with the access that all
 * of them leave; of an "any" every child must say something. "Not" says nothing, since what is left out would be what
 * it waits for.
 */
#include "analyzer/detect/watches.h"

#include <string.h>

#include "proto/vedette.pb-c.h"

enum {
    ACCESS_MODE = 3,      /* O_ACCMODE */
    PATH_ONLY = 0x200000, /* O_PATH; both are the same on every architecture that Linux has here */
    CONTENT_BYTES = 4,    /* of a file's beginning */
    NAME_END_BYTES = 8,   /* of a name's end */
};

/* Which events a collector can tell apart, and by which arguments. */
static const struct watchable {
    const char *event, *path, *flags, *content;
} watchable[] = {
    {"security_file_open", "data.pathname", "data.flags", NULL},
    {"magic_write", "data.pathname", NULL, "data.bytes"},
    {"security_mmap_file", "data.pathname", NULL, NULL},
    {"shared_object_loaded", "data.pathname", NULL, NULL},
    {"vfs_read", "data.pathname", NULL, NULL},
    {"vfs_readv", "data.pathname", NULL, NULL},
    {"vfs_write", "data.pathname", NULL, NULL},
    {"vfs_writev", "data.pathname", NULL, NULL},
};

static const struct watchable *watchable_of(const char *event)
{
    for (size_t i = 0; i < sizeof(watchable) / sizeof(watchable[0]); i++)
        if (strcmp(watchable[i].event, event) == 0)
            return &watchable[i];
    return NULL;
}

const char *watch_unable(const struct schema_event *event)
{
    return watchable_of(event->name) != NULL ? NULL : "no part of this event is looked at in the kernel";
}

static bool is(const char *field, const char *name)
{
    return field != NULL && name != NULL && strcmp(field, name) == 0;
}

/* Whether (flags & mask) == number can hold for an open of that access: only the bits that say the access are known. */
static bool bits_can_hold(const struct predicate *bits, uint64_t access_bits)
{
    const uint64_t known = bits->mask & (ACCESS_MODE | PATH_ONLY);
    return (access_bits & known) == ((uint64_t)bits->number & known);
}

/* Every access is a bit: the mode, and 4 more with O_PATH. */
enum { EVERY_ACCESS = 0xff };

static unsigned access_of_bits(const struct predicate *bits)
{
    unsigned access = 0;
    for (uint64_t mode = 0; mode <= ACCESS_MODE; mode++) {
        access |= bits_can_hold(bits, mode) ? 1u << mode : 0;
        access |= bits_can_hold(bits, mode | PATH_ONLY) ? 1u << mode << 4 : 0;
    }
    return access;
}

/* As the collector tells them apart. */
static uint8_t watch_access(unsigned access)
{
    const unsigned opened = access & (WATCH_READ | WATCH_WRITE | WATCH_READ_WRITE);
    return (uint8_t)(opened | (opened != access ? WATCH_NEITHER : 0));
}

/* The accesses that the condition can hold for. */
static unsigned access_of(const struct watchable *of, const struct predicate *when)
{
    unsigned access = when->op == PREDICATE_ANY ? 0 : EVERY_ACCESS;
    if (when->op == PREDICATE_BITS && is(when->field, of->flags))
        return access_of_bits(when);
    for (size_t i = 0; when->op == PREDICATE_ALL && when->children[i] != NULL; i++)
        access &= access_of(of, when->children[i]);
    for (size_t i = 0; when->op == PREDICATE_ANY && when->children[i] != NULL; i++)
        access |= access_of(of, when->children[i]);
    return access;
}

/* A part of a path, or WATCH_ANYTHING. */
struct piece {
    Vedette__V1__WatchPart part;
    const char *text;
    size_t length;
};

static const struct piece anything = {.part = VEDETTE__V1__WATCH_PART__WATCH_ANYTHING};

static struct piece piece_of(Vedette__V1__WatchPart part, const char *text, size_t length)
{
    return length == 0 ? anything : (struct piece){.part = part, .text = text, .length = length};
}

/* The last of the directories that `path` goes through, up to its last '/'. */
static struct piece directory_of(const char *path)
{
    const char *end = strrchr(path, '/');
    if (end == NULL)
        return anything;
    const char *begin = end;
    while (begin > path && begin[-1] != '/')
        begin--;
    /* "dir/" at the beginning of a path that begins with none: a part of a name. */
    return begin == path ? anything : piece_of(VEDETTE__V1__WATCH_PART__WATCH_DIRECTORY, begin, (size_t)(end - begin));
}

/*
 * "pipe:[1]", "socket:[1]" and "anon_inode:[eventfd]" are made of a number, or of more than the name that the kernel
 * keeps: what may be a part of one, and has no directory, is not known by its name.
 */
static bool may_be_made(const char *text)
{
    return strchr(text, '/') == NULL && (strchr(text, ':') != NULL || strchr(text, ']') != NULL);
}

static struct piece name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    if (may_be_made(path))
        return anything;
    return piece_of(VEDETTE__V1__WATCH_PART__WATCH_NAME, name, strlen(name));
}

static struct piece end_of(const char *suffix)
{
    size_t length = strlen(suffix);
    if (strchr(suffix, '/') != NULL)
        return name_of(suffix);
    if (length < NAME_END_BYTES || may_be_made(suffix))
        return anything;
    return piece_of(VEDETTE__V1__WATCH_PART__WATCH_NAME_END, suffix + length - NAME_END_BYTES, NAME_END_BYTES);
}

/* "/name/" anywhere is a directory; else nothing is known to be whole. */
static struct piece middle_of(const char *text)
{
    const char *first = strchr(text, '/');
    return first == NULL ? anything : directory_of(first);
}

static struct piece content_of(const char *prefix)
{
    return strlen(prefix) < CONTENT_BYTES ? anything
                                          : piece_of(VEDETTE__V1__WATCH_PART__WATCH_CONTENT, prefix, CONTENT_BYTES);
}

/* What one string of an atom over a path says; over a file's beginning only PREFIX says something. */
static struct piece piece_of_string(const struct watchable *of, const struct predicate *atom, const char *string)
{
    if (is(atom->field, of->content))
        return atom->op == PREDICATE_PREFIX ? content_of(string) : anything;
    switch (atom->op) {
    case PREDICATE_STRING:
    case PREDICATE_BASENAME:
        return name_of(string);
    case PREDICATE_PREFIX:
        return directory_of(string);
    case PREDICATE_SUFFIX:
        return end_of(string);
    case PREDICATE_CONTAINS:
        return middle_of(string);
    default:
        return anything;
    }
}

static void add(struct watches *watches, const struct piece *piece, unsigned access)
{
    /* Names are compared by so many bytes. */
    const size_t length = piece->length < WIRE_WATCH_TEXT ? piece->length : WIRE_WATCH_TEXT;
    for (size_t i = 0; i < watches->n; i++) {
        struct watch *there = &watches->list[i];
        if (there->part == piece->part && there->length == length &&
            (length == 0 || memcmp(there->text, piece->text, length) == 0)) {
            there->access |= watch_access(access);
            return;
        }
    }
    if (watches->n == WIRE_PLAN_WATCHES) {
        watches->all = true;
        return;
    }
    struct watch *watch = &watches->list[watches->n++];
    *watch = (struct watch){.part = (uint8_t)piece->part, .access = watch_access(access), .length = (uint8_t)length};
    if (length > 0)
        memcpy(watch->text, piece->text, length);
}

/* How little a condition says of the file: 0 when it needs all its events. */
static bool says_something(const struct watchable *of, const struct predicate *when)
{
    switch (when->op) {
    case PREDICATE_ALL:
        for (size_t i = 0; when->children[i] != NULL; i++)
            if (says_something(of, when->children[i]))
                return true;
        return false;
    case PREDICATE_ANY:
        for (size_t i = 0; when->children[i] != NULL; i++)
            if (!says_something(of, when->children[i]))
                return false;
        return true;
    case PREDICATE_STRING:
    case PREDICATE_PREFIX:
    case PREDICATE_SUFFIX:
    case PREDICATE_BASENAME:
    case PREDICATE_CONTAINS:
        if (!is(when->field, of->path) && !is(when->field, of->content))
            return false;
        for (size_t i = 0; when->strings[i] != NULL; i++)
            if (piece_of_string(of, when, when->strings[i]).part == VEDETTE__V1__WATCH_PART__WATCH_ANYTHING)
                return false;
        return true;
    default:
        return false;
    }
}

/* Adds the pieces of a condition that says something. */
static void add_pieces(struct watches *watches, const struct watchable *of, const struct predicate *when,
                       unsigned access)
{
    access &= access_of(of, when);
    if (when->op == PREDICATE_ALL) {
        for (size_t i = 0; when->children[i] != NULL; i++)
            if (says_something(of, when->children[i])) {
                add_pieces(watches, of, when->children[i], access);
                return; /* one is enough: the first, which its author can choose */
            }
    } else if (when->op == PREDICATE_ANY) {
        for (size_t i = 0; when->children[i] != NULL; i++)
            add_pieces(watches, of, when->children[i], access);
    } else if (access != 0) {
        for (size_t i = 0; when->strings[i] != NULL; i++) {
            const struct piece piece = piece_of_string(of, when, when->strings[i]);
            add(watches, &piece, access);
        }
    }
}

void watches_add(struct watches *watches, const struct schema_event *event, const struct predicate *when)
{
    const struct watchable *of = watchable_of(event->name);
    if (of == NULL || when == NULL) {
        watches->all = true;
        return;
    }
    const unsigned access = access_of(of, when);
    if (says_something(of, when))
        add_pieces(watches, of, when, access);
    else if (watch_access(access) != WATCH_EVERY_ACCESS)
        add(watches, &anything, access);
    else
        watches->all = true;
}
