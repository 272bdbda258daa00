#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# orders.sh BIN FOLDER: the COMMAND of these tests. It follows orders from standard input, a line each:
#   flood TIMES COUNT TAG   TIMES floods of COUNT events, named TAG-1-0 and so on, a tenth of a second apart; FOLDER/times.TAG-1 says when each was
#   raise 1 TAG             fileless_execution once; FOLDER/raised gets TAG and the time before and after
#   exit CODE
# and says in FOLDER/done what it has done, a line for each alert and each flood.
while read -r order first second third; do
    case $order in
    exit) exit "$first" ;;
    raise)
        begin=$(date +%s%N)
        "$1/vedette-tester" TRC-105 </dev/null >/dev/null 2>&1 || exit 91
        echo "$second $begin $(date +%s%N)" >>"$2/raised"
        echo "raise $second" >>"$2/done"
        ;;
    flood)
        number=0
        while [ "$number" -lt "$first" ]; do
            number=$((number + 1))
            "$1/vedette-flood" "$second" "$third-$number" "$2/times.$third-$number" || exit 92
            echo "flood $third-$number" >>"$2/done"
            [ "$number" = "$first" ] || sleep 0.1
        done
        ;;
    *) exit 93 ;;
    esac
done
