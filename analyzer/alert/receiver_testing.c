/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

#include "analyzer/alert/receiver_testing.h"

struct receiver receiver_start(const struct temporary *temporary, const char *kind, const char *script)
{
    struct receiver receiver = {0};
    int in[2], out[2];
    char line[64] = "";
    snprintf(receiver.out, sizeof(receiver.out), "%s/accepted", temporary->folder);
    snprintf(receiver.log, sizeof(receiver.log), "%s/requests", temporary->folder);
    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    char *const arguments[] = {(char[]){"python3"},
                               (char[]){"integration-tests/receiver/receiver.py"},
                               (char[]){"--out"},
                               receiver.out,
                               (char[]){"--log"},
                               receiver.log,
                               (char[]){"--script"},
                               strdup(script),
                               (char[]){"--as"},
                               strdup(kind),
                               NULL};
    assert_int_equal(posix_spawnp(&receiver.pid, "python3", &actions, NULL, arguments, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    free(arguments[7]);
    free(arguments[9]);
    close(in[0]);
    close(out[1]);
    size_t have = 0;
    for (ssize_t got; !strchr(line, '\n') && (got = read(out[0], line + have, sizeof(line) - 1 - have)) > 0;)
        have += (size_t)got;
    close(out[0]);
    assert_int_equal(strncmp(line, "port ", 5), 0);
    receiver.stdin_fd = in[1];
    snprintf(receiver.url, sizeof(receiver.url), "http://127.0.0.1:%lu/", strtoul(line + 5, NULL, 10));
    return receiver;
}

void receiver_stop(struct receiver *receiver)
{
    int status;
    close(receiver->stdin_fd);
    assert_int_equal(waitpid(receiver->pid, &status, 0), receiver->pid);
    assert_int_equal(status, 0);
}

json_t *lines_of(const char *path)
{
    json_t *lines = json_array();
    FILE *file = fopen(path, "re");
    for (json_t *line; file && (line = json_loadf(file, JSON_DISABLE_EOF_CHECK, NULL));)
        json_array_append_new(lines, line);
    if (file)
        fclose(file);
    return lines;
}
