/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/coverage.h"

#include <inttypes.h>
#include <linux/capability.h>
#include <sys/utsname.h>

#include "common/base/privilege.h"
#include "common/wire/coverage.h"

static void print_head(const struct probe *probe, FILE *out)
{
    struct utsname system;
    size_t count, of[2] = {0}, covered[2] = {0};
    const struct probe_coverage *rows = probe_coverage(probe, &count);
    for (size_t i = 0; i < count; i++) {
        bool is_syscall = event_is_syscall(rows[i].event);
        of[is_syscall]++;
        covered[is_syscall] += rows[i].covered;
    }
    uname(&system);
    fprintf(out, "vedette-collector %s on Linux %s, %s\n", VEDETTE_VERSION, system.release, system.machine);
    fprintf(out, "system calls: %zu of %zu covered; other events: %zu of %zu covered\n", covered[1], of[1], covered[0],
            of[0]);
    fprintf(out, "once attached it sees %s\n",
            privilege_has(CAP_SYS_CHROOT) ? "an empty root" : "the present root (CAP_SYS_CHROOT is missing)");
}

static void print_hooks(const struct probe *probe, FILE *out)
{
    size_t count;
    const struct probe_hook *hooks = probe_hooks(probe, &count);
    fprintf(out, "\n%-36s %-8s %-9s %-11s %s\n", "HOOK", "ATTACHED", "SELF-TEST", "PREEMPTIBLE", "MISSES");
    for (size_t i = 0; i < count; i++) {
        const struct probe_hook *hook = &hooks[i];
        fprintf(out, "%-36s %-8s %-9s %-11s ", hook->name, hook->attached ? "yes" : "no",
                self_test_name(hook->self_test), preemptible_name(hook->preemptible));
        if (!hook->attached)
            fprintf(out, "- (%s)\n", hook->reason);
        else if (hook->counted)
            fprintf(out, "%" PRIu64 "\n", hook->misses);
        else
            fprintf(out, "not counted by this kernel\n");
    }
}

/* "why not: ...; losses: ...; better: ...", each where there is one. */
static void print_remarks(const struct probe_coverage *row, FILE *out)
{
    const struct {
        const char *name, *text;
    } remarks[] = {{"why not", row->reason}, {"losses", row->event->losses}, {"better", row->better}};
    const char *separator = " ";
    for (size_t i = 0; i < sizeof(remarks) / sizeof(remarks[0]); i++) {
        if (remarks[i].text[0] == '\0')
            continue;
        fprintf(out, "%s%s: %s", separator, remarks[i].name, remarks[i].text);
        separator = "; ";
    }
    fprintf(out, "\n");
}

void coverage_print(const struct probe *probe, FILE *out)
{
    size_t count;
    const struct probe_coverage *rows = probe_coverage(probe, &count);
    print_head(probe, out);
    print_hooks(probe, out);
    fprintf(out, "\n%-32s %-7s %-9s %-36s %s\n", "EVENT", "COVERED", "SELF-TEST", "SOURCE", "REMARKS");
    for (size_t i = 0; i < count; i++) {
        fprintf(out, "%-32s %-7s %-9s %-36s", rows[i].event->name, rows[i].covered ? "yes" : "no",
                self_test_name(rows[i].self_test), rows[i].source[0] != '\0' ? rows[i].source : "-");
        print_remarks(&rows[i], out);
    }
}
