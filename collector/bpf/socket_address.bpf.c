/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/bpf/socket_address.h"

#ifndef VEDETTE_PLAIN
#include "collector/bpf/socket_address_store.h"
#endif

char LICENSE[] SEC("license") = "GPL";
