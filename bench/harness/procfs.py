# SPDX-License-Identifier: Apache-2.0
"""What the kernel says about processes of ours: CPU time, memory, BPF programs."""

import json
import os
import re
import shutil
import subprocess

TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def children_of(pid):
    """Direct children, by every thread that may have forked them."""
    found = []
    for task in os.listdir(f"/proc/{pid}/task"):
        found += [int(word) for word in read(f"/proc/{pid}/task/{task}/children").split()]
    return found


def cpu_time(pid):
    """{"user", "system", "total"} in ns. The sum is the scheduler's, exact; its division is by ticks, so wrong for short spans."""
    fields = read(f"/proc/{pid}/stat").rsplit(")", 1)[1].split()
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        try:
            total += int(read(f"/proc/{pid}/task/{task}/schedstat").split()[0])
        except FileNotFoundError:
            continue  # the thread ended meanwhile; threads of these programs last
    return {"user": int(fields[11]) * TICK_NS, "system": int(fields[12]) * TICK_NS, "total": total}


def user_share(before, after):
    """The part of the time between two cpu_time that was the program's own, as the ticks say."""
    user, system = (after[key] - before[key] for key in ("user", "system"))
    return user / (user + system) if user + system > 0 else 0.5


def pss_bytes(pid):
    """{"all", "rings", "queue"} of proportional set size: BPF memory and the shared queue file stand apart."""
    sizes = {"all": 0, "rings": 0, "queue": 0}
    part = None
    for line in read(f"/proc/{pid}/smaps").splitlines():
        header = re.match(r"[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ \S+ *(.*)", line)
        if header:
            name = header.group(1)
            is_queue = os.path.basename(name.removesuffix(" (deleted)")) == "queue"
            part = "rings" if "bpf-map" in name else "queue" if is_queue else None
        elif line.startswith("Pss:"):
            size = int(line.split()[1]) * 1024
            sizes["all"] += size
            if part:
                sizes[part] += size
    return sizes


def bpf_links(pid):
    """What this process holds attached: [{"prog_id", "tp_name"}], from its descriptors."""
    links = []
    for fd in os.listdir(f"/proc/{pid}/fdinfo"):
        try:
            info = dict(re.findall(r"^(\w+):\s*(.*)$", read(f"/proc/{pid}/fdinfo/{fd}"), re.MULTILINE))
        except FileNotFoundError:
            continue
        if "link_type" in info and "prog_id" in info:
            links.append({"prog_id": int(info["prog_id"]), "tp_name": info.get("tp_name", "")})
    return links


def bpftool():
    return shutil.which("bpftool", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def bpf_programs(ids):
    """bpftool's words about programs that we asked for by id; never a list of all on the machine."""
    programs = []
    for prog_id in sorted(set(ids)):
        done = subprocess.run([bpftool(), "-j", "prog", "show", "id", str(prog_id)], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            programs.append(json.loads(done.stdout))
    return programs


class BpfStats:
    """kernel.bpf_stats_enabled for the length of a with block; put back as it was."""

    PATH = "/proc/sys/kernel/bpf_stats_enabled"

    def __enter__(self):
        self.before = read(self.PATH).strip()
        with open(self.PATH, "w", encoding="ascii") as file:
            file.write("1")
        return self

    def __exit__(self, *_):
        with open(self.PATH, "w", encoding="ascii") as file:
            file.write(self.before)
