/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_COMMON_BASE_MEMORY_H
#define VEDETTE_COMMON_BASE_MEMORY_H

/*
 * Gives back what only a start used: free heap, and code and constants of this program and its libraries, which come
 * back from their files page by page as they are needed. Costs some hundred microseconds; any thread.
 */
void memory_trim(void);

#endif
