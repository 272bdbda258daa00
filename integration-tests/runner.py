# SPDX-License-Identifier: Apache-2.0
"""What the runners share: how a case ends, and what is printed of it."""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent


class Skip(Exception):
    """What this machine cannot show, and why."""


class Wrong(Exception):
    """What came instead."""


def needs(*programs, path=None):
    for program in programs:
        if shutil.which(program, path=path) is None:
            raise Skip(f"{program} is not installed")


def arguments(words, cases, *options):
    """What every runner is asked with; `options` are (names, keywords) of its own. `bin` is absolute."""
    parser = argparse.ArgumentParser(description=words, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", default=str(HERE.parent / "build/release/bin"))
    for name, keywords in options:
        parser.add_argument(name, **keywords)
    parser.add_argument("case", nargs="*", choices=[*cases, []])
    asked = parser.parse_args()
    asked.bin = os.path.abspath(asked.bin)
    return asked


class Tally:
    """Runs cases, prints a line for each and the last line, which `./dev test` reads."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def ok(self, name, words=""):
        self.passed += 1
        print(f"ok   {name}{': ' + words if words else ''}", flush=True)

    def skip(self, name, reason):
        self.skipped += 1
        print(f"SKIP {name}: {reason}", flush=True)

    def fail(self, name, what):
        self.failed += 1
        print(f"FAIL {name}: {what}", flush=True)

    def run(self, name, case):
        """case(folder) in a folder of its own; what it returns are words for its line."""
        try:
            with tempfile.TemporaryDirectory(prefix="vedette-test.", ignore_cleanup_errors=True) as folder:
                words = case(Path(folder))
            self.ok(name, words or "")
        except Skip as reason:
            self.skip(name, reason)
        except (Wrong, subprocess.SubprocessError) as wrong:
            self.fail(name, wrong)
        except Exception:  # a defect of a case is its failure
            self.fail(name, traceback.format_exc())

    def end(self):
        """The exit status."""
        print(f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped")
        sys.stdout.flush()
        return 1 if self.failed or not self.passed else 0
