/* SPDX-License-Identifier: Apache-2.0 */
/* vedette-analyzer's settings and what they name. */
#ifndef VEDETTE_ANALYZER_CONFIG_H
#define VEDETTE_ANALYZER_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "analyzer/list.h"
#include "common/base/options.h"
#include "common/transport/tls.h"

enum { CONFIG_PATH_BYTES = 512 };

/* Where it is looked for unless a path is given. */
#define CONFIG_CONTROL_SOCKET "/run/vedette/control.sock"
#define CONFIG_TUNING         "/etc/vedette/detections.d"

struct config {
    char config[CONFIG_PATH_BYTES];
    char bus_listen[CONFIG_PATH_BYTES];
    char bus_enrolment[CONFIG_PATH_BYTES];
    bool bus_insecure;
    uint64_t bus_quota_bytes, bus_quota_events;
    struct tls_settings bus_tls;
    struct option_list bus_allow_uids;
    uint32_t color;
    bool dead; /* of `alerts`, as are the next ones */
    struct option_list detection;
    uint64_t limit;
    uint32_t severity;
    char since[64], until[64], sink_name[64];
    char control_socket[CONFIG_PATH_BYTES];
    struct option_list events;
    char http_listen[128];
    bool json; /* of `list`, `coverage`, `decode` */
    bool markdown;
    uint32_t log_level;
    char outbox_path[CONFIG_PATH_BYTES];
    bool outbox_temporary;
    uint64_t outbox_keep_ms, outbox_keep_alerts, outbox_max_bytes;
    char node[CONFIG_PATH_BYTES]; /* of `coverage`, `balance` and `alerts` */
    uint32_t output_format;
    uint32_t output_shape; /* enum json_shape */
    char events_file[CONFIG_PATH_BYTES];
    uint64_t events_file_limit;
    uint64_t events_sample;
    char http_tls_certificate[CONFIG_PATH_BYTES];
    char http_tls_key[CONFIG_PATH_BYTES];
    char http_token_file[CONFIG_PATH_BYTES];
    bool tracee_names;
    struct option_list outputs; /* NAME.KEY=VALUE, over the file's section `outputs` */
    bool parse_arguments;
    struct option_list policy;
    struct option_list tuning;
    bool redact_builtin;
    struct option_list redact_patterns;
    bool allow_root;
    uint64_t shards;
    uint64_t shutdown_ms;
    uint64_t falcosidekick_retry_max_ms;
    char falcosidekick_url[CONFIG_PATH_BYTES];
    bool sink_stdout;
};

enum { OUTPUT_JSON, OUTPUT_TABLE };             /* output_format */
enum { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER }; /* color */

struct config_request {
    const char *verb;
    int special;     /* of options_parse */
    char **argument; /* what follows the verb */
    int n_arguments;
};

/* 0 or -EINVAL with words. */
int config_load(int argc, char **argv, struct config *ret_config, struct config_request *ret_request,
                char error[OPTION_ERROR_BYTES]);
/* Prints the page that was asked for; false when none was. */
bool config_print_page(const struct config_request *request);

/* How `list` is to be printed. */
enum list_format config_list_format(const struct config *config);

/* Users that may speak on the bus: the named ones, or root, ourselves and the courier. At most `limit`. -EINVAL with
 * words. */
int config_allowed_uids(const struct config *config, uid_t *ret_uids, size_t limit, size_t *ret_count,
                        char error[OPTION_ERROR_BYTES]);

/* Hides secrets from now on as the settings say. 0 or a negative errno with words. */
int config_redact(const struct config *config, char error[OPTION_ERROR_BYTES]);

#endif
