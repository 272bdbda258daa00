/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the verb `alerts`: where alerts come from (alerts_source.c), how they are shown (alerts_print.c). */
#ifndef VEDETTE_ANALYZER_ALERTS_INTERNAL_H
#define VEDETTE_ANALYZER_ALERTS_INTERNAL_H

#include "analyzer/alert/reader.h"
#include "analyzer/config.h"

/* A running analyzer, or the database of one that does not run. */
struct source {
    const char *socket;          /* NULL: the database */
    struct alert_reader *reader; /* NULL: the socket */
};

/* An exit code; what went wrong has been logged. */
int source_open(struct source *source, const struct config *config);
void source_close(struct source *source);
/* The lines of alert_reader_list, and the array of alert_reader_sinks. */
int source_list(struct source *source, const struct alert_query *query, struct text *lines);
int source_sinks(struct source *source, struct text *array);

enum shape {
    SHAPE_ROWS,    /* for people */
    SHAPE_FINDING, /* the alert's own JSON, a line each */
    SHAPE_LETTER,  /* {"sink", "reason", "time", "finding"}, a line for each dead letter */
};

struct show {
    enum shape shape;
    bool color;
    bool dead; /* rows say why */
};

/* Appends what is to be shown of one line of a source; `sink`: of which dead letters, NULL all. */
void show_heading(const struct show *show, struct text *text);
void show_line(const struct show *show, const char *line, size_t size, const char *sink, struct text *text);
/* All that is known of one alert, for people; `sinks` is the source's array. */
void show_whole(const struct show *show, const char *line, size_t size, const char *sinks, struct text *text);
/* The row's number, 0 when it cannot be read. */
int64_t show_row(const char *line, size_t size);

#endif
