#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# orders.sh BIN FOLDER: the COMMAND of these tests. It follows orders from standard input, a line each, and adds a line to FOLDER/done for each
# alert raised and each flood ended:
#   raise COUNT PAUSE       COUNT times fileless_execution, PAUSE seconds apart
#   flood TIMES COUNT TAG   TIMES floods of COUNT events, named TAG-1, TAG-2 and so on, a tenth of a second apart
#   crowd TIMES COUNT TAG   TIMES crowds of COUNT bulk events (getcwd), and 100 events named TAG-1, TAG-2 and so on among them
#   exit CODE
while read -r order count argument tag; do
    [ "$order" = exit ] && exit "$count"
    number=0
    while [ "$number" -lt "$count" ]; do
        number=$((number + 1))
        case $order in
        raise) "$1/vedette-tester" TRC-105 </dev/null >/dev/null 2>&1 || exit 91 ;;
        flood) "$1/vedette-flood" "$argument" "$tag-$number" || exit 92 ;;
        crowd) "$1/vedette-flood" 100 "$tag-$number" /dev/null $((argument / 100)) || exit 94 ;;
        *) exit 93 ;;
        esac
        echo "$order" >>"$2/done"
        case $order in raise) sleep "$argument" ;; *) sleep 0.1 ;; esac
    done
done
