/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_EVENTS_COMPAT_H
#define VEDETTE_EVENTS_COMPAT_H

#include <stdbool.h>
#include <stddef.h>

/* The same call made as a 32-bit one (int 0x80), where the machine has them; nothing for an event that is no call. */
void compat_run(const char *event);

/* Whether int 0x80 is taken here. */
bool compat_is_available(void);
/* One such call: its result or -errno. -ENOSYS on another architecture. */
long long compat_call(long number, const unsigned long arguments[6]);
/* Memory that a pointer of 4 bytes reaches, zeroed. */
void *compat_room(size_t size);
/* A copy there; of a list, with pointers of 4 bytes. */
unsigned long compat_string(const char *string);
unsigned long compat_strings(const char *const *strings);

#endif
