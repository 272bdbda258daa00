/* SPDX-License-Identifier: Apache-2.0 */
#include "analyzer/detections/detections_testing.h"

struct engine *engine;
struct record record;

int open_world(void **state)
{
    (void)state;
    const char *error = NULL;
    world_open(&world);
    engine = engine_new(world.schema, NULL, 0, &error);
    if (engine == NULL)
        print_error("%s\n", error);
    return engine != NULL ? 0 : -1;
}

int close_world(void **state)
{
    (void)state;
    engine_free(engine);
    world_close(&world);
    return 0;
}

/* For those who make a container of the same name. */
int new_world(void **state)
{
    close_world(state);
    return open_world(state);
}

/* Exactly one finding in the whole set, and it is that detection's. */
struct finding fires(const char *name)
{
    struct world_findings found = world_judge(&world, engine, &record);
    assert_int_equal(found.n, 1);
    assert_string_equal(found.list[0].detection->name, name);
    return found.list[0];
}

/* The finding has an argument of that name and value. */
void assert_data(const struct finding *finding, const char *name, const char *value)
{
    for (size_t i = 0; i < finding->n_data; i++)
        if (strcmp(finding->data[i].name, name) == 0) {
            assert_int_equal(finding->data[i].string.length, strlen(value));
            assert_memory_equal(finding->data[i].string.data, value, strlen(value));
            return;
        }
    fail_msg("no argument %s", name);
}

void quiet(void)
{
    struct world_findings found = world_judge(&world, engine, &record);
    if (found.n > 0)
        print_error("%s fired\n", found.list[0].detection->name);
    assert_int_equal(found.n, 0);
}

void begin_exec(const char *pathname, int64_t link_count, int64_t fs_magic)
{
    record_begin(&record, "sched_process_exec");
    record_string(&record, "pathname", pathname, ITEM_COMPLETE);
    record_string(&record, "cmdpath", pathname, ITEM_COMPLETE);
    record_string(&record, "prev_comm", "bash", ITEM_COMPLETE);
    record_integer(&record, "link_count", link_count);
    record_integer(&record, "fs_magic", fs_magic);
    record_list(&record, "env", STRINGS("HOME=/root", "PATH=/bin"), ITEM_COMPLETE);
}

void begin_open(const char *path, int64_t flags)
{
    record_begin(&record, "security_file_open");
    record_path(&record, "pathname", path, ITEM_COMPLETE);
    record_integer(&record, "flags", flags);
    record.header.ret = 3;
}

void begin_rename(const char *old_path, const char *new_path)
{
    record_begin(&record, "security_inode_rename");
    record_string(&record, "old_path", old_path, ITEM_USER);
    record_string(&record, "new_path", new_path, ITEM_USER);
}

/* What the state knows the reader as: its executable at its last exec. */
void become(const char *executable)
{
    record_begin(&record, "sched_process_exec");
    record_path(&record, "pathname", executable, ITEM_COMPLETE);
    record_integer(&record, "link_count", 1);
    quiet();
}

#define CONTAINER "/docker/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* A container is made; what happens in it before its first own program is the runtime's doing. */
void make_container(void)
{
    record_begin(&record, "cgroup_mkdir");
    record_integer(&record, "cgroup_id", CONTAINER_CGROUP);
    record_path(&record, "cgroup_path", CONTAINER, ITEM_COMPLETE);
    quiet();
}

/* A program of its own, the first and others. */
void start_container(const char *program, int64_t overlay_layer)
{
    begin_exec(program, 1, EXT4);
    record_path(&record, "cgroup_path", CONTAINER, ITEM_COMPLETE);
    record_integer(&record, "overlay_layer", overlay_layer);
    record.header.cgroup_id = CONTAINER_CGROUP;
    record.header.flags = RECORD_OWN_MOUNTS;
    quiet();
}

/* The record that was begun, in the container, and then on the host: there it never fires. */
struct finding fires_in_container(const char *name)
{
    const uint32_t mnt_ns = record.header.mnt_ns;
    record.header.cgroup_id = HOST_CGROUP;
    record.header.mnt_ns++;
    quiet();
    record.header.mnt_ns = mnt_ns;
    fires(name); /* moving itself to another cgroup is no way out */
    record.header.cgroup_id = CONTAINER_CGROUP;
    return fires(name);
}

void quiet_in_container(void)
{
    record.header.cgroup_id = CONTAINER_CGROUP;
    quiet();
}
