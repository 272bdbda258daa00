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

update_lists() {
    echo 'Acquire::Retries "3";' >/etc/apt/apt.conf.d/90vedette-quiet
    apt-get update -qq -o APT::Update::Error-Mode=any || skip "the package mirror cannot be reached"
}

purge_if_there() { # PACKAGE...: so that what installing does is the same on every machine
    local there
    # shellcheck disable=SC2016 # dpkg's own format
    mapfile -t there < <(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' "$@" 2>/dev/null | sed -n 's/^ii  *//p')
    [ ${#there[@]} = 0 ] || SUDO_FORCE_REMOVE=yes apt-get purge -y -qq "${there[@]}"
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
