#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# docs_test.sh ANALYZER: the pages of docs/ that are made from tables (events, detections, metrics, output-keys) are what the tables say.
set -u
analyzer=$(readlink -f "${1:?the analyzer}")
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." || exit 1
failed=0
for page in events detections metrics output-keys; do
    if ! "$analyzer" list "${page/output-keys/outputs}" --markdown | diff -u "docs/$page.md" -; then
        echo "docs/$page.md is not what the tables say (- it, + they); write it anew with: ./dev docs"
        failed=1
    fi
done
exit "$failed"
