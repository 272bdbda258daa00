// SPDX-License-Identifier: Apache-2.0
#include "collector/bpf/watch.h"

#ifndef VEDETTE_PLAIN
#include "collector/bpf/watch_look.h"
#endif

char LICENSE[] SEC("license") = "GPL";
