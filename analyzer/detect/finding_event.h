/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A finding as an event: what another detection's trigger, or a policy's filter, may ask of it. Its name is the
 * detection's, its task, time, sequence and result are those of the event that made it. Its arguments:
 *   severity, succeeded   numbers, as the finding says them
 *   event                 name of the event that made it
 *   ...                   the finding's own data, by their names; missing where its trigger gives none
 */
#ifndef VEDETTE_ANALYZER_DETECT_FINDING_EVENT_H
#define VEDETTE_ANALYZER_DETECT_FINDING_EVENT_H

#include "analyzer/detect/engine.h"
#include "analyzer/detect/matcher.h"

/*
 * The row of a detection's findings; `event_of` gives the row of each trigger's event, NULL where there is none. 0;
 * -ENOMEM; -EINVAL with words in matcher_error: data of one name are numbers here and strings there, or too many.
 */
int finding_event_row(struct matcher *matcher, const struct detection *detection,
                      const struct schema_event *(*event_of)(void *arg, const char *name), void *arg,
                      struct schema_event **ret_row);
void finding_event_free(struct schema_event *row);

/* The finding as an event of that row; *ret_view points to it and into the finding. */
void finding_event_make(const struct finding *finding, const struct schema_event *row, struct event_view *ret_view);

#endif
