/* SPDX-License-Identifier: Apache-2.0 */
/* The run itself: both programs up, COMMAND or Ctrl-C, everything delivered, both down. */
#ifndef VEDETTE_LAUNCHER_RUN_H
#define VEDETTE_LAUNCHER_RUN_H

#include "launcher/options.h"

/* As root. Logs. Returns the exit status of vedette-run. */
int run(const struct run_options *options);

#endif
