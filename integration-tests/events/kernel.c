/* SPDX-License-Identifier: Apache-2.0 */
/* bpf(2), and modules where a kernel has them (a guest has Debian's dummy.ko, loaded already). */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "integration-tests/events/expect.h"

#define MODULE_FILE "/modules/dummy.ko"

static long bpf_call(int command, union bpf_attr *attributes)
{
    /* A kernel before 5.11 charges maps and programs to this limit. */
    struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
    setrlimit(RLIMIT_MEMLOCK, &limit);
    return syscall(SYS_bpf, command, attributes, sizeof(*attributes));
}

static void bpf_line(const char *what, int command, long long result)
{
    struct line line;
    line_begin(&line, "security_bpf", what);
    line_result(&line, "bpf", result);
    line_int(&line, "cmd", command);
    line_end(&line);
}

static unsigned id_of(int fd, bool is_map)
{
    union bpf_attr attributes = {0};
    struct bpf_map_info map = {0};
    struct bpf_prog_info prog = {0};
    attributes.info.bpf_fd = (unsigned)fd;
    attributes.info.info = is_map ? (uintptr_t)&map : (uintptr_t)&prog;
    attributes.info.info_len = is_map ? sizeof(map) : sizeof(prog);
    if (bpf_call(BPF_OBJ_GET_INFO_BY_FD, &attributes) < 0)
        cannot("bpf");
    return is_map ? map.id : prog.id;
}

static int make_map(void)
{
    union bpf_attr attributes = {
        .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8, .max_entries = 1, .map_name = "vt_map"};
    long fd = bpf_call(BPF_MAP_CREATE, &attributes);
    if (fd < 0)
        cannot("a map");
    bpf_line("a map that is made", BPF_MAP_CREATE, fd);
    struct line line;
    line_begin(&line, "security_bpf_map", "one that is made");
    line_result(&line, "bpf", fd);
    line_unsigned(&line, "map_id", id_of((int)fd, true));
    line_string(&line, "map_name", "vt_map");
    line_end(&line);
    near_miss("security_bpf_prog", "a map");
    return 0;
}

static int make_program(void)
{
    static const struct bpf_insn code[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
                                           {.code = BPF_JMP | BPF_EXIT}};
    union bpf_attr attributes = {.prog_type = BPF_PROG_TYPE_SOCKET_FILTER, .insn_cnt = 2, .prog_name = "vt_prog"};
    attributes.insns = (uintptr_t)code;
    attributes.license = (uintptr_t) "GPL";
    long fd = bpf_call(BPF_PROG_LOAD, &attributes);
    if (fd < 0)
        cannot("a program");
    struct line line;
    line_begin(&line, "security_bpf_prog", "one that is loaded");
    line_result(&line, "bpf", fd);
    line_int(&line, "type", BPF_PROG_TYPE_SOCKET_FILTER);
    line_string(&line, "name", "vt_prog");
    line_unreadable(&line, "helpers", false);
    line_unsigned(&line, "id", id_of((int)fd, false));
    line_bool(&line, "load", true);
    line_end(&line);
    near_miss("security_bpf_map", "a program");
    return 0;
}

static int no_bpf(void)
{
    syscall(SYS_getppid);
    near_miss("security_bpf", "another call");
    return 0;
}

void trigger_security_bpf(void)
{
    in_child("vt-bpf-map", make_map);
    in_child("vt-bpf-none", no_bpf);
}

void trigger_security_bpf_map(void)
{
    /* with security_bpf */
}

void trigger_security_bpf_prog(void)
{
    in_child("vt-bpf-prog", make_program);
}

static int load_module(int fd)
{
    return (int)syscall(SYS_finit_module, fd, "", 0);
}

static void read_line(const char *event, const char *what, const char *path, int fd, long long result)
{
    struct line line;
    struct stat file;
    if (fstat(fd, &file) < 0)
        cannot("fstat");
    line_begin(&line, event, what);
    line_result(&line, "finit_module", result);
    line_string(&line, "pathname", path);
    if (strcmp(event, "security_kernel_read_file") == 0)
        line_inode(&line, "", &file);
    else
        line_int(&line, "size", file.st_size);
    line_int(&line, "type", 2); /* READING_MODULE */
    line_end(&line);
}

/* A file that is no module: the kernel reads it and refuses it. */
static int no_module(void)
{
    const char *path = place("no-module");
    make_file(path, "not a module");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    long long result = result_or_error(load_module(fd));
    if (result == -ENOSYS) {
        not_possible("security_kernel_read_file", "a module's file", "this kernel has no modules");
        return 0;
    }
    read_line("security_kernel_read_file", "a file that is no module", path, fd, result);
    near_miss("security_kernel_post_read_file", "a file that is no module");
    near_miss("module_load", "a file that is no module");
    return 0;
}

static void module_line(const char *event, const char *call, const char *path, int fd)
{
    struct line line;
    line_begin(&line, event, "Debian's dummy.ko");
    line_result(&line, call, 0);
    line_string(&line, "name", "dummy");
    line_any(&line, "version");
    line_any(&line, "src_version");
    if (strcmp(event, "module_load") == 0) {
        line_string(&line, "pathname", path);
        line_open_inode(&line, fd);
    }
    line_end(&line);
}

static int move_module(void)
{
    int fd = open(MODULE_FILE, O_RDONLY | O_CLOEXEC);
    if (syscall(SYS_delete_module, "dummy", O_NONBLOCK) < 0)
        cannot("delete_module");
    module_line("module_free", "delete_module", NULL, -1);
    long long result = result_or_error(load_module(fd));
    if (result != 0)
        cannot("finit_module");
    module_line("module_load", "finit_module", MODULE_FILE, fd);
    module_line("do_init_module", "finit_module", NULL, -1);
    read_line("security_kernel_post_read_file", "Debian's dummy.ko", MODULE_FILE, fd, result);
    return 0;
}

static void with_module(const char *event, int (*child)(void))
{
    if (access(MODULE_FILE, R_OK) != 0)
        not_possible(event, "Debian's dummy.ko", "no module to load here: in a guest only");
    else if (child != NULL)
        in_child("vt-module", child);
}

void trigger_security_kernel_read_file(void)
{
    in_child("vt-no-module", no_module);
}

void trigger_security_kernel_post_read_file(void)
{
    with_module("security_kernel_post_read_file", NULL);
}

void trigger_module_load(void)
{
    with_module("module_load", move_module);
}

void trigger_do_init_module(void)
{
    with_module("do_init_module", NULL);
}

void trigger_module_free(void)
{
    with_module("module_free", NULL);
}
