/* SPDX-License-Identifier: Apache-2.0 */
#include "analyzer/alert/shape.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <jansson.h>

#include "analyzer/alert/view.h"

#define CONTEXT                                                                                                        \
    "\"timestamp\":1700000010500000000,\"threadStartTime\":1700000001000000000,\"processorId\":2,\"processId\":42,"    \
    "\"cgroupId\":7710,\"threadId\":43,\"parentProcessId\":1,\"hostProcessId\":4242,\"hostThreadId\":4243,"            \
    "\"hostParentProcessId\":4200,\"userId\":1000,\"mountNamespace\":3,\"pidNamespace\":4,\"processName\":\"c\\\"t\"," \
    "\"executable\":{\"path\":\"/usr/bin/cat\"},\"hostName\":\"n\",\"containerId\":\"\","

#define ENTITIES "\"threadEntityId\":1,\"processEntityId\":2,\"parentEntityId\":3,"

static const char event[] =
    "{" CONTEXT
    "\"container\":{},\"kubernetes\":{},\"eventId\":\"257\",\"eventName\":\"openat\",\"matchedPolicies\":[\"p1\"],"
    "\"argsNum\":6,\"returnValue\":-2,\"syscall\":\"openat\",\"stackAddresses\":null,"
    "\"contextFlags\":{\"containerStarted\":false,\"isCompat\":true}," ENTITIES
    "\"args\":[{\"name\":\"dirfd\",\"type\":\"int32\",\"value\":-100},"
    "{\"name\":\"pathname\",\"type\":\"string\",\"value\":\"a}]\\\\\"},"
    "{\"name\":\"big\",\"type\":\"uint64\",\"value\":18446744073709551615},"
    "{\"name\":\"argv\",\"type\":\"[]string\",\"value\":[\"x\",\"y,z\"]},"
    "{\"name\":\"env\",\"type\":\"[]string\",\"value\":null},"
    "{\"name\":\"set\",\"type\":\"[]uint64\",\"value\":[1,2]}],"
    "\"vedette\":{\"node\":\"n\",\"seq\":7}}";

static const char finding[] =
    "{" CONTEXT "\"container\":{\"id\":\"c0\"},\"kubernetes\":{\"podUID\":\"u1\"},\"eventId\":\"6001\","
    "\"eventName\":\"fileless_execution\",\"matchedPolicies\":[\"\"],\"argsNum\":1,\"returnValue\":0,\"syscall\":"
    "\"execve\","
    "\"stackAddresses\":null,\"contextFlags\":{\"containerStarted\":true,\"isCompat\":false}," ENTITIES
    "\"args\":[{\"name\":\"extra\",\"type\":\"uint64\",\"value\":5},{\"name\":\"triggeredBy\",\"type\":\"unknown\","
    "\"value\":"
    "{\"id\":715,\"name\":\"sched_process_exec\",\"returnValue\":0,\"args\":[{\"name\":\"pathname\",\"type\":"
    "\"string\",\"value\":"
    "\"memfd:x\"}]}}],\"metadata\":{\"Version\":\"1\",\"Description\":\"D.\",\"Tags\":null,\"Properties\":{"
    "\"Category\":"
    "\"command-and-control\",\"Kubernetes_Technique\":\"\",\"Severity\":3,\"Technique\":\"T\",\"external_id\":"
    "\"T1620\","
    "\"id\":\"\",\"signatureID\":\"TRC-105\",\"signatureName\":\"S\"}},\"vedette\":{\"id\":\"ab\"}}";

static void expect(const char *line, const char *wanted)
{
    struct text text = {0};
    json_error_t error;
    assert_int_equal(shape_v1beta1(&text, line, strlen(line)), 0);
    json_t *parsed = json_loadb(text.data, text.size, JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, &error);
    if (parsed == NULL)
        fail_msg("%s: %.*s", error.text, (int)text.size, text.data);
    json_decref(parsed);
    text_append(&text, "", 1);
    assert_string_equal(text.data, wanted);
    text_fini(&text);
}

#define PROCESS                                                                                                        \
    "\"process\":{\"executable\":{\"path\":\"/usr/bin/cat\"},\"unique_id\":2,\"host_pid\":4242,\"pid\":42,"            \
    "\"real_user\":{\"id\":1000},\"thread\":{\"start_time\":\"2023-11-14T22:13:21Z\",\"name\":\"c\\\"t\","             \
    "\"unique_id\":1,\"host_tid\":4243,\"tid\":43,\"syscall\":"

#define ANCESTORS "\"ancestors\":[{\"unique_id\":3,\"host_pid\":4200,\"pid\":1}]}"
#define TRACE                                                                                                          \
    "\"trace\":{\"processorId\":2,\"cgroupId\":7710,\"mountNamespace\":3,\"pidNamespace\":4,\"hostName\":\"n\"}}}"

static void test_shape_event(void **state)
{
    (void)state;
    expect(
        event,
        "{\"timestamp\":\"2023-11-14T22:13:30.5Z\",\"id\":258,\"name\":\"openat\",\"policies\":{\"matched\":[\"p1\"]},"
        "\"workload\":{" PROCESS "\"openat\",\"compat\":true}," ANCESTORS "},"
        "\"data\":[{\"name\":\"dirfd\",\"int32\":-100},{\"name\":\"pathname\",\"str\":\"a}]\\\\\"},"
        "{\"name\":\"big\",\"u_int64\":\"18446744073709551615\"},"
        "{\"name\":\"argv\",\"str_array\":{\"value\":[\"x\",\"y,z\"]}},{\"name\":\"env\",\"value\":null},"
        "{\"name\":\"set\",\"u_int64_array\":{\"value\":[\"1\",\"2\"]}},"
        "{\"name\":\"returnValue\",\"int64\":\"-2\"}],\"vedette\":{\"node\":\"n\",\"seq\":7," TRACE);
}

static void test_shape_finding(void **state)
{
    (void)state;
    expect(
        finding,
        "{\"timestamp\":\"2023-11-14T22:13:30.5Z\",\"id\":7501,\"name\":\"fileless_execution\",\"workload\":{" PROCESS
        "\"execve\"}," ANCESTORS ",\"container\":{\"id\":\"c0\",\"started\":true},\"k8s\":{\"pod\":{\"uid\":\"u1\"}}},"
        "\"data\":[{\"name\":\"extra\",\"u_int64\":\"5\"}],\"threat\":{\"description\":\"D.\",\"mitre\":{\"tactic\":{"
        "\"name\":"
        "\"Command and "
        "Control\"},\"technique\":{\"id\":\"T1620\",\"name\":\"T\"}},\"severity\":3,\"name\":\"S\",\"properties\":"
        "{\"Category\":\"command-and-control\",\"signatureID\":\"TRC-105\"}},\"detected_from\":{\"id\":1015,\"name\":"
        "\"sched_process_exec\",\"data\":[{\"name\":\"pathname\",\"str\":\"memfd:x\"}]},\"vedette\":{\"id\":"
        "\"ab\"," TRACE);
}

/* Every beginning of a line, and every line with one byte changed, is shaped or refused, and nothing is left behind. */
static void test_shape_refuses_what_is_none(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",         "{}", "[]", "null", "{\"eventId\":\"x\"}", "{\"eventId\":257}",
                                        "{\"a\" 1}"};
    struct text text = {0};
    text_literal(&text, "before");
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(shape_v1beta1(&text, wrong[i], strlen(wrong[i])), -EBADMSG);
    assert_int_equal(text.size, 6);
    for (size_t size = 0; size < sizeof(finding) - 1; size++) {
        char *copy = malloc(size + 1); /* so that a sanitizer sees a step too far */
        memcpy(copy, finding, size);
        assert_int_equal(shape_v1beta1(&text, copy, size), -EBADMSG);
        free(copy);
    }
    for (size_t at = 0; at < sizeof(finding) - 1; at++) {
        char *copy = strdup(finding);
        copy[at] = copy[at] == '"' ? 'x' : '"';
        shape_v1beta1(&text, copy, sizeof(finding) - 1);
        text.size = 6;
        free(copy);
    }
    text_fini(&text);
}

static void test_view_depth_is_bounded(void **state)
{
    (void)state;
    char deep[2 * (VIEW_MAX_DEPTH + 2) + 1] = "";
    struct view key, value;
    memset(deep, '[', VIEW_MAX_DEPTH + 2);
    memset(deep + VIEW_MAX_DEPTH + 2, ']', VIEW_MAX_DEPTH + 2);
    struct view rest = view_inside(view_of(deep, strlen(deep)));
    assert_false(view_next(&rest, &key, &value));
    assert_null(rest.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shape_event),
        cmocka_unit_test(test_shape_finding),
        cmocka_unit_test(test_shape_refuses_what_is_none),
        cmocka_unit_test(test_view_depth_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
