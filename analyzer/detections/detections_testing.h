/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests of detections: a world, the engine with all of them, and the events that many are about. A helper that
 * says "fires" or "quiet" judges the record that was begun last, against the whole set.
 */
#ifndef VEDETTE_ANALYZER_DETECTIONS_DETECTIONS_TESTING_H
#define VEDETTE_ANALYZER_DETECTIONS_DETECTIONS_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <fcntl.h>

#include "analyzer/detect/matcher.h"
#include "analyzer/detect/world.h"

extern struct engine *engine;
extern struct record record;

enum { TMPFS = 0x01021994, EXT4 = 0xef53 };
enum { CONTAINER_CGROUP = 77, HOST_CGROUP = 1, CGROUP_MAGIC = 0x27e0eb };
enum { NOT_KNOWN, OF_IMAGE, WRITTEN_SINCE }; /* overlay_layer */

int open_world(void **state);
int close_world(void **state);
int new_world(void **state);
struct finding fires(const char *name);
void assert_data(const struct finding *finding, const char *name, const char *value);
void quiet(void);
void begin_exec(const char *pathname, int64_t link_count, int64_t fs_magic);
void begin_open(const char *path, int64_t flags);
void begin_rename(const char *old_path, const char *new_path);
void become(const char *executable);
void make_container(void);
void start_container(const char *program, int64_t overlay_layer);
struct finding fires_in_container(const char *name);
void quiet_in_container(void);

#endif
