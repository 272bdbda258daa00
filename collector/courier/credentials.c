/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/courier/credentials.h"

#include <errno.h>

#include "collector/courier/url.h"
#include "common/base/clock.h"
#include "common/base/log.h"

static const uint64_t MS_NS = 1000000, DAY_NS = 86400ull * 1000000000;

void credentials_init(struct credentials *credentials, const struct courier_settings *settings)
{
    *credentials = (struct credentials){.is_tls = url_kind(settings->bus_url) == URL_TLS};
    credentials->token = settings->token && settings->token[0] != '\0' ? settings->token : NULL;
    if (!credentials->is_tls)
        return;
    credentials->tls = *settings->tls;
    if (credentials->tls.server_name[0] == '\0')
        url_host(settings->bus_url, credentials->tls.server_name);
}

static void warn_of_ends(struct credentials *credentials, uint64_t now_ns)
{
    const char *paths[EXPIRIES];
    char words[EXPIRY_WORDS_BYTES];
    if (!credentials->is_loaded || (credentials->warned_ns != 0 && now_ns - credentials->warned_ns < DAY_NS))
        return;
    tls_paths(&credentials->tls, paths);
    credentials->warned_ns = now_ns;
    if (expiry_judge(credentials->ends, paths, (int64_t)time(NULL), words) != EXPIRY_FAR)
        log_warning("courier: %s", words);
}

static enum credentials_news load(struct credentials *credentials, struct bus *bus, uint64_t stamp)
{
    char error[CREDENTIAL_ERROR_BYTES];
    struct nng_tls_config *config;
    const bool was_loaded = credentials->is_loaded;
    const uint64_t trust_stamp = tls_trust_stamp(&credentials->tls);
    const bool distrust = trust_stamp != credentials->trust_stamp;
    int result = tls_load(&credentials->tls, TLS_CLIENT, &config, credentials->ends, error);
    if (result == 0 && (result = bus_use_tls(bus, config)) != 0)
        snprintf(error, sizeof(error), "the bus does not take them: %s", strerror(-result));
    if (result != 0) {
        if (credentials->told_stamp != stamp)
            log_error("courier: certificates cannot be used: %s; %s", error,
                      was_loaded ? "those before them stay in use until these can be"
                                 : "without them there is no connection; trying again");
        credentials->told_stamp = stamp;
        return CREDENTIALS_SAME;
    }
    credentials->stamp = stamp;
    credentials->trust_stamp = trust_stamp;
    credentials->is_loaded = true;
    credentials->warned_ns = 0;
    credentials->told_stamp = 0;
    if (was_loaded)
        log_info("courier: certificates read again: %s",
                 distrust ? "whom to trust has changed, so the connection is made again"
                          : "the next connection uses them");
    return was_loaded && distrust ? CREDENTIALS_TRUST : CREDENTIALS_NEW;
}

enum credentials_news credentials_look(struct credentials *credentials, struct bus *bus, bool now)
{
    enum credentials_news news = CREDENTIALS_SAME;
    uint64_t now_ns = clock_boot_ns();
    if (!credentials->is_tls || (!now && now_ns - credentials->looked_ns < CREDENTIALS_LOOK_MS * MS_NS))
        return CREDENTIALS_SAME;
    credentials->looked_ns = now_ns;
    uint64_t stamp = tls_stamp(&credentials->tls); /* before reading: what changes meanwhile is read again */
    if (stamp != credentials->stamp)
        news = load(credentials, bus, stamp);
    warn_of_ends(credentials, now_ns);
    return news;
}

int credentials_token(const struct credentials *credentials, char **ret_token, size_t *ret_size,
                      char error[CREDENTIAL_ERROR_BYTES])
{
    char *text;
    size_t size;
    *ret_token = NULL;
    *ret_size = 0;
    if (!credentials->token)
        return 0;
    int result = credential_read(credentials->token, CREDENTIAL_SECRET, &text, &size, error);
    if (result != 0)
        return result;
    size_t length = strcspn(text, "\r\n");
    bool alone = strspn(text + length, "\r\n") == size - length;
    if (alone && length >= CREDENTIALS_TOKEN_MIN && length <= CREDENTIALS_TOKEN_MAX) {
        *ret_token = text;
        *ret_size = length;
        return 0;
    }
    credential_free(text, size);
    snprintf(error, CREDENTIAL_ERROR_BYTES, "%.300s: needs one line of %d to %d bytes, as openssl rand -hex 32 makes",
             credentials->token, CREDENTIALS_TOKEN_MIN, CREDENTIALS_TOKEN_MAX);
    return -EINVAL;
}
