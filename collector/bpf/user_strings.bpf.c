/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/bpf/user_strings.h"

#ifndef VEDETTE_PLAIN
#include "collector/bpf/user_strings_store.h"
#endif

char LICENSE[] SEC("license") = "GPL";
