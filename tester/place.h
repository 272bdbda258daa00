/* SPDX-License-Identifier: Apache-2.0 */
/* A private /etc: an empty tmpfs in a mount namespace of this process's own, so that nothing on the host is read,
 * changed or seen by others. */
#ifndef VEDETTE_TESTER_PLACE_H
#define VEDETTE_TESTER_PLACE_H

/* Moves this process there; for good, so call it in a child. 0, or -errno after words. */
int place_private_etc(void);

/* Makes an empty regular file without opening it, so that the one open that is tested stands alone. Missing folders are
 * made. 0, or -errno after words. */
int place_empty_file(const char *path);

/* Opens and closes. 0, or -errno after words. */
int place_open(const char *path, int flags);

/* Makes an empty file of that name, which may have folders in it, below a new folder in /tmp, opens and closes it once,
 * and removes all of it. 0, or -errno after words. */
int place_open_temporary(const char *name, int flags);

#endif
