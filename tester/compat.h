/* SPDX-License-Identifier: Apache-2.0 */
/* 32-bit calls from this 64-bit program: int 0x80. The result as the kernel gives it; -ENOSYS where there is no such
 * thing. */
#ifndef VEDETTE_TESTER_COMPAT_H
#define VEDETTE_TESTER_COMPAT_H

#include <stddef.h>

long compat_open(const char *path, int flags);
long compat_rename(const char *from, const char *to);
long compat_ptrace(long request, long pid, unsigned long address, unsigned long data);
/* Its lists have no items. */
long compat_process_vm_writev(long pid);
long compat_mprotect(void *low_page, size_t size, int protection);

/* Memory that a pointer of 4 bytes reaches; NULL with errno. */
void *compat_memory(size_t size, int protection);

#endif
