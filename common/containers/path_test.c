// SPDX-License-Identifier: Apache-2.0
#include "common/containers/path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define ID         "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHER      "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
#define UID        "12345678-9abc-def0-1234-56789abcdef0"
#define UID_       "12345678_9abc_def0_1234_56789abcdef0"
#define STATIC_POD "0123456789abcdef0123456789abcdef"
#define GARDEN     "01234567-89ab-cdef-0123-4567"
#define LETTERS_76 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

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
    {"/machine.slice/machine-libpod_pod_" OTHER ".slice/libpod-" ID ".scope", ID, "podman", "", true},
    {"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" ID ".scope/container", ID, "podman", "", false},
    {"/libpod_parent/libpod-" ID, ID, "podman", "", true},
    {"/default/" ID, ID, "containerd", "", true}, /* nerdctl with cgroupfs */
    {"/default/ctr1", "ctr1", "containerd", "", true},
    {"/default/ctr1/child", "ctr1", "containerd", "", false},
    {"/k8s.io/web_1.a-b", "web_1.a-b", "containerd", "", true},
    {"/default/" LETTERS_76, LETTERS_76, "containerd", "", true},
    {"/garden/" GARDEN, GARDEN, "garden", "", true},
    {"/" GARDEN, GARDEN, "garden", "", true},
    {"/garden-tag/" UID, UID, "garden", "", true},
    {"/kubepods/pod" STATIC_POD "/" ID, ID, "containerd", STATIC_POD, true},
    {"/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" STATIC_POD ".slice/crio-" ID ".scope", ID,
     "crio", STATIC_POD, true},
    {"/kubepods.slice/kubepods-pod" UID_ ".slice/cri-containerd-" ID ".scope/init.scope", ID, "containerd", UID, false},
    {"/kubepods.slice/kubepods-pod" UID_ ".slice/cri-containerd-" ID ".scope/system.slice/dbus.service", ID,
     "containerd", UID, false},
    /* Where a v1 hierarchy of a hybrid node hangs below another tree. */
    {"/process_api/x/docker/" ID, ID, "docker", "", true},
    /* Kubernetes in a container: the inner container wins, the outer is what is left outside the pods. */
    {"/docker/" OTHER
     "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/kubelet-kubepods-besteffort-pod" UID_
     ".slice/cri-containerd-" ID ".scope",
     ID, "containerd", UID, true},
    {"/docker/" OTHER "/kubelet.slice/kubelet.service", OTHER, "docker", "", false},
    {"/kubepods/pod" UID "/" OTHER "/docker/" ID, ID, "docker", UID, true},
    {"/docker/" OTHER "/kubepods/burstable/pod" UID "/" ID, ID, "containerd", UID, true},         /* k3d */
    {"/docker/" OTHER "/kubelet/kubepods/burstable/pod" UID "/" ID, ID, "containerd", UID, true}, /* kind, cgroupfs */
    {"/docker/" OTHER "/default/ctr1", "ctr1", "containerd", "", true},
    {"/system.slice/docker-" OTHER ".scope/default/ctr1", "ctr1", "containerd", "", true},
    {"/system.slice/docker-" OTHER ".scope/system.slice/containerd.service", OTHER, "docker", "", false},

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
    {"/a/default/ctr1", NULL, NULL, NULL, false},
    {"/default", NULL, NULL, NULL, false},
    {"/default/x.service", NULL, NULL, NULL, false},
    {"/default/x.scope", NULL, NULL, NULL, false},
    {"/default/-x", NULL, NULL, NULL, false},
    {"/default/x..y", NULL, NULL, NULL, false},
    {"/default/" LETTERS_76 "a", NULL, NULL, NULL, false},
    {"/defaults/ctr1", NULL, NULL, NULL, false},
    {"/other/ctr1", NULL, NULL, NULL, false},
    {"/system.slice/ssh.service", NULL, NULL, NULL, false},
    {"/init.scope", NULL, NULL, NULL, false},
    {"/" UID, NULL, NULL, NULL, false},
    {"/x/" UID, NULL, NULL, NULL, false},
    {"/garden/01234567-89ab-cdef-0123-456", NULL, NULL, NULL, false},
    {"/garden/01234567-89ab-cdef-0123-4567-", NULL, NULL, NULL, false},
    {"/garden/01234567_89ab_cdef_0123_4567", NULL, NULL, NULL, false},
    {"/dockerx/" ID, NULL, NULL, NULL, false},
    {"/docker/buildkit/x", NULL, NULL, NULL, false},
    {"/actions_jobs/" ID, NULL, NULL, NULL, false},
    {"/kubepods/pod" UID "/sandbox", NULL, NULL, NULL, false},
    {"/kubepods/pod" UID "0/" ID, NULL, NULL, NULL, false},
    {"/machine.slice/libpod-" ID "x.scope", NULL, NULL, NULL, false},
    {"/machine.slice/libpod-" ID ".service", NULL, NULL, NULL, false},
    {"/machine.slice/libpod-conmon-" ID ".scope/container", NULL, NULL, NULL, false},
    {"/system.slice/cri-containerd-.scope", NULL, NULL, NULL, false},
    {"/docker-", NULL, NULL, NULL, false},
    {"////", NULL, NULL, NULL, false},
};

static void test_container_paths(void **test)
{
    (void)test;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const size_t length = strlen(cases[i].path);
        struct container_name name = {.id = "untouched"};
        bool found = container_name_from_path(cases[i].path, length, &name);
        if (found != (cases[i].id != NULL))
            fail_msg("%s: %s", cases[i].path, found ? name.id : "not found");
        assert_int_equal(container_path_is_root(cases[i].path, length), cases[i].root);
        assert_string_equal(name.id, found ? cases[i].id : "untouched");
        if (!found)
            continue;
        assert_string_equal(name.runtime, cases[i].runtime);
        assert_string_equal(name.pod_uid, cases[i].pod);
        assert_int_equal(name.is_root, cases[i].root);
    }
}

/* Of a path of any length only the end is looked at; what is found there does not depend on what stood before. */
static void test_container_path_is_bounded(void **test)
{
    (void)test;
    static char path[1 << 20];
    static const char leaf[] = "/docker/" ID;
    struct container_name name;
    memset(path, 'a', sizeof(path));
    for (size_t i = 0; i < sizeof(path); i += 2)
        path[i] = '/';
    assert_false(container_name_from_path(path, sizeof(path), &name));
    memcpy(path, leaf, sizeof(leaf) - 1);
    assert_false(container_name_from_path(path, sizeof(path), &name));
    memcpy(path + sizeof(path) - (sizeof(leaf) - 1), leaf, sizeof(leaf) - 1);
    assert_true(container_name_from_path(path, sizeof(path), &name));
    assert_string_equal(name.id, ID);
    assert_true(name.is_root);
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
            struct container_name name;
            if (container_name_from_path(exact, length, &name))
                assert_true(strlen(name.id) > 0 && strlen(name.id) < sizeof(name.id));
            memcpy(exact, cases[i].path, length);
            if (container_name_from_path(exact, length, &name))
                assert_true(strlen(name.pod_uid) < sizeof(name.pod_uid));
            free(exact);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_container_paths),
        cmocka_unit_test(test_container_path_is_bounded),
        cmocka_unit_test(test_container_cut_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
