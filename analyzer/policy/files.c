// SPDX-License-Identifier: Apache-2.0
#include "analyzer/policy/policy.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>

static char *read_file(const char *path, size_t *ret_size, char *error)
{
    FILE *file = fopen(path, "re");
    char *text = malloc(POLICY_MAX_FILE + 1);
    size_t size = file == NULL || text == NULL ? 0 : fread(text, 1, POLICY_MAX_FILE + 1, file);
    int problem = 0;
    if (file == NULL)
        problem = errno;
    else if (text == NULL)
        problem = ENOMEM;
    else if (ferror(file))
        problem = EIO;
    else if (size > POLICY_MAX_FILE)
        problem = EFBIG;
    if (file != NULL)
        fclose(file);
    if (problem == 0) {
        *ret_size = size;
        return text;
    }
    snprintf(error, POLICY_ERROR_BYTES, "%s: cannot be read as a policy: %s", path, strerror(problem));
    free(text);
    errno = problem;
    return NULL;
}

static int add(struct policies *policies, struct policy *policy, char *error)
{
    for (size_t i = 0; i < policies->count; i++)
        if (strcmp(policies->policy[i]->name, policy->name) == 0) {
            snprintf(error, POLICY_ERROR_BYTES, "%s: name: %.*s is already the name of the policy in %s", policy->path,
                     64, policy->name, policies->policy[i]->path);
            return -EINVAL;
        }
    if (policies->count == POLICY_MAX) {
        snprintf(error, POLICY_ERROR_BYTES, "%s: more than %d policies", policy->path, POLICY_MAX);
        return -EINVAL;
    }
    struct policy **grown = reallocarray(policies->policy, policies->count + 1, sizeof(struct policy *));
    if (grown == NULL) {
        snprintf(error, POLICY_ERROR_BYTES, "%s: no memory", policy->path);
        return -ENOMEM;
    }
    policies->policy = grown;
    policies->policy[policies->count++] = policy;
    return 0;
}

static int load_file(struct policies *policies, const char *path, char *error)
{
    size_t size;
    char *text = read_file(path, &size, error);
    if (text == NULL)
        return -errno;
    struct policy *policy = policy_parse(path, text, size, error);
    int result = policy == NULL ? -errno : add(policies, policy, error);
    if (result < 0)
        policy_free(policy);
    free(text);
    return result;
}

static int is_policy_file(const struct dirent *entry)
{
    static const char *const endings[] = {".yaml", ".yml", ".json"};
    size_t length = strlen(entry->d_name);
    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        size_t n = strlen(endings[i]);
        /* A leading dot hides editors' files, and the data directory of a mounted ConfigMap. */
        if (entry->d_name[0] != '.' && length > n && strcmp(entry->d_name + length - n, endings[i]) == 0)
            return 1;
    }
    return 0;
}

static int load_directory(struct policies *policies, const char *path, char *error)
{
    struct dirent **entries = NULL;
    int n = scandir(path, &entries, is_policy_file, alphasort);
    int result = 0;
    if (n < 0) {
        result = -errno;
        snprintf(error, POLICY_ERROR_BYTES, "%s: cannot be read as a directory of policies: %s", path,
                 strerror(-result));
    } else if (n == 0) {
        result = -ENOENT;
        snprintf(error, POLICY_ERROR_BYTES, "%s: holds no policy: no *.yaml, *.yml or *.json", path);
    }
    for (int i = 0; i < n; i++) {
        char file[PATH_MAX];
        int length = snprintf(file, sizeof(file), "%s/%s", path, entries[i]->d_name);
        if (result == 0 && (length < 0 || (size_t)length >= sizeof(file))) {
            result = -ENAMETOOLONG;
            snprintf(error, POLICY_ERROR_BYTES, "%s: a file in it has too long a name", path);
        }
        if (result == 0)
            result = load_file(policies, file, error);
        free(entries[i]);
    }
    free(entries);
    return result;
}

int policies_load(struct policies *policies, const char *path, char error[POLICY_ERROR_BYTES])
{
    struct stat facts;
    size_t before = policies->count;
    int result;
    if (stat(path, &facts) != 0) {
        result = -errno;
        snprintf(error, POLICY_ERROR_BYTES, "%s: %s", path, strerror(errno));
    } else {
        result = S_ISDIR(facts.st_mode) ? load_directory(policies, path, error) : load_file(policies, path, error);
    }
    while (result < 0 && policies->count > before)
        policy_free(policies->policy[--policies->count]);
    return result;
}

void policies_fini(struct policies *policies)
{
    for (size_t i = 0; i < policies->count; i++)
        policy_free(policies->policy[i]);
    free(policies->policy);
    *policies = (struct policies){0};
}
