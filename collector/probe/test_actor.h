/* SPDX-License-Identifier: Apache-2.0 */
/* What the observed processes of the tests do. */
#ifndef VEDETTE_COLLECTOR_PROBE_TEST_ACTOR_H
#define VEDETTE_COLLECTOR_PROBE_TEST_ACTOR_H

#include <stdint.h>
#include <sys/types.h>

enum { DEEP_LEVELS = 40, DEEPER_LEVELS = 400, NO_INT80 = 77 };

/* Shared between the actor and the test: what must be found again. */
struct acted {
    uint32_t exec_pid, nginx_pid, memfd_pid, script_pid, killed_pid, exit_pid, orphan_pid, traced_pid, int80_pid,
        big_pid, thread_exec_pid, sibling_pid;
    uint64_t stdin_inode;
    int int80;       /* descriptor or -errno; NO_INT80 when the kernel has no such calls */
    int exec_result; /* of the copy of this program: its exit status */
};

/* Does everything, in the directory `where`, then returns. */
void actor_act(const char *where, struct acted *acted);
/* main's first step: when this is the copy that the actor executes, ends here. */
void actor_main(int argc, char **argv);

#endif
