# SPDX-License-Identifier: Apache-2.0
"""The small measuring programs: the workload (bench/workload.c) and the floors (bench/floor/)."""

import os
import subprocess

CANNOT = 77  # exit status of bench-floor, and of bench/run: this machine cannot run BPF programs


class BenchError(Exception):
    """Words for a person; status is what bench/run exits with."""

    def __init__(self, words, status=1):
        super().__init__(words)
        self.status = status


class Workload:
    """The pinned process whose system calls are measured. It stays the same for all rounds."""

    def __init__(self, program, cpu, paths):
        self.process = subprocess.Popen(
            [program, str(cpu), *paths], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self.pid = self.process.pid

    def send(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def receive(self):
        line = self.process.stdout.readline()
        if not line or line.startswith("error"):
            raise BenchError(f"the workload failed: {line.strip() or 'it ended'}")
        return line.split()

    def ask(self, command):
        self.send(command)
        return self.receive()

    def loop(self, operation, count, chunks):
        """CPU ns an operation: the median of chunks, so that a turn given to others does not show."""
        return float(self.ask(f"loop {operation} {count} {chunks}")[2])

    def close(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            self.process.wait(timeout=30)


class Floor:
    """One floor attached for one process, for the length of a with block. Afterwards `counts` holds what it saw."""

    def __init__(self, program, mode, pid):
        self.mode = mode
        self.counts = {}
        self.process = subprocess.Popen(
            [program, mode, str(pid)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def __enter__(self):
        if self.process.stdout.readline() != "ready\n":
            _, words = self.process.communicate()
            status = CANNOT if self.process.returncode == CANNOT else 1
            raise BenchError(words.strip().splitlines()[-1] if words.strip() else f"floor {self.mode} failed", status)
        return self

    def __exit__(self, kind, *_):
        out, words = self.process.communicate()
        if self.process.returncode != 0 and kind is None:
            raise BenchError(f"floor {self.mode} failed: {words.strip()}")
        fields = out.split()
        self.counts = dict(zip(fields[0::2], (int(value) for value in fields[1::2])))


def make_deep_files(directory):
    """Paths of several components, as most opened paths are: one that nobody waits for, and one whose name proc_kcore_read watches."""
    folder = os.path.join(directory, "one", "two", "three", "four")
    os.makedirs(folder)
    paths = [os.path.join(folder, name) for name in ("opened-by-the-bench", "kcore")]
    for path in paths:
        with open(path, "w", encoding="ascii") as file:
            file.write("bench\n")
    return paths
