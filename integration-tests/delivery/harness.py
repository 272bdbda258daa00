# SPDX-License-Identifier: Apache-2.0
"""What the scenarios are made of: a run of both programs whose COMMAND follows orders, and the receiver of alerts."""

import collections
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import balance as balance_verb  # noqa: E402

DEADLINE_S = 120
COURIER_UID, ANALYZER_UID, BUS_GROUP = 64102, 64103, 64100
BALANCE = re.compile(r"balance node=\S+ session=(\S+) class=(\S+): reserved=(\d+) delivered=(\d+) lost=(\d+) in_flight=(-?\d+)")
LOST = re.compile(r"lost (up to )?(\d+|an unknown number of) events of class (\S+) on node \S+ between \S+ and \S+: (.*)")
METRIC = re.compile(r"(\w+)(?:\{(.*)\})? (\S+)")
WITHOUT_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Failed(Exception):
    pass


class Skipped(Exception):
    pass


def check(condition, words):
    if not condition:
        raise Failed(words)


def wait_until(condition, what, alive=None):
    """`alive` gives words when waiting is in vain."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        words = alive() if alive else None
        if words or time.monotonic() > deadline:
            raise Failed(f"{what} did not come{': ' + words if words else ''}")
        time.sleep(0.02)


class Lines:
    """The JSON lines of a file that grows; one that kill -9 cut is passed over, also when the next was written behind it."""

    def __init__(self, path):
        self.path, self.rest, self.rows, self.cut, self.file = path, b"", [], 0, None

    def read(self):
        if self.file is None:
            if not self.path.exists():
                return self.rows
            self.file = open(self.path, "rb")
        *lines, self.rest = (self.rest + self.file.read()).split(b"\n")
        for line in lines:
            try:
                self.rows.append(json.loads(line))
            except ValueError:
                self.cut += 1
                begin = line.rfind(b'{"timestamp":')
                if begin > 0:
                    self.rows.append(json.loads(line[begin:]))
        return self.rows

    def close(self):
        if self.file:
            self.file.close()


class Receiver:
    """receiver.py as a process, which ends with us."""

    def __init__(self, folder, script):
        self.out, self.log = Lines(folder / "accepted"), Lines(folder / "requests")
        self.control = folder / "control"
        self.process = subprocess.Popen(
            [sys.executable, HERE.parent / "receiver/receiver.py", "--out", self.out.path, "--log", self.log.path, "--control", self.control,
             "--script", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        port = self.process.stdout.readline()
        check(port.startswith("port "), "the receiver did not start")
        self.url = f"http://127.0.0.1:{port.split()[1]}/"

    def follow(self, script):
        draft = self.control.with_suffix(".draft")
        draft.write_text(script)
        os.replace(draft, self.control)

    def accepted(self):
        """id -> how often it was taken."""
        return collections.Counter(row["output_fields"]["vedette.id"] for row in self.out.read())

    def answers(self):
        """(step, status) of each request."""
        return [(row["step"], row["status"]) for row in self.log.read()]

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()
        self.out.close()
        self.log.close()


def children(parent):
    found = {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            if int(Path(f"/proc/{entry}/stat").read_text().rsplit(")", 1)[1].split()[1]) == parent:
                found[int(entry)] = os.path.basename(os.readlink(f"/proc/{entry}/exe")).removesuffix(" (deleted)")
        except OSError:
            pass
    return found


class Run:
    """One vedette-run whose COMMAND is orders.sh."""

    def __init__(self, bin_dir, folder, *options, wrap=(), stdout=None, orders=HERE / "orders.sh", environment=None):
        self.folder, self.stderr, self.bin = folder, folder / "stderr", bin_dir
        self.say, self.ordered = print, 0
        self.out = Lines(folder / "stdout")
        command = [*wrap, f"{bin_dir}/vedette-run", "--json", *options, "--", "sh", orders, bin_dir, folder]
        with open(self.out.path, "wb") as out, open(self.stderr, "wb") as err:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=stdout or out, stderr=err, text=True,
                                            env={**os.environ, **(environment or {})})

    def order(self, words):
        if words.split()[0] in ("raise", "flood", "crowd"):
            self.ordered += int(words.split()[1])
        self.process.stdin.write(words + "\n")
        self.process.stdin.flush()

    def said(self):
        return self.stderr.read_text(errors="replace")

    def _ended(self):
        return f"the run ended; stderr: {self.said()[-1500:]}" if self.process.poll() is not None else None

    def wait_until(self, condition, what):
        try:
            wait_until(condition, what, self._ended)
        except Failed as failure:
            # What came with the end counts.
            if not condition():
                raise Failed(f"{failure}; stderr: {self.said()[-1500:]}") from None

    def n_done(self):
        path = self.folder / "done"
        return len(path.read_text().splitlines()) if path.exists() else 0

    def findings(self):
        """id -> how often it was printed."""
        return collections.Counter(row["vedette"]["id"] for row in self.out.read() if row["eventName"] == "fileless_execution")

    def events(self, tag):
        """Name -> how often it was printed, of the tagged ones."""
        names = (next((a["value"] for a in row["args"] if a["name"] == "name"), "") for row in self.out.read() if row["eventName"] == "memfd_create")
        return collections.Counter(name for name in names if name.startswith(tag))

    def recovered(self, what, condition):
        """Waits for the condition, and says how long that took."""
        begin = time.monotonic()
        self.wait_until(condition, what)
        self.say(f"recovery: {what} after {time.monotonic() - begin:.2f} s")

    def wait_for_findings(self, count):
        self.wait_until(lambda: len(self.findings()) >= count, f"finding {count}")

    def wait_for_words(self, words, times=1):
        self.wait_until(lambda: self.said().count(words) >= times, repr(words))

    def analyzer(self):
        return next((pid for pid, name in children(self.process.pid).items() if name == "vedette-analyzer"), None)

    def signal_analyzer(self, number):
        pid = self.analyzer()
        check(pid is not None, "there is no analyzer")
        os.kill(pid, number)
        return pid

    def wait_for_new_analyzer(self, old):
        self.wait_until(lambda: self.analyzer() not in (None, old), "a new analyzer")

    def bus(self):
        self.wait_for_words("bus on ipc://")
        return re.search(r"bus on ipc://(\S+)", self.said()).group(1)

    def get(self, path):
        """Status and text of the newest analyzer's page."""
        self.wait_for_words("HTTP on ")
        address = re.findall(r"HTTP on (\S+)", self.said())[-1]
        try:
            with WITHOUT_PROXY.open(f"http://{address}{path}", timeout=20) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def metrics(self):
        """(name, frozenset of label texts) -> value."""
        status, text = self.get("/metrics")
        check(status == 200, f"/metrics answers {status}")
        rows = (METRIC.fullmatch(line) for line in text.splitlines() if not line.startswith("#"))
        return {(row[1], frozenset((row[2] or "").split(","))): float(row[3]) for row in rows}

    def settle(self):
        """What `vedette-analyzer balance` says when nothing is in flight any more: it must add up."""
        self.wait_until(lambda: self.n_done() >= self.ordered, "the last of what was ordered")
        answer, wrong = balance_verb.settle(self.bin, self.analyzer)
        for line in balance_verb.lines(answer) if answer else []:
            self.say(line)
        check(not wrong, f"vedette-analyzer balance: {wrong}")

    def finish(self, code=0):
        """Ends COMMAND with `code`, which must be the run's own, when all that it caused adds up."""
        self.settle()
        self.order(f"exit {code}")
        self.process.stdin.close()
        try:
            status = self.process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            raise Failed(f"the run did not end; stderr: {self.said()[-1500:]}") from None
        check(status == code, f"exit status {status}, not {code}; stderr: {self.said()[-1500:]}")

    def balances(self):
        """class -> {reserved, delivered, lost, in_flight} of the session, which must be one."""
        found = {cls: dict(zip(("reserved", "delivered", "lost", "in_flight"), map(int, numbers)))
                 for session, cls, *numbers in BALANCE.findall(self.said())}
        check(len({session for session, *_ in BALANCE.findall(self.said())}) == 1, "not one session's balance was printed")
        return found

    def losses(self):
        """[(exact count or None, class, stage)]"""
        return [(int(count) if not up_to and count.isdigit() else None, cls, stage.strip()) for up_to, count, cls, stage in LOST.findall(self.said())]

    def close(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(40)
            except subprocess.TimeoutExpired:
                self.process.kill()  # its guard ends what it started
                self.process.wait()
        self.out.close()
