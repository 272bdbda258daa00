/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/bpf/user_path.h"

#ifndef VEDETTE_PLAIN
#include "collector/bpf/user_path_store.h"
#endif

char LICENSE[] SEC("license") = "GPL";
