/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>

#include "tester/place.h"
#include "tester/trigger.h"

static int run(void)
{
    return place_open_temporary("release_agent", O_WRONLY);
}

static int only_read(void)
{
    return place_open_temporary("release_agent", O_RDONLY);
}

static int other_name(void)
{
    return place_open_temporary("release_agent.txt", O_WRONLY);
}

const struct trigger trigger_cgroup_release_agent = {
    .id = "TRC-1010",
    .name = "cgroup_release_agent",
    .what = "opens an empty file named release_agent of its own in /tmp for writing",
    .run = run,
    .in_container = true,
    .near_misses = {{"it is opened for reading only", only_read}, {"its name is release_agent.txt", other_name}},
};
