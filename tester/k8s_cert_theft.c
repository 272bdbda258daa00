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

static int read_key(void)
{
    return open_there("/etc/kubernetes/pki/ca.key", O_RDONLY);
}

static int write_key(void)
{
    return open_there("/etc/kubernetes/pki/ca.key", O_WRONLY);
}

static int read_beside(void)
{
    return open_there("/etc/kubernetes/pkix/ca.key", O_RDONLY);
}

static int run(void)
{
    return trigger_in_child(read_key);
}

static int only_write(void)
{
    return trigger_in_child(write_key);
}

static int other_folder(void)
{
    return trigger_in_child(read_beside);
}

const struct trigger trigger_k8s_cert_theft = {
    .id = "TRC-1018",
    .name = "k8s_cert_theft",
    .what = "opens an empty /etc/kubernetes/pki/ca.key of its own for reading",
    .run = run,
    .near_misses = {{"it is opened for writing only", only_write},
                    {"its folder is /etc/kubernetes/pkix", other_folder}},
};
