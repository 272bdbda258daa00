/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_EVENTS_PATHS_H
#define VEDETTE_EVENTS_PATHS_H

#include <stdbool.h>

enum { LAYER_NONE = 0, LAYER_LOWER = 1, LAYER_UPPER = 2 }; /* overlay_layer of collector/bpf/core_compat.h */

/* Mounts <top>/merged over <top>/lower; false when this kernel has no overlayfs. */
bool make_overlay(const char *top);

/* Opens, and writes, of files whose path is a hard one: security_file_open's and vfs_write's. */
void open_hard_paths(void);
void write_hard_paths(void);

#endif
