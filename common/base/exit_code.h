/* SPDX-License-Identifier: Apache-2.0 */
/* Exit codes of every program, documented in --help and in README.md. */
#ifndef VEDETTE_COMMON_BASE_EXIT_CODE_H
#define VEDETTE_COMMON_BASE_EXIT_CODE_H

enum exit_code {
    EXIT_CODE_OK = 0,
    EXIT_CODE_RUNTIME = 1,
    EXIT_CODE_USAGE = 2,     /* usage or configuration */
    EXIT_CODE_KERNEL = 3,    /* the kernel cannot: no BTF, no tracepoints */
    EXIT_CODE_PRIVILEGE = 4, /* a capability is missing */
    EXIT_CODE_IN_USE = 5,    /* port, queue, bus or node name taken */
    EXIT_CODE_STATE = 6,     /* state directory or database unusable */
};

#endif
