/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/bpf/path_walk.h"

char LICENSE[] SEC("license") = "GPL";
