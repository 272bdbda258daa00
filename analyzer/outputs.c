// SPDX-License-Identifier: Apache-2.0
#include "analyzer/outputs.h"

#include <errno.h>

#include "analyzer/alert/shape.h"
#include "analyzer/alert/sink.h"
#include "analyzer/policy/document.h"
#include "common/base/options_internal.h"

enum { KEY_BYTES = 128, KEY_DEPTH = 3 };

static struct sink_settings *find(const struct outputs *outputs, const char *name)
{
    for (size_t i = 0; i < outputs->count; i++)
        if (strcmp(outputs->output[i]->name, name) == 0)
            return outputs->output[i];
    return NULL;
}

static const char *kind_at(const void *context, size_t index)
{
    (void)context;
    size_t count;
    const struct sink_kind *const *kinds = sink_kinds(&count);
    return index < count ? kinds[index]->name : NULL;
}

/* A name is a label of metrics and a cursor's key, and the first part of a flag's key. */
static bool is_name(const char *name)
{
    size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");
    return length > 0 && length < SINK_NAME_BYTES && name[length] == '\0';
}

/* A new output; NULL with the reason. */
static struct sink_settings *add(struct outputs *outputs, const char *name, const char *kind_name,
                                 char why[SINK_WHY_BYTES])
{
    const struct sink_kind *kind = sink_kind_by_name(kind_name);
    const char *nearest = kind == NULL ? option_nearest(kind_name, kind_at, NULL) : NULL;
    struct sink_settings *settings = NULL;
    if (kind == NULL)
        snprintf(why, SINK_WHY_BYTES, "kind: none is called '%.64s'%s%s%s; see `vedette-analyzer list outputs`",
                 kind_name, nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
    else if (!is_name(name))
        snprintf(why, SINK_WHY_BYTES, "name: '%.64s' is none: 1 to %d letters, digits, '-' and '_'", name,
                 SINK_NAME_BYTES - 1);
    else if (find(outputs, name) != NULL)
        snprintf(why, SINK_WHY_BYTES, "name: two outputs are called '%.64s'", name);
    else if (outputs->count == OUTPUTS_MAX)
        snprintf(why, SINK_WHY_BYTES, "more than %d outputs", OUTPUTS_MAX);
    else if ((settings = sink_settings_new(kind, name)) == NULL)
        snprintf(why, SINK_WHY_BYTES, "out of memory");
    else
        outputs->output[outputs->count++] = settings;
    return settings;
}

/* -- the file -- */

struct reader {
    struct outputs *outputs;
    const struct config *config;
    struct sink_settings *settings; /* of the output that is read */
    char prefix[KEY_BYTES];         /* of a nested key, with its dot */
    unsigned depth;
};

/* An output of standard output is as output.format says, unless it says otherwise. */
static void preset(struct sink_settings *settings, const struct config *config)
{
    char why[SINK_WHY_BYTES];
    if (strcmp(settings->kind->name, "stdout") == 0)
        sink_settings_set(settings, "format",
                          config->output_format == OUTPUT_TABLE        ? "table"
                          : config->output_shape == JSON_SHAPE_V1BETA1 ? "v1beta1"
                                                                       : "json",
                          why);
}

static int set_scalar(struct document *document, const char *key, const yaml_node_t *value)
{
    struct reader *reader = document->target;
    char why[SINK_WHY_BYTES];
    const char *text = document_scalar(value);
    if (text == NULL)
        return document_fail(document, value, key, "an item of this list must be one value");
    if (sink_settings_set(reader->settings, key, text, why) < 0)
        return document_fail(document, value, key, "%s", why);
    return 0;
}

static int read_key(struct document *document, const char *key, const yaml_node_t *value);

static int read_nested(struct document *document, const char *key, const yaml_node_t *value)
{
    struct reader *reader = document->target;
    char before[KEY_BYTES];
    memcpy(before, reader->prefix, sizeof(before));
    if (++reader->depth > KEY_DEPTH || snprintf(reader->prefix, KEY_BYTES, "%s.", key) >= KEY_BYTES)
        return document_fail(document, value, key, "nested too deeply");
    int result = document_names(document, key, value, read_key);
    memcpy(reader->prefix, before, sizeof(before));
    reader->depth--;
    return result;
}

/* One key of an output: a value, a list, or a section of such. */
static int read_key(struct document *document, const char *key, const yaml_node_t *value)
{
    struct reader *reader = document->target;
    char path[KEY_BYTES];
    if (reader->depth == 0 && (strcmp(key, "name") == 0 || strcmp(key, "kind") == 0))
        return 0; /* read before */
    if (snprintf(path, sizeof(path), "%s%s", reader->prefix, key) >= KEY_BYTES)
        return document_fail(document, value, "outputs", "a key of %zu bytes is none of ours", strlen(key));
    if (value->type == YAML_MAPPING_NODE)
        return read_nested(document, path, value);
    sink_settings_clear(reader->settings, path);
    if (value->type != YAML_SEQUENCE_NODE)
        return set_scalar(document, path, value);
    return document_sequence(document, path, value, OPTION_LIST_ITEMS, set_scalar);
}

/* The scalar of that key, NULL if there is none. */
static const char *word_of(const struct document *document, const yaml_node_t *mapping, const char *wanted)
{
    for (const yaml_node_pair_t *pair = mapping->data.mapping.pairs.start; pair < mapping->data.mapping.pairs.top;
         pair++) {
        const char *key = document_scalar(yaml_document_get_node(document->yaml, pair->key));
        if (key != NULL && strcmp(key, wanted) == 0)
            return document_scalar(yaml_document_get_node(document->yaml, pair->value));
    }
    return NULL;
}

static int read_output(struct document *document, const char *key, const yaml_node_t *value)
{
    struct reader *reader = document->target;
    char why[SINK_WHY_BYTES];
    if (value->type != YAML_MAPPING_NODE)
        return document_fail(document, value, key, "an output is a mapping with name and kind");
    const char *kind = word_of(document, value, "kind"), *name = word_of(document, value, "name");
    if (kind == NULL)
        return document_fail(document, value, key, "this output lacks its kind; see `vedette-analyzer list outputs`");
    reader->settings = add(reader->outputs, name == NULL ? kind : name, kind, why);
    if (reader->settings == NULL)
        return document_fail(document, value, key, "%s", why);
    preset(reader->settings, reader->config);
    reader->prefix[0] = '\0';
    reader->depth = 0;
    int result = document_names(document, reader->settings->name, value, read_key);
    if (result == 0 && sink_settings_check(reader->settings, why) < 0)
        return document_fail(document, value, reader->settings->name, "%s", why);
    return result;
}

/* The other keys are read elsewhere. */
static int read_section(struct document *document, const char *key, const yaml_node_t *value)
{
    if (strcmp(key, "outputs") != 0)
        return 0;
    return document_sequence(document, key, value, OUTPUTS_MAX, read_output);
}

static int read_root(struct document *document, const char *key, const yaml_node_t *root)
{
    return root->type == YAML_MAPPING_NODE ? document_names(document, key, root, read_section) : 0;
}

static int read_file(struct outputs *outputs, const struct config *config, char error[OUTPUTS_ERROR_BYTES])
{
    size_t size;
    struct policy_error words = {0};
    struct reader reader = {.outputs = outputs, .config = config};
    struct document document = {.path = config->config, .error = &words, .target = &reader};
    char *text = document_load(config->config, &size, &words);
    int result = text == NULL ? -errno : 0;
    if (result == -ENOENT)
        return 0; /* the usual place, where it need not be */
    /* A file that says nothing of outputs has been read already, and may be empty. */
    if (result == 0 && strstr(text, "outputs") != NULL)
        result = document_parse(&document, text, size, read_root);
    free(text);
    if (result < 0)
        policy_error_words(&words, error);
    return result;
}

/* -- flags -- */

/* "NAME.KEY=VALUE" taken apart. */
struct assignment {
    char name[SINK_NAME_BYTES], key[KEY_BYTES];
    const char *value;
};

static bool take_apart(const char *text, struct assignment *ret)
{
    const char *dot = strchr(text, '.'), *equals = strchr(text, '=');
    if (dot == NULL || equals == NULL || equals < dot || dot - text >= (ptrdiff_t)sizeof(ret->name) ||
        equals - dot > (ptrdiff_t)sizeof(ret->key))
        return false;
    snprintf(ret->name, sizeof(ret->name), "%.*s", (int)(dot - text), text);
    snprintf(ret->key, sizeof(ret->key), "%.*s", (int)(equals - dot - 1), dot + 1);
    ret->value = equals + 1;
    return true;
}

/* The first flag of a list replaces what the file says. */
static bool is_first(const struct option_list *flags, size_t index)
{
    size_t length = strcspn(flags->item[index], "=") + 1;
    for (size_t i = 0; i < index; i++)
        if (strncmp(flags->item[i], flags->item[index], length) == 0)
            return false;
    return true;
}

static int set_flag(struct outputs *outputs, const struct option_list *flags, size_t index, char why[SINK_WHY_BYTES])
{
    struct assignment flag;
    take_apart(flags->item[index], &flag); /* it did before */
    if (strcmp(flag.key, "kind") == 0)
        return 0;
    struct sink_settings *settings = find(outputs, flag.name);
    if (settings == NULL) {
        snprintf(why, SINK_WHY_BYTES, "no output is called '%.63s': begin with --outputs %.63s.kind=KIND", flag.name,
                 flag.name);
        return -EINVAL;
    }
    if (is_first(flags, index))
        sink_settings_clear(settings, flag.key);
    return sink_settings_set(settings, flag.key, flag.value, why);
}

static int add_by_flag(struct outputs *outputs, const struct config *config, const char *text, char why[SINK_WHY_BYTES])
{
    struct assignment flag;
    if (!take_apart(text, &flag)) {
        snprintf(why, SINK_WHY_BYTES, "is not NAME.KEY=VALUE");
        return -EINVAL;
    }
    if (strcmp(flag.key, "kind") != 0)
        return 0;
    struct sink_settings *settings = add(outputs, flag.name, flag.value, why);
    if (settings == NULL)
        return -EINVAL;
    preset(settings, config);
    return 0;
}

/* Kinds first, so that their order does not matter. */
static int read_flags(struct outputs *outputs, const struct config *config, char error[OUTPUTS_ERROR_BYTES])
{
    char why[SINK_WHY_BYTES];
    const struct option_list *flags = &config->outputs;
    int result = 0;
    size_t i = 0;
    for (i = 0; i < flags->count && result == 0; i++)
        result = add_by_flag(outputs, config, flags->item[i], why);
    for (size_t j = 0; j < flags->count && result == 0; j++) {
        result = set_flag(outputs, flags, j, why);
        i = j + 1;
    }
    if (result < 0)
        snprintf(error, OUTPUTS_ERROR_BYTES, "--outputs %.200s: %s", flags->item[i - 1], why);
    return result;
}

/* -- the short flags -- */

static int add_short(struct outputs *outputs, const struct config *config, char why[SINK_WHY_BYTES])
{
    struct sink_settings *settings;
    if (config->sink_stdout && find(outputs, "stdout") == NULL) {
        if ((settings = add(outputs, "stdout", "stdout", why)) == NULL)
            return -EINVAL;
        preset(settings, config);
    }
    if (config->falcosidekick_url[0] == '\0')
        return 0;
    if (find(outputs, "falcosidekick") != NULL) {
        snprintf(why, SINK_WHY_BYTES, "sink.falcosidekick.url, and an output of that name: one of them");
        return -EINVAL;
    }
    if ((settings = add(outputs, "falcosidekick", "falcosidekick", why)) == NULL ||
        sink_settings_set(settings, "url", config->falcosidekick_url, why) < 0)
        return -EINVAL;
    settings->retry_max_ms = config->falcosidekick_retry_max_ms;
    return 0;
}

static int check_all(const struct outputs *outputs, char error[OUTPUTS_ERROR_BYTES])
{
    char why[SINK_WHY_BYTES];
    for (size_t i = 0; i < outputs->count; i++)
        if (sink_settings_check(outputs->output[i], why) < 0) {
            snprintf(error, OUTPUTS_ERROR_BYTES, "outputs: %s: %s", outputs->output[i]->name, why);
            return -EINVAL;
        }
    return 0;
}

int outputs_load(const struct config *config, struct outputs *ret_outputs, char error[OUTPUTS_ERROR_BYTES])
{
    char why[SINK_WHY_BYTES];
    struct outputs outputs = {0};
    int result = config->config[0] != '\0' ? read_file(&outputs, config, error) : 0;
    if (result == 0)
        result = read_flags(&outputs, config, error);
    if (result == 0 && (result = add_short(&outputs, config, why)) < 0)
        snprintf(error, OUTPUTS_ERROR_BYTES, "outputs: %s", why);
    if (result == 0)
        result = check_all(&outputs, error);
    if (result < 0)
        outputs_fini(&outputs);
    else
        *ret_outputs = outputs;
    return result;
}

void outputs_fini(struct outputs *outputs)
{
    for (size_t i = 0; i < outputs->count; i++)
        sink_settings_free(outputs->output[i]);
    *outputs = (struct outputs){0};
}

int outputs_check(const struct outputs *outputs, char error[OUTPUTS_ERROR_BYTES])
{
    for (size_t i = 0; i < outputs->count; i++) {
        const struct sink_settings *settings = outputs->output[i];
        void *sink = settings->kind->open(settings, error);
        if (sink == NULL)
            return -EINVAL;
        settings->kind->close(sink);
    }
    return 0;
}
