/* SPDX-License-Identifier: Apache-2.0 */
/* Detections about sockets: to which address, by which descriptor, from where. */
#include <arpa/inet.h>
#include <sys/un.h>

#include "analyzer/detections/detections_testing.h"

static void put_address(const char *address, uint16_t port)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    if (inet_pton(AF_INET, address, &v4.sin_addr) == 1)
        record_bytes(&record, "remote_addr", &v4, sizeof(v4), ITEM_COMPLETE);
    else if (inet_pton(AF_INET6, address, &v6.sin6_addr) == 1)
        record_bytes(&record, "remote_addr", &v6, sizeof(v6), ITEM_COMPLETE);
    else
        fail_msg("%s is no address", address);
}

static void begin_connect(int64_t fd, const char *address, uint16_t port)
{
    record_begin(&record, "security_socket_connect");
    record_integer(&record, "sockfd", fd);
    record_integer(&record, "type", SOCK_STREAM);
    put_address(address, port);
}

static void begin_dup(int64_t newfd, const char *address, uint16_t port)
{
    record_begin(&record, "socket_dup");
    record_integer(&record, "oldfd", 7);
    record_integer(&record, "newfd", newfd);
    put_address(address, port);
    record.header.ret = newfd;
}

static void test_stdio_over_socket(void **state)
{
    (void)state;
    for (int64_t fd = 0; fd < 3; fd++) {
        begin_connect(fd, "192.0.2.7", 4444);
        struct finding finding = fires("stdio_over_socket");
        assert_int_equal(finding.severity, SEVERITY_HIGH);
        assert_data(&finding, "IP address", "192.0.2.7");
        assert_int_equal(finding.n_data, 3);
        assert_string_equal(finding.data[1].name, "Port");
        assert_int_equal(finding.data[1].number, 4444);
        assert_true(finding.data[1].as_string);
        assert_string_equal(finding.data[2].name, "File descriptor");
        assert_int_equal(finding.data[2].number, fd);
        begin_dup(fd, "2001:db8::7", 22);
        finding = fires("stdio_over_socket");
        assert_data(&finding, "IP address", "2001:db8::7");
        assert_int_equal(finding.data[2].number, fd);
    }
    begin_connect(0, "192.0.2.7", 4444);
    record.header.ret = -111;
    struct finding finding = fires("stdio_over_socket");
    assert_int_equal(finding.severity, SEVERITY_MEDIUM);
    assert_false(finding.succeeded);
}

static enum severity severity_of_dup(const char *program, int64_t newfd)
{
    become(program);
    begin_dup(newfd, "192.0.2.7", 4444);
    return fires("stdio_over_socket").severity;
}

static void test_stdio_over_socket_of_servers(void **state)
{
    (void)state;
    assert_int_equal(severity_of_dup("/usr/sbin/sshd", 0), SEVERITY_MEDIUM);
    assert_int_equal(severity_of_dup("/usr/sbin/sshd", 1), SEVERITY_MEDIUM);
    assert_int_equal(severity_of_dup("/usr/lib/git-core/git-daemon", 0), SEVERITY_MEDIUM);
    assert_int_equal(severity_of_dup("/usr/sbin/sshd", 2), SEVERITY_HIGH);
    assert_int_equal(severity_of_dup("/tmp/sshd", 0), SEVERITY_HIGH);
    begin_exec("/usr/sbin/sshd", 1, EXT4);
    record_integer(&record, "overlay_layer", WRITTEN_SINCE);
    quiet();
    begin_dup(0, "192.0.2.7", 4444);
    assert_int_equal(fires("stdio_over_socket").severity, SEVERITY_HIGH);
    become("/usr/sbin/sshd");
    begin_connect(0, "192.0.2.7", 4444);
    assert_int_equal(fires("stdio_over_socket").severity, SEVERITY_HIGH);
}

static void test_stdio_over_socket_near_misses(void **state)
{
    (void)state;
    begin_connect(3, "192.0.2.7", 4444);
    quiet();
    begin_connect(-1, "192.0.2.7", 4444);
    quiet();
    begin_dup(3, "192.0.2.7", 4444);
    quiet();
    begin_connect(0, "0.0.0.0", 0);
    quiet();
    begin_dup(0, "0.0.0.0", 0); /* one that listens */
    quiet();
    begin_dup(0, "192.0.2.7", 4444);
    record.header.ret = -9;
    quiet();
    const struct sockaddr_un local = {.sun_family = AF_UNIX, .sun_path = "/run/x.sock"};
    record_begin(&record, "socket_dup");
    record_integer(&record, "newfd", 0);
    record_bytes(&record, "remote_addr", &local, sizeof(local), ITEM_COMPLETE);
    quiet();
}

static void begin_local(const char *path, int64_t ret)
{
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    snprintf(local.sun_path, sizeof(local.sun_path), "%s", path);
    record_begin(&record, "security_socket_connect");
    record_integer(&record, "sockfd", 5);
    record_bytes(&record, "remote_addr", &local, sizeof(local), ITEM_COMPLETE);
    record.header.ret = ret;
}

static void test_docker_abuse(void **state)
{
    (void)state;
    make_container();
    start_container("/bin/sh", OF_IMAGE);
    begin_local("/var/run/docker.sock", 0);
    assert_int_equal(fires_in_container("docker_abuse").severity, SEVERITY_MEDIUM);
    begin_local("docker.sock", -2);
    assert_int_equal(fires_in_container("docker_abuse").severity, SEVERITY_LOW);
    begin_open("/run/docker.sock", O_RDWR);
    fires_in_container("docker_abuse");
    static const char *const others[] = {"/run/cri-docker.sock", "/run/docker.sock.bak", "/run/docker.sock/x",
                                         "/run/x"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        begin_local(others[i], 0);
        quiet_in_container();
        begin_open(others[i], O_WRONLY);
        quiet_in_container();
    }
    begin_open("/run/docker.sock", O_RDONLY);
    quiet_in_container();
}

static void begin_program(const char *variable)
{
    record_begin(&record, "sched_process_exec");
    record_path(&record, "pathname", "/bin/app", ITEM_COMPLETE);
    record_integer(&record, "link_count", 1);
    record_list(&record, "env", STRINGS("PATH=/bin", variable), ITEM_COMPLETE);
}

static void begin_program_told(const char *variable)
{
    begin_program(variable);
    record.header.cgroup_id = CONTAINER_CGROUP;
    quiet();
}

static void quiet_to(const char *address)
{
    begin_connect(5, address, 443);
    quiet_in_container();
}

static void test_k8s_api_connection(void **state)
{
    (void)state;
    make_container();
    start_container("/bin/sh", OF_IMAGE);
    quiet_to("10.96.0.1");
    begin_program_told("MY_KUBERNETES_SERVICE_HOST=10.96.0.9");
    quiet_to("10.96.0.9");
    begin_program_told("KUBERNETES_SERVICE_HOST=10.96.0.1");
    begin_connect(5, "10.96.0.1", 443);
    struct finding finding = fires_in_container("k8s_api_connection");
    assert_int_equal(finding.severity, SEVERITY_LOW);
    assert_data(&finding, "ip", "10.96.0.1");
    begin_connect(5, "10.96.0.1", 443);
    record.header.ret = -115;
    finding = fires_in_container("k8s_api_connection");
    assert_int_equal(finding.severity, SEVERITY_INFO);
    assert_false(finding.succeeded);
    quiet_to("10.96.0.2");
    quiet_to("10.96.0.10");
    /* Another address in the environment of a later program makes the true one forgotten for nobody. */
    begin_program_told("KUBERNETES_SERVICE_HOST=10.96.0.2");
    quiet_to("10.96.0.2");
    begin_connect(5, "10.96.0.1", 443);
    fires_in_container("k8s_api_connection");
}

static void test_k8s_api_connection_of_ipv6(void **state)
{
    (void)state;
    make_container();
    start_container("/bin/sh", OF_IMAGE);
    begin_program_told("KUBERNETES_SERVICE_HOST=fd00:10:96::1");
    begin_connect(5, "fd00:10:96::1", 443);
    fires_in_container("k8s_api_connection");
    quiet_to("fd00:10:96::2");
}

/* Programs of the host that have such a variable say nothing about a container. */
static void test_k8s_api_connection_on_the_host(void **state)
{
    (void)state;
    begin_program("KUBERNETES_SERVICE_HOST=10.96.0.1");
    quiet();
    begin_connect(5, "10.96.0.1", 443);
    quiet();
    make_container();
    start_container("/bin/sh", OF_IMAGE);
    quiet_to("10.96.0.1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stdio_over_socket),
        cmocka_unit_test(test_stdio_over_socket_of_servers),
        cmocka_unit_test(test_stdio_over_socket_near_misses),
        cmocka_unit_test_setup(test_docker_abuse, new_world),
        cmocka_unit_test_setup(test_k8s_api_connection, new_world),
        cmocka_unit_test_setup(test_k8s_api_connection_of_ipv6, new_world),
        cmocka_unit_test_setup(test_k8s_api_connection_on_the_host, new_world),
    };
    return cmocka_run_group_tests(tests, open_world, close_world);
}
