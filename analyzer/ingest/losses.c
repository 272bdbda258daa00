// SPDX-License-Identifier: Apache-2.0
#include "analyzer/ingest/node_internal.h"

#include <inttypes.h>

#include "analyzer/ingest/loss_words.h"
#include "common/base/log.h"
#include "common/events/events.h"

static const uint64_t MS_NS = 1000000;

static const char *const stage_words[LOSS_STAGES] = {
    [VEDETTE__V1__LOSS_STAGE__LOSS_UNKNOWN] = "at a stage this analyzer does not know",
    [VEDETTE__V1__LOSS_STAGE__LOSS_HOOK] = "hook programs were skipped",
    [VEDETTE__V1__LOSS_STAGE__LOSS_RING] = "ring full",
    [VEDETTE__V1__LOSS_STAGE__LOSS_QUEUE] = "the collector's queue was full",
    [VEDETTE__V1__LOSS_STAGE__LOSS_ABSENCE] = "no collector was running",
    [VEDETTE__V1__LOSS_STAGE__LOSS_ENCODE] = "records that made no sense",
    [VEDETTE__V1__LOSS_STAGE__LOSS_INGEST] = "batches never came or were refused",
    [VEDETTE__V1__LOSS_STAGE__LOSS_STATE] = "a table of the analyzer was full",
    [VEDETTE__V1__LOSS_STAGE__LOSS_THROTTLE] = "a cgroup made more than its share while a ring filled",
    [VEDETTE__V1__LOSS_STAGE__LOSS_OUTBOX] = "the outbox had no room",
    [VEDETTE__V1__LOSS_STAGE__LOSS_SINK] = "a sink gave up",
    [VEDETTE__V1__LOSS_STAGE__LOSS_SPOOL] = "the collector's spool on disk was full or damaged",
};

const char *loss_stage_words(unsigned stage)
{
    return stage_words[stage < LOSS_STAGES ? stage : VEDETTE__V1__LOSS_STAGE__LOSS_UNKNOWN];
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * 0xff51afd7ed558ccdu;
    return hash ^ (hash >> 33);
}

static uint64_t identity_of(const Vedette__V1__Loss *loss, uint64_t session)
{
    uint64_t hash = mix(0x9e3779b97f4a7c15u, loss->session != 0 ? loss->session : session);
    hash = mix(hash, (uint64_t)loss->stage << 40 ^ (uint64_t)loss->event_class << 32 ^ loss->cpu);
    hash = mix(hash, loss->from_ns);
    hash = mix(hash, loss->to_ns);
    hash = mix(hash, loss->count);
    for (const char *c = loss->hook; *c != '\0'; c++)
        hash = mix(hash, (uint64_t)*c);
    return hash;
}

/* Whether this very record came before; it is remembered. Without memory every record is new, and a repeated one counts
 * twice. */
static bool was_seen(struct node *node, uint64_t identity)
{
    if (node->seen_losses == NULL)
        node->seen_losses = calloc(SEEN_LOSSES, sizeof(*node->seen_losses));
    if (node->seen_losses == NULL)
        return false;
    for (size_t i = 0; i < node->n_seen; i++)
        if (node->seen_losses[i] == identity)
            return true;
    node->seen_losses[node->next_seen] = identity;
    node->next_seen = (node->next_seen + 1) % SEEN_LOSSES;
    if (node->n_seen < SEEN_LOSSES)
        node->n_seen++;
    return false;
}

void node_lose(struct node *node, const struct loss *loss)
{
    size_t class = loss->class < CLASS_COUNT ? loss->class : CLASS_COUNT;
    totals_count(&node->lost[loss->stage][class], loss->count);
    state_apply_loss(node->state, loss);
    /* The process tree may lack what was lost. */
    if (class == CLASS_CRITICAL && loss->stage != VEDETTE__V1__LOSS_STAGE__LOSS_HOOK)
        node->wants_snapshot = true;
}

static enum loss_kind kind_of(const struct loss *loss)
{
    return loss->count_exact ? LOSS_EXACT : loss->count > 0 ? LOSS_UP_TO : LOSS_UNCOUNTED;
}

static void add(struct node *node, const struct loss *loss, int64_t wall_minus_boot_ns)
{
    size_t class = loss->class < CLASS_COUNT ? loss->class : CLASS_COUNT;
    struct loss_line *line = &node->loss_line[loss->stage][class][kind_of(loss)];
    if (line->ranges == 0) {
        line->from_ns = loss->from_ns;
        line->to_ns = loss->to_ns;
    }
    line->count += loss->count;
    line->ranges++;
    line->wall_minus_boot_ns = wall_minus_boot_ns;
    if (loss->from_ns < line->from_ns)
        line->from_ns = loss->from_ns;
    if (loss->to_ns > line->to_ns)
        line->to_ns = loss->to_ns;
    node->owes_lines = true;
}

static void format_time(uint64_t boot_ns, int64_t wall_minus_boot_ns, char text[40])
{
    uint64_t wall_ns = boot_ns + (uint64_t)wall_minus_boot_ns;
    time_t seconds = (time_t)(wall_ns / 1000000000);
    struct tm parts;
    char date[24] = "";
    if (gmtime_r(&seconds, &parts) != NULL)
        strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(text, 40, "%s.%03uZ", date, (unsigned)(wall_ns / 1000000 % 1000));
}

static void tell(const struct node *node, struct loss_line *line, size_t stage, size_t class, enum loss_kind kind)
{
    char from[40], to[40];
    format_time(line->from_ns, line->wall_minus_boot_ns, from);
    format_time(line->to_ns, line->wall_minus_boot_ns, to);
    const char *classes = class < CLASS_COUNT ? event_class_name((enum event_class) class) : "any";
    if (kind == LOSS_UNCOUNTED)
        log_warning("lost an unknown number of events of class %s on node %s between %s and %s: %s", classes,
                    node->name, from, to, stage_words[stage]);
    else
        log_warning("lost %s%" PRIu64 " events of class %s on node %s between %s and %s: %s",
                    kind == LOSS_EXACT ? "" : "up to ", line->count, classes, node->name, from, to, stage_words[stage]);
    line->count = line->ranges = 0;
}

/* The first line of a kind at once; then one a second, of all that came meanwhile. */
static bool is_due(const struct loss_line *line, uint64_t now_ns)
{
    return line->told_ns == 0 || now_ns - line->told_ns >= NODE_LINE_INTERVAL_MS * MS_NS;
}

bool node_tell_losses(struct node *node, bool all, uint64_t now_ns)
{
    bool some_wait = false;
    for (size_t i = 0; i < LOSS_STAGES * LOSS_CLASSES * LOSS_KINDS; i++) {
        size_t stage = i / (LOSS_CLASSES * LOSS_KINDS), class = i / LOSS_KINDS % LOSS_CLASSES;
        struct loss_line *line = &node->loss_line[stage][class][i % LOSS_KINDS];
        if (line->ranges == 0)
            continue;
        if (all || is_due(line, now_ns)) {
            tell(node, line, stage, class, (enum loss_kind)(i % LOSS_KINDS));
            line->told_ns = now_ns;
        } else {
            some_wait = true;
        }
    }
    return some_wait;
}

void node_apply_losses(struct node *node, const Vedette__V1__EventBatch *batch, uint64_t now_ns)
{
    for (size_t i = 0; i < batch->n_loss; i++) {
        const Vedette__V1__Loss *from = batch->loss[i];
        if (was_seen(node, identity_of(from, batch->session)))
            continue;
        node_tell_absence(node, from, now_ns);
        struct loss loss = {
            .stage = (unsigned)from->stage < LOSS_STAGES ? from->stage : VEDETTE__V1__LOSS_STAGE__LOSS_UNKNOWN,
            .class = from->event_class,
            .cpu = from->cpu,
            .from_ns = from->from_ns,
            .to_ns = from->to_ns,
            .count = from->count,
            .count_exact = from->count_exact,
        };
        node_lose(node, &loss);
        add(node, &loss, batch->wall_minus_boot_ns);
    }
    node_tell_losses(node, false, now_ns);
}

void node_lose_gap(struct node *node, struct balance *balance, const struct sequence_step *step,
                   const Vedette__V1__EventBatch *batch, uint64_t now_ns)
{
    uint64_t to_ns = batch->base_boot_ns;
    uint64_t from_ns = node->last_event_ns != 0 && node->last_event_ns < to_ns ? node->last_event_ns : to_ns;
    struct loss loss = {
        .stage = VEDETTE__V1__LOSS_STAGE__LOSS_INGEST,
        .class = 255,
        .cpu = UINT32_MAX,
        .from_ns = from_ns,
        .to_ns = to_ns,
        .count = step->gap,
        .count_exact = true,
    };
    node_lose(node, &loss);
    add(node, &loss, batch->wall_minus_boot_ns);
    balance->missing += step->gap;
    balance->told = false;
    node->wants_snapshot = true; /* any class may be among them */
    node_tell_losses(node, false, now_ns);
}
