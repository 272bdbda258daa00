# SPDX-License-Identifier: Apache-2.0
"""The real thing: a vedette-analyzer and a vedette-collector scoped to one process tree, in a private directory."""

import os
import queue
import re
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.request

from . import procfs
from .programs import BenchError

START_SECONDS = 20
STOP_SECONDS = 25
DRAIN_UID, COURIER_UID, ANALYZER_UID, BUS_GID = 64101, 64102, 64103, 64100


class Stack:
    """Both programs from start to ready; a with block stops them. Times in seconds."""

    def __init__(self, binaries, tree, events=None):
        self.binaries = binaries
        self.tree = tree
        self.events = events
        self.directory = tempfile.mkdtemp(prefix="vedette-bench.", dir="/run" if os.access("/run", os.W_OK) else None)
        os.chmod(self.directory, 0o711)
        self.log_path = os.path.join(self.directory, "log")
        self.analyzer = self.collector = None
        self.lines = queue.Queue()  # (wall ns at arrival, line) of the analyzer's stdout
        self.start_seconds = None
        self.http = None

    # Starting

    def __enter__(self):
        try:
            self._start_analyzer()
            self._start_collector()
        except BaseException:
            self._stop()
            raise
        return self

    def _notify_socket(self, name):
        receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        path = os.path.join(self.directory, name)
        receiver.bind(path)
        os.chmod(path, 0o666)
        return receiver, path

    def _wait_ready(self, receiver, process, name):
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            if select.select([receiver], [], [], 0.05)[0]:
                if "READY=1" in receiver.recv(4096).decode(errors="replace"):
                    receiver.close()
                    return
            if process.poll() is not None:
                break
        why = f"ended with status {process.returncode}" if process.poll() is not None else f"not ready after {START_SECONDS} s"
        raise BenchError(f"{name} {why}; it said:\n{self.log_tail()}")

    def log_tail(self, count=12):
        return "\n".join(procfs.read(self.log_path).splitlines()[-count:]) if os.path.exists(self.log_path) else ""

    def _start_analyzer(self):
        home = os.path.join(self.directory, "analyzer")
        os.mkdir(home, 0o750)
        os.chown(home, ANALYZER_UID, BUS_GID)
        receiver, path = self._notify_socket("analyzer.notify")
        with socket.socket() as probe:  # a free port; the bench asks for no fixed one
            probe.bind(("127.0.0.1", 0))
            self.http = probe.getsockname()[1]
        command = [
            os.path.join(self.binaries, "vedette-analyzer"),
            "--bus.listen", f"ipc://{home}/bus.ipc",
            "--outbox.path", f"{home}/outbox.db",
            "--http.listen", f"127.0.0.1:{self.http}",
            "--output.format", "json",
        ]  # fmt: skip
        if self.events is not None:
            command += ["--events", self.events]
        with open(self.log_path, "ab") as log:
            self.analyzer = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, cwd="/",
                env={**os.environ, "NOTIFY_SOCKET": path}, user=ANALYZER_UID, group=BUS_GID, extra_groups=[],
            )  # fmt: skip
        threading.Thread(target=self._read_lines, daemon=True).start()
        self._wait_ready(receiver, self.analyzer, "vedette-analyzer")

    def _read_lines(self):
        for line in self.analyzer.stdout:
            self.lines.put((time.time_ns(), line))

    def _start_collector(self):
        home = os.path.join(self.directory, "collector")
        os.mkdir(home, 0o700)
        receiver, path = self._notify_socket("collector.notify")
        command = [
            os.path.join(self.binaries, "vedette-collector"),
            "--bus.url", f"ipc://{self.directory}/analyzer/bus.ipc",
            "--queue.path", os.path.join(home, "queue"),
            "--scope.tree", str(self.tree),
            "--run.wait_for_plan",
            "--canary.interval", "0",  # their events would be counted as the workload's; docs/decisions/0019 has their cost
            "--user.drain", str(DRAIN_UID),
            "--user.courier", str(COURIER_UID),
            "--user.bus_group", str(BUS_GID),
        ]  # fmt: skip
        with open(self.log_path, "ab") as log:
            begin = time.monotonic()
            self.collector = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", env={**os.environ, "NOTIFY_SOCKET": path}
            )
        self._wait_ready(receiver, self.collector, "vedette-collector")
        self.start_seconds = time.monotonic() - begin

    # While it runs

    def processes(self):
        """{"drain", "keeper", "worker", "analyzer"} to pid."""
        found = {"drain": self.collector.pid, "analyzer": self.analyzer.pid}
        for keeper in procfs.children_of(self.collector.pid):
            found["keeper"] = keeper
            for worker in procfs.children_of(keeper):
                found["worker"] = worker
        missing = {"keeper", "worker"} - set(found)
        if missing:
            raise BenchError(f"the collector runs without {' and '.join(sorted(missing))}; it said:\n{self.log_tail()}")
        return found

    def metrics(self):
        """[(family, {label: value}, number)] of the analyzer's /metrics."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http}/metrics", timeout=10) as page:
            return parse_metrics(page.read().decode())

    # Stopping

    def __exit__(self, *_):
        self._stop()

    def _end(self, process):
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _stop(self):
        self._end(self.collector)
        self._end(self.analyzer)
        shutil.rmtree(self.directory, ignore_errors=True)


def parse_metrics(text):
    samples = []
    for line in text.splitlines():
        match = re.match(r"^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$", line)
        if match:
            labels = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', match.group(2) or ""))
            samples.append((match.group(1), labels, float(match.group(3))))
    return samples


def total(samples, family, **labels):
    """Sum of a family's samples that carry all these labels."""
    return sum(value for name, has, value in samples if name == family and all(has.get(k) == v for k, v in labels.items()))
