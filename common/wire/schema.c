/* SPDX-License-Identifier: Apache-2.0 */
/* What a hello says about a collector's events: checked, then kept for the session. */
#include <errno.h>

#include "common/wire/decode.h"
#include "common/wire/decode_internal.h"

struct schema {
    size_t count;
    uint16_t by_id[EVENT_ID_LIMIT]; /* index plus one, 0 none */
    void **owned;                   /* by index: what a collector says otherwise than we do; NULL: nothing at all */
    struct schema_event events[];
};

_Static_assert(EVENT_ID_LIMIT <= UINT16_MAX, "indices fit by_id");

static struct schema *schema_alloc(size_t count)
{
    struct schema *schema = calloc(1, sizeof(*schema) + count * sizeof(schema->events[0]));
    if (schema != NULL)
        schema->count = count;
    return schema;
}

void schema_free(struct schema *schema)
{
    if (schema == NULL)
        return;
    for (size_t i = 0; schema->owned != NULL && i < schema->count; i++)
        free(schema->owned[i]);
    free(schema->owned);
    free(schema);
}

/*
 * Our own row of that name, if it says the same: users read arguments by their place in our row, so a row whose
 * arguments differ in type or name is not the one they know.
 */
static const struct event *find_known(const Vedette__V1__EventSchema *said)
{
    const struct event *row = event_by_name(said->name);
    if (row == NULL)
        return NULL;
    for (size_t a = 0; a < said->n_arg_name && a < row->n_args; a++)
        if (said->arg_type[a] != row->args[a].type || strcmp(said->arg_name[a], row->args[a].name) != 0)
            return NULL;
    return row;
}

static const char *put(char **at, const char *text)
{
    const char *start = *at;
    size_t size = strlen(text) + 1;
    memcpy(*at, text, size);
    *at += size;
    return start;
}

/* What a row says, copied into one block, which is returned. NULL with errno. */
static void *copy_row(const Vedette__V1__EventSchema *said, struct schema_event *event)
{
    size_t size = said->n_arg_name * sizeof(struct event_arg) + strlen(said->name) + 1 + strlen(said->sets) + 1;
    for (size_t a = 0; a < said->n_arg_name; a++)
        size += strlen(said->arg_name[a]) + 1;
    struct event_arg *args = malloc(size);
    if (args == NULL)
        return NULL;
    char *at = (char *)(args + said->n_arg_name);
    event->name = put(&at, said->name);
    event->sets = put(&at, said->sets);
    for (size_t a = 0; a < said->n_arg_name; a++)
        args[a] = (struct event_arg){.name = put(&at, said->arg_name[a]), .type = said->arg_type[a]};
    event->args = args;
    return args;
}

/* A collector of our own version says what our rows say: a node then costs no more than a row's pointers. */
static bool take_row(struct schema *schema, size_t index, const Vedette__V1__EventSchema *said)
{
    struct schema_event *event = &schema->events[index];
    if (said->id >= EVENT_ID_LIMIT || said->event_class >= CLASS_COUNT || said->n_arg_name > EVENT_MAX_ARGS ||
        said->n_arg_type != said->n_arg_name) {
        errno = EINVAL;
        return false;
    }
    schema->by_id[said->id] = (uint16_t)(index + 1);
    event->id = (uint16_t)said->id;
    event->class = (uint8_t)said->event_class;
    event->n_args = (uint8_t)said->n_arg_name;
    event->known = find_known(said);
    if (event->known != NULL && event->n_args <= event->known->n_args && strcmp(event->known->sets, said->sets) == 0) {
        event->name = event->known->name;
        event->sets = event->known->sets;
        event->args = event->known->args;
        return true;
    }
    if (schema->owned == NULL)
        schema->owned = calloc(schema->count, sizeof(*schema->owned));
    return schema->owned != NULL && (schema->owned[index] = copy_row(said, event)) != NULL;
}

struct schema *schema_new(const Vedette__V1__Hello *hello)
{
    if (hello->n_schema > EVENT_ID_LIMIT) {
        errno = EINVAL;
        return NULL;
    }
    struct schema *schema = schema_alloc(hello->n_schema);
    bool is_whole = schema != NULL;
    for (size_t i = 0; i < hello->n_schema && is_whole; i++)
        is_whole = take_row(schema, i, hello->schema[i]);
    if (is_whole)
        return schema;
    int failure = errno;
    schema_free(schema);
    errno = failure;
    return NULL;
}

struct schema *schema_new_builtin(void)
{
    size_t count;
    const struct event *rows = events_all(&count);
    struct schema *schema = schema_alloc(count);
    for (size_t i = 0; schema != NULL && i < count; i++) {
        schema->by_id[rows[i].id] = (uint16_t)(i + 1);
        schema->events[i] = (struct schema_event){.id = rows[i].id,
                                                  .class = rows[i].class,
                                                  .n_args = rows[i].n_args,
                                                  .name = rows[i].name,
                                                  .sets = rows[i].sets,
                                                  .args = rows[i].args,
                                                  .known = &rows[i]};
    }
    return schema;
}

const struct schema_event *schema_event_by_id(const struct schema *schema, uint32_t id)
{
    return id < EVENT_ID_LIMIT && schema->by_id[id] != 0 ? &schema->events[schema->by_id[id] - 1] : NULL;
}

size_t schema_count(const struct schema *schema)
{
    return schema->count;
}

const struct schema_event *schema_event_at(const struct schema *schema, size_t index)
{
    return index < schema->count ? &schema->events[index] : NULL;
}

/* Words of names that go into JSON, metrics and terminals: nothing that any of them would have to escape. */
static bool is_name(const char *text)
{
    size_t length = strnlen(text, WIRE_NAME_BYTES + 1);
    return length > 0 && length <= WIRE_NAME_BYTES &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:+-~") == length;
}

/* A release or version: what uname(2) may hold, less what would have to be escaped. */
static bool is_word(const char *text)
{
    size_t length = strnlen(text, WIRE_NAME_BYTES + 1);
    for (size_t i = 0; i < length; i++)
        if (text[i] <= ' ' || text[i] > '~' || text[i] == '"' || text[i] == '\\')
            return false;
    return length <= WIRE_NAME_BYTES;
}

static bool is_short(const char *text, size_t limit)
{
    return strnlen(text, limit + 1) <= limit;
}

/* Ids and names are frozen and arguments only appended, so an event that is ours must be told as ours. */
static int check_known(struct decoder *decoder, const Vedette__V1__EventSchema *event)
{
    const struct event *row = event_by_name(event->name);
    if (event_by_id(event->id) != row)
        return decoder_fail(decoder, "EventSchema.id: %u is not %s here", event->id, event->name);
    for (size_t a = 0; row != NULL && a < event->n_arg_name && a < row->n_args; a++)
        if (event->arg_type[a] != row->args[a].type || strcmp(event->arg_name[a], row->args[a].name) != 0)
            return decoder_fail(
                decoder, "EventSchema.arg_name: argument %zu of %s is %s of type %u there, %s of type %u here", a,
                row->name, event->arg_name[a], event->arg_type[a], row->args[a].name, row->args[a].type);
    return 0;
}

static int check_event_schema(struct decoder *decoder, const Vedette__V1__EventSchema *event)
{
    if (event->id >= EVENT_ID_LIMIT)
        return decoder_fail(decoder, "EventSchema.id: %u, the limit is %d", event->id, EVENT_ID_LIMIT);
    if (!is_name(event->name))
        return decoder_fail(decoder, "EventSchema.name: event %u has no name of 1 to %d plain characters", event->id,
                            WIRE_NAME_BYTES);
    if (event->event_class >= CLASS_COUNT)
        return decoder_fail(decoder, "EventSchema.event_class: %s has class %u of %d", event->name, event->event_class,
                            CLASS_COUNT);
    if (!is_short(event->sets, WIRE_NAME_BYTES))
        return decoder_fail(decoder, "EventSchema.sets: over %d bytes", WIRE_NAME_BYTES);
    if (event->n_arg_name > EVENT_MAX_ARGS || event->n_arg_type != event->n_arg_name)
        return decoder_fail(decoder, "EventSchema.arg_type: %s has %zu names and %zu types, the limit is %d",
                            event->name, event->n_arg_name, event->n_arg_type, EVENT_MAX_ARGS);
    for (size_t a = 0; a < event->n_arg_name; a++) {
        if (!is_name(event->arg_name[a]))
            return decoder_fail(decoder,
                                "EventSchema.arg_name: argument %zu of %s has no name of 1 to %d plain characters", a,
                                event->name, WIRE_NAME_BYTES);
        if (event->arg_type[a] == 0 || event->arg_type[a] >= ARG_TYPE_COUNT)
            return decoder_fail(decoder, "EventSchema.arg_type: argument %zu of %.128s has the unknown type %u", a,
                                event->name, event->arg_type[a]);
    }
    return check_known(decoder, event);
}

static int check_schema(struct decoder *decoder, const Vedette__V1__Hello *hello)
{
    bool is_seen[EVENT_ID_LIMIT] = {false};
    if (hello->n_schema > WIRE_SCHEMA_EVENTS)
        return decoder_fail(decoder, "Hello.schema: %zu events, the limit is %d", hello->n_schema, WIRE_SCHEMA_EVENTS);
    for (size_t i = 0; i < hello->n_schema; i++) {
        int result = check_event_schema(decoder, hello->schema[i]);
        if (result != 0)
            return result;
        uint32_t id = hello->schema[i]->id;
        if (is_seen[id])
            return decoder_fail(decoder, "EventSchema.id: %u is there twice", id);
        is_seen[id] = true;
    }
    return 0;
}

static int check_coverage(struct decoder *decoder, const Vedette__V1__Hello *hello)
{
    if (hello->n_coverage > WIRE_SCHEMA_EVENTS)
        return decoder_fail(decoder, "Hello.coverage: %zu rows, the limit is %d", hello->n_coverage,
                            WIRE_SCHEMA_EVENTS);
    for (size_t i = 0; i < hello->n_coverage; i++) {
        const Vedette__V1__Coverage *row = hello->coverage[i];
        if (row->event_id >= EVENT_ID_LIMIT)
            return decoder_fail(decoder, "Coverage.event_id: %u, the limit is %d", row->event_id, EVENT_ID_LIMIT);
        if (!is_short(row->source, WIRE_TEXT_BYTES) || !is_short(row->losses, WIRE_TEXT_BYTES) ||
            !is_short(row->reason, WIRE_TEXT_BYTES) || !is_short(row->better, WIRE_TEXT_BYTES))
            return decoder_fail(decoder, "Coverage: a text of event %u is over %d bytes", row->event_id,
                                WIRE_TEXT_BYTES);
    }
    return 0;
}

static int check_hooks(struct decoder *decoder, const Vedette__V1__Hello *hello)
{
    if (hello->n_hook > WIRE_HOOKS)
        return decoder_fail(decoder, "Hello.hook: %zu, the limit is %d", hello->n_hook, WIRE_HOOKS);
    for (size_t i = 0; i < hello->n_hook; i++)
        if (!is_short(hello->hook[i]->name, WIRE_NAME_BYTES) || !is_short(hello->hook[i]->reason, WIRE_TEXT_BYTES))
            return decoder_fail(decoder, "Hook: a name is over %d bytes or a reason over %d", WIRE_NAME_BYTES,
                                WIRE_TEXT_BYTES);
    return 0;
}

int decoder_check_hello(struct decoder *decoder, const Vedette__V1__Hello *hello)
{
    const struct {
        const char *name, *text;
    } words[] = {{"version", hello->version}, {"kernel", hello->kernel}, {"arch", hello->arch}};
    if (hello->wire_min == 0 || hello->wire_min > hello->wire_max)
        return decoder_fail(decoder, "Hello.wire_min: %u to %u is no range", hello->wire_min, hello->wire_max);
    if (!is_name(hello->node))
        return decoder_fail(decoder, "Hello.node: is not 1 to %d letters, digits and _.:+-~", WIRE_NAME_BYTES);
    if (hello->boot_id[0] != '\0' && !is_name(hello->boot_id))
        return decoder_fail(decoder, "Hello.boot_id: is not at most %d letters, digits and _.:+-~", WIRE_NAME_BYTES);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (!is_word(words[i].text))
            return decoder_fail(decoder, "Hello.%s: is not at most %d printable characters", words[i].name,
                                WIRE_NAME_BYTES);
    if (!is_short(hello->scope, WIRE_TEXT_BYTES))
        return decoder_fail(decoder, "Hello.scope: over %d bytes", WIRE_TEXT_BYTES);
    if (hello->credential.len > WIRE_CREDENTIAL_BYTES)
        return decoder_fail(decoder, "Hello.credential: %zu bytes, the limit is %d", hello->credential.len,
                            WIRE_CREDENTIAL_BYTES);
    int result = check_schema(decoder, hello);
    if (result == 0)
        result = check_coverage(decoder, hello);
    return result != 0 ? result : check_hooks(decoder, hello);
}
