// SPDX-License-Identifier: Apache-2.0
/*
 * What a node no longer sees, as alerts in the ordinary path. These are no detections: no policy can leave them out and
 * no tuning can keep them back, since they say whether all others are to be believed.
 */
#include "analyzer/ingest/node_internal.h"

#include "analyzer/detect/field.h"
#include "common/base/clock.h"
#include "common/base/log.h"

/* Ids of what Vedette says of itself begin at 6900, beyond those of detections.def. */
enum { ID_BLIND = 6900, ID_SEES = 6901, ID_STATE = 6950 };

static const struct detection blind = {
    .id = "VDT-1",
    .name = "vedette_node_blind",
    .event_id = ID_BLIND,
    .title = "A node is not watched any more",
    .description = "Events that the collector causes in each family of hooks stopped coming from a node, or the node "
                   "says nothing at all: what happens there is not seen, or not all of it. Somebody may have stopped, "
                   "killed, detached or cut off a part of the collector; or it is broken.",
    .severity = SEVERITY_CRITICAL,
    .category = "defense-evasion",
    .technique = "Disable or Modify Tools",
    .technique_id = "T1562.001",
    .technique_stix = "attack-pattern--ac08589e-ee59-4935-8667-d845e38fe579",
};

static const struct detection sees = {
    .id = "VDT-2",
    .name = "vedette_node_sees",
    .event_id = ID_SEES,
    .title = "A node is watched again",
    .description = "What vedette_node_blind told has come to an end; `since` and `until` say what was not seen.",
    .severity = SEVERITY_INFO,
    .category = "defense-evasion",
    .technique = "Disable or Modify Tools",
    .technique_id = "T1562.001",
    .technique_stix = "attack-pattern--ac08589e-ee59-4935-8667-d845e38fe579",
};

enum { ARGUMENT_NODE, ARGUMENT_PART, ARGUMENT_WORDS, ARGUMENT_SINCE, ARGUMENT_UNTIL, ARGUMENTS };

static const struct event_arg arguments[ARGUMENTS] = {
    [ARGUMENT_NODE] = {"node", ARG_STRING},   [ARGUMENT_PART] = {"stopped", ARG_STRING},
    [ARGUMENT_WORDS] = {"words", ARG_STRING}, [ARGUMENT_SINCE] = {"since", ARG_UINT64},
    [ARGUMENT_UNTIL] = {"until", ARG_UINT64},
};

/* What triggered it, as findings show that. */
static const struct schema_event row = {.id = ID_STATE,
                                        .class = CLASS_CRITICAL,
                                        .n_args = ARGUMENTS,
                                        .name = "vedette_canary",
                                        .sets = "",
                                        .args = arguments};

static struct string_view text_of(const char *text)
{
    return (struct string_view){
        .data = text, .length = (uint32_t)strlen(text), .index = STRING_NOT_IN_BATCH, .state = ITEM_COMPLETE};
}

static int64_t wall_minus_boot_ns(const struct node *node)
{
    return atomic_load_explicit(&node->canary.wall_minus_boot_ns, memory_order_relaxed);
}

static uint64_t wall_of(const struct node *node, uint64_t event_ns)
{
    return event_ns == 0 ? 0 : event_ns + (uint64_t)wall_minus_boot_ns(node);
}

static void say(const struct node *node, const struct canary_change *change, uint64_t event_ns)
{
    const char *name = canary_part_names[change->part];
    const uint64_t end_ns = change->until_ns != 0 ? change->until_ns : event_ns;
    const double seconds =
        change->since_ns != 0 && end_ns > change->since_ns ? (double)(end_ns - change->since_ns) / 1e9 : 0;
    if (change->over)
        log_warning("node %s sees again (%s), after %.1f s", node->name, name, seconds);
    else
        log_warning("node %s is blind (%s), for %.1f s by now: %s", node->name, name, seconds,
                    canary_part_words(change->part));
}

/* now_ns in the node's clock, as far as both clocks on the wall agree. */
static uint64_t node_now_ns(const struct node *node, uint64_t now_ns)
{
    return now_ns + (uint64_t)clock_wall_minus_boot_ns() - (uint64_t)wall_minus_boot_ns(node);
}

static void tell(struct node *node, const struct canary_change *change, uint64_t now_ns)
{
    const uint64_t event_ns = node_now_ns(node, now_ns);
    const struct session_cursor *cursor = sequence_find(&node->sequence, node->session);
    const struct task_view task = {.comm = text_of("vedette"), .uts = text_of(node->name)};
    const struct process nobody = {.comm = "vedette", .start_ns = change->since_ns};
    struct event_view event = {.schema = &row,
                               .seq = cursor != NULL ? cursor->processed : 0,
                               .time_ns = event_ns,
                               .task = &task,
                               .syscall = -1};
    event.args[ARGUMENT_NODE].string = text_of(node->name);
    event.args[ARGUMENT_PART].string = text_of(canary_part_names[change->part]);
    event.args[ARGUMENT_WORDS].string = text_of(canary_part_words(change->part));
    event.args[ARGUMENT_SINCE].u = wall_of(node, change->since_ns);
    event.args[ARGUMENT_UNTIL].u = wall_of(node, change->until_ns);
    const struct event_context context = {
        .node = node->name,
        .boot_id = node->boot_id,
        .set = loaded_set_version(node->judgement->set),
        .session = node->session,
        .wall_minus_boot_ns = wall_minus_boot_ns(node),
        .architecture = node->architecture,
        .event = &event,
        .state = node->state,
        .process = &nobody,
    };
    const struct detection *detection = change->over ? &sees : &blind;
    struct finding finding = {
        .detection = detection,
        .context = &context,
        .severity = detection->severity,
        .succeeded = true,
        .output_index = node->n_blind++,
        .window_from_ns = change->since_ns,
        .window_to_ns = change->until_ns != 0 ? change->until_ns : event_ns,
    };
    for (unsigned i = 0; i < TRIGGER_MAX_DATA; i++) { /* all but the words, which the trigger has */
        const unsigned argument = i < ARGUMENT_WORDS ? i : i + 1;
        const bool is_text = arguments[argument].type == ARG_STRING;
        finding.data[finding.n_data++] = (struct finding_data){
            .name = arguments[argument].name,
            .kind = is_text ? FIELD_STRING : FIELD_UNSIGNED,
            .string = event.args[argument].string,
            .number = is_text ? 0 : event.args[argument].u,
        };
    }
    say(node, change, event_ns);
    if (pending_add(&node->pending, node->name, &finding, NULL, 0, node->environment->arguments) == 0)
        totals_count(&node->findings[finding.severity], 1);
    else
        totals_count(&node->environment->totals->findings_lost, 1);
}

void node_tell_absence(struct node *node, const Vedette__V1__Loss *loss, uint64_t now_ns)
{
    struct canary_change change;
    if (loss->stage == VEDETTE__V1__LOSS_STAGE__LOSS_ABSENCE && node->judgement != NULL &&
        canary_absence(&node->canary, loss->from_ns, loss->to_ns, loss->in_order, &change))
        tell(node, &change, now_ns);
}

void node_check_sight(struct node *node, bool stood_still, uint64_t now_ns)
{
    struct canary_change changes[CANARY_PARTS];
    if (stood_still)
        canary_forgive(&node->canary, now_ns);
    size_t n = node->judgement == NULL ? 0 : canary_check(&node->canary, now_ns, changes);
    for (size_t i = 0; i < n; i++)
        tell(node, &changes[i], now_ns);
    if (node->pending.count > 0 && node_commit_is_due(node, true, now_ns))
        node_commit_alerts(node, now_ns);
}
