/* SPDX-License-Identifier: Apache-2.0 */
/* `vedette-analyzer list` and `validate`: what can be named, and whether policies are right. Both give the exit code.
 */
#ifndef VEDETTE_ANALYZER_LIST_H
#define VEDETTE_ANALYZER_LIST_H

#include <stdbool.h>

int list(const char *what, bool json);
int validate(char **paths, int n_paths);

#endif
