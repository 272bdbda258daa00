// SPDX-License-Identifier: Apache-2.0
#include "analyzer/ingest/node_internal.h"

#include <errno.h>

#include "analyzer/derive/derive.h"
#include "analyzer/ingest/canary_plan.h"
#include "common/base/log.h"
#include "common/base/fault.h"

static const uint64_t MINUTE_NS = 60000000000, MS_NS = 1000000;

enum { WORDS_BYTES = 700 };

struct node *node_new(const struct node_environment *environment, const char *name)
{
    struct node *node = calloc(1, sizeof(*node));
    size_t n_detections;
    detections_all(&n_detections);
    if (node == NULL)
        return NULL;
    node->environment = environment;
    node->plan.epoch = environment->first_epoch;
    node->name = strdup(name);
    node->past_costs = calloc(n_detections + 1, sizeof(*node->past_costs));
    if (node->name == NULL || node->past_costs == NULL || pthread_mutex_init(&node->lock, NULL) != 0) {
        free(node->name);
        free(node->past_costs);
        free(node);
        errno = ENOMEM;
        return NULL;
    }
    return node;
}

void node_free(struct node *node)
{
    if (node == NULL)
        return;
    judgement_free(node->judgement);
    state_free(node->state);
    schema_free(node->schema);
    free(node->coverage);
    pending_fini(&node->pending);
    memory_rows_fini(&node->memory_rows);
    text_fini(&node->shown);
    pthread_mutex_destroy(&node->lock);
    free(node->past_costs);
    free(node->seen_losses);
    free(node->ranges);
    free(node->version);
    free(node->kernel);
    free(node->boot_id);
    free(node->name);
    free(node);
}

const char *node_name(const struct node *node)
{
    return node->name;
}

uint64_t node_last_seen_ns(const struct node *node)
{
    return atomic_load_explicit(&node->last_seen_ns, memory_order_relaxed);
}

void node_coverage(struct node *node, void (*write)(const struct coverage *coverage, struct text *text),
                   struct text *text)
{
    pthread_mutex_lock(&node->lock);
    if (node->coverage != NULL)
        write(node->coverage, text);
    pthread_mutex_unlock(&node->lock);
}

bool node_has_coverage(struct node *node)
{
    pthread_mutex_lock(&node->lock);
    bool has = node->coverage != NULL;
    pthread_mutex_unlock(&node->lock);
    return has;
}

void node_set_connected(struct node *node, bool connected)
{
    atomic_store(&node->connected, connected);
}

static void add_up(struct balance *sum, const struct balance *balance)
{
    for (int class = 0; class < CLASS_COUNT; class ++) {
        sum->reserved[class] += balance->reserved[class];
        sum->delivered[class] += balance->delivered[class];
        sum->lost[class] += balance->lost[class];
        sum->given_up[class] += balance->given_up[class];
    }
    sum->missing += balance->missing;
    sum->from_seq += balance->from_seq;
    sum->told_later += balance->told_later;
    sum->has_statistics = true;
}

struct balance *node_balance(struct node *node, const struct session_cursor *cursor)
{
    struct balance *balance = &node->balance[cursor - node->sequence.cursor];
    if (balance->session != cursor->session) {
        pthread_mutex_lock(&node->lock);
        if (balance->has_statistics)
            add_up(&node->earlier, balance);
        *balance = (struct balance){.session = cursor->session, .from_seq = cursor->start};
        pthread_mutex_unlock(&node->lock);
    }
    return balance;
}

static void tell_balance(struct node *node, struct balance *balance, uint64_t now_ns)
{
    for (int class = 0; class < CLASS_COUNT; class ++) {
        char line[BALANCE_LINE_BYTES];
        balance_line(balance, node->name, (enum event_class) class, line);
        log_info("%s", line);
    }
    balance->told = true;
    balance->owed = false;
    node->balance_told_ns = now_ns;
}

static bool may_tell_balance(const struct node *node, uint64_t now_ns)
{
    return node->balance_told_ns == 0 || now_ns - node->balance_told_ns >= NODE_LINE_INTERVAL_MS * MS_NS;
}

void node_tell_final(struct node *node, struct balance *balance, uint64_t now_ns)
{
    if (balance->told)
        return;
    /* Before the balance, all of what it counts as lost; a hostile node may call each of its batches the last. */
    if (may_tell_balance(node, now_ns)) {
        node_tell_losses(node, true, now_ns);
        tell_balance(node, balance, now_ns);
        return;
    }
    balance->owed = true;
    node->owes_lines = true;
}

bool node_tell_due(struct node *node, uint64_t now_ns)
{
    if (!node->owes_lines)
        return false;
    node->owes_lines = node_tell_losses(node, false, now_ns);
    for (size_t i = 0; i < node->sequence.count; i++) {
        struct balance *balance = node_balance(node, &node->sequence.cursor[i]);
        if (balance->owed && may_tell_balance(node, now_ns)) {
            node_tell_losses(node, true, now_ns);
            tell_balance(node, balance, now_ns);
        }
        node->owes_lines = node->owes_lines || balance->owed;
    }
    return node->owes_lines;
}

/* What a hello brings, made whole before any of it replaces what is there. */
struct facts {
    struct schema *schema;
    struct judgement *judgement;
    struct state *state; /* NULL: the old one stays */
    struct coverage *coverage;
    char *version, *kernel, *boot_id;
    enum architecture architecture;
};

static void facts_free(struct facts *facts)
{
    judgement_free(facts->judgement);
    state_free(facts->state);
    schema_free(facts->schema);
    free(facts->coverage);
    free(facts->version);
    free(facts->kernel);
    free(facts->boot_id);
}

static int make_facts(struct node *node, const Vedette__V1__Hello *hello, struct facts *facts, const char **ret_words)
{
    facts->schema = schema_new(hello);
    if (facts->schema == NULL) {
        *ret_words = "the schema of the hello cannot be kept";
        return -errno;
    }
    facts->architecture = architecture_by_name(hello->arch);
    facts->judgement = judgement_new(node->environment, facts->schema, facts->architecture, ret_words);
    if (facts->judgement == NULL)
        return -errno;
    *ret_words = "no memory for the node";
    facts->version = strdup(hello->version);
    facts->kernel = strdup(hello->kernel);
    facts->boot_id = strdup(hello->boot_id);
    facts->coverage = coverage_new(hello, facts->schema);
    if (facts->version == NULL || facts->kernel == NULL || facts->boot_id == NULL || facts->coverage == NULL)
        return -ENOMEM;
    if (node->state == NULL || strcmp(node->boot_id, hello->boot_id) != 0) {
        facts->state = state_new();
        if (facts->state == NULL)
            return -ENOMEM;
    }
    return 0;
}

/* Adds an engine's costs to a table by position in detections_all; without memory they are left out. */
static void add_engine_costs(const struct engine *engine, struct engine_cost *costs, size_t n_costs)
{
    size_t n_all;
    const struct detection *const *all = detections_all(&n_all);
    struct engine_cost *of_engine = calloc(n_all + 1, sizeof(*of_engine));
    size_t n = engine == NULL || of_engine == NULL ? 0 : engine_costs(engine, of_engine, n_all);
    for (size_t i = 0; i < n; i++)
        for (size_t at = 0; at < n_all && at < n_costs; at++)
            if (all[at]->event_id == of_engine[i].detection->event_id) { /* the tuning may have changed a copy */
                engine_cost_add(&costs[at], &of_engine[i]);
                costs[at].keys += of_engine[i].keys;
            }
    free(of_engine);
}

void node_add_costs(struct node *node, struct engine_cost *costs, size_t n_costs)
{
    size_t n_all;
    detections_all(&n_all);
    pthread_mutex_lock(&node->lock);
    for (size_t i = 0; i < n_all && i < n_costs; i++)
        engine_cost_add(&costs[i], &node->past_costs[i]);
    add_engine_costs(node->judgement == NULL ? NULL : node->judgement->engine, costs, n_costs);
    pthread_mutex_unlock(&node->lock);
}

#define SWAP(type, member)                                                                                             \
    do {                                                                                                               \
        type old = node->member;                                                                                       \
        node->member = facts->member;                                                                                  \
        facts->member = old;                                                                                           \
    } while (0)

/* After it `facts` holds what is to be freed. */
static void swap_facts(struct node *node, struct facts *facts)
{
    size_t n_all;
    detections_all(&n_all);
    pthread_mutex_lock(&node->lock);
    if (facts->state == NULL && node->judgement != NULL)
        memory_move(node->environment->outbox, facts->judgement->engine, node->judgement->engine, node->name);
    SWAP(struct schema *, schema);
    SWAP(struct judgement *, judgement);
    SWAP(struct coverage *, coverage);
    SWAP(char *, version);
    SWAP(char *, kernel);
    SWAP(char *, boot_id);
    node->architecture = facts->architecture;
    /* What is remembered of processes holds for as long as the state does. */
    judgement_inherit(node->judgement, facts->judgement, facts->state == NULL ? node->state : NULL);
    if (facts->state != NULL)
        SWAP(struct state *, state);
    add_engine_costs(facts->judgement == NULL ? NULL : facts->judgement->engine, node->past_costs, n_all);
    pthread_mutex_unlock(&node->lock);
}

/* What is wanted and will not come, in as few lines as hold it. */
struct uncovered {
    const struct node *node;
    char words[WORDS_BYTES];
};

static void tell_words(struct uncovered *uncovered)
{
    if (uncovered->words[0] != '\0')
        log_warning("node %s does not cover what is asked for: %s", uncovered->node->name, uncovered->words);
    uncovered->words[0] = '\0';
}

static void add_words(struct uncovered *uncovered, const char *name, const char *reason)
{
    char one[WORDS_BYTES];
    size_t used = strlen(uncovered->words);
    snprintf(one, sizeof(one), "%.255s (%.400s)", name, reason[0] == '\0' ? "no reason given" : reason);
    if (used > 0 && used + strlen(one) + 2 >= WORDS_BYTES) {
        tell_words(uncovered);
        used = 0;
    }
    snprintf(uncovered->words + used, WORDS_BYTES - used, "%s%s", used == 0 ? "" : ", ", one);
}

static const struct schema_event *row_of(const struct schema *schema, const struct event *event)
{
    for (size_t i = 0; i < schema_count(schema); i++)
        if (schema_event_at(schema, i)->known == event)
            return schema_event_at(schema, i);
    return NULL;
}

/* Why the node does not give an event, NULL when it does or does not say. */
static const char *why_not(const struct node *node, const struct event *event)
{
    const struct schema_event *row = row_of(node->schema, event);
    if (row == NULL)
        return "unknown to its collector";
    const struct coverage_row *coverage = coverage_find(node->coverage, row->id);
    return coverage != NULL && !coverage->covered ? coverage->reason : NULL;
}

/* Once a node and event, however often its collector comes. */
static void tell_uncovered(struct node *node)
{
    struct uncovered uncovered = {.node = node};
    size_t n_events;
    const struct event *events = events_all(&n_events);
    for (size_t i = 0; i < n_events; i++) {
        const char *reason = node->wanted[events[i].id] != 0 ? why_not(node, &events[i]) : NULL;
        if (reason == NULL || node->told_uncovered[events[i].id] != 0)
            continue;
        add_words(&uncovered, events[i].name, reason);
        node->told_uncovered[events[i].id] = 1;
    }
    struct engine_gap gaps[8];
    size_t n_gaps = engine_gaps(node->judgement->engine, gaps, sizeof(gaps) / sizeof(gaps[0]));
    for (size_t i = 0; i < n_gaps && i < sizeof(gaps) / sizeof(gaps[0]) && !node->told_gaps; i++)
        add_words(&uncovered, gaps[i].detection->name, gaps[i].reason);
    const char *left_out[8];
    size_t n_left_out = policy_judge_gaps(node->judgement->policies, left_out, sizeof(left_out) / sizeof(left_out[0]));
    for (size_t i = 0; i < n_left_out && i < sizeof(left_out) / sizeof(left_out[0]) && !node->told_gaps; i++)
        add_words(&uncovered, left_out[i], "its collector is of another version");
    node->told_gaps = node->told_gaps || n_gaps > 0 || n_left_out > 0;
    tell_words(&uncovered);
}

static void know_cursor(void *arg, uint64_t session, uint64_t seq)
{
    struct node *node = arg;
    sequence_session(&node->sequence, session, seq);
}

/* Where a former life of the analyzer stopped. */
static int read_cursors(struct node *node)
{
    int result = node->knows_cursors ? 0 : outbox_cursors(node->environment->outbox, node->name, know_cursor, node);
    node->knows_cursors = result == 0;
    return result;
}

/* What the judgement needs. A plan that asks for other events is a new one, whoever was told of the one before. */
static void replan(struct node *node, uint64_t now_ns)
{
    struct plan before = node->plan;
    struct plan_needs needs = {.engine = node->judgement->engine,
                               .selection = loaded_set_selection(node->judgement->set),
                               .architecture = node->architecture};
    plan_mark(&needs);
    plan_build(&node->plan, node->schema, &needs);
    canary_expect(&node->canary, canary_plan(&node->plan, node->schema, node->coverage, node->canary.families), now_ns);
    pthread_mutex_lock(&node->lock);
    memcpy(node->wanted, needs.wanted, sizeof(needs.wanted));
    pthread_mutex_unlock(&node->lock);
    if (before.count > 0 && !plan_equal(&before, &node->plan))
        node->plan.epoch++;
}

static void make_plan(struct node *node, const Vedette__V1__Hello *hello, uint64_t now_ns)
{
    replan(node, now_ns);
    node->sent_epoch = node->plan.epoch;
    atomic_store_explicit(&node->plan_epoch, node->plan.epoch, memory_order_relaxed);
    /* At most once a minute: a collector that comes and goes, or one that is hostile, must not fill the log. */
    if (node->last_hello_line_ns == 0 || now_ns - node->last_hello_line_ns >= MINUTE_NS) {
        node->last_hello_line_ns = now_ns;
        log_info("node %s: collector %s on Linux %s%s%s", node->name, node->version, node->kernel,
                 hello->scope[0] == '\0' ? "" : ", narrowed to ", hello->scope);
    }
    tell_uncovered(node);
}

/* At most one complaint a minute a node; the others are counted for the next one. */
static bool may_complain(struct node *node, uint64_t now_ns)
{
    if (node->last_complaint_ns != 0 && now_ns - node->last_complaint_ns < MINUTE_NS) {
        node->complaints_kept_back++;
        return false;
    }
    node->last_complaint_ns = now_ns;
    return true;
}

void node_adopt(struct node *node, uint64_t now_ns)
{
    const char *words;
    size_t n_all;
    if (node->judgement->number == loaded_current_number(node->environment->loaded))
        return;
    struct judgement *old = node->judgement;
    struct judgement *judgement = judgement_new(node->environment, node->schema, node->architecture, &words);
    if (judgement == NULL) {
        if (may_complain(node, now_ns))
            log_error("node %s: the new set cannot be taken into use (%s); the old one stays until it can", node->name,
                      words);
        return;
    }
    judgement_inherit(judgement, old, node->state);
    detections_all(&n_all);
    pthread_mutex_lock(&node->lock);
    memory_move(node->environment->outbox, judgement->engine, old->engine, node->name);
    node->judgement = judgement;
    add_engine_costs(old->engine, node->past_costs, n_all);
    pthread_mutex_unlock(&node->lock);
    judgement_free(old);
    replan(node, now_ns);
    atomic_store_explicit(&node->plan_epoch, node->plan.epoch, memory_order_relaxed);
    tell_uncovered(node);
}

static bool refuse_hello(struct node *node, Vedette__V1__RefusalCode code, const char *words, uint32_t retry_ms,
                         uint64_t now_ns, struct reply *reply)
{
    totals_count(&node->environment->totals->refused[code], 1);
    if (may_complain(node, now_ns))
        log_warning("node %s: hello refused: %s", node->name, words);
    reply_refusal(reply, code, words, NULL, retry_ms);
    return false;
}

static bool take_hello(struct node *node, const Vedette__V1__Hello *hello, uint64_t now_ns, struct reply *reply)
{
    struct facts facts = {0};
    const char *words = NULL;
    int result = make_facts(node, hello, &facts, &words);
    if (result == 0 && read_cursors(node) < 0) {
        words = "the cursors of this node cannot be read from the outbox";
        result = -EIO;
    }
    if (result == 0 && facts.state != NULL &&
        memory_restore(node->environment->outbox, facts.judgement->engine, node->name, hello->boot_id) < 0) {
        words = "what detections know of this node cannot be read from the outbox";
        result = -EIO;
    }
    if (result == 0)
        swap_facts(node, &facts);
    else
        refuse_hello(node, VEDETTE__V1__REFUSAL_CODE__REFUSED_BUSY, words == NULL ? strerror(-result) : words,
                     NODE_BUSY_RETRY_MS, now_ns, reply);
    facts_free(&facts);
    return result == 0;
}

bool node_hello(struct node *node, const Vedette__V1__Hello *hello, uint64_t now_ns, struct reply *reply)
{
    uint32_t wire = hello->wire_max < WIRE_VERSION_MAX ? hello->wire_max : WIRE_VERSION_MAX;
    if (wire < hello->wire_min || wire < WIRE_VERSION_MIN) {
        char words[128];
        snprintf(words, sizeof(words),
                 "it speaks versions %u to %u of the contract, this analyzer %d to %d: update the older of the two",
                 hello->wire_min, hello->wire_max, WIRE_VERSION_MIN, WIRE_VERSION_MAX);
        return refuse_hello(node, VEDETTE__V1__REFUSAL_CODE__REFUSED_VERSION, words, 0, now_ns, reply);
    }
    const struct state *before = node->state;
    if (!take_hello(node, hello, now_ns, reply))
        return false;
    bool snapshot = node->state != before || node->session != hello->session;
    if (snapshot)
        node->snapshot_asked_ns = now_ns;
    node->wants_snapshot = node->wants_snapshot && !snapshot;
    pthread_mutex_lock(&node->lock);
    node->session = hello->session;
    pthread_mutex_unlock(&node->lock);
    atomic_store_explicit(&node->canary.wall_minus_boot_ns, hello->wall_minus_boot_ns, memory_order_relaxed);
    canary_begin(&node->canary, hello->canary, hello->heartbeat_ms, hello->session, now_ns);
    atomic_store_explicit(&node->last_seen_ns, now_ns, memory_order_relaxed);
    make_plan(node, hello, now_ns);
    FAULT_POINT(ingest_before_welcome);
    reply_welcome(reply, wire, &node->sequence, &node->plan, snapshot);
    return true;
}

bool node_may_send(struct node *node, uint64_t bytes, uint64_t now_ns, struct reply *reply)
{
    char words[160];
    uint32_t wait_ms = quota_take(&node->quota, &node->environment->quota, bytes, now_ns);
    if (wait_ms == 0)
        return true;
    totals_count(&node->throttled, 1);
    totals_count(&node->environment->totals->refused[VEDETTE__V1__REFUSAL_CODE__REFUSED_BUSY], 1);
    snprintf(words, sizeof(words), "the node has used up its quota (bus.quota): again in %u ms", wait_ms);
    if (may_complain(node, now_ns))
        log_warning("node %s: %s; its collector keeps what it has", node->name, words);
    reply_refusal(reply, VEDETTE__V1__REFUSAL_CODE__REFUSED_BUSY, words, NULL, wait_ms);
    return false;
}

void node_refuse(struct node *node, Vedette__V1__RefusalCode code, const char *words, uint64_t now_ns,
                 struct reply *reply)
{
    totals_count(&node->environment->totals->refused[code], 1);
    if (may_complain(node, now_ns)) {
        log_warning(
            "node %s: a batch was refused: %s (%llu more since the last such line); its events show up as a gap",
            node->name, words, (unsigned long long)node->complaints_kept_back);
        node->complaints_kept_back = 0;
    }
    reply_refusal(reply, code, words, sequence_find(&node->sequence, node->session), 0);
}

int node_settle(struct node *node, uint64_t now_ns)
{
    int result = node_commit(node, now_ns);
    node_tell_losses(node, true, now_ns);
    for (size_t i = 0; i < node->sequence.count; i++) {
        struct balance *balance = node_balance(node, &node->sequence.cursor[i]);
        if (balance->has_statistics && !balance->told)
            tell_balance(node, balance, now_ns);
    }
    return result;
}
