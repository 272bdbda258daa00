/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One deed with one file, in a root folder of this process's own: an empty tmpfs in a mount namespace, so that nothing
 * of the host is read, changed or seen by others.
 */
#ifndef VEDETTE_TESTER_FILE_DEED_H
#define VEDETTE_TESTER_FILE_DEED_H

enum file_way {
    FILE_OPEN,
    FILE_OPEN_BY_LINK,        /* through a symbolic link to the file */
    FILE_OPEN_BY_FOLDER_LINK, /* through a symbolic link to its folder */
    FILE_OPEN_RELATIVE,       /* by a relative name with ".." in it */
    FILE_OPENAT2,             /* below a descriptor of its folder */
    FILE_OPEN_COMPAT,         /* int 0x80 */
    FILE_CREAT,
    FILE_OPEN_BY_HANDLE,
    /* An innocent file comes to the name. */
    FILE_RENAME,
    FILE_RENAME_DETOUR, /* by a name that goes there by a detour */
    FILE_RENAME_COMPAT,
    FILE_EXCHANGE, /* renameat2(RENAME_EXCHANGE), named first */
    FILE_LINK,
    FILE_LINKAT,
    FILE_SYMLINK,
    FILE_RENAME_FOLDER, /* a folder that holds it comes to its folder's name */
    /* The file goes away. */
    FILE_RENAME_AWAY,
    FILE_RENAME_AWAY_DETOUR,
    FILE_WAYS,
};

struct file_deed {
    enum file_way way;
    const char *path;
    int flags;         /* of the opens */
    const char *fs;    /* NULL: an empty file is made; else the file is one of this file system's, */
    const char *mount; /* mounted there */
};

#define FILE_DEED(way_, path_, flags_)                                                                                 \
    .file = &(const struct file_deed)                                                                                  \
    {                                                                                                                  \
        .way = (way_), .path = (path_), .flags = (flags_)                                                              \
    }
#define FILE_OF(fs_, mount_, way_, path_, flags_)                                                                      \
    .file = &(const struct file_deed)                                                                                  \
    {                                                                                                                  \
        .way = (way_), .path = (path_), .flags = (flags_), .fs = (fs_), .mount = (mount_)                              \
    }

/* In a child. 0, or -errno after words. */
int file_deed_run(const struct file_deed *deed);

#endif
