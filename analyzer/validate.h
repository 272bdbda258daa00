/* SPDX-License-Identifier: Apache-2.0 */
/* `vedette-analyzer validate` and `list policies`: whether files are right, and what is in them. Both give the exit
 * code. */
#ifndef VEDETTE_ANALYZER_VALIDATE_H
#define VEDETTE_ANALYZER_VALIDATE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/options.h"

/* Reads every file, also after one that is wrong. */
int validate(char **paths, int n_paths, bool json);

/* The policies that these paths hold. */
int list_policies(const struct option_list *paths, bool json);

#endif
