// SPDX-License-Identifier: Apache-2.0
#include "analyzer/reload.h"

#include <errno.h>
#include <pthread.h>

#include "common/base/log.h"

enum result { RELOADED, UNCHANGED, FAILED, RESULTS };

struct reloader {
    const struct config *config;
    const char *policies[OPTION_LIST_ITEMS], *events[OPTION_LIST_ITEMS], *tuning[OPTION_LIST_ITEMS];
    struct loaded_sources sources;
    struct loaded_current *current;
    pthread_mutex_t lock; /* one reload at a time */
    atomic_uint_fast64_t results[RESULTS];
};

/* What is not configured and is there all the same, as installed. */
static bool is_there(const char *path)
{
    return access(path, F_OK) == 0;
}

static void find_sources(struct reloader *reloader)
{
    const struct config *config = reloader->config;
    struct loaded_sources *sources = &reloader->sources;
    sources->n_policies = config->policy.count;
    sources->n_events = config->events.count;
    sources->n_tuning = config->tuning.count;
    for (size_t i = 0; i < config->policy.count; i++)
        reloader->policies[i] = config->policy.item[i];
    for (size_t i = 0; i < config->events.count; i++)
        reloader->events[i] = config->events.item[i];
    for (size_t i = 0; i < config->tuning.count; i++)
        reloader->tuning[i] = config->tuning.item[i];
    if (config->tuning.count == 0 && is_there(CONFIG_TUNING)) {
        reloader->tuning[0] = CONFIG_TUNING;
        sources->n_tuning = 1;
    }
    if (is_there(config->config))
        sources->config = config->config;
    sources->policies = reloader->policies;
    sources->events = reloader->events;
    sources->tuning = reloader->tuning;
}

/* An exception whose day has come is as if it were not there: whoever wrote it wanted to be reminded. */
static void tell_expired(const struct loaded_set *set)
{
    const struct tuning *tuning = loaded_set_tuning(set);
    const int64_t now_ns = (int64_t)time(NULL) * 1000000000;
    for (size_t i = 0; i < tuning->n_tuned; i++)
        for (size_t e = 0; e < tuning->tuned[i].n_exceptions; e++) {
            const struct tuning_exception *exception = &tuning->tuned[i].exceptions[e];
            if (exception->expires_ns != 0 && exception->expires_ns <= now_ns)
                log_warning("%s:%zu: this exception of %s has expired and does not hold any more: %s", exception->path,
                            exception->line, tuning->tuned[i].detection->name, exception->reason);
        }
}

struct reloader *reloader_new(const struct config *config, struct policy_error *error)
{
    struct reloader *reloader = calloc(1, sizeof(*reloader));
    struct loaded_set *set = NULL;
    if (reloader != NULL) {
        reloader->config = config;
        pthread_mutex_init(&reloader->lock, NULL);
        find_sources(reloader);
        set = loaded_set_new(&reloader->sources, error);
    }
    if (set != NULL)
        reloader->current = loaded_current_new(set);
    if (set != NULL && reloader->current != NULL) {
        tell_expired(set);
        return reloader;
    }
    int problem = errno;
    loaded_set_unref(set);
    reloader_free(reloader);
    errno = problem;
    return NULL;
}

void reloader_free(struct reloader *reloader)
{
    if (reloader == NULL)
        return;
    loaded_current_free(reloader->current);
    pthread_mutex_destroy(&reloader->lock);
    free(reloader);
}

struct loaded_current *reloader_current(struct reloader *reloader)
{
    return reloader->current;
}

size_t reloader_paths(const struct reloader *reloader, const char **ret_paths)
{
    const struct loaded_sources *sources = &reloader->sources;
    size_t n = 0;
    for (size_t i = 0; i < sources->n_policies; i++)
        ret_paths[n++] = sources->policies[i];
    for (size_t i = 0; i < sources->n_tuning; i++)
        ret_paths[n++] = sources->tuning[i];
    if (sources->config != NULL)
        ret_paths[n++] = sources->config;
    return n;
}

static int take(struct reloader *reloader, const char *why, char words[RELOAD_WORDS_BYTES])
{
    struct policy_error error = {0};
    char reason[POLICY_ERROR_BYTES], version[LOADED_VERSION_BYTES];
    uint64_t number;
    struct loaded_set *set = loaded_set_new(&reloader->sources, &error);
    int problem = set == NULL ? -errno : 0;
    struct loaded_set *old = loaded_current_get(reloader->current, &number);
    snprintf(version, sizeof(version), "%s", loaded_set_version(old));
    loaded_set_unref(old);
    if (set == NULL) {
        policy_error_words(&error, reason);
        snprintf(words, RELOAD_WORDS_BYTES, "%s (the set %s stays in force)", reason, version);
        log_error("reload (%s): %s", why, words);
        return problem == 0 ? -EINVAL : problem;
    }
    if (strcmp(version, loaded_set_version(set)) == 0) {
        loaded_set_unref(set);
        snprintf(words, RELOAD_WORDS_BYTES, "nothing has changed: set %s", version);
        return 1;
    }
    size_t n_detections;
    loaded_set_detections(set, &n_detections);
    snprintf(words, RELOAD_WORDS_BYTES, "set %s in force: %zu policies, %zu detections", loaded_set_version(set),
             selection_policies(loaded_set_selection(set))->count, n_detections);
    tell_expired(set);
    loaded_current_replace(reloader->current, set);
    log_info("reload (%s): %s", why, words);
    return 0;
}

int reload(struct reloader *reloader, const char *why, char words[RELOAD_WORDS_BYTES])
{
    pthread_mutex_lock(&reloader->lock);
    int result = take(reloader, why, words);
    pthread_mutex_unlock(&reloader->lock);
    atomic_fetch_add(&reloader->results[result == 0 ? RELOADED : result > 0 ? UNCHANGED : FAILED], 1);
    return result;
}

void reloader_collect(void *arg, struct metrics_writer *writer)
{
    static const char *const names[RESULTS] = {"loaded", "unchanged", "failed"};
    struct reloader *reloader = arg;
    uint64_t number;
    size_t n_detections;
    char policies[24], detections[24];
    for (int i = 0; i < RESULTS; i++) {
        const struct metric_label labels[] = {{"result", names[i]}, {0}};
        metrics_put(writer, METRIC_RELOADS, labels, (double)atomic_load(&reloader->results[i]));
    }
    struct loaded_set *set = loaded_current_get(reloader->current, &number);
    loaded_set_detections(set, &n_detections);
    snprintf(policies, sizeof(policies), "%zu", selection_policies(loaded_set_selection(set))->count);
    snprintf(detections, sizeof(detections), "%zu", n_detections);
    const struct metric_label labels[] = {
        {"version", loaded_set_version(set)}, {"policies", policies}, {"detections", detections}, {0}};
    metrics_put(writer, METRIC_LOADED_SET, labels, 1);
    metrics_put(writer, METRIC_LOADED_POLICIES, NULL, (double)selection_policies(loaded_set_selection(set))->count);
    metrics_put(writer, METRIC_LOADED_DETECTIONS, NULL, (double)n_detections);
    loaded_set_unref(set);
}
