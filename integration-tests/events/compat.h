/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_EVENTS_COMPAT_H
#define VEDETTE_EVENTS_COMPAT_H

/* The same call made as a 32-bit one (int 0x80), where the machine has them; nothing for an event that is no call. */
void compat_run(const char *event);

#endif
