#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Ordinary work of a developer's or build machine, in a folder of its own: a program of some files is compiled, put under git, packed and
# unpacked, searched, and its output is sorted and counted. No network, nothing outside of that folder is changed.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir src
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
    {
        echo '#include <math.h>'
        echo '#include <stdio.h>'
        echo '#include <stdlib.h>'
        echo '#include <string.h>'
        awk -v part="$i" 'BEGIN { for (i = 0; i < 120; i++)
            printf "double part_%d_%d(double x) { for (int k = 0; k < 9; k++) x = sin(x) * %d + strlen(\"%d\"); return x; }\n", part, i, i, i }'
    } >"src/part$i.c"
done
echo 'int main(void) { return 0; }' >src/main.c
for file in src/*.c; do cc -O2 -c "$file" -o "${file%.c}.o"; done
cc src/*.o -lm -o program
./program

git init -q .
git config user.email bench@example.org
git config user.name bench
for round in 1 2 3; do
    echo "// $round" >>src/main.c
    git add src/*.c
    git commit -qm "Round $round"
done
git log --stat >history
git gc -q

tar czf src.tar.gz src
mkdir copy
tar xzf src.tar.gz -C copy
grep -r -c strlen copy >counts
find . -name '*.c' -exec wc -l {} + >lines
python3 -c 'import json, re; print(json.dumps(sorted(re.findall(r"\w+", open("src/part1.c").read()))))' >words
awk 'BEGIN { for (i = 0; i < 300000; i++) print (i * 7919) % 300007 }' | sort -n | uniq -c | gzip >sorted.gz
