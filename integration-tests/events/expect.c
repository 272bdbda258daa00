/* SPDX-License-Identifier: Apache-2.0 */
/* What must arrive, as JSON lines on descriptor `expectations`. Each line is one write, so that children may write too.
 */
#include <errno.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <sys/vfs.h>

#include "integration-tests/events/expect.h"
#include "integration-tests/events/lists.h"

int expectations = -1;

long long result_or_error(long returned)
{
    return returned == -1 ? -errno : returned;
}

bool kernel_is_from(int major, int minor)
{
    struct utsname system;
    int own_major = 0, own_minor = 0;
    if (uname(&system) < 0 || sscanf(system.release, "%d.%d", &own_major, &own_minor) != 2)
        cannot("uname");
    return own_major > major || (own_major == major && own_minor >= minor);
}

static ino_t namespace_of(const char *path)
{
    struct stat file;
    if (stat(path, &file) < 0)
        cannot(path);
    return file.st_ino;
}

/* Numbers as /proc shows them are those of the namespace that this program was started in. */
struct who who_am_i(void)
{
    struct who who = {
        .pid = getpid(),
        .tid = (pid_t)syscall(SYS_gettid),
        .ppid = getppid(),
        .uid = geteuid(),
        .mount_ns = namespace_of("/proc/self/ns/mnt"),
        .pid_ns = namespace_of("/proc/self/ns/pid"),
    };
    char text[1024];
    read_text("/proc/thread-self/stat", text, sizeof(text));
    who.host_tid = (pid_t)strtol(text, NULL, 10);
    read_text("/proc/self/stat", text, sizeof(text));
    who.host_pid = (pid_t)strtol(text, NULL, 10);
    const char *after_name = strrchr(text, ')');
    if (after_name == NULL || strlen(after_name) < 4)
        cannot("/proc/self/stat");
    who.host_ppid = (pid_t)strtol(after_name + 4, NULL, 10); /* ") S PPID" */
    if (who.ppid == 0)
        who.ppid = who.host_ppid; /* outside of this namespace: the parent's number is that of its own */
    read_text("/proc/thread-self/comm", text, sizeof(text));
    text[strcspn(text, "\n")] = '\0';
    snprintf(who.comm, sizeof(who.comm), "%.15s", text);
    return who;
}

__attribute__((format(printf, 2, 3))) static void add(struct line *line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line->text + line->size, LINE_BYTES - line->size, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= LINE_BYTES - line->size) {
        errno = ENOBUFS;
        cannot("a line of what is expected");
    }
    line->size += (size_t)length;
}

static void add_string(struct line *line, const char *value)
{
    add(line, "\"");
    for (; *value != '\0'; value++)
        if (*value == '"' || *value == '\\' || (unsigned char)*value < 0x20)
            add(line, "\\u%04x", (unsigned char)*value);
        else
            add(line, "%c", *value);
    add(line, "\"");
}

static void add_strings(struct line *line, const char *const *values)
{
    add(line, "[");
    for (size_t i = 0; values[i] != NULL; i++) {
        add(line, "%s", i == 0 ? "" : ",");
        add_string(line, values[i]);
    }
    add(line, "]");
}

void line_begin_of(struct line *line, const char *event, const char *what, const struct who *who)
{
    *line = (struct line){.text = malloc(LINE_BYTES), .separator = ""};
    if (line->text == NULL)
        cannot("memory for a line");
    add(line, "{\"event\":\"%s\",\"case\":\"%s\",\"who\":{\"processId\":%d,\"threadId\":%d,\"parentProcessId\":%d,",
        event, what, who->pid, who->tid, who->ppid);
    add(line, "\"hostProcessId\":%d,\"hostThreadId\":%d,\"hostParentProcessId\":%d,\"userId\":%u,", who->host_pid,
        who->host_tid, who->host_ppid, who->uid);
    add(line, "\"mountNamespace\":%ju,\"pidNamespace\":%ju,\"processName\":", (uintmax_t)who->mount_ns,
        (uintmax_t)who->pid_ns);
    add_string(line, who->comm);
    add(line, "}");
}

void line_begin(struct line *line, const char *event, const char *what)
{
    struct who who = who_am_i();
    line_begin_of(line, event, what, &who);
}

void line_result(struct line *line, const char *syscall, long long result)
{
    add(line, ",\"syscall\":\"%s\",\"returnValue\":%lld,\"args\":{", syscall, result);
}

void line_repeated(struct line *line)
{
    add(line, ",\"isRepeated\":true");
}

void line_chance(struct line *line)
{
    add(line, ",\"isRepeated\":true,\"isChance\":true");
}

void line_gone(struct line *line)
{
    add(line, ",\"isShared\":true,\"isGone\":true");
}

void line_compat(struct line *line)
{
    add(line, ",\"isCompat\":true");
}

void line_shared(struct line *line)
{
    add(line, ",\"isShared\":true");
}

void line_life(struct line *line, int life)
{
    add(line, ",\"life\":%d", life);
}

/* Begins an argument: an object with "value" and, if there is one, "state". */
static void argument(struct line *line, const char *name)
{
    add(line, "%s\"%s\":{", line->separator, name);
    line->separator = ",";
}

void line_int(struct line *line, const char *name, long long value)
{
    argument(line, name);
    add(line, "\"value\":%lld}", value);
}

void line_unsigned(struct line *line, const char *name, unsigned long long value)
{
    argument(line, name);
    add(line, "\"value\":%llu}", value);
}

void line_pointer(struct line *line, const char *name, const void *value)
{
    line_unsigned(line, name, (uintptr_t)value);
}

void line_bool(struct line *line, const char *name, bool value)
{
    argument(line, name);
    add(line, "\"value\":%s}", value ? "true" : "false");
}

void line_string(struct line *line, const char *name, const char *value)
{
    argument(line, name);
    add(line, "\"value\":");
    add_string(line, value);
    add(line, "}");
}

void line_user_string(struct line *line, const char *name, const char *value)
{
    argument(line, name);
    add(line, "\"state\":\"user\",\"value\":");
    add_string(line, value);
    add(line, "}");
}

void line_strings(struct line *line, const char *name, const char *const *values)
{
    argument(line, name);
    add(line, "\"value\":");
    add_strings(line, values);
    add(line, "}");
}

void line_user_strings(struct line *line, const char *name, const char *const *values)
{
    argument(line, name);
    add(line, "\"state\":\"user\",\"value\":");
    add_strings(line, values);
    add(line, "}");
}

void line_cut_strings(struct line *line, const char *name, const char *const *values)
{
    argument(line, name);
    add(line, "\"state\":\"truncated\",\"beginning_of\":");
    add_strings(line, values);
    add(line, "}");
}

static void list(struct line *line, const char *name, const struct list *list, bool is_user)
{
    argument(line, name);
    add(line, "\"first\":");
    add_strings(line, list->first);
    add(line, ",\"bytes\":%zu,\"each\":%zu,\"is_user\":%s}", list->bytes, list->each, is_user ? "true" : "false");
}

void line_list(struct line *line, const char *name, const struct list *strings)
{
    list(line, name, strings, false);
}

void line_user_list(struct line *line, const char *name, const struct list *strings)
{
    list(line, name, strings, true);
}

void line_json(struct line *line, const char *name, const char *json)
{
    argument(line, name);
    add(line, "\"value\":%s}", json);
}

void line_user_any(struct line *line, const char *name)
{
    argument(line, name);
    add(line, "\"any\":true,\"state\":\"user\"}");
}

void line_user_json(struct line *line, const char *name, const char *json)
{
    argument(line, name);
    add(line, "\"value\":%s,\"state\":\"user\"}", json);
}

void line_user_or_unreadable(struct line *line, const char *name, const char *value)
{
    argument(line, name);
    add(line, "\"mayBeUnreadable\":true,\"state\":\"user\",\"value\":");
    add_string(line, value);
    add(line, "}");
}

void line_user_list_or_unreadable(struct line *line, const char *name, const char *const *values)
{
    argument(line, name);
    add(line, "\"mayBeUnreadable\":true,\"state\":\"user\",\"value\":");
    add_strings(line, values);
    add(line, "}");
}

void line_any(struct line *line, const char *name)
{
    argument(line, name);
    add(line, "\"any\":true}");
}

void line_unreadable(struct line *line, const char *name, bool is_string)
{
    argument(line, name);
    add(line, "\"state\":\"unreadable\",\"value\":%s}", is_string ? "\"\"" : "null");
}

/* Field 22 of stat: 1/100 s since the system started. */
void line_start_time(struct line *line, const char *name, pid_t pid, pid_t tid)
{
    char path[64], stat[1024];
    snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", pid, tid);
    read_text(path, stat, sizeof(stat));
    const char *at = strrchr(stat, ')');
    for (int field = 2; at != NULL && field < 22; field++)
        at = strchr(at + 1, ' ');
    if (at == NULL)
        cannot(path);
    argument(line, name);
    add(line, "\"ticks\":%llu}", strtoull(at, NULL, 10));
}

void line_file_system(struct line *line, const char *name, int fd)
{
    struct statfs system;
    if (fstatfs(fd, &system) < 0)
        cannot("fstatfs");
    line_unsigned(line, name, (unsigned long)system.f_type);
}

void line_path_end(struct line *line, const char *name, const char *path, int least, bool is_cut)
{
    argument(line, name);
    add(line, "\"end_of\":");
    add_string(line, path);
    add(line, ",\"least\":%d,\"is_cut\":%s}", least, is_cut ? "true" : "false");
}

unsigned long long ctime_ns(const struct stat *file)
{
    return (unsigned long long)file->st_ctim.tv_sec * 1000000000u + (unsigned long long)file->st_ctim.tv_nsec;
}

static void line_prefixed(struct line *line, const char *prefix, const char *name, unsigned long long value)
{
    char whole[64];
    snprintf(whole, sizeof(whole), "%s%s", prefix, name);
    line_unsigned(line, whole, value);
}

static void line_id(struct line *line, const char *prefix, const struct stat *file)
{
    /* As the kernel keeps it, which is not how stat shows it. */
    line_prefixed(line, prefix, "dev", (unsigned long long)major(file->st_dev) << 20 | minor(file->st_dev));
    line_prefixed(line, prefix, "inode", file->st_ino);
}

void line_inode(struct line *line, const char *prefix, const struct stat *file)
{
    line_id(line, prefix, file);
    line_prefixed(line, prefix, "ctime", ctime_ns(file));
}

void line_file_id(struct line *line, const struct stat *file)
{
    line_id(line, "", file);
}

static struct stat status_of(int fd)
{
    struct stat file;
    if (fstat(fd, &file) < 0)
        cannot("fstat");
    return file;
}

void line_open_id(struct line *line, int fd)
{
    struct stat file = status_of(fd);
    line_id(line, "", &file);
}

void line_open_inode(struct line *line, int fd)
{
    struct stat file = status_of(fd);
    line_inode(line, "", &file);
}

static void write_line(struct line *line)
{
    if (write(expectations, line->text, line->size) != (ssize_t)line->size)
        cannot("writing what is expected");
    free(line->text);
    line->text = NULL;
}

void line_end(struct line *line)
{
    add(line, "}}\n");
    write_line(line);
}

static void absent(const char *event, const char *what, const struct who *who, const char *argument, const char *value)
{
    struct line line;
    line_begin_of(&line, event, what, who);
    add(&line, ",\"absent\":{");
    if (argument != NULL) {
        add(&line, "\"%s\":", argument);
        add_string(&line, value);
    }
    add(&line, "}}\n");
    write_line(&line);
}

void near_miss(const char *event, const char *what)
{
    struct who who = who_am_i();
    absent(event, what, &who, NULL, "");
}

void near_miss_of(const char *event, const char *what, pid_t host_pid)
{
    struct who who = who_am_i();
    who.host_pid = host_pid;
    absent(event, what, &who, NULL, "");
}

void near_miss_with(const char *event, const char *what, const char *argument, const char *value)
{
    struct who who = who_am_i();
    absent(event, what, &who, argument, value);
}

void near_miss_inode(const char *event, const char *what, const char *pathname, const struct stat *file)
{
    struct line line;
    line_begin(&line, event, what);
    add(&line, ",\"absent\":{\"pathname\":");
    add_string(&line, pathname);
    add(&line, ",\"inode\":%ju}}\n", (uintmax_t)file->st_ino);
    write_line(&line);
}

void near_miss_unmarked(const char *what, const char *pathname, const char *string, const struct stat *file,
                        const char *mark)
{
    struct line line;
    line_begin(&line, "security_file_open", what);
    add(&line, ",\"unless\":\"%s\",\"absent\":{\"pathname\":", mark);
    add_string(&line, pathname);
    add(&line, ",\"syscall_pathname\":");
    add_string(&line, string);
    add(&line, ",\"inode\":%ju}}\n", (uintmax_t)file->st_ino);
    write_line(&line);
}

void not_possible(const char *event, const char *what, const char *reason)
{
    struct line line;
    line_begin(&line, event, what);
    add(&line, ",\"skip\":");
    add_string(&line, reason);
    add(&line, "}\n");
    write_line(&line);
}

/* Version 2's line is "0::PATH"; where that is the root, a version 1 line of the pids controller may say more. */
bool own_cgroup(char ret_path[PATH_BYTES])
{
    char text[4096];
    struct stat file;
    read_text("/proc/self/cgroup", text, sizeof(text));
    if (stat("/proc/self/ns/cgroup", &file) < 0 || file.st_ino != INITIAL_CGROUP_NS)
        return false;
    char unified[PATH_BYTES] = "/", pids[PATH_BYTES] = "/", *rest = text, *line;
    while ((line = strtok_r(rest, "\n", &rest)) != NULL) {
        const char *controllers = strchr(line, ':'), *path = controllers == NULL ? NULL : strchr(controllers + 1, ':');
        if (path == NULL)
            return false;
        if (path == controllers + 1)
            snprintf(unified, sizeof(unified), "%s", path + 1);
        else if (strncmp(controllers, ":pids:", 6) == 0)
            snprintf(pids, sizeof(pids), "%s", path + 1);
    }
    snprintf(ret_path, PATH_BYTES, "%s", strcmp(unified, "/") == 0 ? pids : unified);
    return true;
}

void line_cgroup(struct line *line, const char *name)
{
    char path[PATH_BYTES];
    if (own_cgroup(path)) {
        line_string(line, name, path);
    } else { /* seen from inside a cgroup namespace: only its end is known */
        line_any(line, name);
    }
}
