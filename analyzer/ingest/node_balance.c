// SPDX-License-Identifier: Apache-2.0
#include "analyzer/ingest/node_internal.h"

#include "analyzer/alert/json.h"
#include "analyzer/alert/row.h"
#include "common/events/events.h"

static void number(struct text *text, const char *key, int64_t value)
{
    text_string(text, key);
    text_signed(text, value);
}

static void word(struct text *text, const char *key, const char *value)
{
    text_string(text, key);
    text_json(text, value, strlen(value));
}

static void classes(struct text *text, const struct balance *balance)
{
    text_literal(text, ",\"classes\":[");
    for (int class = 0; class < CLASS_COUNT; class ++) {
        word(text, class == 0 ? "{\"class\":" : ",{\"class\":", event_class_name((enum event_class) class));
        number(text, ",\"produced\":", (int64_t)balance->reserved[class]);
        number(text, ",\"delivered\":", (int64_t)balance->delivered[class]);
        number(text, ",\"lost\":", (int64_t)(balance->lost[class] + balance->given_up[class]));
        number(text, ",\"left\":", balance_in_flight(balance, (enum event_class) class));
        text_literal(text, "}");
    }
    text_literal(text, "]");
}

static bool session(struct text *text, const struct node *node, const struct balance *balance, bool sum)
{
    const bool running = !sum && balance->session == node->session && !balance->ended;
    const char *fault = balance_fault(balance, running, sum || node->absence);
    text_literal(text, "{\"session\":\"");
    text_hex64(text, balance->session);
    word(text, "\",\"state\":", sum ? "forgotten" : balance->ended ? "ended" : running ? "running" : "gone");
    text_string(text, fault == NULL ? ",\"balanced\":true" : ",\"balanced\":false");
    word(text, ",\"fault\":", fault == NULL ? "" : fault);
    number(text, ",\"before_this_start\":", (int64_t)balance->from_seq);
    number(text, ",\"missing\":", (int64_t)(balance->missing + balance->told_later));
    /* Of a session that is over, and of which not everything came, what a kill took: it lies in an absence. */
    number(text, running ? ",\"in_flight\":" : ",\"in_absence\":", balance_rest(balance));
    classes(text, balance);
    text_literal(text, "}");
    return fault == NULL;
}

static bool sessions(struct text *text, struct node *node)
{
    const char *separator = "";
    bool good = true;
    text_literal(text, ",\"sessions\":[");
    for (size_t i = 0; i <= WIRE_CURSORS; i++) {
        const struct balance *balance = i == 0 ? &node->earlier : &node->balance[i - 1];
        if (!balance->has_statistics)
            continue;
        text_string(text, separator);
        good = session(text, node, balance, i == 0) && good;
        separator = ",";
    }
    text_literal(text, "]");
    return good;
}

static const char *class_word(unsigned class)
{
    return event_class_name(class < CLASS_COUNT ? (enum event_class) class : CLASS_COUNT);
}

static void losses(struct text *text, const struct node *node)
{
    const char *separator = "";
    text_literal(text, ",\"losses\":[");
    for (unsigned stage = 0; stage < LOSS_STAGES; stage++)
        for (unsigned class = 0; class < LOSS_CLASSES; class ++) {
            uint64_t count = atomic_load_explicit(&node->lost[stage][class], memory_order_relaxed);
            if (count == 0)
                continue;
            text_string(text, separator);
            word(text, "{\"stage\":", loss_stage_name(stage));
            word(text, ",\"class\":", class_word(class));
            number(text, ",\"count\":", (int64_t)count);
            text_literal(text, "}");
            separator = ",";
        }
    text_literal(text, "]");
}

static void range(struct text *text, const struct loss_range *range)
{
    char from[ALERT_TIME_BYTES], to[ALERT_TIME_BYTES];
    alert_time(range->from_ns, from);
    alert_time(range->to_ns, to);
    word(text, "{\"stage\":", loss_stage_name(range->stage));
    word(text, ",\"class\":", class_word(range->class));
    if (range->cpu != UINT32_MAX)
        number(text, ",\"cpu\":", range->cpu);
    word(text, ",\"from\":", from);
    word(text, ",\"to\":", to);
    number(text, ",\"count\":", (int64_t)range->count);
    text_string(text, range->count_exact ? ",\"exact\":true" : ",\"exact\":false");
    number(text, ",\"records\":", (int64_t)range->ranges);
    text_literal(text, ",\"session\":\"");
    text_hex64(text, range->session);
    text_literal(text, "\"}");
}

static void ranges(struct text *text, const struct loss_ranges *ranges)
{
    text_literal(text, ",\"ranges\":[");
    for (size_t i = 0; ranges != NULL && i < ranges->count; i++) {
        size_t at = (ranges->next + NODE_LOSS_RANGES - ranges->count + i) % NODE_LOSS_RANGES;
        text_string(text, i == 0 ? "" : ",");
        range(text, &ranges->range[at]);
    }
    number(text, "],\"records_forgotten\":", ranges == NULL ? 0 : (int64_t)ranges->forgotten);
}

bool node_balance_json(struct node *node, struct text *text)
{
    word(text, "{\"node\":", node->name);
    text_string(text, atomic_load(&node->connected) ? ",\"connected\":true" : ",\"connected\":false");
    number(text, ",\"queue_fill_permille\":",
           (int64_t)atomic_load_explicit(&node->queue_fill_permille, memory_order_relaxed));
    number(text, ",\"duplicates\":", (int64_t)atomic_load_explicit(&node->duplicates, memory_order_relaxed));
    pthread_mutex_lock(&node->lock);
    bool good = sessions(text, node);
    losses(text, node);
    ranges(text, node->ranges);
    pthread_mutex_unlock(&node->lock);
    text_string(text, good ? ",\"balanced\":true}" : ",\"balanced\":false}");
    return good;
}
