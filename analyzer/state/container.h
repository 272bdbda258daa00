/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cgroup path taken apart: which container, of which runtime, in which pod. Paths come from the node and are hostile;
 * any bytes are fine.
 */
#ifndef VEDETTE_ANALYZER_STATE_CONTAINER_H
#define VEDETTE_ANALYZER_STATE_CONTAINER_H

#include <stdbool.h>
#include <stddef.h>

#include "analyzer/state/state.h"

/*
 * The innermost container that the path lies in; false when it lies in none. *ret_root: the path is that container's
 * own cgroup, not one that the container made below it. The path is not NUL terminated. Outputs are untouched when
 * false.
 */
bool container_from_path(const char *path, size_t length, struct container *ret_container, bool *ret_root);

#endif
