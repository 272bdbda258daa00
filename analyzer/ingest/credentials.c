// SPDX-License-Identifier: Apache-2.0
#include "analyzer/ingest/credentials.h"

#include <errno.h>
#include <pthread.h>

#include <nng/nng.h>
#include <nng/supplemental/tls/tls.h>

#include "common/base/log.h"

static const uint64_t DAY_NS = UINT64_C(86400) * 1000000000;

struct credentials {
    const struct tls_settings *tls; /* NULL: no TLS */
    const char *enrolment_path;     /* NULL: none */
    /* The looking thread's own. */
    uint64_t tls_stamp, trust_stamp, enrolment_stamp, warned_ns; /* of what is in use */
    uint64_t told_tls_stamp, told_enrolment_stamp; /* of what could not be used: it is tried again and told once */

    pthread_rwlock_t lock; /* what follows */
    nng_tls_config *config;
    int64_t ends[EXPIRIES];
    struct enrolment *enrolment;
};

static uint64_t stamp_of_enrolment(const struct credentials *credentials)
{
    return credential_stamp(&credentials->enrolment_path, 1);
}

/* The stamps are taken before reading: what changes meanwhile is read again. */
static int load_tls(struct credentials *credentials, bool *ret_trust, char *error)
{
    nng_tls_config *config = NULL;
    int64_t ends[EXPIRIES];
    uint64_t trust = tls_trust_stamp(credentials->tls);
    int result = tls_load(credentials->tls, TLS_SERVER, &config, ends, error);
    if (result < 0)
        return result;
    *ret_trust = trust != credentials->trust_stamp;
    credentials->trust_stamp = trust;
    credentials->warned_ns = 0;
    pthread_rwlock_wrlock(&credentials->lock);
    nng_tls_config *old = credentials->config;
    credentials->config = config;
    memcpy(credentials->ends, ends, sizeof(ends));
    pthread_rwlock_unlock(&credentials->lock);
    if (old != NULL)
        nng_tls_config_free(old);
    return 0;
}

static int load_enrolment(struct credentials *credentials, char *error)
{
    struct enrolment *enrolment;
    int result = enrolment_load(credentials->enrolment_path, &enrolment, error);
    if (result < 0)
        return result;
    pthread_rwlock_wrlock(&credentials->lock);
    struct enrolment *old = credentials->enrolment;
    credentials->enrolment = enrolment;
    pthread_rwlock_unlock(&credentials->lock);
    enrolment_free(old);
    return 0;
}

int credentials_new(const struct tls_settings *tls, const char *enrolment, struct credentials **ret_credentials,
                    char error[CREDENTIAL_ERROR_BYTES])
{
    bool trust;
    struct credentials *credentials = calloc(1, sizeof(*credentials));
    if (credentials == NULL || pthread_rwlock_init(&credentials->lock, NULL) != 0) {
        free(credentials);
        snprintf(error, CREDENTIAL_ERROR_BYTES, "no memory");
        return -ENOMEM;
    }
    credentials->tls = tls;
    credentials->enrolment_path = enrolment;
    int result = 0;
    if (tls != NULL) {
        credentials->tls_stamp = tls_stamp(tls);
        result = load_tls(credentials, &trust, error);
    }
    if (result == 0 && enrolment != NULL) {
        credentials->enrolment_stamp = stamp_of_enrolment(credentials);
        result = load_enrolment(credentials, error);
    }
    if (result < 0)
        credentials_free(credentials);
    else
        *ret_credentials = credentials;
    return result;
}

void credentials_free(struct credentials *credentials)
{
    if (credentials == NULL)
        return;
    if (credentials->config != NULL)
        nng_tls_config_free(credentials->config);
    enrolment_free(credentials->enrolment);
    pthread_rwlock_destroy(&credentials->lock);
    free(credentials);
}

struct nng_tls_config *credentials_tls(struct credentials *credentials)
{
    pthread_rwlock_rdlock(&credentials->lock);
    nng_tls_config *config = credentials->config;
    if (config != NULL)
        nng_tls_config_hold(config);
    pthread_rwlock_unlock(&credentials->lock);
    return config;
}

bool credentials_enrol(const struct credentials *credentials)
{
    return credentials->enrolment_path != NULL;
}

bool credentials_hold(struct credentials *credentials, const char *node, const uint8_t digest[ENROLMENT_DIGEST_BYTES])
{
    pthread_rwlock_rdlock(&credentials->lock);
    bool holds = credentials->enrolment != NULL && enrolment_holds(credentials->enrolment, node, digest);
    pthread_rwlock_unlock(&credentials->lock);
    return holds;
}

static void warn_of_ends(struct credentials *credentials, uint64_t now_ns)
{
    char words[EXPIRY_WORDS_BYTES];
    if (credentials->tls == NULL || (credentials->warned_ns != 0 && now_ns - credentials->warned_ns < DAY_NS))
        return;
    credentials->warned_ns = now_ns;
    if (credentials_expiry(credentials, words) != EXPIRY_FAR)
        log_warning("%s", words);
}

static void look_at_tls(struct credentials *credentials, struct credentials_news *news)
{
    char error[CREDENTIAL_ERROR_BYTES];
    uint64_t stamp = credentials->tls == NULL ? 0 : tls_stamp(credentials->tls);
    if (stamp == credentials->tls_stamp)
        return;
    news->tls = load_tls(credentials, &news->trust, error) == 0;
    if (news->tls) {
        credentials->tls_stamp = stamp;
        log_info("bus.tls: certificates read again: new connections use them%s",
                 news->trust ? "; whom to trust has changed, so all connections are made again" : "");
    } else if (credentials->told_tls_stamp != stamp) {
        log_error("bus.tls: %s; the files before stay in use until these can be", error);
    }
    credentials->told_tls_stamp = news->tls ? 0 : stamp;
}

static void look_at_enrolment(struct credentials *credentials, struct credentials_news *news)
{
    char error[CREDENTIAL_ERROR_BYTES];
    uint64_t stamp = credentials->enrolment_path == NULL ? 0 : stamp_of_enrolment(credentials);
    if (stamp == credentials->enrolment_stamp)
        return;
    news->enrolment = load_enrolment(credentials, error) == 0;
    if (news->enrolment) {
        credentials->enrolment_stamp = stamp;
        log_info("bus.enrolment: read again: %zu tokens", enrolment_count(credentials->enrolment));
    } else if (credentials->told_enrolment_stamp != stamp) {
        log_error("bus.enrolment: %s; the tokens before stay in use until this can be read", error);
    }
    credentials->told_enrolment_stamp = news->enrolment ? 0 : stamp;
}

struct credentials_news credentials_look(struct credentials *credentials, uint64_t now_ns)
{
    struct credentials_news news = {0};
    look_at_tls(credentials, &news);
    look_at_enrolment(credentials, &news);
    warn_of_ends(credentials, now_ns);
    return news;
}

static void copy_ends(struct credentials *credentials, int64_t ends[EXPIRIES])
{
    pthread_rwlock_rdlock(&credentials->lock);
    memcpy(ends, credentials->ends, sizeof(credentials->ends));
    pthread_rwlock_unlock(&credentials->lock);
}

enum expiry_state credentials_expiry(struct credentials *credentials, char words[EXPIRY_WORDS_BYTES])
{
    const char *paths[EXPIRIES];
    int64_t ends[EXPIRIES];
    words[0] = '\0';
    if (credentials->tls == NULL)
        return EXPIRY_FAR;
    copy_ends(credentials, ends);
    tls_paths(credentials->tls, paths);
    return expiry_judge(ends, paths, (int64_t)time(NULL), words);
}

bool credentials_are_over(struct credentials *credentials)
{
    const char *paths[EXPIRIES];
    char words[EXPIRY_WORDS_BYTES];
    int64_t ends[EXPIRIES];
    if (credentials->tls == NULL)
        return false;
    copy_ends(credentials, ends);
    tls_paths(credentials->tls, paths);
    ends[EXPIRY_CA] = 0; /* in a file of several, others may still hold */
    return expiry_judge(ends, paths, (int64_t)time(NULL), words) == EXPIRY_OVER;
}

void credentials_collect(struct credentials *credentials, struct metrics_writer *writer)
{
    int64_t ends[EXPIRIES];
    const char *paths[EXPIRIES];
    copy_ends(credentials, ends);
    for (int i = 0; credentials->tls != NULL && i < EXPIRIES; i++) {
        tls_paths(credentials->tls, paths);
        const struct metric_label labels[] = {{"credential", expiry_names[i]}, {"path", paths[i]}, {0}};
        if (ends[i] != 0)
            metrics_put(writer, METRIC_CERTIFICATE_EXPIRY, labels, (double)ends[i]);
    }
    if (credentials->enrolment_path == NULL)
        return;
    pthread_rwlock_rdlock(&credentials->lock);
    double tokens = (double)enrolment_count(credentials->enrolment);
    pthread_rwlock_unlock(&credentials->lock);
    metrics_put(writer, METRIC_ENROLLED_TOKENS, NULL, tokens);
}
