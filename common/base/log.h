/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line a message on stderr, for people: "vedette-collector: error: ...". Library code never logs: whoever handles
 * an error logs it once, saying what a person can do about it. Control characters are escaped, so that a name from
 * outside cannot drive a terminal. Any thread; a message is one write(2).
 */
#ifndef VEDETTE_COMMON_BASE_LOG_H
#define VEDETTE_COMMON_BASE_LOG_H

enum log_level {
    LOG_LEVEL_ERROR,
    LOG_LEVEL_WARNING,
    LOG_LEVEL_INFO,
    LOG_LEVEL_DEBUG,
};

/* `program` is kept, not copied. Before any other thread. */
void log_init(const char *program, enum log_level level);
void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...)   log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...)    log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)   log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
