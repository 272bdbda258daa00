/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two shapes of a JSON line: that of Tracee v0.24 and before, which everything here is made in and stored in, and
 * that of Tracee's later v1beta1 events. docs/schemas/ describes both.
 */
#ifndef VEDETTE_ANALYZER_ALERT_SHAPE_H
#define VEDETTE_ANALYZER_ALERT_SHAPE_H

#include "analyzer/alert/text.h"

enum json_shape { JSON_SHAPE_TRACE, JSON_SHAPE_V1BETA1 };

/*
 * Appends a line of the first shape in the other, without newline; 0. -EBADMSG when it is none of ours and -ENOMEM,
 * with the text as it was. Strings and digits are the very same bytes. What the new shape has no place for is kept
 * under "vedette", whose keys are the same in both, and there under "trace": processorId, cgroupId, mountNamespace,
 * pidNamespace, hostName. Ids are Tracee's for system calls (the x86-64 number plus 1) and sched_process_exec (1015);
 * those of other events stand beyond all of Tracee's, from 10000, as they have changed from version to version there;
 * findings begin at 7500.
 */
int shape_v1beta1(struct text *text, const char *line, size_t size);

#endif
