/* SPDX-License-Identifier: Apache-2.0 */
/* The verb `alerts`. */
#ifndef VEDETTE_ANALYZER_ALERTS_H
#define VEDETTE_ANALYZER_ALERTS_H

#include "analyzer/config.h"

/* `arguments`: what follows the verb, at least one. Prints on standard output; an exit code, what went wrong has been
 * logged. */
int alerts(const struct config *config, char **arguments, int n_arguments);

#endif
