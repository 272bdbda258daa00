# SPDX-License-Identifier: Apache-2.0
"""What vedette-trigger says must arrive, and whether it did. No process is started here.

An expectation is one of its lines:
  {"event", "case", "who": {...}, "syscall", "returnValue", "args": {name: {...}}, "isCompat"}   arrives exactly once
  {"event", "case", "who": {...}, "absent": {argument: value}, "unless"}                        arrives never (without that mark of vedette)
  {"event", "case", "skip": reason}                                                             cannot be shown on this machine
An argument is {"value": v}, {"ticks": n} (a time in ns of which the 1/100 s is known), {"beginning_of": [...]} or {"any": true}, and "state" if vedette.states is to
name it, with "mayBeUnreadable" it is that, or said to be unreadable; or {"end_of": path, "least": names, "is_cut": bool}, truncated unless all of
it came; or strings {"first": [...], "bytes": n, "each": n, "is_user": bool}, as lists.c makes them, truncated behind what the collector was asked
to show. "isShared": said to be of a shared descriptor table; "isGone": of a descriptor that names nothing any more. "life": rows of expectations
with different numbers are of different processes, whatever their pid. "isRepeated": it may arrive more than once; "isChance": or, by chance, not
at all. A syscall "a|b" is one of them, "*" any.
"""

import string

TICK_NS = 10_000_000
AT_LEAST = 4096  # what is left of a list that was cut
ARGV_SIZE = 8192  # what a collector shows that was not asked for more


def list_of(want):
    """All bytes of such a list, as lists.c makes it."""
    whole, index = "".join(s + "\0" for s in want["first"]), 0
    letters = string.ascii_lowercase * (2 + min(want["bytes"], want["each"]) // 26)
    while len(whole) < want["bytes"]:
        length = min(want["each"], want["bytes"] - len(whole)) - 1
        whole += letters[index % 26:][:length] + "\0"
        index += 1
    return whole


def list_wrong(name, value, state, want, size):
    """Exactly the first `size` bytes came, and it is said whether that was all."""
    whole = list_of(want)
    shown = whole[:size].split("\0")
    if shown[-1] == "":
        shown.pop()
    right_state = "truncated" if len(whole) > size else "user" if want["is_user"] else None
    wrong = [] if state == right_state else [f"{name} is {state or 'complete'}, not {right_state or 'complete'}"]
    if value != shown:
        wrong.append(f"{name} has {len(value or [])} strings of {sum(len(s) + 1 for s in value or [])} bytes that are not the first {size} of {len(whole)}")
    return wrong


def is_beginning(value, whole):
    """A list of strings that was cut after some bytes, in the middle of one perhaps."""
    if not isinstance(value, list):
        return False
    got, want = "\0".join(value), "\0".join(whole)
    return AT_LEAST <= len(got) < len(want) and want.startswith(got)


def end_wrong(name, value, state, want):
    """A path of which the last names came, whole ones."""
    path, names = want["end_of"], value.split("/")[1:] if isinstance(value, str) else []
    if value == path and state is None and not want["is_cut"]:
        return []
    if state == "truncated" and value != path and names and len(names) >= want["least"] and path.split("/")[-len(names):] == names:
        return []
    return [f"{name} has {len(names)} names and is {state or 'complete'}: {str(value)[:60]!r}...{str(value)[-60:]!r}"]


def is_unreadable(row, name, want):
    return "mayBeUnreadable" in want and row["vedette"]["states"].get(name) == "unreadable"


def argument_wrong(name, value, want):
    if "any" in want or "end_of" in want or "bytes" in want:
        return []
    if "ticks" in want:
        good, shown = isinstance(value, int) and value // TICK_NS == want["ticks"], f"{want['ticks']} of 1/100 s"
    elif "beginning_of" in want:
        good, shown = is_beginning(value, want["beginning_of"]), "a beginning of what was given"
    else:
        good, shown = value == want["value"] and isinstance(value, bool) == isinstance(want["value"], bool), repr(want["value"])
    return [] if good else [f"{name} is {str(value)[:200]!r}, not {shown[:200]}"]


def arguments_wrong(row, expectation, table_row, run):
    """Names and types as the table has them, in its order; values and states as they were caused."""
    declared = [(a["name"], a["type"]) for a in table_row["args"]]
    given = [(a["name"], a["type"]) for a in row["args"]]
    if given != declared or row["argsNum"] != len(declared):
        return [f"arguments {given} ({row['argsNum']}), the table has {declared}"]
    want = expectation["args"]
    unchecked = {name for name, _ in declared} ^ set(want)
    if unchecked:
        return [f"the trigger and the table do not have the same arguments: {', '.join(sorted(unchecked))}"]
    want = {name: {"value": "" if isinstance(a["value"], str) else None, "state": "unreadable"} if is_unreadable(row, name, a) else a for name, a in want.items()}
    wrong = [w for a in row["args"] for w in argument_wrong(a["name"], a["value"], want[a["name"]])]
    cut = {name for name, a in want.items() if "end_of" in a or "bytes" in a}
    for name, value in ((a["name"], a["value"]) for a in row["args"] if a["name"] in cut):
        state = row["vedette"]["states"].get(name)
        if "end_of" in want[name]:
            wrong += end_wrong(name, value, state, want[name])
        else:
            wrong += list_wrong(name, value, state, want[name], run.get("argv_size", ARGV_SIZE))
    states = {name: a["state"] for name, a in want.items() if "state" in a}
    came = {name: state for name, state in row["vedette"]["states"].items() if name not in cut}
    if came != states:
        wrong.append(f"states are {came}, not {states}")
    return wrong


def context_wrong(row, expectation, table_row, run):
    want = {**expectation["who"], "eventId": str(table_row["id"]), "hostName": run["hostName"], "stackAddresses": None,
            "matchedPolicies": [""], "returnValue": expectation["returnValue"]}
    if not run["host_numbers"]:  # from inside a pid namespace only the numbers in it are known
        want = {key: value for key, value in want.items() if not key.startswith("host") or key == "hostName"}
    wrong = [f"{key} is {row.get(key)!r}, not {value!r}" for key, value in want.items() if row.get(key, "absent") != value]
    if expectation["syscall"] != "*" and row["syscall"] not in expectation["syscall"].split("|"):
        wrong.append(f"syscall is {row['syscall']!r}, not {expectation['syscall']!r}")
    if row["contextFlags"]["isCompat"] != expectation.get("isCompat", False):
        wrong.append(f"isCompat is {row['contextFlags']['isCompat']}")
    if expectation.get("isShared") and not row["vedette"].get("sharedFdTable"):
        wrong.append("nothing says that the descriptors are shared")
    if row["vedette"].get("fdMismatch", False) != expectation.get("isGone", False):
        wrong.append(f"fdMismatch is {row['vedette'].get('fdMismatch')}")
    if not run["begin_ns"] <= row["timestamp"] <= run["end_ns"]:
        wrong.append(f"timestamp {row['timestamp']} is not within the run")
    if row["threadStartTime"] > row["timestamp"]:
        wrong.append("the thread started after its event")
    return wrong


def of_process(rows, expectation, run):
    key = "hostProcessId" if run["host_numbers"] else "processId"
    return [r for r in rows if r["eventName"] == expectation["event"] and r[key] == expectation["who"][key]]


def argument_of(row, name):
    return next((a["value"] for a in row["args"] if a["name"] == name), None)


def of_thread(rows, expectation, run):
    key = "hostThreadId" if run["host_numbers"] else "threadId"
    return [r for r in rows if r[key] == expectation["who"][key]]


def row_wrong(row, expectation, table_row, run):
    return arguments_wrong(row, expectation, table_row, run) + context_wrong(row, expectation, table_row, run)


def of_others(row, expectation, expectations, table_row, run):
    """Whether it is what another expectation of this event says."""
    return any(not row_wrong(row, e, table_row, run) for e in expectations
               if e["event"] == expectation["event"] and e["case"] != expectation["case"] and "args" in e)


def check(expectation, rows, table_row, run, expectations=()):
    """Complaints about one expectation; what another of `expectations` says is not taken for it. `run`: hostName, host_numbers, begin_ns, end_ns; argv_size
    if it was asked for."""
    rows = of_process(rows, expectation, run)
    if "absent" in expectation:
        there = [r for r in rows if all(argument_of(r, name) == value for name, value in expectation["absent"].items())
                 and not r["vedette"].get(expectation.get("unless"))]
        return [f"it came: {str(there[0])[:400]}"] if there else []
    rows = of_thread(rows, expectation, run)
    judged = [(row_wrong(r, expectation, table_row, run), r) for r in rows]
    good = sum(not wrong for wrong, _ in judged)
    if good > 1 and not expectation.get("isRepeated"):
        return [f"it came {good} times"]
    if good:
        return []
    return min((wrong for wrong, r in judged if not of_others(r, expectation, expectations, table_row, run)), key=len, default=["it did not come"])


def stream_wrong(rows, selected):
    """What holds for all rows together."""
    wrong = [f"an event {name} that nobody selected" for name in sorted({r["eventName"] for r in rows} - set(selected))]
    places = [(r["vedette"]["session"], r["vedette"]["seq"], r["eventName"]) for r in rows]  # a derived event has its source's
    if len(set(places)) != len(places):
        wrong.append("two events have one sequence number")
    if len({session for session, *_ in places}) > 1:
        wrong.append("more than one session")
    starts = {}
    for r in rows:
        starts.setdefault((r["hostThreadId"], r["threadEntityId"]), set()).add(r["threadStartTime"])
    moving = [key for key, values in starts.items() if len(values) > 1]
    if moving:
        wrong.append(f"{len(moving)} threads of {len(starts)} have more than one threadStartTime, as {sorted(starts[moving[0]])}")
    return wrong
