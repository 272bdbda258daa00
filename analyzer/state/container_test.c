// SPDX-License-Identifier: Apache-2.0
#include "analyzer/state/container.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define ID         "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHER      "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
#define UID        "12345678-9abc-def0-1234-56789abcdef0"
#define UID_       "12345678_9abc_def0_1234_56789abcdef0"
#define STATIC_POD "0123456789abcdef0123456789abcdef"

static const struct {
    const char *path;
    const char *id, *runtime, *pod; /* NULL id: no container */
    bool root;
} cases[] = {
    {"/docker/" ID, ID, "docker", "", true},
    {"/system.slice/docker-" ID ".scope", ID, "docker", "", true},
    {"/actions_job/" ID, ID, "docker", "", true},
    {"/docker/" ID "/", ID, "docker", "", true},
    {"/docker/" ID "/init.scope", ID, "docker", "", false},
    {"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" UID_ ".slice/cri-containerd-" ID ".scope", ID,
     "containerd", UID, true},
    {"/kubepods.slice/kubepods-pod" UID_ ".slice/crio-" ID ".scope", ID, "crio", UID, true},
    {"/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" UID_ ".slice/docker-" ID ".scope", ID,
     "docker", UID, true},
    {"/kubepods.slice/kubepods-pod" STATIC_POD ".slice/cri-containerd-" ID ".scope", ID, "containerd", STATIC_POD,
     true},
    {"/kubepods/burstable/pod" UID "/" ID, ID, "containerd", UID, true},
    {"/kubepods/pod" UID "/" ID, ID, "containerd", UID, true},
    {"/kubepods/besteffort/pod" UID "/crio-" ID, ID, "crio", UID, true},
    {"/kubepods/pod" UID "/" ID "/system.slice/sshd.service", ID, "containerd", UID, false},
    {"/system.slice/containerd.service/kubepods-burstable-pod" UID_ ".slice:cri-containerd:" ID, ID, "containerd", UID,
     true},
    {"/machine.slice/libpod-" ID ".scope", ID, "podman", "", true},
    {"/machine.slice/libpod-" ID ".scope/container", ID, "podman", "", false},
    {"/machine.slice/libpod-payload-" ID, ID, "podman", "", true},
    {"/system.slice/nerdctl-" ID ".scope", ID, "containerd", "", true},
    {"/garden/01234567-89ab-cdef-0123-4567", "01234567-89ab-cdef-0123-4567", "garden", "", true},
    /* Kubernetes in a container: the inner container wins, the outer is what is left outside the pods. */
    {"/docker/" OTHER
     "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/kubelet-kubepods-besteffort-pod" UID_
     ".slice/cri-containerd-" ID ".scope",
     ID, "containerd", UID, true},
    {"/docker/" OTHER "/kubelet.slice/kubelet.service", OTHER, "docker", "", false},
    {"/kubepods/pod" UID "/" OTHER "/docker/" ID, ID, "docker", UID, true},

    {"", NULL, NULL, NULL, false},
    {"/", NULL, NULL, NULL, false},
    {"/user.slice/user-1000.slice/session-3.scope", NULL, NULL, NULL, false},
    {"/system.slice/" ID, NULL, NULL, NULL, false},
    {"/" ID, NULL, NULL, NULL, false},
    {ID, NULL, NULL, NULL, false},
    {"/docker/" ID "0", NULL, NULL, NULL, false},
    {"/docker/0123456789abcdef", NULL, NULL, NULL, false},
    {"/docker/0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef", NULL, NULL, NULL, false},
    {"/machine.slice/libpod-conmon-" ID ".scope", NULL, NULL, NULL, false},
    {"/kubepods.slice/crio-conmon-" ID ".scope", NULL, NULL, NULL, false},
    {"/kubepods/pod" UID, NULL, NULL, NULL, false},
    {"/kubepods/podcast/" ID, NULL, NULL, NULL, false},
    {"/x:cri-containerd:short", NULL, NULL, NULL, false},
    {"/docker-", NULL, NULL, NULL, false},
    {"////", NULL, NULL, NULL, false},
};

static void test_container_paths(void **test)
{
    (void)test;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct container container = {0};
        bool root = false;
        bool found = container_from_path(cases[i].path, strlen(cases[i].path), &container, &root);
        if (found != (cases[i].id != NULL))
            fail_msg("%s: %s", cases[i].path, found ? container.id : "not found");
        if (!found)
            continue;
        assert_string_equal(container.id, cases[i].id);
        assert_string_equal(container.runtime, cases[i].runtime);
        assert_string_equal(container.pod_uid, cases[i].pod);
        assert_int_equal(root, cases[i].root);
    }
}

/* Every cut of every path lies in memory of exactly its size, so that a sanitizer sees a step beyond it. */
static void test_container_cut_anywhere(void **test)
{
    (void)test;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (size_t length = 1; length <= strlen(cases[i].path); length++) {
            char *exact = malloc(length);
            assert_non_null(exact);
            memcpy(exact, cases[i].path + strlen(cases[i].path) - length, length);
            struct container container;
            bool root;
            if (container_from_path(exact, length, &container, &root))
                assert_true(strlen(container.id) == 64 || strlen(container.id) == 28);
            memcpy(exact, cases[i].path, length);
            if (container_from_path(exact, length, &container, &root))
                assert_true(strlen(container.pod_uid) < sizeof(container.pod_uid));
            free(exact);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_container_paths),
        cmocka_unit_test(test_container_cut_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
