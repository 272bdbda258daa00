/* SPDX-License-Identifier: Apache-2.0 */
/* A place of one's own, so that nothing on the host is read, changed or seen by others. */
#ifndef VEDETTE_TESTER_PLACE_H
#define VEDETTE_TESTER_PLACE_H

/* Gives this process a mount namespace of its own with an empty tmpfs on /tmp; for good, so call it in a child. 0, or
 * -errno after words. */
int place_private_tmp(void);

/* This program, in the private root. */
#define PLACE_PROGRAM "/vedette-tester"

/* The same, and then its root is an empty tmpfs with a /tmp and this program in it; for
 * good, so call it in a child. 0, or -errno after words. */
int place_private_root(void);

/* Mounts a file system of that type on a folder, which is made. 0, or -errno after words. */
int place_mount(const char *type, const char *folder);

/* This program under another name too. 0, or -errno after words. */
int place_program(const char *path);

/* Makes an empty regular file without opening it, so that the one open that is tested stands alone; and the folders
 * above it. 0, or -errno after words. */
int place_empty_file(const char *path);
int place_folders_of(const char *path);

/* Makes an executable file with this content. 0, or -errno after words. */
int place_script(const char *path, const char *content);

#endif
