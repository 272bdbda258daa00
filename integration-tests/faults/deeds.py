# SPDX-License-Identifier: Apache-2.0
"""A worker that was taken over (collector/courier/taken_over.c) does one deed after the other beside a stream of events."""
import errno
import os
import re
import signal
import socket
import time
from pathlib import Path

from harness import DEADLINE_S, check
from losses import lies_in, read_losses, read_times

ROW = re.compile(r"^DEED\((\d+), (\w+), (\w+)\)", re.MULTILINE)
BEGUN, DONE = 2, 1  # of fault_page's results
ENDED = "the worker made a system call that it never should"
FLOODS, COUNT = 3, 20
AGAIN_S = 8  # longer than a keeper waits with a new worker


def read_deeds():
    text = (Path(__file__).resolve().parents[2] / "collector/courier/deeds.def").read_text()
    deeds = [(int(number), name, expected) for number, name, expected in ROW.findall(text)]
    if not deeds:
        raise ValueError("deeds.def: no deeds")
    return deeds


def words_of(result):
    return {BEGUN: "ended by SIGSYS", DONE: "done"}.get(result) or (errno.errorcode.get(-result, str(-result)) if result < 0 else "never begun")


class TakenOver:
    """`lane` is the runner's: its run, page and find."""

    def __init__(self, lane):
        self.lane, self.run, self.drain, self.tags, self.raised = lane, lane.run, lane.find("drain"), [], 0

    def flow(self, name):
        """The stream flows again, once the worker is an honest one; what it found damaged it gives up first, and says so."""
        end, tags = time.monotonic() + DEADLINE_S, []
        while not any(len(self.run.events(tag)) == COUNT for tag in tags):
            check(time.monotonic() < end, f"nothing that was emitted after {name} came; stderr: {self.run.said()[-1500:]}")
            tags.append(f"faults{os.getpid()}-{name}-{len(tags) + 1}")
            self.run.order(f"flood 1 {COUNT} {tags[-1]}")
            again = time.monotonic() + AGAIN_S
            while time.monotonic() < again and not any(len(self.run.events(tag)) == COUNT for tag in tags):
                time.sleep(0.02)
        self.tags += [f"{tag}-1" for tag in tags]

    def flow_during(self, name):
        """Events that it may drop."""
        tag = f"faults{os.getpid()}-during-{name}"
        self.run.order(f"flood {FLOODS} {COUNT} {tag}")
        return [f"{tag}-{number}" for number in range(1, FLOODS + 1)]

    def replace_worker(self):
        old = self.lane.find("worker")
        os.kill(old, signal.SIGKILL)
        self.run.wait_until(lambda: self.lane.find("worker") not in (None, old), "a new worker")

    def try_one(self, number, name, expected):
        """(what came of it, what is wrong with that)"""
        worker, ended = self.lane.find("worker"), self.run.said().count(ENDED)
        if expected in ("OWN", "PLAN"):
            during = self.flow_during(name)
            self.tags += during if expected == "OWN" else []  # what another plan leaves out is not lost
        self.lane.page.put_deed(number)
        if expected == "ENDED":
            self.run.wait_until(lambda: self.run.said().count(ENDED) > ended or self.lane.page.result(number) not in (0, BEGUN), f"an end by {name}")
        else:
            self.run.wait_until(lambda: self.lane.page.result(number) not in (0, BEGUN) or self.lane.find("worker") not in (None, worker), f"the deed {name}")
        result = self.lane.page.result(number)
        if expected == "PLAN":
            # Whatever the plan is now, an execution is always on.
            self.raised += 1
            self.run.order(f"raise 1 {name}")
            self.run.wait_for_findings(self.raised)
        if expected in ("OWN", "PLAN"):
            self.replace_worker()
            self.flow(name)
        fits = {"REFUSED": result < 0, "ENDED": result == BEGUN}.get(expected, result == DONE)
        check(self.lane.find("drain") == self.drain, f"the drain did not live through {name}")
        return f"{name}: {words_of(result)}", [] if fits else [f"{expected} was expected"]

    def play(self, deeds):
        with socket.socket(socket.AF_UNIX) as elsewhere:
            elsewhere.bind("\0vedette-elsewhere")
            elsewhere.listen()
            results = [self.try_one(*deed) for deed in deeds]
        self.flow("end")
        return results

    def lost(self):
        """What it dropped of its own stream: (emitted, missing, of them in no loss record)."""
        losses, missing = read_losses(self.run.said()), []
        for tag in self.tags:
            printed = self.run.events(tag)
            times = read_times(self.lane.folder / f"times.{tag}")
            missing += [when for index, when in enumerate(times) if f"{tag}-{index}" not in printed]
        return len(self.tags) * COUNT, len(missing), sum(not any(lies_in(loss, when) for loss in losses) for when in missing)
