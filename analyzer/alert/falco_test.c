/* SPDX-License-Identifier: Apache-2.0 */
/* A finding in Falco's terms, and as a row for people. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <jansson.h>

#include "analyzer/alert/alert_testing.h"
#include "analyzer/alert/falco.h"
#include "analyzer/alert/row.h"

static const char exec_finding[] =
    "{\"timestamp\":1700000000123456789,\"processId\":7,\"hostProcessId\":4242,\"hostThreadId\":4243,"
    "\"hostParentProcessId\":4200,"
    "\"userId\":1000,\"processName\":\"x\",\"executable\":{\"path\":\"/"
    "memfd:x\"},\"containerId\":\"\",\"container\":{},\"kubernetes\":{},"
    "\"eventId\":\"6003\",\"eventName\":\"fileless_execution\",\"returnValue\":0,\"syscall\":\"execve\",\"args\":[{"
    "\"name\":\"triggeredBy\","
    "\"type\":\"unknown\",\"value\":{\"id\":715,\"name\":\"sched_process_exec\",\"returnValue\":0,\"args\":[{\"name\":"
    "\"pathname\",\"type\":"
    "\"string\",\"value\":\"/memfd:x\"},{\"name\":\"argv\",\"type\":\"[]string\",\"value\":[\"x\",\"-a\",\"b "
    "c\"]},{\"name\":\"ctime\",\"value\":"
    "18446744073709551615}]}}],\"metadata\":{\"Version\":\"1\",\"Properties\":{\"Category\":\"defense-evasion\","
    "\"Severity\":3,\"external_id\":"
    "\"T1620\",\"signatureID\":\"TRC-105\",\"signatureName\":\"Fileless execution "
    "detected\"}},\"vedette\":{\"succeeded\":true,\"incomplete\":"
    "false,\"ancestry\":[{\"pid\":4200,\"comm\":\"bash\",\"executable\":\"/usr/bin/bash\",\"argv\":\"bash -i\"}]}}";

static const char file_finding[] = "{\"hostProcessId\":1,\"returnValue\":-13,\"userId\":0,\"processName\":\"a\\u001b["
                                   "31m\",\"executable\":{\"path\":\"/bin/\\u202ecat\"},"
                                   "\"container\":{\"id\":\"0123456789abcdef0123\",\"name\":\"web\",\"image\":\"nginx:"
                                   "1\"},\"kubernetes\":{\"podName\":\"web-1\","
                                   "\"podNamespace\":\"shop\",\"podUID\":\"u-1\"},\"eventName\":\"token_read\","
                                   "\"syscall\":\"\",\"args\":[{\"name\":\"triggeredBy\",\"value\":"
                                   "{\"name\":\"security_file_open\",\"args\":[{\"name\":\"pathname\",\"value\":\"/run/"
                                   "secrets/\\ntoken\"}]}}],\"vedette\":{\"succeeded\":"
                                   "false,\"incomplete\":true}}";

static json_t *payload_of(const char *json, int severity)
{
    struct alert alert = alert_of(10);
    alert.json = json;
    alert.severity = severity;
    alert.time_ns = 1700000000123456789u;
    size_t size = 0;
    char error[FALCO_ERROR_BYTES];
    char *text = falco_payload(&alert, &size, error);
    assert_non_null(text);
    assert_int_equal(strlen(text), size);
    assert_true(size <= FALCO_PAYLOAD_BYTES);
    assert_null(strchr(text, '\n'));
    json_t *payload = json_loads(text, 0, NULL);
    assert_non_null(payload);
    free(text);
    return payload;
}

static void assert_fields(json_t *payload, const char *wanted)
{
    json_t *fields = json_loads(wanted, 0, NULL);
    assert_non_null(fields);
    if (!json_equal(fields, json_object_get(payload, "output_fields")))
        fail_msg("%s", json_dumps(payload, JSON_INDENT(2)));
    json_decref(fields);
}

static void test_falco_exec(void **state)
{
    (void)state;
    json_t *payload = payload_of(exec_finding, 3);
    assert_string_equal(alert_string(payload, "rule", NULL), "fileless_execution");
    assert_string_equal(alert_string(payload, "priority", NULL), "Error");
    assert_string_equal(alert_string(payload, "time", NULL), "2023-11-14T22:13:20.123456789Z");
    assert_string_equal(alert_string(payload, "source", NULL), "syscall");
    assert_string_equal(alert_string(payload, "hostname", NULL), "node1");
    assert_string_equal(
        alert_string(payload, "output", NULL),
        "22:13:20.123456789: Error Fileless execution detected (proc.name=x proc.pid=4242 proc.exepath=/memfd:x "
        "proc.cmdline=x -a b c user.uid=1000 container.id=host)");
    char *tags = json_dumps(json_object_get(payload, "tags"), JSON_COMPACT);
    assert_string_equal(tags, "[\"TRC-105\",\"T1620\",\"defense-evasion\"]");
    free(tags);
    /* The integer beyond int64 in it makes the whole finding real numbers; those here are integers all the same. */
    assert_fields(payload, "{\"proc.name\":\"x\",\"proc.pid\":4242,\"proc.ppid\":4200,\"proc.vpid\":7,\"thread.tid\":"
                           "4243,\"user.uid\":1000,"
                           "\"proc.exepath\":\"/memfd:x\",\"proc.cmdline\":\"x -a b "
                           "c\",\"proc.pname\":\"bash\",\"proc.pexepath\":\"/usr/bin/bash\","
                           "\"proc.pcmdline\":\"bash "
                           "-i\",\"container.id\":\"host\",\"evt.type\":\"execve\",\"evt.time\":1700000000123456789,"
                           "\"vedette.id\":\"0000000000000000000000000000000a\",\"vedette.event\":\"sched_process_"
                           "exec\",\"vedette.succeeded\":true,"
                           "\"vedette.incomplete\":false}");
    json_decref(payload);
}

static void test_falco_file_in_container(void **state)
{
    (void)state;
    json_t *payload = payload_of(file_finding, 0);
    assert_fields(
        payload,
        "{\"proc.name\":\"a\\u001b[31m\",\"proc.pid\":1,\"user.uid\":0,\"proc.exepath\":\"/bin/"
        "\\u202ecat\",\"container.id\":"
        "\"0123456789abcdef0123\",\"container.name\":\"web\",\"container.image\":\"nginx:1\",\"k8s.ns.name\":\"shop\","
        "\"k8s.pod.name\":"
        "\"web-1\",\"k8s.pod.uid\":\"u-1\",\"evt.type\":\"security_file_open\",\"evt.time\":1700000000123456789,\"fd."
        "name\":"
        "\"/run/secrets/"
        "\\ntoken\",\"vedette.id\":\"0000000000000000000000000000000a\",\"vedette.event\":\"security_file_open\","
        "\"vedette.succeeded\":false,\"vedette.incomplete\":true}");
    for (const char *c = alert_string(payload, "output", NULL); *c; c++)
        assert_true((unsigned char)*c >= ' ');
    json_decref(payload);
}

static void test_falco_priorities(void **state)
{
    (void)state;
    static const char *const names[] = {"Informational", "Informational", "Notice",  "Warning",
                                        "Error",         "Critical",      "Critical"};
    for (int severity = -1; severity <= 5; severity++) {
        json_t *payload = payload_of("{}", severity);
        assert_string_equal(alert_string(payload, "priority", NULL), names[severity + 1]);
        assert_string_equal(alert_string(payload, "rule", NULL),
                            "fileless_execution"); /* the detection's, for want of an eventName */
        assert_non_null(alert_string(payload, "output_fields", "vedette.id", NULL)); /* never empty */
        json_decref(payload);
    }
}

static void test_falco_refuses_what_is_no_finding(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", "[]", "1", "{\"a\":", "{} {}", "{\"a\":\"\xff\"}"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct alert alert = alert_of(1);
        char error[FALCO_ERROR_BYTES] = "";
        size_t size;
        alert.json = wrong[i];
        assert_null(falco_payload(&alert, &size, error));
        assert_int_equal(errno, EBADMSG);
        assert_string_not_equal(error, "");
        char *row = alert_row(&alert);
        assert_non_null(strstr(row, "HIGH: fileless_execution; node: node1"));
        free(row);
    }
}

/* Strings of any length and of nothing but escapes stay within what Falcosidekick would itself cut, and whole
 * characters. */
static void test_falco_size(void **state)
{
    (void)state;
    static const char *const units[] = {"x", "\\u0001", "\xe2\x82\xac", "\\\""};
    for (size_t u = 0; u < sizeof(units) / sizeof(units[0]); u++) {
        char *json = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&json, &size);
        const char *const around[] = {"{\"eventName\":\"e\",\"processName\":\"",
                                      "\",\"executable\":{\"path\":\"",
                                      "\"},\"kubernetes\":{\"podName\":\"",
                                      "\",\"podNamespace\":\"",
                                      "\"},\"args\":[{\"name\":\"pathname\",\"value\":\"",
                                      "\"},{\"name\":\"argv\",\"value\":[\""};
        for (size_t i = 0; i < sizeof(around) / sizeof(around[0]); i++) {
            fputs(around[i], out);
            for (int n = 0; n < 5000; n++)
                fputs(units[u], out);
        }
        fputs("\"]}]}", out);
        fclose(out);
        json_t *payload = payload_of(json, 1);
        const char *path = alert_string(payload, "output_fields", "fd.name", NULL);
        assert_true(strlen(path) <= 512);
        assert_string_equal(path + strlen(path) - 5, "[...]");
        json_decref(payload);
        free(json);
    }
}

static void test_row_for_people(void **state)
{
    (void)state;
    struct alert alert = alert_of(1);
    alert.json = exec_finding;
    char *row = alert_row(&alert);
    assert_string_equal(
        row, "22:13:20.000000  1000   x                4242    4243    0                fileless_execution        "
             "HIGH: Fileless execution detected; sched_process_exec: /memfd:x; executable: /memfd:x; node: node1");
    free(row);
    alert.json = file_finding;
    alert.severity = 9;
    row = alert_row(&alert);
    assert_string_equal(
        row, "22:13:20.000000  0      a\\x1b[31m        1       -       -13              fileless_execution        "
             "UNKNOWN (attempt failed): fileless_execution; security_file_open: /run/secrets/\\x0atoken; "
             "executable: /bin/\\xe2\\x80\\xaecat; container: 0123456789ab; node: node1; incomplete: events were lost "
             "around it");
    free(row);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_falco_exec),       cmocka_unit_test(test_falco_file_in_container),
        cmocka_unit_test(test_falco_priorities), cmocka_unit_test(test_falco_refuses_what_is_no_finding),
        cmocka_unit_test(test_falco_size),       cmocka_unit_test(test_row_for_people),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
