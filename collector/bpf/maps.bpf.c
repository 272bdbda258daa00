/* SPDX-License-Identifier: Apache-2.0 */
#define STATE
#include "collector/bpf/maps.h"

char LICENSE[] SEC("license") = "GPL";
