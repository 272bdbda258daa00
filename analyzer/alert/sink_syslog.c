/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Findings as syslog messages (RFC 5424) with structured data, over a unix socket, UDP, TCP or TLS. What counts as
 * delivered without an acknowledgement: syslog_transport.h.
 */
#include <errno.h>

#include "analyzer/alert/syslog_message.h"
#include "analyzer/alert/syslog_transport.h"

struct syslog_settings {
    uint32_t facility, framing, message;
    char app_name[SYSLOG_APP_NAME_BYTES], sd_id[SYSLOG_SD_ID_BYTES];
    struct option_list fields;
    uint64_t max_bytes;
};

/* By number: RFC 5424 section 6.2.1, under the names of syslog(3). */
static const char *const facilities[] = {"kern",   "user",   "mail",   "daemon",   "auth",   "syslog", "lpr",
                                         "news",   "uucp",   "cron",   "authpriv", "ftp",    "ntp",    "audit",
                                         "alert",  "clock",  "local0", "local1",   "local2", "local3", "local4",
                                         "local5", "local6", "local7", NULL};
enum { FRAMING_OCTETS, FRAMING_LINES };
static const char *const framings[] = {"octets", "lines", NULL};
enum { MESSAGE_JSON, MESSAGE_TEXT };
static const char *const messages[] = {"json", "text", NULL};

#define AT(field)                                                                                                      \
    .offset = offsetof(struct syslog_settings, field), .size = sizeof(((struct syslog_settings *)0)->field)
static const struct option options[] = {
    {"facility", OPTION_CHOICE, AT(facility), .initial = "authpriv", .choices = facilities, .help = "Of the messages."},
    {"app_name", OPTION_STRING, AT(app_name), .initial = "vedette", .help = "APP-NAME of the messages."},
    {"sd_id", OPTION_STRING, AT(sd_id), .initial = "vedette@32473",
     .help =
         "Name of the structured data, NAME@PRIVATE_ENTERPRISE_NUMBER; 32473 is the number for examples (RFC 5612)."},
    {"fields", OPTION_LIST, AT(fields),
     .help = "Fields in the structured data; without it id, severity, signature, technique, process, pid, executable, "
             "container, namespace and pod; none for none."},
    {"message", OPTION_CHOICE, AT(message), .initial = "json", .choices = messages,
     .help = "json: the finding; text: a sentence for people."},
    {"framing", OPTION_CHOICE, AT(framing), .initial = "octets", .choices = framings,
     .help =
         "How a stream's messages are told apart: octets, each begins with its length, as RFC 5425 wants it; lines, "
         "each ends with a newline, for receivers that know nothing else."},
    {"max_bytes", OPTION_BYTES, AT(max_bytes), .initial = "8K", .min = SYSLOG_MIN_BYTES, .max = 1 << 20,
     .help = "Longest message that the receiver takes: rsyslog's default is 8K; a longer one is sent in short, with "
             "\"truncated\":true."},
};
#undef AT

static const char *const usual_fields[] = {"id",         "severity",  "signature", "technique", "process", "pid",
                                           "executable", "container", "namespace", "pod",       NULL};

enum { DATAGRAM_BYTES = 65507 }; /* of UDP over IPv4 */

struct syslog {
    struct syslog_form form;
    struct finding_field_list fields;
    struct syslog_transport *transport;
    struct text message; /* reused */
};

static void syslog_close(void *arg)
{
    struct syslog *sink = arg;
    if (!sink)
        return;
    syslog_transport_free(sink->transport);
    text_fini(&sink->message);
    free(sink);
}

static void *syslog_open(const struct sink_settings *settings, char error[SINK_ERROR_BYTES])
{
    const struct syslog_settings *own = settings->own;
    char words[SINK_ERROR_BYTES];
    bool is_udp = strncmp(settings->url, "udp:", 4) == 0;
    if (!syslog_is_name(own->app_name, SYSLOG_APP_NAME_BYTES - 1))
        return sink_fail(settings, error, "app_name: visible ASCII without blanks, please");
    if (!syslog_is_sd_id(own->sd_id))
        return sink_fail(settings, error, "sd_id: write NAME@NUMBER, as vedette@32473");
    struct syslog *sink = calloc(1, sizeof(*sink));
    if (!sink)
        return sink_fail(settings, error, "out of memory");
    sink->form = (struct syslog_form){
        .facility = own->facility,
        .app_name = own->app_name,
        .sd_id = own->sd_id,
        .fields = &sink->fields,
        .text = own->message == MESSAGE_TEXT,
        .max_bytes = is_udp && own->max_bytes > DATAGRAM_BYTES ? DATAGRAM_BYTES : own->max_bytes,
    };
    if (finding_field_list_read(&sink->fields, "fields", &own->fields, usual_fields, words, sizeof(words)) < 0)
        sink_fail(settings, error, "%s", words);
    else if ((sink->transport = syslog_transport_new(settings, own->framing == FRAMING_LINES, error)))
        return sink;
    syslog_close(sink);
    return NULL;
}

static enum sink_result syslog_deliver(void *arg, const struct alert *alert, uint32_t *retry_after_ms,
                                       char error[SINK_ERROR_BYTES])
{
    struct syslog *sink = arg;
    struct finding_view view;
    *retry_after_ms = 0;
    if (finding_view_init(&view, alert) < 0) {
        snprintf(error, SINK_ERROR_BYTES, "the stored finding is no JSON object");
        return SINK_REFUSED;
    }
    sink->message.size = 0;
    syslog_message(&sink->message, &sink->form, &view);
    finding_view_fini(&view);
    if (sink->message.failed) {
        text_fini(&sink->message);
        snprintf(error, SINK_ERROR_BYTES, "out of memory");
        return SINK_RETRY;
    }
    int result = syslog_transport_send(sink->transport, sink->message.data, sink->message.size, error);
    return result == 0 ? SINK_DELIVERED : result == -EMSGSIZE ? SINK_REFUSED : SINK_RETRY;
}

static void syslog_interrupt(void *arg)
{
    struct syslog *sink = arg;
    syslog_transport_interrupt(sink->transport);
}

extern const struct sink_kind sink_syslog;
const struct sink_kind sink_syslog = {
    .name = "syslog",
    .summary = "Syslog (RFC 5424) with structured data, over a unix socket, UDP, TCP or TLS.",
    .groups = SINK_NETWORK,
    .options = options,
    .n_options = sizeof(options) / sizeof(options[0]),
    .own_size = sizeof(struct syslog_settings),
    .open = syslog_open,
    .deliver = syslog_deliver,
    .close = syslog_close,
    .interrupt = syslog_interrupt,
};
