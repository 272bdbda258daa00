/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `vedette-analyzer decode`: what vedette-collector dump writes, as JSON for people who debug. The stream is hostile:
 * it is bounded as the bus's requests are. One thread.
 */
#ifndef VEDETTE_ANALYZER_DECODE_H
#define VEDETTE_ANALYZER_DECODE_H

#include "analyzer/alert/json.h"
#include "common/wire/frame.h"

struct decode_settings {
    enum json_arguments arguments;
    bool json; /* coverage as an array; else as a table */
    /* Takes what is to be printed; false when nobody reads any more. */
    bool (*write)(void *arg, const char *data, size_t size);
    void *arg;
};

/*
 * One JSON object a line for each event, also for those that the analyzer makes of them, as `run` prints them; of a
 * stream without batches, the coverage that its hello tells. A request that is malformed is logged and skipped, losses
 * are logged. Returns an exit code: EXIT_CODE_RUNTIME when the stream was not whole, or not all of it could be used.
 */
int decode_stream(struct frame_reader *reader, const struct decode_settings *settings);

/* From standard input to standard output, after giving up what could be misused. */
int decode(const struct decode_settings *settings);

#endif
