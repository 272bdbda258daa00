# SPDX-License-Identifier: Apache-2.0
"""What a stream of events shows: balance at full speed, CPU time an event, cost by BPF program, time to an alert."""

import collections
import json
import os
import queue
import statistics
import time

from . import procfs, report
from .measure import say
from .programs import BenchError
from .stack import Stack, total

SETTLE_SECONDS = 10
ALERT_SECONDS = 10
# What one operation of the workload is reported as, and the class that event travels in.
EVENTS = {"ptrace": ("ptrace", "critical"), "openwatched": ("security_file_open", "watched")}
UPPER_BOUNDS = ("hook", "absence")  # stages that count what may have been missed, not events


class Counts:
    """Events of one class in the analyzer's /metrics at one time."""

    def __init__(self, stack, event_class):
        samples = stack.metrics()
        self.delivered = total(samples, "vedette_events_received_total", **{"class": event_class})
        self.lost = sum(
            value
            for name, labels, value in samples
            if name == "vedette_events_lost_total" and labels.get("class") == event_class and labels.get("stage") not in UPPER_BOUNDS
        )
        self.skipped = total(samples, "vedette_events_lost_total", stage="hook")
        self.batches = total(samples, "vedette_node_batches_total")


class Load:
    def __init__(self, binaries, workload, sizes):
        self.binaries = binaries
        self.workload = workload
        self.sizes = sizes

    def rows(self):
        with Stack(self.binaries, self.workload.pid) as stack:
            rows = self.highest_rate(stack, "ptrace") + self.highest_rate(stack, "openwatched")
            rows += self.cpu_per_event(stack, "ptrace") + self.cpu_per_event(stack, "openwatched")
            rows += self.latency(stack)
        return rows + self.programs()

    def settle(self, stack, before, produced, event_class):
        """Counts once everything produced is delivered or reported lost, or once that is overdue."""
        end = time.monotonic() + SETTLE_SECONDS
        counts = Counts(stack, event_class)
        while counts.delivered - before.delivered + counts.lost - before.lost < produced and time.monotonic() < end:
            time.sleep(0.1)
            counts = Counts(stack, event_class)
        return counts

    def highest_rate(self, stack, operation):
        event, event_class = EVENTS[operation]
        say(f"highest rate of {event}")
        rates, shown, shares = [], [], []
        for _ in range(self.sizes.passes):
            before = Counts(stack, event_class)
            _, _, count, ns, cpu = self.workload.ask(f"flat {operation} {self.sizes.load_ms}")
            produced = int(count)
            shares.append(int(cpu) / int(ns))
            after = self.settle(stack, before, produced, event_class)
            delivered, lost = after.delivered - before.delivered, after.lost - before.lost
            rates.append(produced / int(ns) * 1e9)
            shown.append(
                {
                    "produced": produced,
                    "delivered": delivered,
                    "lost": lost,
                    "unaccounted": produced - delivered - lost,
                    "skipped_at_most": after.skipped - before.skipped,
                }
            )
        words = "{produced:,.0f} produced = {delivered:,.0f} delivered + {lost:,.0f} lost + {unaccounted:,.0f} unaccounted"
        note = f"{event_class} class; the producer had {statistics.median(shares):.0%} of its CPU; last pass: " + words.format(**shown[-1])
        return [
            report.row(f"highest_rate.{event}", "events/s", rates, better="more", balance=shown, note=note),
            report.row(f"highest_rate.{event}.delivered", "events/s", [rate * each["delivered"] / each["produced"] for rate, each in zip(rates, shown)],
                       better="more", note="of what one producer at full speed made"),
            report.row(f"highest_rate.{event}.unaccounted", "events", [abs(each["unaccounted"]) for each in shown], budget=0),
        ]  # fmt: skip

    def cpu_per_event(self, stack, operation):
        event, event_class = EVENTS[operation]
        say(f"CPU per {event} at {self.sizes.rate:,} a second")
        processes = stack.processes()
        clocks = [{name: procfs.cpu_time(pid) for name, pid in processes.items()}]
        counts = [Counts(stack, event_class)]
        rates = []
        for _ in range(self.sizes.passes):
            _, _, count, ns = self.workload.ask(f"pace {operation} {self.sizes.rate} {self.sizes.load_ms}")
            counts.append(self.settle(stack, counts[-1], int(count), event_class))
            clocks.append({name: procfs.cpu_time(pid) for name, pid in processes.items()})
            if counts[-1].delivered <= counts[-2].delivered:
                raise BenchError(f"none of {count} events of {event} reached the analyzer; it said:\n{stack.log_tail()}")
            rates.append(int(count) / int(ns) * 1e9)
        return self.cpu_rows(event, clocks, counts, rates)

    def cpu_rows(self, event, clocks, counts, rates):
        names = sorted(clocks[0])
        passes = range(len(rates))
        events = [counts[i + 1].delivered - counts[i].delivered for i in passes]
        batch = (counts[-1].delivered - counts[0].delivered) / max(1, counts[-1].batches - counts[0].batches)
        user, system = {}, {}
        for name in names:
            # Ticks are too coarse for one pass, so all passes share one division of their exact totals.
            share = procfs.user_share(clocks[0][name], clocks[-1][name])
            each = [(clocks[i + 1][name]["total"] - clocks[i][name]["total"]) / events[i] for i in passes]
            user[name], system[name] = [ns * share for ns in each], [ns * (1 - share) for ns in each]
        note = (
            f"user time of all processes; {statistics.median(rates):,.0f} events/s, {batch:,.0f} events a batch, "
            f"{counts[-1].lost - counts[0].lost:,.0f} lost in all"
        )
        prefix = f"cpu_per_event.{event}"
        rows = [
            report.row(prefix, "ns", [sum(user[name][i] for name in names) for i in passes], budget=300, note=note),
            report.row(f"{prefix}.with_system", "ns", [sum(user[name][i] + system[name][i] for name in names) for i in passes]),
        ]
        for name in names:
            rows.append(report.row(f"{prefix}.{name}.user", "ns", user[name]))
            rows.append(report.row(f"{prefix}.{name}.system", "ns", system[name]))
        return rows

    # Latency

    def one_alert(self, stack):
        """(from the start of the tester, from the event) to the line on the analyzer's stdout, in ms."""
        tester = os.path.join(self.binaries, "vedette-tester")
        while not stack.lines.empty():
            stack.lines.get_nowait()
        _, status, began = self.workload.ask(f"exec {tester} TRC-105")
        end = time.monotonic() + ALERT_SECONDS
        while True:
            try:
                arrived, line = stack.lines.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                raise BenchError(f"no finding after {tester} TRC-105 (status {status}); it said:\n{stack.log_tail()}") from None
            found = json.loads(line)
            if found.get("eventName") == "fileless_execution":
                return (arrived - int(began)) / 1e6, (arrived - int(found["timestamp"])) / 1e6

    def latency(self, stack):
        rows = []
        for load, budget in (("idle", 50), ("loaded", 250)):
            say(f"time to an alert, {load}")
            wholes, parts = [], []
            for _ in range(self.sizes.alerts):
                if load == "loaded":
                    self.workload.send(f"& pace ptrace {self.sizes.rate // 2} 400")
                    self.workload.receive()
                    time.sleep(0.1)
                whole, part = self.one_alert(stack)
                wholes.append(whole)
                parts.append(part)
                if load == "loaded":
                    self.workload.receive()
            p99 = sorted(parts)[min(len(parts) - 1, int(len(parts) * 0.99))]
            note = f"p99 {p99:.1f} ms of {len(parts)}" + ("" if load == "idle" else f"; beside {self.sizes.rate // 2:,} events/s")
            rows.append(report.row(f"event_to_alert.{load}", "ms", parts, p99=p99, budget=budget, budget_of="p99", note=note))
            rows.append(report.row(f"tester_to_alert.{load}", "ms", wholes, note="from before the tester's fork"))
        return rows

    # By program

    def programs(self):
        """Mean ns a run of each program, by the kernel's own count, in a run of its own because counting costs."""
        say("cost by BPF program")
        per_run, totals = {}, collections.defaultdict(lambda: [0, 0])
        with procfs.BpfStats(), Stack(self.binaries, self.workload.pid) as stack:
            ids = [link["prog_id"] for link in procfs.bpf_links(stack.collector.pid)]
            for _ in range(max(3, self.sizes.passes)):
                before = {each["id"]: each for each in procfs.bpf_programs(ids)}
                for operation, count in (("getppid", 10000), ("ptrace", 10000), ("openclose", 10000)):
                    self.workload.loop(operation, count, 1)
                for _ in range(100):
                    self.workload.ask("exec /bin/true")
                for each in procfs.bpf_programs(ids):
                    runs = each.get("run_cnt", 0) - before[each["id"]].get("run_cnt", 0)
                    ns = each.get("run_time_ns", 0) - before[each["id"]].get("run_time_ns", 0)
                    if runs > 0:
                        per_run.setdefault(each["name"], []).append(ns / runs)
                        totals[each["name"]][0] += ns
                        totals[each["name"]][1] += runs
        dearest = sorted(per_run, key=lambda name: -statistics.median(per_run[name]))
        return [
            report.row(f"bpf.{name}", "ns/run", per_run[name], note=f"{totals[name][1]:,} runs, {totals[name][0] / 1e6:,.1f} ms; counting included")
            for name in dearest[:5]
        ]
