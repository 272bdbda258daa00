/* SPDX-License-Identifier: Apache-2.0 */
/* A finding as a syslog message of RFC 5424, without the framing of a transport. */
#ifndef VEDETTE_ANALYZER_ALERT_SYSLOG_MESSAGE_H
#define VEDETTE_ANALYZER_ALERT_SYSLOG_MESSAGE_H

#include "analyzer/alert/fields.h"

enum {
    SYSLOG_MIN_BYTES =
        2048, /* what every receiver should take (RFC 5424 section 6.1); a shortened message always fits */
    SYSLOG_SD_ID_BYTES = 33, /* SD-NAME: 32 characters */
    SYSLOG_APP_NAME_BYTES = 49,
};

struct syslog_form {
    unsigned facility; /* 0 to 23 */
    const char *app_name, *sd_id;
    const struct finding_field_list *fields; /* of the structured data */
    bool text;                               /* MSG is a sentence for people, not JSON */
    size_t max_bytes;                        /* at least SYSLOG_MIN_BYTES */
};

/*
 * Appends the message. One that would be longer than max_bytes has a short MSG instead of the whole finding, with
 * "truncated":true, and if that is not enough its structured data is the id alone: it is never cut in the middle.
 */
void syslog_message(struct text *text, const struct syslog_form *form, const struct finding_view *view);

/* Whether the text is an SD-ID that one may invent: NAME@NUMBER (RFC 5424 section 7, RFC 5612). */
bool syslog_is_sd_id(const char *text);
/* PRINTUSASCII, 1 to `limit` of them. */
bool syslog_is_name(const char *text, size_t limit);

#endif
