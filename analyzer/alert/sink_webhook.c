/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POSTs each finding to any HTTP receiver: its JSON, or what a template makes of it. With a key each request is signed
 * as GitHub's and many other webhooks are: the header holds "sha256=" and the HMAC-SHA256 (RFC 2104) of the body in
 * hexadecimal. What a receiver tells repeats by is the header X-Vedette-Id.
 */
#include <errno.h>
#include <nettle/hmac.h>

#include "analyzer/alert/request_secret.h"
#include "analyzer/alert/sink_http.h"
#include "analyzer/alert/template.h"

struct webhook_settings {
    char template[SINK_PATH_BYTES];
    char content_type[128];
    char hmac_key_file[SINK_PATH_BYTES];
    char hmac_header[64];
};

#define AT(field)                                                                                                      \
    .offset = offsetof(struct webhook_settings, field), .size = sizeof(((struct webhook_settings *)0)->field)
static const struct option options[] = {
    {"template", OPTION_STRING, AT(template),
     .help = "File of the body, in which {{FIELD}} stands for a field of the finding; without it, the finding's JSON."},
    {"content_type", OPTION_STRING, AT(content_type), .initial = "application/json",
     .help = "Of the body. With a type of JSON a template's fields are escaped for the inside of a string."},
    {"hmac.key_file", OPTION_STRING, AT(hmac_key_file),
     .help = "File of a key by which each body is signed (HMAC-SHA256)."},
    {"hmac.header", OPTION_STRING, AT(hmac_header), .initial = "X-Hub-Signature-256",
     .help = "Header of the signature, whose value is sha256=HEX."},
};
#undef AT

struct webhook {
    const struct webhook_settings *settings;
    struct sink_http_kind kind;
    struct sink_http *http;
    struct template *template; /* NULL: the finding's JSON */
    struct request_secret key;
};

static bool is_json_type(const char *type)
{
    size_t length = strcspn(type, "; ");
    return (length >= 5 && strncasecmp(type + length - 5, "/json", 5) == 0) ||
           (length >= 5 && strncasecmp(type + length - 5, "+json", 5) == 0);
}

static bool is_token(const char *text)
{
    return *text && text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")] == '\0';
}

static void webhook_close(void *arg)
{
    struct webhook *sink = arg;
    if (!sink)
        return;
    sink_http_free(sink->http);
    template_free(sink->template);
    request_secret_fini(&sink->key);
    free(sink);
}

static void *webhook_open(const struct sink_settings *settings, char error[SINK_ERROR_BYTES])
{
    const struct webhook_settings *own = settings->own;
    char words[TEMPLATE_ERROR_BYTES] = "";
    if (own->content_type[strcspn(own->content_type, "\r\n")] != '\0' || !*own->content_type)
        return sink_fail(settings, error, "content_type: write one in one line, as text/plain");
    if (!is_token(own->hmac_header))
        return sink_fail(settings, error, "hmac.header: write a header's name, without its colon");
    struct webhook *sink = calloc(1, sizeof(*sink));
    if (!sink)
        return sink_fail(settings, error, "out of memory");
    sink->settings = own;
    sink->kind = (struct sink_http_kind){.content_type = own->content_type, .example = "https://HOST/PATH"};
    if (*own->template && !(sink->template = template_load(own->template, is_json_type(own->content_type), words)))
        sink_fail(settings, error, "template: %s", words);
    else if (*own->hmac_key_file && request_secret_renew(&sink->key, "hmac.key_file", own->hmac_key_file, words) < 0)
        sink_fail(settings, error, "%s", words);
    else if ((sink->http = sink_http_new(settings, &sink->kind, error)))
        return sink;
    webhook_close(sink);
    return NULL;
}

/* "NAME: sha256=HEX" of the body. */
static void sign(const struct webhook *sink, const struct text *body, char *header, size_t header_size)
{
    uint8_t digest[SHA256_DIGEST_SIZE];
    char hex[2 * SHA256_DIGEST_SIZE + 1] = "";
    struct hmac_sha256_ctx context;
    hmac_sha256_set_key(&context, strlen(sink->key.value), (const uint8_t *)sink->key.value);
    hmac_sha256_update(&context, body->size, (const uint8_t *)body->data);
    hmac_sha256_digest(&context, sizeof(digest), digest);
    explicit_bzero(&context, sizeof(context));
    for (size_t i = 0; i < sizeof(digest); i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    snprintf(header, header_size, "%s: sha256=%s", sink->settings->hmac_header, hex);
}

/* 0, -EBADMSG, -ENOMEM. */
static int make_body(const struct webhook *sink, const struct alert *alert, struct text *body)
{
    struct finding_view view;
    if (!sink->template) {
        text_string(body, alert->json);
        return body->failed ? -ENOMEM : 0;
    }
    int result = finding_view_init(&view, alert);
    if (result < 0)
        return result;
    template_write(sink->template, &view, body);
    finding_view_fini(&view);
    return body->failed ? -ENOMEM : 0;
}

static enum sink_result webhook_deliver(void *arg, const struct alert *alert, uint32_t *retry_after_ms,
                                        char error[SINK_ERROR_BYTES])
{
    struct webhook *sink = arg;
    struct text body = {0};
    char id[64], signature[160];
    const char *headers[] = {id, NULL, NULL};
    *retry_after_ms = 0;
    if (*sink->settings->hmac_key_file &&
        request_secret_renew(&sink->key, "hmac.key_file", sink->settings->hmac_key_file, error) < 0)
        return SINK_RETRY;
    int result = make_body(sink, alert, &body);
    enum sink_result answer = result == -EBADMSG ? SINK_REFUSED : SINK_RETRY;
    if (result < 0) {
        snprintf(error, SINK_ERROR_BYTES, "%s",
                 result == -EBADMSG ? "the stored finding is no JSON object" : "out of memory");
    } else {
        snprintf(id, sizeof(id), "X-Vedette-Id: %s", alert->id);
        if (sink->key.value) {
            sign(sink, &body, signature, sizeof(signature));
            headers[1] = signature;
        }
        answer = sink_http_post(sink->http, body.data, body.size, headers, retry_after_ms, error);
    }
    text_fini(&body);
    return answer;
}

static void webhook_interrupt(void *arg)
{
    struct webhook *sink = arg;
    sink_http_interrupt(sink->http);
}

extern const struct sink_kind sink_webhook;
const struct sink_kind sink_webhook = {
    .name = "webhook",
    .summary = "POSTed to any HTTP receiver: the finding's JSON, or a template's text; signed if asked.",
    .groups = SINK_NETWORK | SINK_HTTP,
    .options = options,
    .n_options = sizeof(options) / sizeof(options[0]),
    .own_size = sizeof(struct webhook_settings),
    .open = webhook_open,
    .deliver = webhook_deliver,
    .close = webhook_close,
    .interrupt = webhook_interrupt,
};
