// SPDX-License-Identifier: Apache-2.0
#include "analyzer/policy/loaded.h"

#include <errno.h>
#include <limits.h>
#include <nettle/sha2.h>
#include <pthread.h>

enum { SWAP_ATTEMPTS = 5 /* a directory that is replaced while it is read is read again */ };

struct loaded_set {
    atomic_uint references;
    char version[LOADED_VERSION_BYTES];
    struct policies policies;
    struct selection *selection;
    struct tuning tuning;
    const struct detection **detections;
    size_t n_detections;
    struct sha256_ctx hash; /* of what was read so far */
};

static void hash_text(struct loaded_set *set, const char *text, size_t size)
{
    uint8_t length[8];
    for (int i = 0; i < 8; i++)
        length[i] = (uint8_t)((uint64_t)size >> (56 - 8 * i));
    sha256_update(&set->hash, sizeof(length), length);
    sha256_update(&set->hash, size, (const uint8_t *)text);
}

/* -- reading -- */

static void hash_policy(void *arg, const char *text, size_t size)
{
    hash_text(arg, text, size);
}

static int read_tuning_file(struct loaded_set *set, const char *path, bool whole_file, struct policy_error *error)
{
    size_t size;
    char *text = document_load(path, &size, error);
    if (text == NULL)
        return -errno;
    int result = 0;
    if (whole_file || tuning_is_meant(text)) {
        hash_text(set, text, size);
        result = tuning_parse(&set->tuning, path, text, size, whole_file, error);
    }
    free(text);
    return result;
}

/* A directory without files tunes nothing: that is how it is installed. */
static int read_tuning(struct loaded_set *set, const char *path, struct policy_error *error)
{
    struct policy_files files;
    int result = policy_files_list(path, &files, error);
    if (result < 0)
        return result;
    for (size_t i = 0; i < files.count && result == 0; i++)
        result = read_tuning_file(set, files.path[i], true, error);
    policy_files_fini(&files);
    return result;
}

static int read_all(struct loaded_set *set, const struct loaded_sources *sources, struct policy_error *error)
{
    int result = tuning_init(&set->tuning);
    for (size_t i = 0; i < sources->n_policies && result == 0; i++)
        result = policies_load_with(&set->policies, sources->policies[i], hash_policy, set, error);
    if (result == 0 && sources->config != NULL && sources->config[0] != '\0')
        result = read_tuning_file(set, sources->config, false, error);
    for (size_t i = 0; i < sources->n_tuning && result == 0; i++)
        result = read_tuning(set, sources->tuning[i], error);
    for (size_t i = 0; i < sources->n_events && result == 0; i++)
        hash_text(set, sources->events[i], strlen(sources->events[i]));
    return result;
}

/* By this build's own events: what does not compile here would not at a node. */
static int try_out(const struct loaded_set *set, struct policy_error *error)
{
    const char *words = "no memory";
    struct schema *schema = schema_new_builtin();
    struct engine *engine = schema == NULL ? NULL : engine_new_from(schema, set->detections, set->n_detections, &words);
    struct policy_judge *judge =
        engine == NULL ? NULL : policy_judge_new(set->selection, schema, ARCHITECTURE_X86_64, &words);
    struct tuner *tuner = judge == NULL ? NULL : tuner_new(&set->tuning, schema, ARCHITECTURE_X86_64, &words);
    int result = tuner == NULL ? -errno : 0;
    if (tuner == NULL)
        policy_error_set(error, "", "", "%s", words);
    tuner_free(tuner);
    policy_judge_free(judge);
    engine_free(engine);
    schema_free(schema);
    return result;
}

static int fill(struct loaded_set *set, const struct loaded_sources *sources, struct policy_error *error)
{
    size_t n;
    sha256_init(&set->hash);
    int result = read_all(set, sources, error);
    if (result < 0)
        return result;
    set->selection = selection_new(&set->policies, sources->events, sources->n_events, error);
    if (set->selection == NULL)
        return -errno;
    const struct detection *const *selected = selection_detections(set->selection, &n);
    result = tuning_apply(&set->tuning, selected, n, &set->detections, &set->n_detections, error);
    if (result < 0)
        return result;
    uint8_t digest[(LOADED_VERSION_BYTES - 1) / 2];
    sha256_digest(&set->hash, sizeof(digest), digest);
    for (size_t i = 0; i < sizeof(digest); i++)
        snprintf(set->version + 2 * i, 3, "%02x", digest[i]);
    return try_out(set, error);
}

/* What the directories show at the moment: a mounted ConfigMap is replaced by another target of its link ..data. */
static void look(struct sha256_ctx *shown, const char *const *paths, size_t n_paths)
{
    for (size_t i = 0; i < n_paths; i++) {
        char link[PATH_MAX], target[PATH_MAX];
        int length = snprintf(link, sizeof(link), "%s/..data", paths[i]);
        ssize_t n = length < 0 || (size_t)length >= sizeof(link) ? -1 : readlink(link, target, sizeof(target) - 1);
        size_t size = n < 0 ? 0 : (size_t)n;
        target[size] = '\0';
        sha256_update(shown, size + 1, (const uint8_t *)target);
    }
}

static void look_at_all(const struct loaded_sources *sources, uint8_t ret_shown[SHA256_DIGEST_SIZE])
{
    struct sha256_ctx shown;
    sha256_init(&shown);
    look(&shown, sources->policies, sources->n_policies);
    look(&shown, sources->tuning, sources->n_tuning);
    sha256_digest(&shown, SHA256_DIGEST_SIZE, ret_shown);
}

static struct loaded_set *read_once(const struct loaded_sources *sources, struct policy_error *error)
{
    struct loaded_set *set = calloc(1, sizeof(*set));
    int result = -ENOMEM;
    if (set != NULL) {
        atomic_init(&set->references, 1);
        result = fill(set, sources, error);
    }
    if (result == 0)
        return set;
    if (error->message[0] == '\0')
        policy_error_set(error, "", "", "%s", strerror(-result));
    loaded_set_unref(set);
    errno = -result;
    return NULL;
}

struct loaded_set *loaded_set_new(const struct loaded_sources *sources, struct policy_error *error)
{
    uint8_t before[SHA256_DIGEST_SIZE], after[SHA256_DIGEST_SIZE];
    for (int attempt = 1;; attempt++) {
        *error = (struct policy_error){0};
        look_at_all(sources, before);
        struct loaded_set *set = read_once(sources, error);
        int problem = errno;
        look_at_all(sources, after);
        /* Half of it may be of the one and half of the other. */
        if (memcmp(before, after, sizeof(before)) == 0 || attempt == SWAP_ATTEMPTS) {
            errno = problem;
            return set;
        }
        loaded_set_unref(set);
    }
}

struct loaded_set *loaded_set_ref(struct loaded_set *set)
{
    atomic_fetch_add_explicit(&set->references, 1, memory_order_relaxed);
    return set;
}

void loaded_set_unref(struct loaded_set *set)
{
    if (set == NULL || atomic_fetch_sub_explicit(&set->references, 1, memory_order_acq_rel) != 1)
        return;
    free(set->detections);
    tuning_fini(&set->tuning);
    selection_free(set->selection);
    policies_fini(&set->policies);
    free(set);
}

const char *loaded_set_version(const struct loaded_set *set)
{
    return set->version;
}

const struct selection *loaded_set_selection(const struct loaded_set *set)
{
    return set->selection;
}

const struct tuning *loaded_set_tuning(const struct loaded_set *set)
{
    return &set->tuning;
}

const struct detection *const *loaded_set_detections(const struct loaded_set *set, size_t *ret_count)
{
    *ret_count = set->n_detections;
    return set->detections;
}

/* -- which is in force -- */

struct loaded_current {
    pthread_mutex_t lock;
    struct loaded_set *set;
    atomic_uint_fast64_t number;
};

struct loaded_current *loaded_current_new(struct loaded_set *set)
{
    struct loaded_current *current = calloc(1, sizeof(*current));
    if (current == NULL)
        return NULL;
    pthread_mutex_init(&current->lock, NULL);
    current->set = set;
    atomic_init(&current->number, 1);
    return current;
}

void loaded_current_free(struct loaded_current *current)
{
    if (current == NULL)
        return;
    loaded_set_unref(current->set);
    pthread_mutex_destroy(&current->lock);
    free(current);
}

void loaded_current_replace(struct loaded_current *current, struct loaded_set *set)
{
    pthread_mutex_lock(&current->lock);
    struct loaded_set *old = current->set;
    current->set = set;
    atomic_fetch_add_explicit(&current->number, 1, memory_order_release);
    pthread_mutex_unlock(&current->lock);
    loaded_set_unref(old);
}

struct loaded_set *loaded_current_get(struct loaded_current *current, uint64_t *ret_number)
{
    pthread_mutex_lock(&current->lock);
    struct loaded_set *set = loaded_set_ref(current->set);
    *ret_number = atomic_load_explicit(&current->number, memory_order_relaxed);
    pthread_mutex_unlock(&current->lock);
    return set;
}

uint64_t loaded_current_number(const struct loaded_current *current)
{
    return atomic_load_explicit(&current->number, memory_order_acquire);
}
