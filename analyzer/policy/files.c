// SPDX-License-Identifier: Apache-2.0
/* Where policies are: files, and directories of them. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "analyzer/policy/policy.h"

int policies_add(struct policies *policies, struct policy *policy, struct policy_error *error)
{
    int result = 0;
    for (size_t i = 0; i < policies->count && result == 0; i++)
        if (strcmp(policies->policy[i]->name, policy->name) == 0)
            result = policy_error_set(error, policy->path, "name", "%.64s is already the name of the policy in %.250s",
                                      policy->name, policies->policy[i]->path);
    if (result == 0 && policies->count == POLICY_MAX)
        result = policy_error_set(error, policy->path, "", "more than %d policies", POLICY_MAX);
    struct policy **grown =
        result < 0 ? NULL : reallocarray(policies->policy, policies->count + 1, sizeof(struct policy *));
    if (result == 0 && grown == NULL) {
        policy_error_set(error, policy->path, "", "no memory");
        result = -ENOMEM;
    }
    if (result < 0) {
        policy_free(policy);
        return result;
    }
    policies->policy = grown;
    policies->policy[policies->count++] = policy;
    return 0;
}

/* Who wants to know the texts. */
struct listener {
    void (*read)(void *arg, const char *text, size_t size);
    void *arg;
};

static int load_file(struct policies *policies, const char *path, const struct listener *listener,
                     struct policy_error *error)
{
    size_t size;
    char *text = document_load(path, &size, error);
    if (text == NULL)
        return -errno;
    struct policy *policy = policy_parse(path, text, size, error);
    int result = policy == NULL ? -errno : policies_add(policies, policy, error);
    if (result == 0 && listener->read != NULL)
        listener->read(listener->arg, text, size);
    free(text);
    return result;
}

/* -- listing -- */

static bool is_policy_file(const char *name)
{
    static const char *const endings[] = {".yaml", ".yml", ".json"};
    size_t length = strlen(name);
    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        size_t n = strlen(endings[i]);
        if (length > n && strcmp(name + length - n, endings[i]) == 0)
            return true;
    }
    return false;
}

/* A leading dot hides editors' files, and the data directory of a mounted ConfigMap. */
static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int add_path(struct policy_files *files, const char *directory, const char *name)
{
    char path[PATH_MAX];
    int length = snprintf(path, sizeof(path), "%s%s%s", directory, name[0] == '\0' ? "" : "/", name);
    if (length < 0 || (size_t)length >= sizeof(path))
        return -ENAMETOOLONG;
    char **grown = reallocarray(files->path, files->count + 1, sizeof(char *));
    if (grown == NULL)
        return -ENOMEM;
    files->path = grown;
    files->path[files->count] = strdup(path);
    return files->path[files->count] == NULL ? -ENOMEM : (files->count++, 0);
}

static int list_directory(const char *path, struct policy_files *files, struct policy_error *error)
{
    struct dirent **entries = NULL;
    int n = scandir(path, &entries, is_visible, alphasort);
    int result = n < 0 ? -errno : 0;
    if (n < 0)
        policy_error_set(error, path, "", "cannot be read as a directory: %s", strerror(-result));
    for (int i = 0; i < n; i++) {
        if (!is_policy_file(entries[i]->d_name))
            files->skipped++;
        else if (result == 0)
            result = add_path(files, path, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    if (n >= 0 && result < 0)
        policy_error_set(error, path, "", "a file in it: %s", strerror(-result));
    return result;
}

int policy_files_list(const char *path, struct policy_files *ret_files, struct policy_error *error)
{
    struct policy_files files = {0};
    struct stat facts;
    int result = stat(path, &facts) != 0 ? -errno : 0;
    if (result < 0)
        policy_error_set(error, path, "", "cannot be read: %s", strerror(-result));
    else if (S_ISDIR(facts.st_mode))
        result = list_directory(path, &files, error);
    else if ((result = add_path(&files, path, "")) < 0)
        policy_error_set(error, path, "", "%s", strerror(-result));
    if (result < 0)
        policy_files_fini(&files);
    else
        *ret_files = files;
    return result;
}

void policy_files_fini(struct policy_files *files)
{
    for (size_t i = 0; i < files->count; i++)
        free(files->path[i]);
    free(files->path);
    *files = (struct policy_files){0};
}

/* -- loading -- */

static int load_once(struct policies *policies, const char *path, const struct listener *listener,
                     struct policy_error *error)
{
    struct policy_files files;
    size_t before = policies->count;
    int result = policy_files_list(path, &files, error);
    if (result < 0)
        return result;
    if (files.count == 0) {
        policy_error_set(error, path, "", "holds no policy: no *.yaml, *.yml or *.json");
        result = -ENOENT;
    }
    for (size_t i = 0; i < files.count && result == 0; i++)
        result = load_file(policies, files.path[i], listener, error);
    policy_files_fini(&files);
    while (result < 0 && policies->count > before)
        policy_free(policies->policy[--policies->count]);
    return result;
}

int policies_load(struct policies *policies, const char *path, struct policy_error *error)
{
    return policies_load_with(policies, path, NULL, NULL, error);
}

int policies_load_with(struct policies *policies, const char *path,
                       void (*read)(void *arg, const char *text, size_t size), void *arg, struct policy_error *error)
{
    const struct listener listener = {.read = read, .arg = arg};
    return load_once(policies, path, &listener, error);
}

void policies_fini(struct policies *policies)
{
    for (size_t i = 0; i < policies->count; i++)
        policy_free(policies->policy[i]);
    free(policies->policy);
    *policies = (struct policies){0};
}
