/* SPDX-License-Identifier: Apache-2.0 */
/* `vedette-collector coverage`: what this kernel can show, as text for people. */
#ifndef VEDETTE_COLLECTOR_COVERAGE_H
#define VEDETTE_COLLECTOR_COVERAGE_H

#include <stdio.h>

#include "collector/probe/probe.h"

void coverage_print(const struct probe *probe, FILE *out);

#endif
