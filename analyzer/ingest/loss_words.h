/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_ANALYZER_INGEST_LOSS_WORDS_H
#define VEDETTE_ANALYZER_INGEST_LOSS_WORDS_H

/* How something was lost, of enum LossStage; a stage that is newer than we are has words too. */
const char *loss_stage_words(unsigned stage);

#endif
