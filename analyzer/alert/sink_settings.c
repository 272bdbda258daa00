/* SPDX-License-Identifier: Apache-2.0 */
#include "analyzer/alert/sink_settings.h"

#include <errno.h>
#include <stdarg.h>

#include "analyzer/alert/row.h"
#include "analyzer/alert/sink.h"
#include "analyzer/detect/detection.h"
#include "analyzer/detect/glob.h"
#include "common/base/options_internal.h"

#define AT(field) .offset = offsetof(struct sink_settings, field), .size = sizeof(((struct sink_settings *)0)->field)

/* Of every sink. */
static const struct option common_options[] = {
    {"severity", OPTION_CHOICE, AT(severity), .initial = "info", .choices = severity_names,
     .help = "The least severity that is delivered."},
    {"match.detection", OPTION_LIST, AT(detections), .help = "Detections that are delivered, by name or id; globs."},
    {"match.tag", OPTION_LIST, AT(tags),
     .help =
         "Tags that are delivered: a detection's id (TRC-105), technique (T1620) or tactic (defense-evasion); globs."},
    {"match.policy", OPTION_LIST, AT(policies), .help = "Policies whose findings are delivered; globs."},
    {"match.node", OPTION_LIST, AT(nodes), .help = "Nodes whose findings are delivered; globs."},
    {"match.namespace", OPTION_LIST, AT(namespaces),
     .help = "Kubernetes namespaces whose findings are delivered; globs. What is in none is not delivered then."},
    {"retry.min", OPTION_DURATION, AT(retry_min_ms), .initial = "500ms", .min = 10, .max = SINK_RETRY_AFTER_MAX_MS,
     .help = "Wait before the second attempt; it doubles, with jitter."},
    {"retry.max", OPTION_DURATION, AT(retry_max_ms), .initial = "30s", .min = 10, .max = SINK_RETRY_AFTER_MAX_MS,
     .help = "Longest wait between two attempts. A Retry-After is obeyed beyond it, up to five minutes."},
};

static const struct option network_options[] = {
    {"url", OPTION_STRING, AT(url), .help = "The receiver; passwords do not belong here."},
    {"timeout", OPTION_DURATION, AT(timeout_ms), .initial = "10s", .min = 10, .max = 300000,
     .help = "Of one delivery, its connection included, which has at most 5s of it."},
    {"tls.ca", OPTION_STRING, AT(tls_ca),
     .help = "File of the authorities that may vouch for the receiver, PEM; without it the system's."},
    {"tls.certificate", OPTION_STRING, AT(tls_certificate), .help = "File of our own certificate, PEM."},
    {"tls.key", OPTION_STRING, AT(tls_key), .help = "File of its private key, PEM."},
    {"tls.server_name", OPTION_STRING, AT(tls_server_name),
     .help = "Name that the receiver's certificate must have, when the URL names it otherwise."},
};

static const struct option http_options[] = {
    {"url_file", OPTION_STRING, AT(url_file),
     .help = "File whose content is the URL, where that is itself a secret, as a chat's webhook is."},
    {"proxy", OPTION_STRING, AT(proxy),
     .help = "http://HOST:PORT, https:// or socks5h://; nothing is taken from the environment."},
    {"headers", OPTION_LIST, AT(headers), .help = "Further headers, each \"Name: value\"."},
    {"auth.user", OPTION_STRING, AT(auth_user), .help = "User of HTTP's basic authentication."},
    {"auth.password_file", OPTION_STRING, AT(auth_password_file), .help = "File of that user's password."},
    {"auth.bearer_file", OPTION_STRING, AT(auth_bearer_file),
     .help = "File of a token that is sent as \"Authorization: Bearer\"."},
};

#undef AT

struct option_group {
    unsigned needs; /* 0: of every sink */
    const struct option *options;
    size_t count;
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
static const struct option_group groups[] = {
    {0, common_options, COUNT(common_options)},
    {SINK_NETWORK, network_options, COUNT(network_options)},
    {SINK_HTTP, http_options, COUNT(http_options)},
};

const struct option *sink_option_at(const struct sink_kind *kind, size_t index)
{
    for (size_t i = 0; i < COUNT(groups); i++) {
        if ((kind->groups & groups[i].needs) != groups[i].needs)
            continue;
        if (index < groups[i].count)
            return &groups[i].options[index];
        index -= groups[i].count;
    }
    return index < kind->n_options ? &kind->options[index] : NULL;
}

static const struct option *find(const struct sink_kind *kind, const char *key)
{
    const struct option *option;
    for (size_t i = 0; (option = sink_option_at(kind, i)) != NULL; i++)
        if (strcmp(option->key, key) == 0)
            return option;
    return NULL;
}

static void *place_of(struct sink_settings *settings, const struct option *option)
{
    const struct sink_kind *kind = settings->kind;
    bool is_own = option >= kind->options && option < kind->options + kind->n_options;
    return is_own ? settings->own : settings;
}

struct sink_settings *sink_settings_new(const struct sink_kind *kind, const char *name)
{
    struct sink_settings *settings = calloc(1, sizeof(*settings));
    void *own = kind->own_size > 0 ? calloc(1, kind->own_size) : NULL;
    if (settings == NULL || (own == NULL && kind->own_size > 0)) {
        free(own);
        free(settings);
        return NULL;
    }
    settings->kind = kind;
    settings->own = own;
    snprintf(settings->name, sizeof(settings->name), "%s", name);
    const struct option *option;
    char why[OPTION_WHY_BYTES];
    for (size_t i = 0; (option = sink_option_at(kind, i)) != NULL; i++)
        if (option->initial != NULL && option_set(option, place_of(settings, option), option->initial, why) < 0) {
            fprintf(stderr, "sink %s: option table: %s: %s\n", kind->name, option->key, why);
            abort(); /* a programming error */
        }
    return settings;
}

void sink_settings_free(struct sink_settings *settings)
{
    if (settings == NULL)
        return;
    free(settings->own);
    free(settings);
}

static const char *key_at(const void *kind, size_t index)
{
    const struct option *option = sink_option_at(kind, index);
    return option == NULL ? NULL : option->key;
}

int sink_settings_set(struct sink_settings *settings, const char *key, const char *text, char why[SINK_WHY_BYTES])
{
    _Static_assert((int)SINK_WHY_BYTES == (int)OPTION_WHY_BYTES, "one size");
    const struct option *option = find(settings->kind, key);
    if (option != NULL)
        return option_set(option, place_of(settings, option), text, why);
    const char *nearest = option_nearest(key, key_at, settings->kind);
    snprintf(why, SINK_WHY_BYTES, "an output of kind %s has no such key%s%s%s", settings->kind->name,
             nearest != NULL ? "; did you mean '" : "", nearest != NULL ? nearest : "", nearest != NULL ? "'?" : "");
    return -EINVAL;
}

void sink_settings_clear(struct sink_settings *settings, const char *key)
{
    const struct option *option = find(settings->kind, key);
    if (option != NULL)
        option_clear(option, place_of(settings, option));
}

/* -- what only the whole can tell -- */

static int fail(char *why, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int fail(char *why, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, SINK_WHY_BYTES, format, arguments);
    va_end(arguments);
    return -EINVAL;
}

static bool matches(const char *pattern, const char *text)
{
    return glob_match(pattern, text, strlen(text), false) == GLOB_YES;
}

static const char *detection_at(const void *context, size_t index)
{
    (void)context;
    size_t count;
    const struct detection *const *all = detections_all(&count);
    return index < count ? all[index]->name : NULL;
}

/* A name that is none would let nothing pass, for ever and silently. */
static int check_detection(const char *pattern, char *why)
{
    size_t count;
    const struct detection *const *all = detections_all(&count);
    for (size_t i = 0; i < count; i++)
        if (matches(pattern, all[i]->name) || matches(pattern, all[i]->id))
            return 0;
    const char *nearest = option_nearest(pattern, detection_at, NULL);
    return fail(why, "match.detection: no detection is called '%.64s'%s%s%s; see `vedette-analyzer list detections`",
                pattern, nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
}

static int check_globs(const struct sink_settings *settings, char *why)
{
    const struct {
        const char *key;
        const struct option_list *list;
    } lists[] = {{"match.detection", &settings->detections},
                 {"match.tag", &settings->tags},
                 {"match.policy", &settings->policies},
                 {"match.node", &settings->nodes},
                 {"match.namespace", &settings->namespaces}};
    for (size_t i = 0; i < COUNT(lists); i++)
        for (size_t j = 0; j < lists[i].list->count; j++)
            if (!glob_is_well_formed(lists[i].list->item[j]))
                return fail(why, "%s: '%.64s' is no glob: a '[' without its ']', or a '\\' at the end", lists[i].key,
                            lists[i].list->item[j]);
    for (size_t i = 0; i < settings->detections.count; i++)
        if (check_detection(settings->detections.item[i], why) < 0)
            return -EINVAL;
    return 0;
}

/* "Name: value", of which nothing can end a line early: a header cannot bring another one. */
static bool is_header(const char *text)
{
    size_t name = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~");
    if (name == 0 || text[name] != ':')
        return false;
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 127)
            return false;
    return true;
}

int sink_settings_check(const struct sink_settings *settings, char why[SINK_WHY_BYTES])
{
    const bool is_network = settings->kind->groups & SINK_NETWORK;
    if (check_globs(settings, why) < 0)
        return -EINVAL;
    if (settings->retry_max_ms < settings->retry_min_ms)
        return fail(why, "retry.max is below retry.min");
    if (is_network && settings->url[0] == '\0' && settings->url_file[0] == '\0')
        return fail(why, "url: missing");
    if (settings->url[0] != '\0' && settings->url_file[0] != '\0')
        return fail(why, "url and url_file are both given: one of them");
    if (strchr(settings->proxy, '@') != NULL)
        return fail(why, "proxy: a password does not belong in a URL; let the proxy know this host instead");
    if ((settings->tls_certificate[0] == '\0') != (settings->tls_key[0] == '\0'))
        return fail(why, "tls.certificate and tls.key go together");
    if ((settings->auth_user[0] == '\0') != (settings->auth_password_file[0] == '\0'))
        return fail(why, "auth.user and auth.password_file go together");
    if (settings->auth_user[0] != '\0' && settings->auth_bearer_file[0] != '\0')
        return fail(why, "auth.user and auth.bearer_file are both given: one of them");
    if (strchr(settings->auth_user, ':') != NULL)
        return fail(why, "auth.user: a ':' cannot be part of a user's name (RFC 7617)");
    for (size_t i = 0; i < settings->headers.count; i++)
        if (!is_header(settings->headers.item[i]))
            return fail(why, "headers: item %zu is not \"Name: value\"", i + 1);
        else if (strncasecmp(settings->headers.item[i], "authorization:", 14) == 0)
            return fail(why, "headers: Authorization is a secret: use auth.bearer_file, or auth.user and "
                             "auth.password_file");
    return 0;
}

void *sink_fail(const struct sink_settings *settings, char error[SINK_ERROR_BYTES], const char *format, ...)
{
    va_list arguments;
    int used = snprintf(error, SINK_ERROR_BYTES,
                        "sink %s: ", settings->name[0] != '\0' ? settings->name : settings->kind->name);
    va_start(arguments, format);
    vsnprintf(error + used, SINK_ERROR_BYTES - (size_t)used, format, arguments);
    va_end(arguments);
    return NULL;
}

/* -- filters -- */

/* An empty list lets all pass. */
static bool passes(const struct option_list *patterns, const char *const *texts, size_t n_texts)
{
    if (patterns->count == 0)
        return true;
    for (size_t i = 0; i < patterns->count; i++)
        for (size_t j = 0; j < n_texts; j++)
            if (texts[j] != NULL && matches(patterns->item[i], texts[j]))
                return true;
    return false;
}

static bool policies_pass(const struct option_list *patterns, const json_t *finding)
{
    const json_t *matched = json_object_get(finding, "matchedPolicies");
    for (size_t i = 0; i < json_array_size(matched); i++) {
        const char *name = json_string_value(json_array_get(matched, i));
        if (name != NULL && passes(patterns, &name, 1))
            return true;
    }
    return patterns->count == 0;
}

bool sink_settings_want(const struct sink_settings *settings, const struct alert *alert)
{
    const struct detection *detection = detection_by_name(alert->detection);
    const char *const names[] = {alert->detection, detection != NULL ? detection->id : NULL};
    if (alert->severity < (int)settings->severity || !passes(&settings->nodes, &alert->node, 1) ||
        !passes(&settings->detections, names, COUNT(names)))
        return false;
    if (settings->tags.count + settings->policies.count + settings->namespaces.count == 0)
        return true;
    json_t *finding = alert_parse(alert);
    const char *tags[ALERT_TAGS];
    alert_tags(finding, tags);
    const char *const namespace = alert_string(finding, "kubernetes", "podNamespace", NULL);
    bool wants = passes(&settings->tags, tags, COUNT(tags)) && policies_pass(&settings->policies, finding) &&
                 passes(&settings->namespaces, &namespace, 1);
    json_decref(finding);
    return wants;
}
