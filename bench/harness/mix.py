# SPDX-License-Identifier: Apache-2.0
"""What ordinary work (bench/mix.sh) makes a collector send, and what it would send if nothing were left out in the kernel."""

import os
import time

from . import report
from .load import Counts
from .measure import say
from .programs import BenchError
from .stack import Stack

MIX = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "mix.sh")
CLASSES = ("critical", "watched", "bulk")
QUIET_SECONDS = 0.5
# The rows of the default selection of which the kernel leaves something out; what is shown is sent whole.
WHOLE = "security_file_open,magic_write"


class Mix:
    def __init__(self, binaries, workload, sizes):
        self.binaries = binaries
        self.workload = workload
        self.passes = max(2, sizes.passes)

    def count(self, stack):
        return {name: Counts(stack, name) for name in CLASSES}

    def settled(self, stack):
        """Counts that stay as they are for a while: all that the mix made has come."""
        counts = self.count(stack)
        while True:
            time.sleep(QUIET_SECONDS)
            later = self.count(stack)
            if all(later[name].delivered == counts[name].delivered for name in CLASSES):
                return later
            counts = later

    def once(self, stack):
        """(seconds, {class: events})"""
        before, begin = self.settled(stack), time.monotonic()
        _, status, _ = self.workload.ask(f"exec {MIX}")
        seconds = time.monotonic() - begin
        if status != "0":
            raise BenchError(f"{MIX} ended with {status}")
        after = self.settled(stack)
        return seconds, {name: after[name].delivered - before[name].delivered + after[name].lost - before[name].lost for name in CLASSES}

    def measure(self, events):
        with Stack(self.binaries, self.workload.pid, events) as stack:
            self.once(stack)  # caches
            return [self.once(stack) for _ in range(self.passes)]

    def rows(self):
        say("ordinary work")
        sent, whole = self.measure(None), self.measure(WHOLE)

        def rates(runs):
            return [sum(counts.values()) / seconds for seconds, counts in runs]

        seconds, counts = sent[-1]
        parts = ", ".join(f"{counts[name]:,.0f} {name}" for name in CLASSES)
        return [
            report.row("ordinary_work.sent", "events/s", rates(sent), budget=300, note=f"{parts} in the {seconds:.1f} s of the last pass"),
            report.row("ordinary_work.whole", "events/s", rates(whole), note="the same work when nothing of an event is left out in the kernel"),
        ]
