/* SPDX-License-Identifier: Apache-2.0 */
/* For triggers of what only counts in a container. */
#ifndef VEDETTE_TESTER_CONTAINER_H
#define VEDETTE_TESTER_CONTAINER_H

#include <stdbool.h>

/* Whether this process is in a container: by its cgroup's path, or by a cgroup namespace that hides the path. */
bool container_is_here(void);

#endif
