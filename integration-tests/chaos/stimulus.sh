#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# stimulus.sh FLOOD CHUNKS COUNT TAG FOLDER: CHUNKS floods of COUNT tagged events, a tenth of a second apart, so that what is killed in
# between comes back in the middle of the stream. FOLDER/progress gets the number of each chunk as it begins, and "over" at the end; then it waits
# for a line in the FIFO FOLDER/go, so that the programs can be asked while they run.
chunk=0
while [ "$chunk" -lt "$2" ]; do
    echo "$chunk" >>"$5/progress"
    "$1" "$3" "$4-$chunk" "$5/times.$chunk" || exit 1
    sleep 0.1
    chunk=$((chunk + 1))
done
echo over >>"$5/progress"
read -r _ <"$5/go"
