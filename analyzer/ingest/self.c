// SPDX-License-Identifier: Apache-2.0
#include "analyzer/ingest/self.h"

#include "analyzer/ingest/node_internal.h"
#include "common/base/clock.h"
#include "common/base/log.h"

static const uint64_t SECOND_NS = 1000000000;

/* Numbers from 6900 on, append only, blind.c has the first two, throttled.c the fourth: those of detections grow from 6000. */
static const struct detection self_findings[SELF_FINDINGS] = {
    [SELF_NODE_ON_TWO_CONNECTIONS] =
        {
            .id = "VDT-3",
            .name = "node_on_two_connections",
            .event_id = 6902,
            .title = "One node on two connections",
            .description =
                "A second collector proved to be this node while the first was connected, and was refused. Two "
                "collectors share a node name and a token, or the token is in other hands: give the node "
                "another one.",
            .severity = SEVERITY_HIGH,
            .category = "defense-evasion",
            .technique = "Impair Defenses",
            .technique_id = "T1562",
            .technique_stix = "attack-pattern--3d333250-30e4-4a82-9edc-756c68afc529",
        },
};

void node_raise(struct node *node, enum self_finding which, uint64_t now_ns)
{
    static const struct process nobody = {.tgid = 1}; /* whose ancestry ends here */
    static const struct task_view task = {.comm = {.data = ""}, .uts = {.data = ""}};
    const struct schema_event row = {.name = "hello", .sets = ""};
    /* The time for a number in the stream: the finding has none, and two of one kind must not have one id. */
    const struct event_view event = {.schema = &row, .seq = now_ns, .time_ns = now_ns, .task = &task, .syscall = -1};
    const struct event_context context = {
        .node = node->name,
        .boot_id = node->boot_id,
        .session = node->session,
        .wall_minus_boot_ns = clock_wall_minus_boot_ns(),
        .event = &event,
        .process = &nobody,
        .state = node->state,
    };
    const struct finding finding = {.detection = &self_findings[which],
                                    .context = &context,
                                    .severity = self_findings[which].severity,
                                    .window_from_ns = now_ns,
                                    .window_to_ns = now_ns};
    if (node->state == NULL ||
        (node->raised_ns[which] != 0 && now_ns - node->raised_ns[which] < SELF_INTERVAL_S * SECOND_NS))
        return;
    node->raised_ns[which] = now_ns;
    log_warning("node %s: %s", node->name, self_findings[which].title);
    if (pending_add(&node->pending, node->name, &finding, NULL, 0, node->environment->arguments) < 0) {
        totals_count(&node->environment->totals->findings_lost, 1);
        return;
    }
    if (node_commit_is_due(node, true, now_ns))
        node_commit(node, now_ns);
}
