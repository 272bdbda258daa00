/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/probe/test_records.h"

#include "common/events/events.h"

size_t records_take(struct records *records, struct rings *rings)
{
    const struct ring_record *taken;
    uint64_t promised = records->until_ns, newest = 0;
    size_t n = rings_round(rings, &taken, &records->until_ns);
    for (size_t i = 0; i < n && records->count < TEST_RECORDS; i++) {
        const struct record_header *header = taken[i].header;
        if (header->time_ns < promised || header->time_ns < newest || header->size > taken[i].available)
            records->late++;
        newest = header->time_ns;
        struct record_header *copy = malloc(header->size);
        memcpy(copy, header, header->size);
        records->class[records->count] = taken[i].class;
        records->record[records->count++] = copy;
    }
    rings_release(rings, true);
    return n;
}

void records_free(struct records *records)
{
    for (size_t i = 0; i < records->count; i++)
        free(records->record[i]);
    records->count = records->late = 0;
    records->until_ns = 0;
}

const struct item_header *record_item(const struct record_header *record, const char *argument)
{
    const struct event *event = event_by_id(record->event_id);
    int index = event != NULL ? event_arg_index(event, argument) : -1;
    for (uint32_t at = sizeof(*record); at + sizeof(struct item_header) <= record->size;) {
        const struct item_header *item = (const void *)((const char *)record + at);
        if (item->arg == index)
            return item;
        at += (uint32_t)sizeof(*item) + ((item->length + 7) & ~7u);
    }
    return NULL;
}

static void join_components(const char *payload, uint32_t length, char text[TEST_PATH_BYTES])
{
    size_t used = 0;
    for (uint32_t end = length; end > 0;) {
        uint32_t start = end - 1;
        while (start > 0 && payload[start - 1] != '\0')
            start--;
        used += (size_t)snprintf(text + used, TEST_PATH_BYTES - used, "/%s", payload + start);
        end = start;
    }
    if (length == 0)
        snprintf(text, TEST_PATH_BYTES, "/");
}

const char *record_text(const struct record_header *record, const char *argument, char text[TEST_PATH_BYTES])
{
    const struct item_header *item = record_item(record, argument);
    const char *payload = (const char *)(item + 1);
    if (item == NULL)
        return "<absent>";
    if (item->form == ITEM_COMPONENTS) {
        join_components(payload, item->length, text);
    } else if (item->form == ITEM_INTEGER) {
        snprintf(text, TEST_PATH_BYTES, "%lld", (long long)*(const int64_t *)(const void *)payload);
    } else {
        memcpy(text, payload, item->length);
        text[item->length] = '\0';
        for (uint32_t i = 0; i < item->length; i++)
            if (text[i] == '\0')
                text[i] = '|';
    }
    return text;
}

int64_t record_integer(const struct record_header *record, const char *argument)
{
    const struct item_header *item = record_item(record, argument);
    return item != NULL ? *(const int64_t *)(const void *)(item + 1) : -1;
}

int record_state(const struct record_header *record, const char *argument)
{
    const struct item_header *item = record_item(record, argument);
    return item != NULL ? item->state : -1;
}

const struct record_header *records_find(const struct records *records, const char *event, uint32_t tgid,
                                         const char *argument, const char *text)
{
    static char have[TEST_PATH_BYTES];
    const struct event *row = event_by_name(event);
    for (size_t i = 0; row != NULL && i < records->count; i++) {
        const struct record_header *record = records->record[i];
        if (record->event_id != row->id || (tgid != 0 && record->tgid != tgid))
            continue;
        if (argument == NULL || strcmp(record_text(record, argument, have), text) == 0)
            return record;
    }
    return NULL;
}

size_t records_count(const struct records *records, const char *event, uint32_t tgid)
{
    const struct event *row = event_by_name(event);
    size_t n = 0;
    for (size_t i = 0; row != NULL && i < records->count; i++)
        n += records->record[i]->event_id == row->id && (tgid == 0 || records->record[i]->tgid == tgid);
    return n;
}
