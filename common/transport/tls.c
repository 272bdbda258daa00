/* SPDX-License-Identifier: Apache-2.0 */
#include "common/transport/tls.h"

#include <errno.h>
#include <time.h>

#include <mbedtls/error.h>
#include <mbedtls/pk.h>
#include <mbedtls/x509_crl.h>
#include <mbedtls/x509_crt.h>
#include <nng/nng.h>
#include <nng/supplemental/tls/tls.h>

void tls_paths(const struct tls_settings *settings, const char *ret_paths[EXPIRIES])
{
    ret_paths[EXPIRY_CA] = settings->ca;
    ret_paths[EXPIRY_CERTIFICATE] = settings->certificate;
    ret_paths[EXPIRY_CRL] = settings->crl;
}

uint64_t tls_stamp(const struct tls_settings *settings)
{
    const char *const paths[] = {settings->ca, settings->certificate, settings->key, settings->crl};
    return credential_stamp(paths, sizeof(paths) / sizeof(paths[0]));
}

uint64_t tls_trust_stamp(const struct tls_settings *settings)
{
    const char *const paths[] = {settings->ca, settings->crl};
    return credential_stamp(paths, sizeof(paths) / sizeof(paths[0]));
}

/* What was read of each file; a revocation list that there is not has no text. */
struct texts {
    char *ca, *certificate, *key, *crl;
    size_t ca_size, certificate_size, key_size, crl_size;
};

static void texts_free(struct texts *texts)
{
    credential_free(texts->ca, texts->ca_size);
    credential_free(texts->certificate, texts->certificate_size);
    credential_free(texts->key, texts->key_size);
    credential_free(texts->crl, texts->crl_size);
}

static int texts_read(const struct tls_settings *settings, struct texts *texts, char *error)
{
    int result = credential_read(settings->ca, CREDENTIAL_PUBLIC, &texts->ca, &texts->ca_size, error);
    if (result == 0)
        result = credential_read(settings->certificate, CREDENTIAL_PUBLIC, &texts->certificate,
                                 &texts->certificate_size, error);
    if (result == 0)
        result = credential_read(settings->key, CREDENTIAL_SECRET, &texts->key, &texts->key_size, error);
    if (result == 0 && settings->crl[0] != '\0')
        result = credential_read(settings->crl, CREDENTIAL_PUBLIC, &texts->crl, &texts->crl_size, error);
    return result;
}

/* mbed TLS's number in words; its positive results count certificates of a file that could not be read. */
static int refuse(char *error, const char *path, const char *what, int problem)
{
    char words[160] = "some of its parts cannot be read";
    if (problem < 0)
        mbedtls_strerror(problem, words, sizeof(words));
    snprintf(error, CREDENTIAL_ERROR_BYTES, "%.200s: %s: %s", path, what, words);
    return -EBADMSG;
}

static int64_t seconds_of(const mbedtls_x509_time *time)
{
    struct tm parts = {.tm_year = time->year - 1900,
                       .tm_mon = time->mon - 1,
                       .tm_mday = time->day,
                       .tm_hour = time->hour,
                       .tm_min = time->min,
                       .tm_sec = time->sec};
    return (int64_t)timegm(&parts);
}

static int64_t first_end(const mbedtls_x509_crt *chain)
{
    int64_t first = 0;
    for (; chain != NULL && chain->version != 0; chain = chain->next) {
        int64_t end = seconds_of(&chain->valid_to);
        if (first == 0 || end < first)
            first = end;
    }
    return first;
}

static const unsigned char *bytes_of(const char *text)
{
    return (const unsigned char *)text;
}

static int check_authority(const char *path, const struct texts *texts, int64_t *ret_end, char *error)
{
    mbedtls_x509_crt chain;
    mbedtls_x509_crt_init(&chain);
    int problem = mbedtls_x509_crt_parse(&chain, bytes_of(texts->ca), texts->ca_size + 1);
    if (problem == 0)
        *ret_end = first_end(&chain);
    mbedtls_x509_crt_free(&chain);
    return problem == 0 ? 0 : refuse(error, path, "needs certificates in PEM", problem);
}

static int check_revocations(const char *path, const struct texts *texts, int64_t *ret_end, char *error)
{
    mbedtls_x509_crl list;
    if (texts->crl == NULL)
        return 0;
    mbedtls_x509_crl_init(&list);
    int problem = mbedtls_x509_crl_parse(&list, bytes_of(texts->crl), texts->crl_size + 1);
    for (const mbedtls_x509_crl *one = &list; problem == 0 && one != NULL && one->version != 0; one = one->next) {
        int64_t end = one->next_update.year != 0 ? seconds_of(&one->next_update) : 0;
        if (end != 0 && (*ret_end == 0 || end < *ret_end))
            *ret_end = end;
    }
    mbedtls_x509_crl_free(&list);
    return problem == 0 ? 0 : refuse(error, path, "needs a revocation list in PEM", problem);
}

static int check_pair(const struct tls_settings *settings, const struct texts *texts, int64_t *ret_end, char *error)
{
    mbedtls_x509_crt chain;
    mbedtls_pk_context key;
    int result = 0;
    mbedtls_x509_crt_init(&chain);
    mbedtls_pk_init(&key);
    int problem = mbedtls_x509_crt_parse(&chain, bytes_of(texts->certificate), texts->certificate_size + 1);
    if (problem != 0)
        result = refuse(error, settings->certificate, "needs a certificate in PEM", problem);
    if (result == 0 && (problem = mbedtls_pk_parse_key(&key, bytes_of(texts->key), texts->key_size + 1, NULL, 0)) != 0)
        result =
            refuse(error, settings->key, "needs a private key in PEM, RSA or ECDSA, without a passphrase", problem);
    if (result == 0 && (problem = mbedtls_pk_check_pair(&chain.pk, &key)) != 0)
        result = refuse(error, settings->key, "is not the key of the certificate", problem);
    if (result == 0)
        *ret_end = first_end(&chain);
    mbedtls_pk_free(&key);
    mbedtls_x509_crt_free(&chain);
    return result;
}

static int make(const struct tls_settings *settings, enum tls_side side, const struct texts *texts,
                nng_tls_config **ret_config, char *error)
{
    nng_tls_config *config;
    int problem = nng_tls_config_alloc(&config, side == TLS_SERVER ? NNG_TLS_MODE_SERVER : NNG_TLS_MODE_CLIENT);
    if (problem != 0) {
        snprintf(error, CREDENTIAL_ERROR_BYTES, "no TLS in this libnng: %s", nng_strerror(problem));
        return -ENOTSUP;
    }
    problem = nng_tls_config_ca_chain(config, texts->ca, texts->crl);
    if (problem == 0)
        problem = nng_tls_config_own_cert(config, texts->certificate, texts->key, NULL);
    if (problem == 0)
        problem = nng_tls_config_auth_mode(config, NNG_TLS_AUTH_MODE_REQUIRED);
    if (problem == 0)
        problem = nng_tls_config_version(config, NNG_TLS_1_2, NNG_TLS_1_2);
    if (problem == 0 && side == TLS_CLIENT)
        problem = nng_tls_config_server_name(config, settings->server_name);
    if (problem == 0) {
        *ret_config = config;
        return 0;
    }
    nng_tls_config_free(config);
    snprintf(error, CREDENTIAL_ERROR_BYTES, "libnng does not take %.200s: %s", settings->certificate,
             nng_strerror(problem));
    return -EBADMSG;
}

int tls_load(const struct tls_settings *settings, enum tls_side side, struct nng_tls_config **ret_config,
             int64_t ret_ends[EXPIRIES], char error[CREDENTIAL_ERROR_BYTES])
{
    struct texts texts = {0};
    int64_t ends[EXPIRIES] = {0};
    int result = texts_read(settings, &texts, error);
    if (result == 0)
        result = check_authority(settings->ca, &texts, &ends[EXPIRY_CA], error);
    if (result == 0)
        result = check_revocations(settings->crl, &texts, &ends[EXPIRY_CRL], error);
    if (result == 0)
        result = check_pair(settings, &texts, &ends[EXPIRY_CERTIFICATE], error);
    if (result == 0)
        result = make(settings, side, &texts, ret_config, error);
    if (result == 0)
        memcpy(ret_ends, ends, sizeof(ends));
    texts_free(&texts);
    return result;
}
