/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/fault.h"

#ifdef VEDETTE_FAULTS

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>

#include "common/base/log.h"

static struct fault_page *page; /* shared with every process that takes orders from the same file */

void fault_open(void)
{
    const char *path = getenv("VEDETTE_FAULTS");
    int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *map = fd >= 0 ? mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
    if (fd >= 0)
        close(fd);
    log_warning("this is a fault build, for tests only%s", map == MAP_FAILED ? "; it has no orders" : "");
    if (map != MAP_FAILED)
        page = map;
}

void fault_point(enum fault_point point)
{
    uint32_t armed = point;
    if (page == NULL)
        return;
    atomic_fetch_add(&page->passed[point], 1);
    if (atomic_load(&page->armed) != point || atomic_fetch_sub(&page->spare, 1) > 0 ||
        !atomic_compare_exchange_strong(&page->armed, &armed, 0))
        return;
    atomic_store(&page->died, (uint32_t)getpid());
    kill(getpid(), SIGKILL);
    abort(); /* refused: a filter does not know of us */
}

struct fault_page *fault_orders(void)
{
    return page;
}

#else

typedef int fault_is_left_out;

#endif
