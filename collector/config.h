/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The collector's settings: flat, so that the child which parses them can hand them over a pipe as bytes.
 */
#ifndef VEDETTE_COLLECTOR_CONFIG_H
#define VEDETTE_COLLECTOR_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "collector/courier/courier.h"
#include "collector/probe/probe.h"
#include "common/base/log.h"
#include "common/base/options.h"

enum { CONFIG_PATH_BYTES = 1024, CONFIG_NAME_BYTES = 256, CONFIG_VERB_BYTES = 16 };

struct config {
    char config_path[CONFIG_PATH_BYTES];
    char node[CONFIG_NAME_BYTES];
    char bus_url[CONFIG_PATH_BYTES];
    bool bus_insecure;
    struct tls_settings bus_tls;
    char bus_token[TLS_PATH_BYTES];
    char queue_path[CONFIG_PATH_BYTES];
    uint64_t queue_size;
    char spool_path[CONFIG_PATH_BYTES];
    uint64_t spool_size; /* 0: none */
    uint64_t ring_size[CLASS_COUNT];
    uint64_t argv_size;
    uint64_t scope_tree, scope_children_of;
    char scope_cgroup[CONFIG_PATH_BYTES];
    struct option_list plan_allow;
    char user_drain[CONFIG_NAME_BYTES], user_courier[CONFIG_NAME_BYTES], bus_group[CONFIG_NAME_BYTES];
    bool wait_for_plan;
    bool dump_coverage; /* of `dump` */
    struct option_list dump_events;
    uint64_t dump_seconds;
    uint64_t heartbeat_ms, shutdown_ms, canary_ms;
    uint32_t log_level;
};

/* What config_load found besides the settings. */
struct config_request {
    char verb[CONFIG_VERB_BYTES];
    int special; /* of options_parse */
};

/*
 * Reads flags and file in a child process without capabilities, and checks what needs no privilege. 0 or the negative
 * of an exit code with words. A configuration file must belong to root and be writable by nobody else.
 */
int config_load(int argc, char **argv, struct config *ret_config, struct config_request *ret_request,
                char error[OPTION_ERROR_BYTES]);

/* The operator's list as bits by event id; an empty list allows everything. 0 or -EXIT_CODE_USAGE with words. */
int config_allowed_events(const struct config *config, uint8_t allowed[EVENT_ID_LIMIT], char error[OPTION_ERROR_BYTES]);

/* What `dump` is to show, as bits by event id, none if it was not said. 0 or -EXIT_CODE_USAGE with words. */
int config_dump_events(const struct config *config, uint8_t selected[EVENT_ID_LIMIT], char error[OPTION_ERROR_BYTES]);

/* What of it is the courier's bus; points into `config`. */
struct courier_settings config_bus(const struct config *config);

/* Prints the page that was asked for; false when none was. */
bool config_print_page(const struct config_request *request);

#endif
