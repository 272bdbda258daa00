// SPDX-License-Identifier: Apache-2.0
#include "analyzer/policy/tuning.h"

#include <errno.h>
#include <strings.h>

#include "common/base/options_internal.h"

enum tuning_key { KEY_ENABLED, KEY_SEVERITY, KEY_SCOPE, KEY_DEDUPLICATE, KEY_RATE_LIMIT, KEY_THRESHOLD };

struct reader {
    struct tuning *tuning;
    struct tuned *tuned; /* at hand */
    struct tuning_exception *exception;
    struct tuning_window *window;
};

static struct reader *reader_of(struct document *document)
{
    return document->target;
}

static int once(struct document *document, const char *key, const yaml_node_t *value, enum tuning_key which)
{
    struct tuned *tuned = reader_of(document)->tuned;
    if ((tuned->set >> which & 1) != 0)
        return document_fail(document, value, key, "%s has this key already, in another file", tuned->detection->name);
    tuned->set |= 1U << which;
    return 0;
}

static int read_bool(struct document *document, const char *key, const yaml_node_t *value, bool *ret)
{
    const char *text = document_scalar(value);
    if (text == NULL || (strcmp(text, "true") != 0 && strcmp(text, "false") != 0))
        return document_fail(document, value, key, "must be true or false");
    *ret = text[0] == 't';
    return 0;
}

static int read_enabled(struct document *document, const char *key, const yaml_node_t *value)
{
    bool enabled = true;
    int result = once(document, key, value, KEY_ENABLED);
    if (result == 0)
        result = read_bool(document, key, value, &enabled);
    reader_of(document)->tuned->disabled = !enabled;
    return result;
}

static int read_severity(struct document *document, const char *key, const yaml_node_t *value)
{
    struct tuned *tuned = reader_of(document)->tuned;
    const char *text = document_scalar(value);
    char near[POLICY_KEY_BYTES];
    int result = once(document, key, value, KEY_SEVERITY);
    if (result < 0)
        return result;
    for (int i = 0; text != NULL && severity_names[i] != NULL; i++)
        if (strcasecmp(text, severity_names[i]) == 0) {
            tuned->has_severity = true;
            tuned->severity = (enum severity)i;
            return 0;
        }
    return document_fail(document, value, key, "must be info, low, medium, high or critical%s",
                         text == NULL ? "" : document_nearest(text, severity_names, near, sizeof(near)));
}

static int read_scope(struct document *document, const char *key, const yaml_node_t *value)
{
    const char *text = document_scalar(value);
    int result = once(document, key, value, KEY_SCOPE);
    if (result < 0)
        return result;
    if (text == NULL || (strcmp(text, "any") != 0 && strcmp(text, "default") != 0))
        return document_fail(document, value, key, "must be 'any' (outside of containers too) or 'default'");
    reader_of(document)->tuned->any_scope = text[0] == 'a';
    return 0;
}

/* -- exceptions -- */

static int read_text(struct document *document, const char *key, const yaml_node_t *value, const char **ret)
{
    const char *text = document_scalar(value);
    if (text == NULL || text[0] == '\0')
        return document_fail(document, value, key, "must be text");
    *ret = pool_text(&reader_of(document)->tuning->pool, text, strlen(text));
    return *ret == NULL ? -ENOMEM : 0;
}

static int read_reason(struct document *document, const char *key, const yaml_node_t *value)
{
    return read_text(document, key, value, &reader_of(document)->exception->reason);
}

/* YYYY-MM-DD, in UTC: from the beginning of that day on. */
static int read_expires(struct document *document, const char *key, const yaml_node_t *value)
{
    const char *text = document_scalar(value);
    struct tm day = {0};
    const char *end = text == NULL ? NULL : strptime(text, "%Y-%m-%d", &day);
    if (end == NULL || *end != '\0' || strlen(text) != 10)
        return document_fail(document, value, key, "must be a day, as in 2027-01-31");
    struct tm normal = day;
    time_t seconds = timegm(&normal);
    if (normal.tm_mday != day.tm_mday || seconds <= 0 || seconds > INT64_MAX / 1000000000)
        return document_fail(document, value, key, "there is no such day");
    reader_of(document)->exception->expires_ns = (int64_t)seconds * 1000000000;
    return 0;
}

static int read_condition(struct document *document, const char *key, const yaml_node_t *value)
{
    const struct filter_grammar grammar = {
        .names = filter_task_names, .n_names = filter_task_count, .data = true, .regex = true};
    struct reader *reader = reader_of(document);
    struct tuning_exception *exception = reader->exception;
    int result =
        filter_read(document, key, value, &reader->tuning->pool, &grammar, &exception->filters[exception->n_filters]);
    exception->n_filters += result == 0;
    return result;
}

static int read_match(struct document *document, const char *key, const yaml_node_t *value)
{
    struct reader *reader = reader_of(document);
    size_t n = document_items(value);
    reader->exception->filters =
        pool_take(&reader->tuning->pool, ((n < FILTER_MAX ? n : FILTER_MAX) + 1) * sizeof(struct filter));
    return reader->exception->filters == NULL ? -ENOMEM
                                              : document_sequence(document, key, value, FILTER_MAX, read_condition);
}

/* The conditions must fit some trigger of the detection. */
static int check_exception(struct document *document, struct reader *reader)
{
    const struct detection *detection = reader->tuned->detection;
    struct schema *schema = schema_new_builtin();
    struct lowering lowering = {0};
    int result = schema == NULL ? -ENOMEM : -ENOENT;
    bool any = false;
    for (size_t t = 0; schema != NULL && t < DETECTION_MAX_TRIGGERS && detection->triggers[t].event != NULL; t++) {
        const struct event *event = event_by_name(detection->triggers[t].event);
        const struct predicate *tree;
        struct pool pool = {0};
        lowering.pool = &pool;
        lowering.trigger = &detection->triggers[t];
        lowering.event = event == NULL ? NULL : schema_event_by_id(schema, event->id);
        int one = lowering.event == NULL
                      ? -ENOENT
                      : filters_lower(&lowering, reader->exception->filters, reader->exception->n_filters, &tree);
        pool_fini(&pool);
        any = any || one == 0;
        result = one < 0 && (one != -ENOENT || !any) ? one : result;
        if (one < 0 && one != -ENOENT)
            break;
    }
    schema_free(schema);
    if (any && result != -EINVAL && result != -ENOMEM)
        return 0;
    if (result == -ENOMEM)
        return result;
    return filter_fail(document, "match", reader->exception->filters, &lowering);
}

static int read_exception(struct document *document, const char *key, const yaml_node_t *value)
{
    static const struct document_key keys[] = {
        {"reason", read_reason, true}, {"expires", read_expires, false}, {"match", read_match, true}};
    struct reader *reader = reader_of(document);
    (void)key;
    reader->exception = &reader->tuned->exceptions[reader->tuned->n_exceptions++];
    reader->exception->line = value->start_mark.line + 1;
    reader->exception->path = pool_text(&reader->tuning->pool, document->path, strlen(document->path));
    if (reader->exception->path == NULL)
        return -ENOMEM;
    int result = document_mapping(document, "an exception", value, keys, sizeof(keys) / sizeof(keys[0]));
    return result < 0 ? result : check_exception(document, reader);
}

/* Those of several files add up. */
static int read_exceptions(struct document *document, const char *key, const yaml_node_t *value)
{
    struct reader *reader = reader_of(document);
    struct tuned *tuned = reader->tuned;
    size_t n = document_items(value);
    if (tuned->n_exceptions + n > TUNING_MAX_EXCEPTIONS)
        return document_fail(document, value, key, "more than %d exceptions of %s", TUNING_MAX_EXCEPTIONS,
                             tuned->detection->name);
    struct tuning_exception *all = pool_take(&reader->tuning->pool, (tuned->n_exceptions + n + 1) * sizeof(*all));
    if (all == NULL)
        return -ENOMEM;
    if (tuned->n_exceptions > 0)
        memcpy(all, tuned->exceptions, tuned->n_exceptions * sizeof(*all));
    tuned->exceptions = all;
    return document_sequence(document, key, value, TUNING_MAX_EXCEPTIONS, read_exception);
}

/* -- windows -- */

static int read_count(struct document *document, const char *key, const yaml_node_t *value)
{
    const char *text = document_scalar(value);
    char *end;
    unsigned long long count = text == NULL ? 0 : strtoull(text, &end, 10);
    if (text == NULL || text[0] < '0' || text[0] > '9' || *end != '\0' || count == 0 || count > 1000000)
        return document_fail(document, value, key, "must be a number from 1 to 1000000");
    reader_of(document)->window->count = count;
    return 0;
}

static int read_window_length(struct document *document, const char *key, const yaml_node_t *value)
{
    static const struct {
        char letter;
        unsigned seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    const char *text = document_scalar(value);
    char *end;
    unsigned long long number = text == NULL || text[0] < '0' || text[0] > '9' ? 0 : strtoull(text, &end, 10);
    for (size_t i = 0; number > 0 && number <= TUNING_MAX_WINDOW_S && i < sizeof(units) / sizeof(units[0]); i++)
        if (end[0] == units[i].letter && end[1] == '\0' && number * units[i].seconds <= TUNING_MAX_WINDOW_S) {
            reader_of(document)->window->window_ns = number * units[i].seconds * UINT64_C(1000000000);
            return 0;
        }
    return document_fail(document, value, key, "must be a duration of at most 30 days, as in 90s, 10m, 2h or 1d");
}

static int read_key_field(struct document *document, const char *key, const yaml_node_t *value)
{
    const struct filter_grammar grammar = {.names = filter_task_names, .n_names = filter_task_count, .data = true};
    struct reader *reader = reader_of(document);
    struct tuning_window *window = reader->window;
    const char *text = document_scalar(value);
    char words[FILTER_WORDS_BYTES], condition[300];
    struct filter filter;
    if (text == NULL || strlen(text) > 256 || strpbrk(text, "=<>!") != NULL)
        return document_fail(document, value, key, "each entry must be the name of a field");
    snprintf(condition, sizeof(condition), "%s=x", text);
    int result = filter_parse(&reader->tuning->pool, &grammar, condition, &filter, words);
    if (result == -EINVAL)
        return document_fail(document, value, key, "%s", words);
    if (result == 0 && filter.field[0] == '\0')
        return document_fail(document, value, key, "'%.100s' has no value of its own", text);
    if (result == 0)
        window->key[window->n_key++] = filter.field;
    return result;
}

static int read_key(struct document *document, const char *key, const yaml_node_t *value)
{
    return document_sequence(document, key, value, TUNING_MAX_KEY, read_key_field);
}

static int read_window(struct document *document, const char *key, const yaml_node_t *value, enum tuning_key which,
                       struct tuning_window *window, bool counts)
{
    static const struct document_key counting[] = {
        {"count", read_count, true}, {"window", read_window_length, true}, {"key", read_key, false}};
    static const struct document_key plain[] = {{"window", read_window_length, true}, {"key", read_key, false}};
    int result = once(document, key, value, which);
    if (result < 0)
        return result;
    reader_of(document)->window = window;
    return counts ? document_mapping(document, key, value, counting, 3)
                  : document_mapping(document, key, value, plain, 2);
}

static int read_deduplicate(struct document *document, const char *key, const yaml_node_t *value)
{
    return read_window(document, key, value, KEY_DEDUPLICATE, &reader_of(document)->tuned->deduplicate, false);
}

static int read_rate_limit(struct document *document, const char *key, const yaml_node_t *value)
{
    return read_window(document, key, value, KEY_RATE_LIMIT, &reader_of(document)->tuned->rate_limit, true);
}

static int read_threshold(struct document *document, const char *key, const yaml_node_t *value)
{
    return read_window(document, key, value, KEY_THRESHOLD, &reader_of(document)->tuned->threshold, true);
}

/* -- the file -- */

static const char *detection_name_at(const void *context, size_t index)
{
    size_t n;
    const struct detection *const *all = detections_all(&n);
    (void)context;
    return index < n ? all[index]->name : NULL;
}

static int read_detection(struct document *document, const char *name, const yaml_node_t *value)
{
    static const struct document_key keys[] = {
        {"enabled", read_enabled, false},
        {"severity", read_severity, false},
        {"scope", read_scope, false},
        {"exceptions", read_exceptions, false},
        {"deduplicate", read_deduplicate, false},
        {"rate_limit", read_rate_limit, false},
        {"threshold", read_threshold, false},
    };
    struct reader *reader = reader_of(document);
    const struct detection *detection = detection_by_name(name);
    size_t n, at = 0;
    const struct detection *const *all = detections_all(&n);
    while (at < n && all[at] != detection)
        at++;
    if (detection == NULL || at == n) {
        const char *near = option_nearest(name, detection_name_at, NULL);
        return document_fail(document, value, name,
                             "no detection has that name%s%s%s; see vedette-analyzer list detections",
                             near == NULL ? "" : ": did you mean '", near == NULL ? "" : near, near == NULL ? "" : "'");
    }
    reader->tuned = &reader->tuning->tuned[at];
    reader->tuned->detection = detection;
    return document_mapping(document, name, value, keys, sizeof(keys) / sizeof(keys[0]));
}

static int read_detections(struct document *document, const char *key, const yaml_node_t *value)
{
    return document_names(document, key, value, read_detection);
}

static int read_whole(struct document *document, const char *key, const yaml_node_t *root)
{
    static const struct document_key keys[] = {{"detections", read_detections, true}};
    (void)key;
    return document_mapping(document, "a file of detections", root, keys, 1);
}

/* The other keys are the program's own, and read elsewhere. */
static int read_other(struct document *document, const char *key, const yaml_node_t *value)
{
    return strcmp(key, "detections") == 0 ? read_detections(document, key, value) : 0;
}

static int read_part(struct document *document, const char *key, const yaml_node_t *root)
{
    return root->type == YAML_MAPPING_NODE ? document_names(document, key, root, read_other) : 0;
}

int tuning_parse(struct tuning *tuning, const char *path, const char *text, size_t size, bool whole_file,
                 struct policy_error *error)
{
    struct reader reader = {.tuning = tuning};
    struct document document = {.path = path, .error = error, .target = &reader};
    if (!whole_file && !tuning_is_meant(text))
        return 0;
    int result = document_parse(&document, text, size, whole_file ? read_whole : read_part);
    if (result == -ENOMEM)
        policy_error_set(error, path, "", "no memory");
    return result;
}

bool tuning_is_meant(const char *text)
{
    static const char key[] = "detections:";
    const char *at = text;
    while ((at = strstr(at, key)) != NULL) {
        if (at == text || at[-1] == '\n')
            return true;
        at++;
    }
    return strncmp(text, "{\"detections\"", 13) == 0;
}

int tuning_init(struct tuning *tuning)
{
    *tuning = (struct tuning){0};
    detections_all(&tuning->n_tuned);
    tuning->tuned = pool_take(&tuning->pool, (tuning->n_tuned + 1) * sizeof(*tuning->tuned));
    return tuning->tuned == NULL ? -ENOMEM : 0;
}

void tuning_fini(struct tuning *tuning)
{
    pool_fini(&tuning->pool);
    *tuning = (struct tuning){0};
}

/* -- changed copies -- */

static bool is_container_scope(const struct predicate *predicate)
{
    return (predicate->op == PREDICATE_NUMBER && strcmp(predicate->field, "container.started") == 0 &&
            predicate->number == 1) ||
           (predicate->op == PREDICATE_EXISTS && strcmp(predicate->field, "container.id") == 0);
}

/* A copy without what binds it to containers; *ret_tree NULL: nothing else is asked. What is not copied is shared. */
static int widen(struct pool *pool, const struct predicate *tree, const struct predicate **ret_tree, bool *changed)
{
    *ret_tree = tree;
    if (tree == NULL)
        return 0;
    if (is_container_scope(tree)) {
        *changed = true;
        *ret_tree = NULL;
        return 0;
    }
    if (tree->op != PREDICATE_ALL)
        return 0;
    size_t n = 0, kept = 0;
    while (tree->children[n] != NULL)
        n++;
    struct predicate *copy = pool_take(pool, sizeof(*copy));
    const struct predicate **children = pool_take(pool, (n + 1) * sizeof(*children));
    if (copy == NULL || children == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        int result = widen(pool, tree->children[i], &children[kept], changed);
        if (result < 0)
            return result;
        kept += children[kept] != NULL;
    }
    *copy = *tree;
    copy->children = children;
    *ret_tree = kept == 0 ? NULL : copy;
    return 0;
}

static int change(struct tuning *tuning, const struct tuned *tuned, const struct detection *detection,
                  const struct detection **ret, struct policy_error *error)
{
    struct detection *copy = pool_take(&tuning->pool, sizeof(*copy));
    bool widened = false;
    if (copy == NULL)
        return -ENOMEM;
    *copy = *detection;
    if (tuned->has_severity)
        copy->severity = tuned->severity;
    for (size_t t = 0; tuned->any_scope && t < DETECTION_MAX_TRIGGERS && copy->triggers[t].event != NULL; t++) {
        int result = widen(&tuning->pool, detection->triggers[t].when, &copy->triggers[t].when, &widened);
        if (result < 0)
            return result;
    }
    if (tuned->any_scope && !widened)
        return policy_error_set(error, "", "scope", "detections.%s: it is not bound to containers", detection->name);
    *ret = copy;
    return 0;
}

int tuning_apply(struct tuning *tuning, const struct detection *const *detections, size_t n_detections,
                 const struct detection ***ret_table, size_t *ret_count, struct policy_error *error)
{
    size_t n_all, n = 0;
    const struct detection *const *all = detections_all(&n_all);
    const struct detection **table = calloc(n_detections + 1, sizeof(struct detection *));
    int result = table == NULL ? -ENOMEM : 0;
    for (size_t i = 0; i < n_detections && result == 0; i++) {
        size_t at = 0;
        while (at < n_all && all[at] != detections[i])
            at++;
        const struct tuned *tuned = at < n_all ? &tuning->tuned[at] : NULL;
        if (tuned != NULL && tuned->disabled)
            continue;
        table[n] = detections[i];
        if (tuned != NULL && (tuned->has_severity || tuned->any_scope))
            result = change(tuning, tuned, detections[i], &table[n], error);
        n++;
    }
    if (result < 0) {
        if (result == -ENOMEM)
            policy_error_set(error, "", "", "no memory");
        free(table);
        return result;
    }
    *ret_table = table;
    *ret_count = n;
    return 0;
}
