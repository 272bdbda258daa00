/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A write into another process's memory with ptrace. The call is seen with its result: a write that the kernel refused
 * (no such address, not attached, itself as the target) is an attempt, says "succeeded: false" and is one severity
 * lower. Tracee reports both alike. Register writes (PTRACE_SETREGS, POKEUSR) move the flow but carry no code; they
 * are not looked at. A debugger that sets a breakpoint does exactly what this looks for: one that came with the system
 * is one severity lower, by its whole path, and not when it was written since a container started.
 */
#include "analyzer/detections/detections.h"

enum {
    REQUEST_POKETEXT = 4,
    REQUEST_POKEDATA = 5, /* the same operation on Linux, which has one address space for text and data */
};

const struct detection detection_ptrace_code_injection = {
    .id = "TRC-103",
    .name = "ptrace_code_injection",
    .event_id = 6001,
    .title = "Code written into a process with ptrace",
    .description =
        "A process wrote, or tried to write, into the memory of another with ptrace (PTRACE_POKETEXT or "
        "PTRACE_POKEDATA). That is how code is "
        "put into a running program, whose identity and rights it then has; debuggers set breakpoints the same way.",
    .severity = SEVERITY_HIGH,
    .category = "defense-evasion",
    .technique = "Ptrace System Calls",
    .technique_id = "T1055.008",
    .technique_stix = "attack-pattern--ea016b56-ae0e-47fe-967a-cc0ad51af67f",
    .mends = STRINGS("a refused write says `succeeded: false` and is one severity lower",
                     "a debugger of the system is one severity lower"),
    .triggers = {{.event = "ptrace",
                  .when = RANGE("data.request", REQUEST_POKETEXT, REQUEST_POKEDATA),
                  .lower_when = BY_DEBUGGER,
                  .attempt = true}},
};
