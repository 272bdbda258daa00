// SPDX-License-Identifier: Apache-2.0
/*
 * Who was throttled, from when to when, and of how many events, as a finding in the ordinary path: a cgroup that floods
 * is worth knowing of, and what it hides in its own bulk events is lost. The first at once, then one a minute of each.
 */
#include "analyzer/ingest/node_internal.h"

#include "analyzer/detect/field.h"
#include "common/base/log.h"

static const uint64_t INTERVAL_NS = 60000000000;

/* Numbers: self.c. */
static const struct detection throttled = {
    .id = "VDT-4",
    .name = "vedette_cgroup_throttled",
    .event_id = 6903,
    .title = "A cgroup makes more events than its share",
    .description = "While a ring of the node's collector filled, one cgroup made more than a quarter of what came, and "
                   "was given no more of it, so that others are seen. Its further events of the bulk class are lost, "
                   "and counted; those of the critical and watched classes are not touched.",
    .severity = SEVERITY_LOW,
    .category = "defense-evasion",
    .technique = "Impair Defenses",
    .technique_id = "T1562",
    .technique_stix = "attack-pattern--3d333250-30e4-4a82-9edc-756c68afc529",
};

enum { ARGUMENT_CGROUP, ARGUMENT_FIRST, ARGUMENT_LAST, ARGUMENT_EVENTS, ARGUMENTS };

static const struct event_arg arguments[ARGUMENTS] = {
    [ARGUMENT_CGROUP] = {"cgroup_id", ARG_UINT64},
    [ARGUMENT_FIRST] = {"first", ARG_UINT64},
    [ARGUMENT_LAST] = {"last", ARG_UINT64},
    [ARGUMENT_EVENTS] = {"events", ARG_UINT64},
};

static const struct schema_event row = {.id = 6951,
                                        .class = CLASS_CRITICAL,
                                        .n_args = ARGUMENTS,
                                        .name = "vedette_throttle",
                                        .sets = "",
                                        .args = arguments};

/* The cgroup's place, or that of who was told longest ago: what of that is not told yet stands in the balance. */
static struct throttled_cgroup *find(struct node *node, uint64_t cgroup_id)
{
    struct throttled_cgroup *oldest = &node->noisy[0];
    for (size_t i = 0; i < NODE_THROTTLED; i++) {
        struct throttled_cgroup *at = &node->noisy[i];
        if (at->cgroup_id == cgroup_id && at->told_ns != 0)
            return at;
        if (at->told_ns < oldest->told_ns)
            oldest = at;
    }
    *oldest = (struct throttled_cgroup){.cgroup_id = cgroup_id};
    return oldest;
}

static void tell(struct node *node, const struct throttled_cgroup *cgroup)
{
    static const struct string_view none = {.data = "", .index = STRING_NOT_IN_BATCH, .state = ITEM_COMPLETE};
    static const struct process nobody = {.tgid = 1}; /* whose ancestry ends here */
    const struct task_view task = {.comm = none, .uts = none, .cgroup_id = cgroup->cgroup_id};
    /* The time for a number in the stream, which losses have none of: told again after a crash it is the same. */
    struct event_view event = {
        .schema = &row, .seq = cgroup->to_ns, .time_ns = cgroup->to_ns, .task = &task, .syscall = -1};
    event.args[ARGUMENT_CGROUP].u = cgroup->cgroup_id;
    event.args[ARGUMENT_FIRST].u = cgroup->from_ns + (uint64_t)node->wall_minus_boot_ns;
    event.args[ARGUMENT_LAST].u = cgroup->to_ns + (uint64_t)node->wall_minus_boot_ns;
    event.args[ARGUMENT_EVENTS].u = cgroup->count;
    const struct event_context context = {
        .node = node->name,
        .boot_id = node->boot_id,
        .set = loaded_set_version(node->judgement->set),
        .session = node->batch_session,
        .wall_minus_boot_ns = node->wall_minus_boot_ns,
        .architecture = node->architecture,
        .event = &event,
        .state = node->state,
        .process = &nobody,
        .container = state_container(node->state, cgroup->cgroup_id),
    };
    struct finding finding = {
        .detection = &throttled,
        .context = &context,
        .severity = throttled.severity,
        .succeeded = true,
        .output_index = (uint32_t)cgroup->cgroup_id, /* several may be told of one batch */
        .window_from_ns = cgroup->from_ns,
        .window_to_ns = cgroup->to_ns,
        .n_data = ARGUMENTS,
    };
    for (unsigned i = 0; i < ARGUMENTS; i++)
        finding.data[i] = (struct finding_data){
            .name = arguments[i].name, .kind = FIELD_UNSIGNED, .string = none, .number = event.args[i].u};
    log_warning("node %s: cgroup %llu is throttled: %llu of its bulk events were given up so that others are seen",
                node->name, (unsigned long long)cgroup->cgroup_id, (unsigned long long)cgroup->count);
    if (pending_add(&node->pending, node->name, &finding, NULL, 0, node->environment->arguments) == 0)
        totals_count(&node->findings[finding.severity], 1);
    else
        totals_count(&node->environment->totals->findings_lost, 1);
}

void node_note_throttled(struct node *node, const Vedette__V1__Loss *loss)
{
    if (loss->stage != VEDETTE__V1__LOSS_STAGE__LOSS_THROTTLE || node->judgement == NULL)
        return;
    struct throttled_cgroup *cgroup = find(node, loss->cgroup_id);
    if (cgroup->count == 0 || loss->from_ns < cgroup->from_ns)
        cgroup->from_ns = loss->from_ns;
    cgroup->to_ns = loss->to_ns > cgroup->to_ns ? loss->to_ns : cgroup->to_ns;
    cgroup->count += loss->count;
    if (cgroup->told_ns != 0 && cgroup->to_ns - cgroup->told_ns < INTERVAL_NS)
        return;
    tell(node, cgroup);
    cgroup->told_ns = cgroup->to_ns != 0 ? cgroup->to_ns : 1;
    cgroup->count = 0;
}
