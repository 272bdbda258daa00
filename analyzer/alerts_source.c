/* SPDX-License-Identifier: Apache-2.0 */
#include "analyzer/alerts_internal.h"

#include <errno.h>
#include <inttypes.h>

#include "analyzer/control_client.h"
#include "common/base/exit_code.h"
#include "common/base/log.h"

int source_open(struct source *source, const struct config *config)
{
    char error[OUTBOX_ERROR_BYTES];
    *source = (struct source){0};
    if (config->control_socket[0] != '\0' && control_is_there(config->control_socket)) {
        source->socket = config->control_socket;
        return EXIT_CODE_OK;
    }
    int result = alert_reader_open(config->outbox_path, &source->reader, error);
    if (result == 0) {
        log_info("no analyzer answers at %s: reading %s", config->control_socket, config->outbox_path);
        return EXIT_CODE_OK;
    }
    log_error("no analyzer answers at %s, and its database cannot be read: %s", config->control_socket, error);
    return result == -EACCES ? EXIT_CODE_PRIVILEGE : result == -EBADMSG ? EXIT_CODE_STATE : EXIT_CODE_RUNTIME;
}

void source_close(struct source *source)
{
    alert_reader_close(source->reader);
    source->reader = NULL;
}

static int read_database(int result, const char *error)
{
    if (result == 0)
        return EXIT_CODE_OK;
    log_error("%s", error);
    return result == -EBADMSG ? EXIT_CODE_STATE : EXIT_CODE_RUNTIME;
}

int source_list(struct source *source, const struct alert_query *query, struct text *lines)
{
    char error[OUTBOX_ERROR_BYTES], since[24], until[24], severity[24], after[24], before[24], limit[24];
    if (source->socket == NULL)
        return read_database(alert_reader_list(source->reader, query, lines, error), error);
    snprintf(since, sizeof(since), "%" PRIu64, query->since_ns);
    snprintf(until, sizeof(until), "%" PRIu64, query->until_ns);
    snprintf(severity, sizeof(severity), "%d", query->severity);
    snprintf(after, sizeof(after), "%" PRId64, query->after);
    snprintf(before, sizeof(before), "%" PRId64, query->before);
    snprintf(limit, sizeof(limit), "%u", query->limit);
    const struct control_request request = {.page = "/alerts",
                                            .argument = {{"since", since},
                                                         {"until", until},
                                                         {"severity", severity},
                                                         {"node", query->node},
                                                         {"detection", query->detections},
                                                         {"id", query->id},
                                                         {"sink", query->sink},
                                                         {"dead", query->dead ? "1" : NULL},
                                                         {"after", after},
                                                         {"before", before},
                                                         {"oldest", query->oldest_first ? "1" : NULL},
                                                         {"limit", limit}}};
    return control_ask(source->socket, &request, lines);
}

int source_sinks(struct source *source, struct text *array)
{
    char error[OUTBOX_ERROR_BYTES];
    if (source->socket == NULL)
        return read_database(alert_reader_sinks(source->reader, array, error), error);
    const struct control_request request = {.page = "/alerts/sinks"};
    return control_ask(source->socket, &request, array);
}
