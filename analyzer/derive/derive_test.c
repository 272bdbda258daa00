// SPDX-License-Identifier: Apache-2.0
#include "analyzer/derive/derivations.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <sys/socket.h>

#include "analyzer/detect/world.h"

#define ID  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define UID "12345678-9abc-def0-1234-56789abcdef0"

static struct record record;

/* What came of the last event. */
static struct {
    size_t n;
    char name[64], container[CONTAINER_ID_BYTES];
    struct event_view event;
} made;

static int setup(void **test)
{
    (void)test;
    world_open(&world);
    return 0;
}

static int teardown(void **test)
{
    (void)test;
    world_close(&world);
    return 0;
}

static void keep(void *arg, const struct event_context *derived)
{
    (void)arg;
    made.n++;
    made.event = *derived->event;
    snprintf(made.name, sizeof(made.name), "%s", derived->event->schema->name);
    snprintf(made.container, sizeof(made.container), "%s", derived->container == NULL ? "" : derived->container->id);
}

static const struct event_context *deliver(void)
{
    const struct event_context *context = world_send(&world, &record);
    made.n = 0;
    derive(world.schema, context, keep, NULL);
    return context;
}

static void send_cgroup(const char *event, uint64_t id, const char *path, uint32_t hierarchy)
{
    record_begin(&record, event);
    record_integer(&record, "cgroup_id", (int64_t)id);
    record_path(&record, "cgroup_path", path, ITEM_COMPLETE);
    record_integer(&record, "hierarchy_id", hierarchy);
    deliver();
}

static void send_existing(uint64_t cgroup_id, const char *path)
{
    record_begin(&record, "existing_process");
    record_path(&record, "cgroup_path", path, ITEM_COMPLETE);
    record.header.cgroup_id = cgroup_id;
    deliver();
}

static const struct value *arg(const char *name)
{
    int i = event_arg_index(made.event.schema->known, name);
    assert_true(i >= 0);
    return &made.event.args[i];
}

static void assert_text(const char *name, const char *text)
{
    const struct string_view *view = &arg(name)->string;
    assert_int_equal(view->state, ITEM_COMPLETE);
    assert_int_equal(view->length, strlen(text));
    assert_memory_equal(view->data, text, strlen(text));
}

static void test_derive_container_life(void **test)
{
    (void)test;
    send_cgroup("cgroup_mkdir", 7, "/kubepods/burstable/pod" UID "/" ID, 0);
    assert_int_equal(made.n, 1);
    assert_string_equal(made.name, "container_create");
    assert_string_equal(made.container, ID);
    assert_text("runtime", "containerd");
    assert_text("container_id", ID);
    assert_text("pod_uid", UID);
    assert_int_equal(arg("container_image")->string.state, ITEM_UNREADABLE);
    assert_int_equal(arg("ctime")->u, world.event.time_ns + 1700000000000000000);
    assert_int_equal(made.event.seq, world.event.seq);
    assert_int_equal(made.event.time_ns, world.event.time_ns);
    assert_ptr_equal(made.event.task, world.event.task);

    send_cgroup("cgroup_mkdir", 8, "/kubepods/burstable/pod" UID "/" ID "/init.scope", 0);
    assert_int_equal(made.n, 0);
    send_cgroup("cgroup_rmdir", 8, "/kubepods/burstable/pod" UID "/" ID "/init.scope", 0);
    assert_int_equal(made.n, 0);
    send_cgroup("cgroup_rmdir", 7, "/kubepods/burstable/pod" UID "/" ID, 0);
    assert_int_equal(made.n, 1);
    assert_string_equal(made.name, "container_remove");
    assert_string_equal(made.container, ID);
    assert_text("runtime", "containerd");
    assert_text("container_id", ID);
}

/* docker on a hybrid node: the same path in v1 and in the unified hierarchy, whose numbers may be equal. */
static void test_derive_once_on_a_hybrid_node(void **test)
{
    (void)test;
    send_cgroup("cgroup_mkdir", 7, "/docker/" ID, 8);
    assert_int_equal(made.n, 1);
    send_cgroup("cgroup_mkdir", 7, "/docker/" ID, 0);
    assert_int_equal(made.n, 0);
    send_cgroup("cgroup_rmdir", 7, "/docker/" ID, 8);
    assert_int_equal(made.n, 0);
    send_cgroup("cgroup_rmdir", 7, "/docker/" ID, 0);
    assert_int_equal(made.n, 1);
}

static void test_derive_not_of_other_cgroups(void **test)
{
    (void)test;
    static const char *const paths[] = {"/user.slice", "/docker", "/system.slice/ssh.service",
                                        "/machine.slice/libpod-conmon-" ID ".scope"};
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        send_cgroup("cgroup_mkdir", 20 + i, paths[i], 0);
        assert_int_equal(made.n, 0);
        send_cgroup("cgroup_rmdir", 20 + i, paths[i], 0);
        assert_int_equal(made.n, 0);
    }
}

static void test_derive_existing_container(void **test)
{
    (void)test;
    send_existing(5, "/docker/" ID);
    assert_int_equal(made.n, 1);
    assert_string_equal(made.name, "existing_container");
    assert_string_equal(made.container, ID);
    assert_text("container_id", ID);
    assert_text("pod_uid", "");
    send_existing(5, "/docker/" ID);
    assert_int_equal(made.n, 0);
    send_existing(6, "/docker/" ID "/child");
    assert_int_equal(made.n, 0);
    send_existing(9, "/user.slice");
    assert_int_equal(made.n, 0);
    /* One whose making was seen is not found. */
    send_cgroup("cgroup_mkdir", 30, "/default/ctr1", 0);
    send_existing(30, "/default/ctr1");
    assert_int_equal(made.n, 0);
}

/* The runtime's own exec in the container's cgroup does not start it; the first with mounts of its own does. */
static void test_derive_started(void **test)
{
    (void)test;
    send_cgroup("cgroup_mkdir", 7, "/docker/" ID, 0);
    record_begin(&record, "sched_process_exec");
    record_path(&record, "cgroup_path", "/docker/" ID, ITEM_COMPLETE);
    record.header.cgroup_id = 7;
    const struct event_context *context = deliver();
    assert_string_equal(context->container->id, ID);
    assert_false(event_container_started(context));
    record.header.flags = RECORD_OWN_MOUNTS;
    assert_true(event_container_started(deliver()));
    record.header.flags = 0;
    assert_true(event_container_started(deliver()));
    assert_int_equal(world.context.container->stage, CONTAINER_STARTED);

    /* A process of it that makes itself a cgroup with the name of another container has not left. */
    send_cgroup("cgroup_mkdir", 8,
                "/docker/" ID "/docker/ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", 0);
    record_begin(&record, "openat");
    record.header.cgroup_id = 8;
    context = deliver();
    assert_int_equal(context->container->stage, CONTAINER_CREATED);
    assert_true(event_container_started(context));
    /* Nor has one that moves to a cgroup of the host, as long as it sees the container's mounts. */
    record.header.cgroup_id = 1;
    context = deliver();
    assert_non_null(context->container);
    assert_true(event_container_started(context));
    record.header.mnt_ns++;
    context = deliver();
    assert_null(context->container);
    assert_false(event_container_started(context));
}

static void test_derive_marks_sources(void **test)
{
    (void)test;
    uint8_t want[EVENT_ID_LIMIT] = {0};
    derive_mark_sources(want);
    for (size_t i = 0; i < sizeof(want); i++)
        assert_int_equal(want[i], WANT_NONE);
    want[EVENT_container_create] = want[EVENT_existing_container] = WANT_SOME;
    derive_mark_sources(want);
    assert_int_equal(want[EVENT_cgroup_mkdir], WANT_ALL);
    assert_int_equal(want[EVENT_existing_process], WANT_ALL);
    assert_int_equal(want[EVENT_cgroup_rmdir], WANT_NONE);
}

/* The event table and the derivations say the same of where a derived event comes from. */
static void test_derive_sources_are_the_tables(void **test)
{
    (void)test;
    static const struct derivation *const all[] = {
#define DERIVATION(name) &derivation_##name,
#include "analyzer/derive/derivations.def"
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        const struct event *row = event_by_id(all[i]->event);
        assert_non_null(row);
        assert_true(derive_makes(row));
        assert_int_equal(row->sources[0].kind, SOURCE_DERIVED);
        assert_string_equal(row->sources[0].name, event_by_id(all[i]->source)->name);
    }
}

#define IN_WORLD(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

static void send_connect(int type, const void *address, size_t size)
{
    record_begin(&record, "security_socket_connect");
    record_integer(&record, "sockfd", 3);
    record_integer(&record, "type", type);
    record_bytes(&record, "remote_addr", address, size, ITEM_COMPLETE);
    deliver();
}

static void test_net_tcp_connect(void **state)
{
    (void)state;
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(443)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(80), .sin6_addr = in6addr_loopback};
    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    send_connect(SOCK_STREAM, &v4, sizeof(v4));
    assert_int_equal(made.n, 1);
    assert_string_equal(made.name, "net_tcp_connect");
    assert_int_equal(arg("dst_port")->i, 443);
    send_connect(SOCK_STREAM, &v6, sizeof(v6));
    assert_int_equal(made.n, 1);
    assert_int_equal(arg("dst_port")->i, 80);
    send_connect(SOCK_DGRAM, &v4, sizeof(v4));
    assert_int_equal(made.n, 0);
    v4.sin_family = AF_UNIX;
    send_connect(SOCK_STREAM, &v4, sizeof(v4));
    assert_int_equal(made.n, 0);
    for (size_t size = 0; size < offsetof(struct sockaddr_in6, sin6_scope_id); size++) {
        send_connect(SOCK_STREAM, &v6, size); /* cut anywhere */
        assert_int_equal(made.n, 0);
    }
}

static void test_tracee_info(void **state)
{
    (void)state;
    record_begin(&record, "init_namespaces");
    deliver();
    assert_int_equal(made.n, 1);
    assert_string_equal(made.name, "tracee_info");
    assert_text("version", VEDETTE_VERSION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(test_derive_container_life),
        IN_WORLD(test_derive_once_on_a_hybrid_node),
        IN_WORLD(test_derive_not_of_other_cgroups),
        IN_WORLD(test_derive_existing_container),
        IN_WORLD(test_derive_started),
        IN_WORLD(test_net_tcp_connect),
        IN_WORLD(test_tracee_info),
        cmocka_unit_test(test_derive_marks_sources),
        cmocka_unit_test(test_derive_sources_are_the_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
