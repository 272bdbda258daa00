/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "analyzer/detect/keyed.h"

static struct keyed *keyed;

static int make(void **state)
{
    (void)state;
    keyed = keyed_new(4);
    return keyed != NULL ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    keyed_free(keyed);
    return 0;
}

static const uint8_t *key(uint8_t number)
{
    static uint8_t bytes[KEY_BYTES];
    memset(bytes, number, sizeof(bytes));
    return bytes;
}

static struct keyed_entry *touch(uint8_t number, uint64_t now_ns)
{
    struct keyed_entry *entry = keyed_touch(keyed, key(number), 8, now_ns);
    assert_non_null(entry);
    return entry;
}

/* The changes as words: "+1" a key that is there, "-2" one that is gone. */
static void word(void *arg, const struct keyed_entry *entry)
{
    char *words = arg;
    const size_t used = strlen(words);
    snprintf(words + used, 256 - used, "%s%c%u", used > 0 ? " " : "", entry->bytes != NULL ? '+' : '-', entry->key[0]);
}

static void changes_are(const char *expected)
{
    char words[256] = "";
    keyed_changes(keyed, word, words);
    assert_string_equal(words, expected);
}

static void test_keyed_tells_changes(void **state)
{
    (void)state;
    changes_are("");
    touch(1, 10);
    touch(2, 20);
    touch(1, 30);
    changes_are("+2 +1");
    changes_are("+2 +1"); /* until somebody has them */
    keyed_saved(keyed);
    changes_are("");
    touch(3, 40);
    touch(2, 50);
    changes_are("+3 +2");
    keyed_forget(keyed, keyed_find(keyed, key(1)));
    keyed_forget(keyed, keyed_find(keyed, key(3))); /* nobody knew of it */
    changes_are("-1 +2");
    touch(1, 60);
    changes_are("-1 +2 +1");
    keyed_saved(keyed);
    changes_are("");
    keyed_expire(keyed, 55);
    changes_are("-2");
    assert_int_equal(keyed_count(keyed), 1);
    assert_int_equal(keyed_evicted(keyed), 0); /* its time was over */
}

static void test_keyed_is_bounded(void **state)
{
    (void)state;
    uint64_t count, from_ns, to_ns;
    for (uint8_t i = 1; i <= 4; i++)
        *(uint64_t *)touch(i, i * 10u)->bytes = i;
    touch(1, 50);
    touch(5, 60);
    touch(6, 70);
    assert_null(keyed_find(keyed, key(2)));
    assert_null(keyed_find(keyed, key(3)));
    assert_int_equal(*(uint64_t *)keyed_find(keyed, key(1))->bytes, 1);
    assert_int_equal(*(uint64_t *)keyed_find(keyed, key(6))->bytes, 0);
    assert_true(keyed_take_evicted(keyed, &count, &from_ns, &to_ns));
    assert_int_equal(count, 2);
    assert_int_equal(from_ns, 20);
    assert_int_equal(to_ns, 70);
    assert_false(keyed_take_evicted(keyed, &count, &from_ns, &to_ns));
    assert_int_equal(keyed_evicted(keyed), 2);
}

/* While no copy is made, what is gone is noted up to a bound; then the copy is to be made anew. */
static void test_keyed_forgets_how_to_tell(void **state)
{
    (void)state;
    for (uint8_t round = 0; round < 200; round++) {
        touch(1, round + 1u);
        if (!keyed_must_save_all(keyed))
            keyed_saved(keyed);
        if (round == 150)
            assert_false(keyed_must_save_all(keyed));
        keyed_forget(keyed, keyed_find(keyed, key(1)));
    }
    assert_false(keyed_must_save_all(keyed));
    for (uint8_t i = 0; i < 100; i++) {
        touch(i, i + 300u)->is_saved = true; /* as if it came from a copy */
        keyed_forget(keyed, keyed_find(keyed, key(i)));
    }
    assert_true(keyed_must_save_all(keyed));
    keyed_saved(keyed);
    assert_false(keyed_must_save_all(keyed));
    changes_are("");
}

static void test_keyed_changes_size(void **state)
{
    (void)state;
    touch(1, 10);
    keyed_saved(keyed);
    struct keyed_entry *entry = keyed_touch(keyed, key(1), 100, 20);
    assert_int_equal(entry->size, 100);
    for (size_t i = 0; i < entry->size; i++)
        assert_int_equal(entry->bytes[i], 0);
    changes_are("-1 +1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_keyed_tells_changes, make, end),
        cmocka_unit_test_setup_teardown(test_keyed_is_bounded, make, end),
        cmocka_unit_test_setup_teardown(test_keyed_forgets_how_to_tell, make, end),
        cmocka_unit_test_setup_teardown(test_keyed_changes_size, make, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
