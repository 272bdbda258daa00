/* SPDX-License-Identifier: Apache-2.0 */
/* What a snapshot's rows are made of beside the iterator. No program is loaded here. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "collector/probe/internal.h"
#include "common/testing/records.h"

static void test_modules_parse(void **state)
{
    static const struct {
        const char *line;
        size_t name_length; /* 0: none */
        uint64_t size;
    } cases[] = {
        {"virtio_blk 20480 2 - Live 0x0000000000000000", 10, 20480},
        {"ext4 741376 1 jbd2,mbcache, Live 0x0000000000000000 (E)", 4, 741376},
        {"a 9999999999999999999 ", 1, 9999999999999999999ull},
        {"", 0, 0},
        {"virtio_blk", 0, 0},
        {"virtio_blk ", 0, 0},
        {"virtio_blk 20480", 0, 0},
        {"virtio_blk -1 2", 0, 0},
        {"virtio_blk 0x10 2", 0, 0},
        {" 20480 2", 0, 0},
        {"a\tb 20480 2", 0, 0},
        {"a\x1b[m 20480 2", 0, 0},
        {"a 99999999999999999999 2", 0, 0},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 1 2", 55, 1},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 1 2", 0, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t length = 0;
        uint64_t size = 0;
        if (modules_parse(cases[i].line, &length, &size) != (cases[i].name_length != 0) ||
            length != cases[i].name_length || size != cases[i].size)
            fail_msg("\"%s\" gives %zu and %llu", cases[i].line, length, (unsigned long long)size);
    }
}

/* A process's record as the iterator writes it, with `place` behind its path. */
static void make_record(struct record *record, struct argv_place place)
{
    const struct event *event = event_by_id(EVENT_existing_process);
    struct item_header item = {.arg = (uint8_t)event_arg_index(event, "argv"),
                               .form = ITEM_BYTES,
                               .state = ITEM_UNREADABLE,
                               .length = sizeof(place)};
    record_begin(record, "existing_process");
    record_path(record, "pathname", "/bin/cat", ITEM_COMPLETE);
    uint8_t *at = (uint8_t *)record + record->header.size;
    memcpy(at, &item, sizeof(item));
    memcpy(at + sizeof(item), &place, sizeof(place));
    record->header.size += sizeof(item) + sizeof(place);
}

static const struct item_header *last_item(const struct record_header *record, size_t payload)
{
    return (const void *)((const uint8_t *)record + record->size - payload - sizeof(struct item_header));
}

static void test_argv_takes_its_place(void **state)
{
    static struct record record;
    static uint64_t row[ROW_BYTES / sizeof(uint64_t)];
    struct probe probe = {.row = (uint8_t *)row};
    size_t available = 0;
    (void)state;

    make_record(&record, (struct argv_place){.start = 4096, .end = 5000, .exec_id = 3, .number = 42});
    const struct record_header *put = argv_put(&probe, &record.header, &available);
    assert_int_equal(available, record.header.size - sizeof(struct argv_place));
    assert_int_equal(put->size, available);
    assert_int_equal(last_item(put, 0)->form, ITEM_LIST);
    assert_int_equal(last_item(put, 0)->state, ITEM_UNREADABLE); /* nothing was read of it */

    make_record(&record, (struct argv_place){.start = 4096, .end = 4096});
    put = argv_put(&probe, &record.header, &available);
    assert_int_equal(last_item(put, 0)->state, ITEM_COMPLETE | ITEM_USER); /* it has none */

    /* A kernel's thread has no place, another event none either. */
    record_begin(&record, "existing_process");
    assert_ptr_equal(argv_put(&probe, &record.header, &available), &record.header);
    make_record(&record, (struct argv_place){.start = 1, .end = 2});
    record.header.event_id = EVENT_existing_socket;
    assert_ptr_equal(argv_put(&probe, &record.header, &available), &record.header);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_modules_parse),
        cmocka_unit_test(test_argv_takes_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
