/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>

#include "tester/place.h"
#include "tester/trigger.h"

static int open_there(const char *path, int flags)
{
    int r = place_private_etc();
    if (r == 0)
        r = place_empty_file(path);
    return r < 0 ? r : place_open(path, flags);
}

static int write_list(void)
{
    return open_there("/etc/ld.so.preload", O_WRONLY);
}

static int read_list(void)
{
    return open_there("/etc/ld.so.preload", O_RDONLY);
}

static int write_beside(void)
{
    return open_there("/etc/ld.so.preload.txt", O_WRONLY);
}

static int run(void)
{
    return trigger_in_child(write_list);
}

static int only_read(void)
{
    return trigger_in_child(read_list);
}

static int other_file(void)
{
    return trigger_in_child(write_beside);
}

const struct trigger trigger_ld_preload = {
    .id = "TRC-107",
    .name = "ld_preload",
    .what = "opens an empty /etc/ld.so.preload of its own for writing",
    .run = run,
    .near_misses = {{"it is opened for reading", only_read}, {"the file is ld.so.preload.txt", other_file}},
};
