# SPDX-License-Identifier: Apache-2.0
"""What a case expects of a run's output, and whether it holds. No process is started here."""

import json

import schemas

FIRST_FINDING_ID = 6000


def field(value, path):
    """args.triggeredBy.args.pathname: through objects by key, through argument lists by name. None where there is none."""
    for key in path.split("."):
        if isinstance(value, list):
            value = next((a.get("value") for a in value if isinstance(a, dict) and a.get("name") == key), None)
        elif isinstance(value, dict):
            value = value.get(key)
        else:
            return None
    return value


def holds(value, want):
    """A literal, or one of {"prefix", "suffix", "contains", "in", "min", "exists"}."""
    if not isinstance(want, dict):
        return value == want
    tests = {
        "prefix": lambda v, w: isinstance(v, str) and v.startswith(w),
        "suffix": lambda v, w: isinstance(v, str) and v.endswith(w),
        "contains": lambda v, w: isinstance(v, (str, list)) and w in v,
        "in": lambda v, w: v in w,
        "min": lambda v, w: isinstance(v, (int, float)) and v >= w,
        "exists": lambda v, w: (v is not None) == w,
    }
    return all(tests[name](value, arg) for name, arg in want.items())


def mismatches(row, where):
    return [f"{path} is {field(row, path)!r}, not {want!r}" for path, want in where.items() if not holds(field(row, path), want)]


def parse_lines(stdout):
    """Rows, and complaints about lines that are none."""
    rows, wrong = [], []
    for number, line in enumerate(stdout.splitlines(), 1):
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if isinstance(row, dict) and "eventName" in row and "eventId" in row:
            rows.append(row)
        else:
            wrong.append(f"stdout line {number} is no JSON event: {line[:120]!r}")
    return rows, wrong


def is_finding(row):
    return int(row["eventId"]) >= FIRST_FINDING_ID


def check_findings(findings, expected):
    """Exactly these, in any order."""
    wrong = []
    left = list(findings)
    for want in expected:
        named = [row for row in left if row["eventName"] == want["eventName"]]
        good = next((row for row in named if not mismatches(row, want.get("where", {}))), None)
        if good is not None:
            left.remove(good)
        elif named:
            wrong += [f"{want['eventName']}: {m}" for m in mismatches(named[0], want["where"])]
            left.remove(named[0])
        else:
            wrong.append(f"no finding {want['eventName']}; there were {[row['eventName'] for row in findings]}")
    wrong += [f"unexpected finding {row['eventName']} of {row.get('processName')} ({json.dumps(row)[:600]})" for row in left]
    return wrong


def check_events(events, expected):
    """Each wanted event at least `min` (1) times, at most `max` times; and none that is not named."""
    wrong = []
    for want in expected:
        count = sum(1 for row in events if row["eventName"] == want["eventName"] and not mismatches(row, want.get("where", {})))
        if count < want.get("min", 1):
            wrong.append(f"{count} events {want['eventName']} with {want.get('where', {})}, at least {want.get('min', 1)} wanted")
        if "max" in want and count > want["max"]:
            wrong.append(f"{count} events {want['eventName']} with {want.get('where', {})}, at most {want['max']} wanted")
    names = {want["eventName"] for want in expected}
    wrong += [f"an event {name} that nobody selected" for name in sorted({row["eventName"] for row in events} - names)]
    return wrong


def check(case, status, stdout, stderr):
    """Every complaint about one run of a case; empty when all is as expected."""
    wrong = []
    if status != case.get("exit", 0):
        wrong.append(f"exit status {status}, not {case.get('exit', 0)}")
    if case.get("json", True):
        rows, wrong_lines = parse_lines(stdout)
        wrong += wrong_lines
        wrong += schemas.complaints(rows)
        wrong += check_findings([row for row in rows if is_finding(row)], case.get("findings", []))
        wrong += check_events([row for row in rows if not is_finding(row)], case.get("events", []))
    wrong += [f"stdout lacks {text!r}" for text in case.get("stdout_has", []) if text not in stdout]
    wrong += [f"stdout has {text!r}" for text in case.get("stdout_lacks", []) if text in stdout]
    wrong += [f"stderr lacks {text!r}" for text in case.get("stderr_has", []) if text not in stderr]
    wrong += [f"stderr has {text!r}" for text in case.get("stderr_lacks", []) if text in stderr]
    return wrong
