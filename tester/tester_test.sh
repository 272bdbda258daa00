#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# tester_test.sh PROGRAM: every trigger and near miss does what it says by strace-free means: exit status, output, and a host left as it was.
set -eu
program=$1
failed=0

fail() {
    echo "tester_test: $*" >&2
    failed=1
}

before=$(stat -c '%n %i %Y' /etc /etc/ld.so.preload /etc/kubernetes 2>/dev/null || true)
names=$("$program" --list | awk '$1 ~ /^TRC-/ { print $1; print $2 }')
[ "$(wc -w <<<"$names")" -ge 50 ] || fail "--list names fewer than 25 triggers"

[ "$(id -u)" = 0 ] || {
    echo "SKIP: needs root for private mounts"
    exit 77
}
for name in $names; do
    if [ "$("$program" --where "$name")" = container ]; then
        # On a bare host it refuses, in one line.
        code=0
        said=$("$program" "$name" 2>&1 >/dev/null) || code=$?
        [[ $code$said =~ ^1vedette-tester:.*runc$ && $said != *$'\n'* ]] || fail "$name on a host ended with $code: $said"
        continue
    fi
    for kind in "" --evasion --near-miss; do
        code=0
        said=$("$program" "$name" $kind 2>&1) || code=$?
        [ "$code" = 0 ] || [[ $said == *"cannot be shown here"* ]] || fail "$name $kind ended with $code: $said"
    done
done
"$program" trc-105 | grep -q payload || fail "the payload of TRC-105 said nothing"
"$program" FILELESS_EXECUTION >/dev/null || fail "names are not free of case"
after=$(stat -c '%n %i %Y' /etc /etc/ld.so.preload /etc/kubernetes 2>/dev/null || true)
[ "$before" = "$after" ] || fail "/etc changed"

code=0
"$program" TRC-9999 2>/dev/null || code=$?
[ "$code" = 2 ] || fail "an unknown name ended with $code"
code=0
"$program" 2>/dev/null || code=$?
[ "$code" = 2 ] || fail "no name ended with $code"
code=0
setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set=-all "$program" TRC-107 >/dev/null 2>&1 || code=$?
[ "$code" = 1 ] || [ "$code" = 126 ] || fail "TRC-107 without privilege ended with $code"
exit $failed
