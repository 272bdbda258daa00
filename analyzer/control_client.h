/* SPDX-License-Identifier: Apache-2.0 */
/* Asks a running analyzer over its control socket. */
#ifndef VEDETTE_ANALYZER_CONTROL_CLIENT_H
#define VEDETTE_ANALYZER_CONTROL_CLIENT_H

#include <stdbool.h>

#include "analyzer/alert/text.h"

enum { CONTROL_ARGUMENTS = 12, CONTROL_REFUSED = 422 /* unprocessable content: what was asked is wrong */ };

struct control_request {
    const char *page; /* "/coverage" */
    bool changes;     /* asked by POST */
    struct {
        const char *name, *value; /* NULL: left out; any bytes */
    } argument[CONTROL_ARGUMENTS];
};

/* Whether somebody listens at the socket; false also when this user may not ask. */
bool control_is_there(const char *socket);

/*
 * Appends the answer to `answer`. An exit code: 1 when nobody answers or what is asked for is not there, 2 when it is
 * refused as wrong, 4 when this user is not answered; what went wrong has been logged.
 */
int control_ask(const char *socket, const struct control_request *request, struct text *answer);

#endif
