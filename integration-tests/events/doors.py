# SPDX-License-Identifier: Apache-2.0
"""evasions.def: ways past a sensor, and what became of the cases that close each. No process is started here."""

import collections
import re

Door = collections.namedtuple("Door", "name about cases")  # cases: (event, pattern)
LOST = "lost, counted"
WORDS = ("passed", "failed", "skipped", LOST)


def read(text):
    doors = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith(" "):
            event, comma, pattern = line.strip().partition(", ")
            if not comma or not doors:
                raise ValueError(f"line {number}: a case is EVENT, CASE below a way")
            doors[-1].cases.append((event, pattern))
        else:
            name, colon, about = line.partition(":")
            if not colon:
                raise ValueError(f"line {number}: a way is NAME: what it is")
            doors.append(Door(name, about.strip(), []))
    return doors


def events_of(doors):
    return sorted({event for door in doors for event, _ in door.cases})


def of_case(outcomes, event, pattern):
    """The outcomes of the cases that a line of the table means, by case."""
    whole = re.escape(pattern[:-1]) + ".*" if pattern.endswith("*") else re.escape(pattern)
    return {case: outcome for (name, case), outcome in outcomes.items() if name == event and re.fullmatch(whole, case)}


def verdict(door, outcomes):
    """(word, details) of one way. outcomes: (event, case) -> (word of WORDS, reason)."""
    counts, details = collections.Counter(), []
    for event, pattern in door.cases:
        found = of_case(outcomes, event, pattern)
        if not found:
            counts["failed"] += 1
            details.append(f"no case: {event}, {pattern}")
        for case, (word, reason) in found.items():
            counts[word] += 1
            if word in ("failed", "skipped"):
                details.append(f"{word}: {event}, {case}: {reason}")
    if not door.cases:
        details.append("no case")
    word = "failed" if counts["failed"] or not door.cases else "passed" if counts["passed"] else LOST if counts[LOST] else "skipped"
    return word, ", ".join(f"{counts[w]} {w}" for w in WORDS if counts[w]) or "0 cases", details


def report(doors, outcomes, where):
    """Prints the table; the ways that failed."""
    failed = []
    print(f"ways past a sensor, {where}:")
    for door in doors:
        word, counts, details = verdict(door, outcomes)
        print(f"  {word:<13} {door.name:<46} {counts}")
        reasons = collections.Counter(re.sub(r"^skipped: .*?, .*?: (?=this |no |there )", "skipped: ", d) for d in details)
        for detail, count in reasons.items():
            print(f"                {detail}" + (f" ({count} times)" if count > 1 else ""))
        if word == "failed":
            failed.append(door.name)
    return failed
