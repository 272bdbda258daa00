# SPDX-License-Identifier: Apache-2.0
"""Which findings ordinary work may give: the table of docs/ordinary-work.md, held both ways. No process is started here."""

import re
from collections import Counter

SEVERITIES = ["info", "low", "medium", "high", "critical"]
TOO_LOUD = SEVERITIES.index("high")
ROW = re.compile(r"^\| *`([\w@-]+)` *\| *`(\w+)` *\| *(\w+) *\| *(\S.*?) *\|$")
HEADER = re.compile(r"^# (needs|after|network|where): *(.*)$")
TOLD = ("argv", "pathname", "old_path", "new_path", "oldpath", "newpath", "linkpath", "target", "request", "alert", "prev_prot", "prot", "remote_addr", "newfd", "sockfd", "path")
BALANCE = re.compile(r" balance \S+ session=\S+ class=(\w+): reserved=(\d+) delivered=(\d+) lost=(\d+) in_flight=(-?\d+)")


class BadTable(Exception):
    """A line that cannot be meant."""


def allowed(text):
    """(work, detection, severity) -> why, of the table's lines."""
    found = {}
    for line in text.splitlines():
        row = ROW.match(line)
        if row is None:
            if line.startswith("| `"):
                raise BadTable(f"not of the form | `work` | `detection` | severity | why |: {line}")
            continue
        key = row.groups()[:3]
        if key[2] not in SEVERITIES[:TOO_LOUD]:
            raise BadTable(f"{key[1]} of {key[0]}: a finding of severity {key[2]} cannot be allowed")
        if key in found:
            raise BadTable(f"{key[1]} of {key[0]} is there twice")
        found[key] = row[4]
    return found


def header(text):
    """What a work says of itself: key -> list of words."""
    said = {"needs": [], "after": [], "network": [], "where": ["host"]}
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        row = HEADER.match(line)
        if row:
            said[row[1]] = row[2].split()
    return said


def severity_of(row):
    return SEVERITIES[row["metadata"]["Properties"]["Severity"]]


def describe(row):
    """Who gave a finding by what, in one line."""
    triggered = next(arg["value"] for arg in row["args"] if arg["name"] == "triggeredBy")
    short = ", ".join(f"{arg['name']}={str(arg['value'])[:100]}" for arg in triggered["args"] if arg["name"] in TOLD)
    return f"{row['eventName']} ({severity_of(row)}) of {row['processName']}, by {triggered['name']}: {short}"


def counts(findings):
    return Counter((row["eventName"], severity_of(row)) for row in findings)


def wrong(work, findings, table):
    """Complaints about what one work gave."""
    complaints, seen = [], set()
    for row in findings:
        name, severity = row["eventName"], severity_of(row)
        if (name, severity) in seen:
            continue
        seen.add((name, severity))
        if SEVERITIES.index(severity) >= TOO_LOUD:
            complaints.append(f"ordinary work is no reason for {describe(row)}")
        elif (work, name, severity) not in table:
            complaints.append(f"not in docs/ordinary-work.md: {describe(row)}")
    for (of, name, severity) in table:
        if of == work and (name, severity) not in seen:
            complaints.append(f"docs/ordinary-work.md expects {name} ({severity}), which did not come")
    return complaints


def balance(text):
    """(delivered, lost) of all classes, None when none was printed."""
    rows = BALANCE.findall(text)
    return (sum(int(row[2]) for row in rows), sum(int(row[3]) for row in rows)) if rows else None


def own_words(text):
    """The lines of a work, without those of the programs that watched it."""
    return [line for line in text.splitlines() if line.strip() and not line.startswith(("vedette-", "@@"))]
