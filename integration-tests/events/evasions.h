/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_EVENTS_EVASIONS_H
#define VEDETTE_EVENTS_EVASIONS_H

void evasions_run(void);

#endif
