/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/log.h"

#include <stdarg.h>

enum { LINE_BYTES = 1024 };

static const char *log_program = "vedette";
static enum log_level log_max_level = LOG_LEVEL_INFO;

static const char *const level_names[] = {"error", "warning", "info", "debug"};

void log_init(const char *program, enum log_level level)
{
    log_program = program;
    log_max_level = level;
}

/* ASCII's controls, and those of UTF-8's first block (C2 80 to C2 9F), which some terminals obey too. */
static void escape_controls(char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)text[i], next = i + 1 < length ? (unsigned char)text[i + 1] : 0;
        if (byte < ' ' || byte == 127 || (byte == 0xc2 && next >= 0x80 && next < 0xa0))
            text[i] = '?';
        if (byte == 0xc2 && next >= 0x80 && next < 0xa0)
            text[++i] = '?';
    }
}

void log_write(enum log_level level, const char *format, ...)
{
    if (level > log_max_level)
        return;
    char line[LINE_BYTES];
    int head = snprintf(line, sizeof(line), "%s: %s: ", log_program, level_names[level]);
    va_list arguments;
    va_start(arguments, format);
    int body = vsnprintf(line + head, sizeof(line) - (size_t)head - 1, format, arguments);
    va_end(arguments);
    if (body < 0)
        return;
    size_t end = strlen(line);
    escape_controls(line + head, end - (size_t)head);
    line[end++] = '\n';
    /* One write, so that lines of several threads and processes do not mix. A log that cannot be written has nowhere to
     * say so. */
    if (write(STDERR_FILENO, line, end) < 0)
        return;
}
