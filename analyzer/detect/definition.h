/* SPDX-License-Identifier: Apache-2.0 */
/* A number for all that a detection is made of, its texts for people excepted. Any thread. */
#ifndef VEDETTE_ANALYZER_DETECT_DEFINITION_H
#define VEDETTE_ANALYZER_DETECT_DEFINITION_H

#include "analyzer/detect/detection.h"

/* Never 0. Equal in every process of one build's architecture while the detection and what is kept for it are. */
uint64_t definition_of(const struct detection *detection);

#endif
