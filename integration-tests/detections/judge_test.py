#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The judge of the matrix finds what is wrong: each single fault of a right matrix must be seen."""

import copy
import json
import sys
from collections import namedtuple
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))
import judge  # noqa: E402

Run = namedtuple("Run", "place status out err")
DETECTIONS = {"seen": {"id": "TRC-1", "technique_id": "T1", "severity": "high", "events": ["open"]},
              "later": {"id": "TRC-2", "technique_id": "T2", "severity": "low", "events": ["hook"]}}
EVENTS = {"open": {"sources": [{"kind": "exit"}]}, "hook": {"sources": [{"kind": "none", "reason": "not built yet"}]}}
DEEDS = [["host-000", "trigger", "done", ""], ["host-001", "evasion", "done", ""], ["host-002", "near miss", "done", ""],
         ["host-003", "near miss", "done", ""], ["outside-000", "trigger", "done", ""]]
FINDING = {"eventId": "6000", "eventName": "seen", "hostName": "host-000", "processName": "x", "containerId": "",
           "args": [{"name": "triggeredBy", "value": {"name": "open"}}],
           "metadata": {"Properties": {"signatureID": "TRC-1", "external_id": "T1", "Severity": 3}},
           "vedette": {"succeeded": True, "incomplete": False}}


BALANCE = "vedette-analyzer: info: balance node=n class=bulk: reserved=1 delivered=1 lost=0 in_flight=0\n"


def finding(host, **changes):
    row = copy.deepcopy(FINDING)
    row["hostName"] = host
    for path, value in changes.items():
        target = row
        *keys, last = path.split("__")
        for key in keys:
            target = target[key]
        target[last] = value
    return row


RIGHT = [finding("host-000"), finding("host-001")]


def run_of(deeds, rows, said, status=0):
    err = said + "".join("\t".join(["@@deed", host, "seen", kind, outcome, also, "what"]) + "\n" for host, kind, outcome, also in deeds)
    return Run("host", status, "".join(json.dumps(row) + "\n" for row in rows), err)


def tally(deeds=None, rows=None, status=0, detections=None, places=("host",), said="", balance=BALANCE):
    matrix = judge.Matrix(detections or DETECTIONS, EVENTS)
    matrix.add(run_of(deeds or DEEDS, RIGHT if rows is None else rows, said + balance, status))
    return matrix.report(places)


def failed(deed_change):
    """The right deeds with one of them changed."""
    deeds = copy.deepcopy(DEEDS)
    number, field, value = deed_change
    deeds[number][field] = value
    return deeds


FAULTS = {
    "a trigger that is not found": {"rows": RIGHT[1:]},
    "a trigger that is found twice": {"rows": [*RIGHT, finding("host-000")]},
    "an evasion that is not found": {"rows": RIGHT[:1]},
    "a near miss that is found": {"rows": [*RIGHT, finding("host-003")]},
    "one found outside of a container": {"rows": [*RIGHT, finding("outside-000")]},
    "a finding that no deed did": {"rows": [*RIGHT, finding("somebody")]},
    "another detection's finding": {"rows": [*RIGHT, finding("host-002", eventName="later")]},
    "no other finding where one is named": {"deeds": failed((1, 3, "later"))},
    "a wrong id": {"rows": [finding("host-000", metadata__Properties__signatureID="TRC-9"), RIGHT[1]]},
    "a wrong technique": {"rows": [finding("host-000", metadata__Properties__external_id="T9"), RIGHT[1]]},
    "a wrong severity": {"rows": [finding("host-000", metadata__Properties__Severity=4), RIGHT[1]]},
    "a failed attempt of full severity": {"rows": [finding("host-000", vedette__succeeded=False), RIGHT[1]]},
    "another event": {"rows": [finding("host-000", args=[{"name": "triggeredBy", "value": {"name": "hook"}}]), RIGHT[1]]},
    "something lost": {"rows": [finding("host-000", vedette__incomplete=True), RIGHT[1]]},
    "a deed that could not be done": {"deeds": failed((2, 2, "failed"))},
    "no trigger": {"deeds": DEEDS[1:], "rows": RIGHT[1:]},
    "no evasion": {"deeds": [DEEDS[0], *DEEDS[2:]], "rows": RIGHT[:1]},
    "one near miss": {"deeds": [*DEEDS[:2], *DEEDS[3:]]},
    "a run that failed": {"status": 1},
    "something lost that is in no finding": {"balance": BALANCE.replace("lost=0", "lost=1")},
    "no balance": {"balance": ""},
    "a run that is missing": {"places": ("host", "container")},
    "a trigger of no detection": {"detections": {"later": DETECTIONS["later"]}},
}


def main():
    wrong = []
    lines, right = tally()
    if right != (1, 0, 1):
        wrong.append(f"a right matrix gives {right}: {lines}")
    if "2 detections: 1 triggers, 1 evasions, 2 near misses; 1 more outside" not in lines[-2]:
        wrong.append(f"it is counted as {lines[-2]}")
    for name, change in FAULTS.items():
        if tally(**change)[1].failed == 0:
            wrong.append(f"{name} is not seen")
    if tally(rows=[finding("host-000", vedette__succeeded=False, metadata__Properties__Severity=2), RIGHT[1]])[1].failed:
        wrong.append("a failed attempt that is one severity lower is refused")
    if tally(rows=[*RIGHT, finding("host-001", eventName="later", metadata__Properties__signatureID="TRC-2")],
             deeds=failed((1, 3, "later")))[1].failed:
        wrong.append("the other finding that a deed names is refused")
    all_skipped = [[host, kind, "skipped", also] for host, kind, _, also in DEEDS]
    lines, skipped = tally(deeds=all_skipped, rows=[], said="vedette-tester: cannot be shown here: no such file\n")
    if skipped != (0, 0, 2) or not any("no such file" in line for line in lines):
        wrong.append(f"deeds that were skipped give {skipped}: {lines}")
    lines, missing = tally(rows=[], deeds=all_skipped, said="x does not cover what is asked for: open (no hook)\n")
    if missing != (0, 0, 2) or not any("no hook" in line for line in lines):
        wrong.append(f"an event that this kernel lacks gives {missing}")
    twice = judge.Matrix(DETECTIONS, EVENTS)
    for rows, also_said in (([], "x: hook programs were skipped\n"), (RIGHT, "")):
        twice.add(run_of(DEEDS, rows, also_said + BALANCE))
    if twice.report(["host"])[1] != (1, 0, 1):
        wrong.append("what came in the second run, after hooks were skipped in the first, is refused")
    for line in wrong:
        print(f"FAIL {line}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
