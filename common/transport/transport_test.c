/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <sys/stat.h>

#include <nng/nng.h>
#include <nng/supplemental/tls/tls.h>

#include "common/transport/transport_testing.h"

struct fixture {
    char folder[64], path[96];
    struct test_authority *authority;
    struct tls_settings tls;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    snprintf(f->folder, sizeof(f->folder), "/tmp/vedette-transport-test.XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    snprintf(f->path, sizeof(f->path), "%s/file", f->folder);
    f->authority = test_authority_new("authority");
    test_tls_files(f->authority, f->folder, "node", &f->tls);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    const char *const paths[] = {f->tls.ca, f->tls.certificate, f->tls.key, f->path};
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        unlink(paths[i]);
    rmdir(f->folder);
    test_authority_free(f->authority);
    free(f);
    return 0;
}

static void test_credential_permissions(void **state)
{
    struct fixture *f = *state;
    static const struct {
        unsigned mode;
        int secret, public;
    } cases[] = {{0600, 0, 0},           {0400, 0, 0},           {0640, 0, 0},      {0440, 0, 0},
                 {0644, -EPERM, 0},      {0444, -EPERM, 0},      {0604, -EPERM, 0}, {0660, -EPERM, -EPERM},
                 {0602, -EPERM, -EPERM}, {0620, -EPERM, -EPERM}, {0601, -EPERM, 0}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (int kind = CREDENTIAL_PUBLIC; kind <= CREDENTIAL_SECRET; kind++) {
            char error[CREDENTIAL_ERROR_BYTES] = "", *text = NULL;
            size_t size = 0;
            test_file_replace(f->path, cases[i].mode, "secret");
            int wanted = kind == CREDENTIAL_SECRET ? cases[i].secret : cases[i].public;
            if (credential_read(f->path, (enum credential_kind)kind, &text, &size, error) != wanted)
                fail_msg("mode %o, kind %d: %s", cases[i].mode, kind, error);
            if (wanted == 0) {
                assert_string_equal(text, "secret");
                assert_int_equal(size, 6);
            } else {
                assert_non_null(strstr(error, f->path));
                assert_null(strstr(error, "secret\n"));
            }
            credential_free(text, size);
        }
    }
}

static void test_credential_refuses(void **state)
{
    struct fixture *f = *state;
    char error[CREDENTIAL_ERROR_BYTES], *text;
    size_t size;
    assert_int_equal(credential_read(f->path, CREDENTIAL_SECRET, &text, &size, error), -ENOENT);
    assert_int_equal(credential_read(f->folder, CREDENTIAL_PUBLIC, &text, &size, error), -EPERM);
    assert_int_equal(mkfifo(f->path, 0600), 0);
    assert_int_equal(credential_read(f->path, CREDENTIAL_SECRET, &text, &size, error), -EPERM);
    unlink(f->path);
    test_file_replace(f->path, 0600, "");
    assert_int_equal(truncate(f->path, CREDENTIAL_MAX_BYTES + 1), 0);
    assert_int_equal(credential_read(f->path, CREDENTIAL_SECRET, &text, &size, error), -EFBIG);
    if (geteuid() != 0)
        return;
    test_file_replace(f->path, 0600, "x");
    assert_int_equal(chown(f->path, 64102, 0), 0);
    assert_int_equal(credential_read(f->path, CREDENTIAL_SECRET, &text, &size, error), -EPERM);
}

static void test_credential_stamp(void **state)
{
    struct fixture *f = *state;
    const char *const paths[] = {NULL, "", f->path};
    uint64_t absent = credential_stamp(paths, 3);
    test_file_replace(f->path, 0600, "one");
    uint64_t first = credential_stamp(paths, 3);
    assert_int_equal(first, credential_stamp(paths, 3));
    test_file_replace(f->path, 0600, "two");
    uint64_t second = credential_stamp(paths, 3);
    assert_true(absent != first && first != second);
    unlink(f->path);
    assert_int_equal(absent, credential_stamp(paths, 3));
}

static int load(struct fixture *f, int64_t ends[EXPIRIES], char *error)
{
    struct nng_tls_config *config = NULL;
    int result = tls_load(&f->tls, TLS_SERVER, &config, ends, error);
    assert_true((result == 0) == (config != NULL));
    if (config != NULL)
        nng_tls_config_free(config);
    return result;
}

static void test_tls_loads(void **state)
{
    struct fixture *f = *state;
    char error[CREDENTIAL_ERROR_BYTES] = "";
    int64_t ends[EXPIRIES] = {0};
    test_certificate_write(f->authority, "node", "20380119031407", f->tls.certificate, f->tls.key);
    if (load(f, ends, error) != 0)
        fail_msg("%s", error);
    assert_int_equal(ends[EXPIRY_CERTIFICATE], INT32_MAX); /* 2038-01-19T03:14:07Z */
    assert_int_equal(ends[EXPIRY_CA], 4102444799);         /* 2099-12-31T23:59:59Z */
    assert_int_equal(ends[EXPIRY_CRL], 0);
}

/* The first of several counts, whichever it is. */
static void test_tls_first_end_of_a_chain(void **state)
{
    struct fixture *f = *state;
    char error[CREDENTIAL_ERROR_BYTES] = "", *one, *two, both[8192], key[96];
    size_t one_size, two_size;
    int64_t ends[EXPIRIES];
    snprintf(key, sizeof(key), "%s/other.key", f->folder);
    test_certificate_write(f->authority, "old", "20300101000000", f->path, key);
    assert_int_equal(credential_read(f->tls.certificate, CREDENTIAL_PUBLIC, &one, &one_size, error), 0);
    assert_int_equal(credential_read(f->path, CREDENTIAL_PUBLIC, &two, &two_size, error), 0);
    snprintf(both, sizeof(both), "%s%s", one, two);
    test_file_replace(f->tls.certificate, 0644, both);
    assert_int_equal(load(f, ends, error), 0);
    assert_int_equal(ends[EXPIRY_CERTIFICATE], 1893456000); /* 2030-01-01T00:00:00Z */
    credential_free(one, one_size);
    credential_free(two, two_size);
    unlink(key);
}

static void assert_refused(struct fixture *f, const char *path)
{
    char error[CREDENTIAL_ERROR_BYTES] = "";
    int64_t ends[EXPIRIES];
    assert_true(load(f, ends, error) < 0);
    if (strstr(error, path) == NULL)
        fail_msg("'%s' does not name %s", error, path);
}

static void test_tls_refuses(void **state)
{
    struct fixture *f = *state;
    char key[96];
    /* The half of a pair that was replaced first. */
    snprintf(key, sizeof(key), "%s/other.key", f->folder);
    test_certificate_write(f->authority, "node", "20991231235959", f->tls.certificate, key);
    assert_refused(f, f->tls.key);
    assert_int_equal(rename(key, f->tls.key), 0);
    char error[CREDENTIAL_ERROR_BYTES];
    int64_t ends[EXPIRIES];
    assert_int_equal(load(f, ends, error), 0);

    assert_int_equal(chmod(f->tls.key, 0644), 0);
    assert_refused(f, f->tls.key);
    assert_int_equal(chmod(f->tls.key, 0600), 0);
    assert_int_equal(chmod(f->tls.ca, 0666), 0);
    assert_refused(f, f->tls.ca);
    test_file_replace(f->tls.ca, 0644, "no PEM");
    assert_refused(f, f->tls.ca);
    test_authority_write(f->authority, f->tls.ca);
    snprintf(f->tls.crl, sizeof(f->tls.crl), "%s", f->tls.ca); /* a certificate is no list */
    assert_refused(f, f->tls.crl);
    f->tls.crl[0] = '\0';
    test_file_replace(f->tls.certificate, 0644, "");
    assert_refused(f, f->tls.certificate);
}

static void test_expiry_judges(void **state)
{
    (void)state;
    enum { DAY = 86400, NOW = 1000 * DAY };
    const char *const paths[EXPIRIES] = {"/ca", "/certificate", "/crl"};
    static const struct {
        int64_t ends[EXPIRIES];
        enum expiry_state state;
        const char *words, *without;
    } cases[] = {
        {{0, 0, 0}, EXPIRY_FAR, "", "bus"},
        {{NOW + 14 * DAY, NOW + 400 * DAY, 0}, EXPIRY_FAR, "", "bus"},
        {{NOW + 400 * DAY, NOW + 14 * DAY - 1, 0},
         EXPIRY_SOON,
         "bus.tls.certificate /certificate expires in 13 days",
         "/ca"},
        {{0, NOW + 1, NOW + DAY}, EXPIRY_SOON, "bus.tls.crl /crl expires in 1 days", "/ca"},
        {{NOW + 3 * DAY, NOW, 0}, EXPIRY_OVER, "bus.tls.certificate /certificate has expired", "/crl"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char words[EXPIRY_WORDS_BYTES];
        assert_int_equal(expiry_judge(cases[i].ends, paths, NOW, words), cases[i].state);
        assert_non_null(strstr(words, cases[i].words));
        assert_null(strstr(words, cases[i].without));
    }
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_credential_permissions),    CASE(test_credential_refuses),
        CASE(test_credential_stamp),          CASE(test_tls_loads),
        CASE(test_tls_first_end_of_a_chain),  CASE(test_tls_refuses),
        cmocka_unit_test(test_expiry_judges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
