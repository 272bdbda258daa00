/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Row 3 by FUSE: the walk to a file, or a page of the caller's memory, waits for a daemon, and the call's name is
 * overwritten by then; and a link that is another one as soon as it was followed.
 */
#include "integration-tests/events/evasions.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "integration-tests/events/exec.h"
#include "integration-tests/events/expect.h"
#include "integration-tests/events/fuse.h"

static const char by_walk[] = "made to wait by FUSE on its way, its name overwritten",
                  by_link[] = "by a link of FUSE, which then names another file",
                  by_page[] = "made to wait by a page of FUSE in its name, which is overwritten",
                  by_exec[] = "made to wait by FUSE on its way, its name overwritten";

static int open_at(const char *string)
{
    return (int)syscall(SYS_openat, AT_FDCWD, string, O_RDONLY | O_CLOEXEC, 0);
}

/* A copy of a path that others may change. */
static char *changing(const char *path)
{
    char *page = mmap(NULL, page_size(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        cannot("memory");
    snprintf(page, PATH_BYTES, "%s", path);
    return page;
}

static void opened_line_and_no_lie(const char *what, int fd, const char *pathname, const char *string)
{
    opened_by(what, "openat", fd, pathname, string);
    near_miss_with("security_file_open", what, "pathname", INNOCENT);
}

static int opened_on_its_way(void)
{
    const char *path = place("fuse-walk/" SERVED_FILE);
    struct fuse fuse = {.at = place("fuse-walk"), .lie = INNOCENT, .name = changing(path)};
    if (!fuse_open(&fuse))
        cannot("/dev/fuse");
    int fd = open_at(fuse.name);
    opened_line_and_no_lie(by_walk, fd, path, INNOCENT);
    close(fd);
    fuse_close(&fuse);
    return 0;
}

/* Whoever follows the link afterwards comes to the other file. */
static int opened_by_link(void)
{
    const char *link = place("fuse-link/" SERVED_LINK), *path = place("fuse-target");
    struct fuse fuse = {.at = place("fuse-link"), .targets = {path, INNOCENT}};
    make_file(path, "x");
    if (!fuse_open(&fuse))
        cannot("/dev/fuse");
    int fd = open_at(link);
    opened_line_and_no_lie(by_link, fd, path, link);
    fuse_close(&fuse);
    return 0;
}

/* What userfaultfd does, for whoever may not have it: the end of a name is in a file that is mapped. */
static int opened_by_page(void)
{
    enum { FIRST_PART = 16 }; /* a multiple of a word, which the kernel reads at once */
    const char *path = place("fuse-paged");
    size_t page = page_size();
    char *memory = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
         *content = new_page();
    struct fuse fuse = {.at = place("fuse-page"), .lie = INNOCENT, .content = content};
    make_file(path, "x");
    snprintf(content, page, "%s", path + FIRST_PART);
    if (memory == MAP_FAILED || !fuse_open(&fuse))
        cannot("/dev/fuse");
    int file = open_at(place("fuse-page/" SERVED_FILE));
    if (mmap(memory + page, page, PROT_READ, MAP_PRIVATE | MAP_FIXED, file, 0) == MAP_FAILED)
        cannot("a mapping");
    char *name = memory + page - FIRST_PART;
    memcpy(name, path, FIRST_PART);
    __atomic_store_n(&fuse.name, name, __ATOMIC_RELEASE);
    opened_line_and_no_lie(by_page, open_at(name), path, INNOCENT);
    munmap(memory, 2 * page);
    close(file);
    fuse_close(&fuse);
    return 0;
}

static const char *changing_name;

static int exec_changing(const struct exec_case *exec)
{
    return (int)syscall(SYS_execve, changing_name, exec->argv, exec->env);
}

static int executed_on_its_way(void)
{
    const char *link = place("fuse-exec/" SERVED_LINK);
    struct fuse fuse = {
        .at = place("fuse-exec"), .lie = INNOCENT, .targets = {program_copy(), INNOCENT}, .name = changing(link)};
    struct exec_case exec = exec_case_of(by_exec, program_copy());
    if (!fuse_open(&fuse))
        cannot("/dev/fuse");
    changing_name = fuse.name;
    exec.execute = exec_changing;
    exec.cmdpath = exec.interp = link;
    exec_run(&exec);
    fuse_close(&fuse);
    return 0;
}

void evasions_by_fuse(void)
{
    int device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    if (device < 0) {
        static const char reason[] = "this kernel has no FUSE";
        not_possible("security_file_open", by_walk, reason);
        not_possible("security_file_open", by_link, reason);
        not_possible("security_file_open", by_page, reason);
        not_possible("sched_process_exec", by_exec, reason);
        return;
    }
    close(device);
    in_child("vt-fuse-walk", opened_on_its_way);
    in_child("vt-fuse-link", opened_by_link);
    in_child("vt-fuse-page", opened_by_page);
    in_child("vt-fuse-exec", executed_on_its_way);
}
