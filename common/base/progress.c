/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/progress.h"

#include <inttypes.h>

enum { LINE_BYTES = 128 };

void progress_begin(struct progress *progress, int fd, const char *what, uint64_t total)
{
    const char *terminal = getenv("TERM");
    bool seen = isatty(fd) && (terminal == NULL || strcmp(terminal, "dumb") != 0);
    *progress = (struct progress){.fd = seen ? fd : -1, .what = what, .total = total};
}

static void put(struct progress *progress, const char *line, int size)
{
    /* A terminal that takes nothing is no reason to end the work. */
    if (size > 0 && size < LINE_BYTES && write(progress->fd, line, (size_t)size) < 0)
        progress->fd = -1;
}

void progress_step(struct progress *progress, uint64_t now_ns)
{
    char line[LINE_BYTES];
    progress->done++;
    if (progress->fd < 0 || (progress->shown && now_ns - progress->told_ns < PROGRESS_INTERVAL_MS * UINT64_C(1000000)))
        return;
    if (progress->total > 0)
        put(progress, line,
            snprintf(line, sizeof(line), "\r\033[K%" PRIu64 " of %" PRIu64 " %s (%" PRIu64 " %%)", progress->done,
                     progress->total, progress->what, progress->done * 100 / progress->total));
    else
        put(progress, line, snprintf(line, sizeof(line), "\r\033[K%" PRIu64 " %s", progress->done, progress->what));
    progress->told_ns = now_ns;
    progress->shown = true;
}

void progress_wipe(struct progress *progress)
{
    static const char wipe[] = "\r\033[K";
    if (progress->shown && progress->fd >= 0)
        put(progress, wipe, sizeof(wipe) - 1);
    progress->shown = false;
}
