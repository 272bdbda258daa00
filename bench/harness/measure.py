# SPDX-License-Identifier: Apache-2.0
"""The rounds: what a system call costs with nothing attached, with the floors, and with the collector."""

import collections
import os
import sys

from . import procfs, report
from .programs import Floor
from .stack import Stack

Sizes = collections.namedtuple("Sizes", "rounds scale chunks load_ms rate passes alerts")
FULL = Sizes(rounds=9, scale=1.0, chunks=31, load_ms=4000, rate=120_000, passes=5, alerts=40)
QUICK = Sizes(rounds=2, scale=0.2, chunks=5, load_ms=500, rate=50_000, passes=1, alerts=3)

# Operations in a chunk: some 5 ms of CPU, shorter than most turns that a neighbour takes.
LOOPS = {"getpgid": 20000, "getppid": 20000, "ptrace": 10000, "openclose": 2000, "openwatched": 2000}
FLOORS = {
    "empty": ("getpgid", "getppid", "ptrace", "openclose"),
    "capture-small": ("ptrace",),
    "capture-full": ("ptrace",),
    "open-path": ("openclose", "openwatched"),
    "open-filtered": ("openclose",),
}


def say(words):
    print(f"bench: {words}", file=sys.stderr, flush=True)


class Rounds:
    """costs[operation][what] is a list of ns an operation, one a round; what is "nothing", a floor's mode or "collector"."""

    def __init__(self, binaries, workload, sizes, only_floors):
        self.binaries = binaries
        self.workload = workload
        self.sizes = sizes
        self.only_floors = only_floors
        self.costs = collections.defaultdict(lambda: collections.defaultdict(list))
        self.start_seconds = []
        self.memory = []  # {process: {"all", "rings", "queue"}} a round, after the load
        self.empty = "empty"  # the floor that matches the hooks which the collector attaches
        self.floors = dict(FLOORS)

    def find_hooks(self):
        """The floor of an unselected call is an empty program on each raw system call hook that is really attached."""
        with Stack(self.binaries, self.workload.pid) as stack:
            hooks = {link["tp_name"] for link in procfs.bpf_links(stack.collector.pid)} & {"sys_enter", "sys_exit"}
        modes = {frozenset(): None, frozenset({"sys_exit"}): "empty", frozenset({"sys_enter"}): "empty-enter"}
        self.empty = modes.get(frozenset(hooks), "empty-both")
        if self.empty not in (None, "empty"):
            self.floors[self.empty] = ("getpgid", "getppid")
        say(f"the default selection attaches {', '.join(sorted(hooks)) or 'no system call hook'}")

    def measure_loops(self, what, operations):
        for operation in operations:
            count = max(100, int(LOOPS[operation] * self.sizes.scale))
            self.costs[operation][what].append(self.workload.loop(operation, count, self.sizes.chunks))

    def measure_floor(self, mode):
        with Floor(os.path.join(self.binaries, "bench-floor"), mode, self.workload.pid):
            self.measure_loops(mode, self.floors[mode])

    def measure_collector(self):
        with Stack(self.binaries, self.workload.pid) as stack:
            self.start_seconds.append(stack.start_seconds)
            self.measure_loops("collector", LOOPS)
            self.memory.append({name: procfs.pss_bytes(pid) for name, pid in stack.processes().items()})

    def run(self):
        if not self.only_floors:
            self.find_hooks()
        steps = [lambda: self.measure_loops("nothing", LOOPS)]
        steps += [lambda mode=mode: self.measure_floor(mode) for mode in self.floors]
        if not self.only_floors:
            steps.append(self.measure_collector)
        for number in range(self.sizes.rounds):
            say(f"round {number + 1} of {self.sizes.rounds}")
            # Every other round runs backwards, so that a machine that slows down or speeds up favours nobody.
            for step in steps if number % 2 == 0 else reversed(steps):
                step()

    def added(self, operation, what):
        costs = self.costs[operation]
        return [with_it - without for with_it, without in zip(costs[what], costs["nothing"])]

    # Rows

    def rows(self):
        made = self.floor_rows()
        if not self.only_floors:
            made = self.cost_rows() + self.start_rows() + self.memory_rows() + made
        return made

    def cost_row(self, name, operation, floor, budget, note):
        return report.row(
            name,
            "ns",
            self.added(operation, "collector"),
            baseline_rounds=self.costs[operation]["nothing"],
            floor_rounds=self.added(operation, floor) if floor else None,
            budget=budget,
            budget_of="floor",
            note=note,
        )

    def cost_rows(self):
        hooks = {"empty": "sys_exit", "empty-enter": "sys_enter", "empty-both": "sys_enter and sys_exit"}
        attached = f"floor: an empty program on {hooks[self.empty]}" if self.empty else "no system call hook is attached: the budget is 0"
        return [
            self.cost_row("unselected_syscall", "getpgid", self.empty, 1.1 if self.empty else 0, f"getpgid; {attached}"),
            self.cost_row("unselected_syscall.shared_number", "getppid", self.empty, None, "getppid, whose number is a selected call's of 32-bit programs; the same floor"),
            self.cost_row("captured_small", "ptrace", "capture-small", 1.1, "ptrace answered ESRCH; floor: reserve, a 32-byte header, submit"),
            self.cost_row(
                "captured_small.full_header", "ptrace", "capture-full", None, "the same figure; floor: with every field of the collector's header"
            ),
            self.cost_row("open_close", "openclose", "open-path", 0.45, "one that no detection waits for; floor: both captured, the open with the kernel's path"),
            self.cost_row("open_close.watched", "openwatched", "open-path", None, "one that a detection waits for; the same floor"),
            self.cost_row("open_close.filtered", "openclose", "open-filtered", None, "the same figure; floor: filtered in the kernel by its last component"),
        ]

    def start_rows(self):
        return [report.row("start_to_capturing", "s", self.start_seconds, budget=0.5, note="exec of the collector to READY=1 with the plan in force")]

    def memory_rows(self):
        def plain(sizes):
            return (sizes["all"] - sizes["rings"] - sizes["queue"]) / 2**20

        collector = ("drain", "keeper", "worker")
        rows = [
            report.row(
                "resident.collector", "MiB", [sum(plain(each[name]) for name in collector) for each in self.memory],
                budget=16, note="PSS of drain, keeper and worker after the load, rings and queue apart",
            ),
            report.row("resident.analyzer", "MiB", [plain(each["analyzer"]) for each in self.memory], budget=64, note="PSS after the load"),
        ]  # fmt: skip
        rows += [report.row(f"resident.{name}", "MiB", [plain(each[name]) for each in self.memory]) for name in collector]
        for part in ("rings", "queue"):
            sums = [sum(each[name][part] for name in collector) / 2**20 for each in self.memory]
            rows.append(report.row(f"resident.collector.{part}", "MiB", sums, note=f"PSS of the mapped {part}, not in the rows above"))
        return rows

    def floor_rows(self):
        rows = []
        for mode, operations in self.floors.items():
            for operation in operations:
                name = f"floor.{mode}.{operation}"
                rows.append(report.row(name, "ns", self.added(operation, mode), baseline_rounds=self.costs[operation]["nothing"]))
        return rows
