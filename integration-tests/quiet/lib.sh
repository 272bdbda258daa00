# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What works share; sourced by each.
set -eEuo pipefail
trap 'echo "line $LINENO: $BASH_COMMAND" >&2' ERR
mkdir -p /srv/work
cd /srv/work

skip() { # REASON: what this machine cannot do
    echo "$*"
    exit 77
}

await() { # COMMAND...: until it holds, or has not for half a minute
    local begin=$SECONDS
    until "$@" >/dev/null 2>&1; do
        [ $((SECONDS - begin)) -lt 30 ] || return 1
        sleep 0.05
    done
}

sshd_up() { # a server with a fresh key, for the user alice, whose key is root's
    useradd -m -s /bin/bash alice
    mkdir -p /root/.ssh /home/alice/.ssh
    ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519
    cp /root/.ssh/id_ed25519.pub /home/alice/.ssh/authorized_keys
    chown -R alice: /home/alice/.ssh
    ssh-keygen -A >/dev/null
    /usr/sbin/sshd
    await ssh-keyscan 127.0.0.1
    ssh-keyscan -t ed25519 127.0.0.1 >/root/.ssh/known_hosts 2>/dev/null
}
