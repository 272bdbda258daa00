/* SPDX-License-Identifier: Apache-2.0 */
#include "common/wire/test_records.h"

uint64_t test_random(uint64_t *state)
{
    /* splitmix64 */
    uint64_t z = *state += 0x9e3779b97f4a7c15ull;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

void test_record_begin(union test_record *record, uint16_t event_id, uint32_t task, uint64_t time_ns)
{
    record->header = (struct record_header){
        .time_ns = time_ns,
        .thread_start_ns = 1000000000ull + task * 1000003ull,
        .leader_start_ns = 1000000000ull + task * 1000003ull,
        .parent_start_ns = 900000000ull,
        .cgroup_id = 4000 + task % 7,
        .ret = 0,
        .size = sizeof(record->header),
        .plan_epoch = 3,
        .event_id = event_id,
        .cpu = task % 4,
        .syscall = event_id < SYSCALL_LIMIT ? event_id : -1,
        .tgid = 20000 + task,
        .tid = 20000 + task,
        .ppid = 1234,
        .ns_tgid = 20000 + task,
        .ns_tid = 20000 + task,
        .ns_ppid = 1234,
        .uid = 1000,
        .mnt_ns = 4026531841u,
        .pid_ns = 4026531836u,
        .comm = "worker",
        .uts = "node-7",
    };
    record->header.comm[6] = (char)('a' + task % 26);
}

void test_record_item(union test_record *record, uint8_t arg, enum item_form form, uint8_t state, const void *payload,
                      size_t length)
{
    uint8_t *at = record->bytes + record->header.size;
    size_t padded = (length + 7) & ~(size_t)7;
    if (record->header.size + sizeof(struct item_header) + padded > sizeof(record->bytes))
        abort();
    struct item_header item = {.arg = arg, .form = (uint8_t)form, .state = state, .length = (uint32_t)length};
    memcpy(at, &item, sizeof(item));
    memset(at + sizeof(item) + padded - 8 * (padded > 0), 0, padded > 0 ? 8 : 0);
    if (length > 0)
        memcpy(at + sizeof(item), payload, length);
    record->header.size += (uint32_t)(sizeof(item) + padded);
}

void test_record_integer(union test_record *record, uint8_t arg, int64_t value)
{
    test_record_item(record, arg, ITEM_INTEGER, ITEM_COMPLETE, &value, sizeof(value));
}
