/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which outputs there are: the list `outputs` of the configuration file, over it the flags --outputs NAME.KEY=VALUE,
 * and the short flags (sink.stdout, sink.falcosidekick.*), each of which stands for an output of its kind's name.
 */
#ifndef VEDETTE_ANALYZER_OUTPUTS_H
#define VEDETTE_ANALYZER_OUTPUTS_H

#include "analyzer/alert/sink_settings.h"
#include "analyzer/config.h"

enum { OUTPUTS_MAX = 24, OUTPUTS_ERROR_BYTES = 1024 };

struct outputs {
    struct sink_settings *output[OUTPUTS_MAX];
    size_t count;
};

/* 0, or a negative errno with words that name file, line and key, or the flag. */
int outputs_load(const struct config *config, struct outputs *ret_outputs, char error[OUTPUTS_ERROR_BYTES]);
void outputs_fini(struct outputs *outputs);

/* Opens each output's sink and closes it again: what its start would refuse is refused here. 0 or -EINVAL with words.
 */
int outputs_check(const struct outputs *outputs, char error[OUTPUTS_ERROR_BYTES]);

#endif
