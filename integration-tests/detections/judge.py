# SPDX-License-Identifier: Apache-2.0
"""What the runs of the matrix must have found, and whether they did. No process is started here."""

import json
import re
from collections import namedtuple

FIRST_FINDING_ID = 6000
SEVERITIES = ["info", "low", "medium", "high", "critical"]
KINDS = ("trigger", "evasion", "near miss")
AT_LEAST = {"trigger": 1, "evasion": 1, "near miss": 2}

Deed = namedtuple("Deed", "host detection kind outcome also what reason")
Tally = namedtuple("Tally", "passed failed skipped")


def deeds_of(run):
    """The tester's own lines; of one that was not done, the words before it are the reason."""
    deeds, before = [], ""
    for line in run.err.splitlines():
        if "@@deed\t" in line:
            fields = line[line.index("@@deed\t") + 7:].split("\t")
            deeds.append(Deed(*fields, before if fields[3] != "done" else ""))
        elif line.startswith("vedette-tester: cannot"):
            before = line.partition(": ")[2]
    return deeds


def findings_of(run):
    rows = [json.loads(line) for line in run.out.splitlines() if line.startswith("{")]
    return [row for row in rows if int(row["eventId"]) >= FIRST_FINDING_ID]


def uncovered(text):
    """name -> reason, of what this kernel cannot show."""
    found = {}
    for line in text.splitlines():
        _, said, rest = line.partition("does not cover what is asked for: ")
        if said:
            found.update(re.findall(r"(\w+) \((.*?)\)(?:, |$)", rest))
    return found


def hooks_were_skipped(run):
    """A kernel that preempts programs (from 7.2) skips one that another task is in the middle of; the collector counts it."""
    return "hook programs were skipped" in run.err


def wrong_with_finding(row, detection, may_be_incomplete):
    """Complaints about what a finding says of itself."""
    properties, vedette = row["metadata"]["Properties"], row["vedette"]
    severity = SEVERITIES.index(detection["severity"])
    wrong = []
    if properties["signatureID"] != detection["id"] or properties["external_id"] != detection["technique_id"]:
        wrong.append(f"it says {properties['signatureID']} {properties['external_id']}")
    if properties["Severity"] not in (severity, max(0, severity - 1)):
        wrong.append(f"its severity is {properties['Severity']}")
    if not vedette["succeeded"] and properties["Severity"] != max(0, severity - 1):
        wrong.append("a failed attempt is not one severity lower")
    triggered = next(arg["value"] for arg in row["args"] if arg["name"] == "triggeredBy")
    if triggered["name"] not in detection["events"]:
        wrong.append(f"it was triggered by {triggered['name']}")
    if vedette["incomplete"] and not may_be_incomplete:
        wrong.append("it is incomplete")
    return wrong


def place_of(deed):
    return deed.host.partition("-")[0]


def wrong_with_deed(deed, rows, detections, may_be_incomplete):
    own = [row for row in rows if row["eventName"] == deed.detection]
    others = [row["eventName"] for row in rows if row["eventName"] not in (deed.detection, deed.also)]
    wrong = [f"{name} was found too" for name in others]
    if (deed.kind == "near miss" or place_of(deed) == "outside") and own:
        wrong.append("it was found")
    elif deed.kind != "near miss" and place_of(deed) != "outside" and not own:
        wrong.append("it was not found")
    elif deed.kind == "trigger" and len(own) > 1:
        wrong.append(f"it was found {len(own)} times")
    if deed.also and place_of(deed) != "outside" and not any(row["eventName"] == deed.also for row in rows):
        wrong.append(f"{deed.also} was not found")
    for row in own:
        if deed.detection in detections:
            wrong += wrong_with_finding(row, detections[deed.detection], may_be_incomplete)
        if place_of(deed) == "container" and not row.get("containerId"):
            wrong.append("it names no container")
    return wrong


class Matrix:
    """All runs, and what came of each deed."""

    def __init__(self, detections, events):
        self.detections, self.events = detections, events
        self.deeds, self.wrong, self.places, self.text = [], [], set(), ""
        self.results = {}  # by deed: "passed", "skipped" or complaints

    def add(self, run):
        self.places.add(run.place)
        self.text += run.err
        if run.status != 0:
            self.wrong.append(f"the run {'in a container' if run.place == 'container' else 'on the host'} ended with {run.status}: {run.err[-400:]}")
        self.wrong += [line for line in run.err.splitlines() if " balance " in line and "lost=0 " not in line]
        if " balance " not in run.err:
            self.wrong.append("a run has no balance: whether something was lost is not known")
        deeds, rows = deeds_of(run), findings_of(run)
        for deed in deeds:
            mine = [row for row in rows if row["hostName"] == deed.host]
            result = deed.outcome if deed.outcome != "done" else wrong_with_deed(deed, mine, self.detections, hooks_were_skipped(run)) or "passed"
            if self.results.get(deed) != "passed" or result == ["it was found"]:
                self.results[deed] = result
        names = {deed.host for deed in deeds}
        self.wrong += [f"{row['eventName']} of {row['processName']}, which no deed did" for row in rows if row["hostName"] not in names]
        self.deeds += [deed for deed in deeds if deed not in self.deeds]

    def not_shown(self, name):
        """Why nothing shows any event of a detection, None if something does."""
        missing = uncovered(self.text)
        reasons = []
        for event in self.detections[name]["events"]:
            source = self.events[event]["sources"][0]
            if source["kind"] != "none" and event not in missing:
                return None
            reasons.append(f"{event}: {source.get('reason') or missing[event]}")
        return "event not covered: " + "; ".join(reasons)

    def report_detection(self, name, lines, counts):
        """Appends its lines and counts its deeds; whether it passed, failed or was skipped."""
        outside = [deed for deed in self.deeds if deed.detection == name and place_of(deed) == "outside"]
        mine = [deed for deed in self.deeds if deed.detection == name and deed not in outside]
        reason = self.not_shown(name)
        if reason is not None:
            lines.append(f"SKIP {name}: {reason}")
            return "skipped"
        failures = [f"no {kind}" if least == 1 else f"fewer than {least} of kind {kind}" for kind, least in AT_LEAST.items()
                    if sum(deed.kind == kind for deed in mine) < least]
        skips = []
        for deed in mine:
            result = self.results[deed]
            if result == "passed":
                counts[deed.kind] += 1
            elif result == "skipped":
                skips.append(deed)
            else:
                failures.append(f"{deed.kind}, {deed.what}: {deed.reason or '; '.join(result)}")
        for deed in outside:
            if self.results[deed] == "passed":
                counts["outside"] += 1
            elif self.results[deed] != "skipped":
                failures.append(f"{deed.kind} outside of a container, {deed.what}: {deed.reason or '; '.join(self.results[deed])}")
        if failures:
            lines.append(f"FAIL {name}: {failures[0]}")
            lines += [f"     {failure}" for failure in failures[1:]]
            return "failed"
        if len(skips) == len(mine) or not any(self.results[deed] == "passed" and deed.kind == "trigger" for deed in mine):
            lines.append(f"SKIP {name}: {skips[0].reason}")
            return "skipped"
        numbers = ", ".join(f"{sum(self.results[d] == 'passed' for d in mine if d.kind == kind)} {kind}" for kind in KINDS)
        lines.append(f"ok   {name} ({numbers}{f', {len(skips)} skipped: {skips[0].reason}' if skips else ''})")
        return "passed"

    def has_failures(self):
        return any(isinstance(result, list) for result in self.results.values())

    def report(self, places):
        lines, counts = [], dict.fromkeys((*KINDS, "outside"), 0)
        became = [self.report_detection(name, lines, counts) for name in self.detections]
        unknown = {deed.detection for deed in self.deeds} - set(self.detections)
        self.wrong += [f"the tester has a trigger for {name}, which is no detection" for name in sorted(unknown)]
        self.wrong += [f"no run in the place {place} came to an end" for place in places if place not in self.places]
        lines += [f"FAIL the matrix: {words}" for words in self.wrong]
        tally = Tally(became.count("passed"), became.count("failed") + len(self.wrong), became.count("skipped"))
        lines.append(f"{len(self.detections)} detections: {counts['trigger']} triggers, {counts['evasion']} evasions, {counts['near miss']} near misses; {counts['outside']} more outside of a container, where none may be found")
        lines.append(f"{tally.passed} passed, {tally.failed} failed, {tally.skipped} skipped")
        return lines, tally
