#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# docs_test.sh ANALYZER: docs/events.md, docs/detections.md and docs/metrics.md are what the tables say.
set -u
analyzer=$(readlink -f "${1:?the analyzer}")
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." || exit 1
failed=0
for page in events detections metrics; do
    if ! "$analyzer" list "$page" --markdown | diff -u "docs/$page.md" -; then
        echo "docs/$page.md is not what the tables say (- it, + they); write it anew with: ./dev docs"
        failed=1
    fi
done
exit "$failed"
