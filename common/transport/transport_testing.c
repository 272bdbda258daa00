/* SPDX-License-Identifier: Apache-2.0 */
#include "common/transport/transport_testing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include <cmocka.h>
#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/x509_crt.h>

enum { PEM_BYTES = 4096, DN_BYTES = 128 };

struct test_authority {
    mbedtls_entropy_context entropy;
    mbedtls_ctr_drbg_context random;
    mbedtls_pk_context key;
    char name[DN_BYTES];
    char pem[PEM_BYTES];
    int serial;
};

static void make_key(struct test_authority *authority, mbedtls_pk_context *key)
{
    mbedtls_pk_init(key);
    assert_int_equal(mbedtls_pk_setup(key, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY)), 0);
    assert_int_equal(
        mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(*key), mbedtls_ctr_drbg_random, &authority->random),
        0);
}

static void sign(struct test_authority *authority, mbedtls_pk_context *subject, const char *name, const char *not_after,
                 bool is_authority, char pem[PEM_BYTES])
{
    mbedtls_x509write_cert certificate;
    mbedtls_mpi serial;
    mbedtls_x509write_crt_init(&certificate);
    mbedtls_mpi_init(&serial);
    assert_int_equal(mbedtls_mpi_lset(&serial, ++authority->serial), 0);
    mbedtls_x509write_crt_set_version(&certificate, MBEDTLS_X509_CRT_VERSION_3);
    mbedtls_x509write_crt_set_md_alg(&certificate, MBEDTLS_MD_SHA256);
    mbedtls_x509write_crt_set_subject_key(&certificate, subject);
    mbedtls_x509write_crt_set_issuer_key(&certificate, &authority->key);
    assert_int_equal(mbedtls_x509write_crt_set_subject_name(&certificate, name), 0);
    assert_int_equal(mbedtls_x509write_crt_set_issuer_name(&certificate, authority->name), 0);
    assert_int_equal(mbedtls_x509write_crt_set_serial(&certificate, &serial), 0);
    assert_int_equal(mbedtls_x509write_crt_set_validity(&certificate, "20200101000000", not_after), 0);
    assert_int_equal(mbedtls_x509write_crt_set_basic_constraints(&certificate, is_authority, -1), 0);
    assert_int_equal(mbedtls_x509write_crt_pem(&certificate, (unsigned char *)pem, PEM_BYTES, mbedtls_ctr_drbg_random,
                                               &authority->random),
                     0);
    mbedtls_mpi_free(&serial);
    mbedtls_x509write_crt_free(&certificate);
}

struct test_authority *test_authority_new(const char *name)
{
    struct test_authority *authority = calloc(1, sizeof(*authority));
    assert_non_null(authority);
    mbedtls_entropy_init(&authority->entropy);
    mbedtls_ctr_drbg_init(&authority->random);
    assert_int_equal(mbedtls_ctr_drbg_seed(&authority->random, mbedtls_entropy_func, &authority->entropy, NULL, 0), 0);
    make_key(authority, &authority->key);
    snprintf(authority->name, sizeof(authority->name), "CN=%s", name);
    sign(authority, &authority->key, authority->name, "20991231235959", true, authority->pem);
    return authority;
}

void test_authority_free(struct test_authority *authority)
{
    if (authority == NULL)
        return;
    mbedtls_pk_free(&authority->key);
    mbedtls_ctr_drbg_free(&authority->random);
    mbedtls_entropy_free(&authority->entropy);
    free(authority);
}

void test_file_replace(const char *path, unsigned mode, const char *text)
{
    char draft[TLS_PATH_BYTES];
    snprintf(draft, sizeof(draft), "%s.draft", path);
    FILE *file = fopen(draft, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fchmod(fileno(file), mode), 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(rename(draft, path), 0);
}

void test_authority_write(const struct test_authority *authority, const char *path)
{
    test_file_replace(path, 0644, authority->pem);
}

void test_certificate_write(struct test_authority *authority, const char *name, const char *not_after,
                            const char *certificate_path, const char *key_path)
{
    mbedtls_pk_context key;
    char subject[DN_BYTES], pem[PEM_BYTES];
    make_key(authority, &key);
    snprintf(subject, sizeof(subject), "CN=%s", name);
    sign(authority, &key, subject, not_after, false, pem);
    test_file_replace(certificate_path, 0644, pem);
    assert_int_equal(mbedtls_pk_write_key_pem(&key, (unsigned char *)pem, sizeof(pem)), 0);
    test_file_replace(key_path, 0600, pem);
    mbedtls_pk_free(&key);
}

void test_tls_files(struct test_authority *authority, const char *folder, const char *name,
                    struct tls_settings *ret_settings)
{
    *ret_settings = (struct tls_settings){0};
    snprintf(ret_settings->ca, sizeof(ret_settings->ca), "%s/%s.ca", folder, name);
    snprintf(ret_settings->certificate, sizeof(ret_settings->certificate), "%s/%s.pem", folder, name);
    snprintf(ret_settings->key, sizeof(ret_settings->key), "%s/%s.key", folder, name);
    test_authority_write(authority, ret_settings->ca);
    test_certificate_write(authority, name, "20991231235959", ret_settings->certificate, ret_settings->key);
}
