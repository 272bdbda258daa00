/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_ANALYZER_DERIVE_DERIVATIONS_H
#define VEDETTE_ANALYZER_DERIVE_DERIVATIONS_H

#include "analyzer/derive/derive.h"

#define DERIVATION(name) extern const struct derivation derivation_##name;
#include "analyzer/derive/derivations.def"

/* What container_create and existing_container have in common: every argument but the time. */
void derived_describe_container(struct derived *derived, const struct container *container);

#endif
