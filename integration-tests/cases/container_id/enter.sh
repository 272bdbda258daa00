#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# enter.sh ID COMMAND...: runs COMMAND in a cgroup named as docker names a container's, and removes it again.
set -e
for root in /sys/fs/cgroup/unified /sys/fs/cgroup; do [ ! -e "$root/cgroup.procs" ] || break; done
group=$root/docker/$1
shift
mkdir -p "$group"
# shellcheck disable=SC2016 # expanded by the inner shell, whose pid it is
sh -c 'echo $$ >"$0/cgroup.procs"; exec "$@"' "$group" "$@"
rmdir "$group"
rmdir "$root/docker" 2>/dev/null || true # somebody else's containers may be there
