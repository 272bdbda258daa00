#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The judge of the event triggers finds what is wrong: each single change of a right row must be seen."""

import copy
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))
import check  # noqa: E402
import doors  # noqa: E402
import flood  # noqa: E402

TABLE_ROW = {"id": 59, "name": "execve", "args": [{"name": "pathname", "type": "string"}, {"name": "argv", "type": "[]string"},
                                                  {"name": "start", "type": "uint64"}, {"name": "group", "type": "bool"}]}
WHO = {"processId": 1, "threadId": 2, "parentProcessId": 3, "hostProcessId": 11, "hostThreadId": 12, "hostParentProcessId": 13,
       "userId": 0, "mountNamespace": 5, "pidNamespace": 6, "processName": "vt"}
RUN = {"hostName": "h", "host_numbers": True, "begin_ns": 100, "end_ns": 200, "argv_size": 10}
LONG = {"first": ["x"], "bytes": 20, "each": 6, "is_user": True}  # x abcde bcdef cdefg
EXPECTATION = {"event": "execve", "case": "c", "who": WHO, "syscall": "execve|execveat", "returnValue": -2,
               "args": {"pathname": {"value": "/a", "state": "user"}, "argv": LONG,
                        "start": {"ticks": 4}, "group": {"value": True}}}
ROW = {**WHO, "eventId": "59", "eventName": "execve", "hostName": "h", "stackAddresses": None, "matchedPolicies": [""], "returnValue": -2,
       "syscall": "execve", "contextFlags": {"isCompat": False}, "timestamp": 150, "threadStartTime": 149, "threadEntityId": 9, "argsNum": 4,
       "args": [{"name": "pathname", "type": "string", "value": "/a"}, {"name": "argv", "type": "[]string", "value": ["x", "abcde", "bc"]},
                {"name": "start", "type": "uint64", "value": 41_234_567}, {"name": "group", "type": "bool", "value": True}],
       "vedette": {"session": "s", "seq": 1, "states": {"pathname": "user", "argv": "truncated"}}}


def changed(path, value):
    row = copy.deepcopy(ROW)
    target = row
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    return row


def changes():
    yield from ((["hostName"], "x"), (["returnValue"], 0), (["syscall"], "open"), (["eventId"], "60"), (["argsNum"], 3), (["timestamp"], 201),
                (["timestamp"], 99), (["threadStartTime"], 151), (["contextFlags", "isCompat"], True), (["vedette", "fdMismatch"], True), (["stackAddresses"], []))
    yield from (([key], 77) for key in WHO)
    yield from ((["args", 0, "value"], "/b"), (["args", 0, "type"], "int32"), (["args", 0, "name"], "path"), (["args", 1, "value"], ["x", "abcde", "bcdef", "cdefg"]),
                (["args", 1, "value"], ["x", "abcde", "b"]), (["args", 1, "value"], ["x", "abcde", "bd"]), (["args", 1, "value"], ["x", "abcdebc"]), (["args", 1, "value"], None), (["args", 2, "value"], 51_234_567), (["args", 3, "value"], 1))
    yield from ((["vedette", "states"], {}), (["vedette", "states", "group"], "user"))


def ends_wrong():
    """A path of which only the end is known: (value, state, least, is_cut) that are right, and that are not."""
    wrong = []
    for is_right, value, state, least, is_cut in ((True, "/a/b/c", None, 2, False), (True, "/b/c", "truncated", 2, False), (True, "/b/c", "truncated", 2, True),
                                                  (False, "/a/b/c", None, 2, True), (False, "/a/b/c", "truncated", 2, False), (False, "/c", "truncated", 2, False),
                                                  (False, "/b/c", None, 2, False), (False, "/x/c", "truncated", 2, False), (False, "", "truncated", 0, True),
                                                  (False, None, "truncated", 0, True)):
        want = {**EXPECTATION, "args": {**EXPECTATION["args"], "pathname": {"end_of": "/a/b/c", "least": least, "is_cut": is_cut}}}
        row = changed(["args", 0, "value"], value)
        row["vedette"]["states"] = {"argv": "truncated", **({"pathname": state} if state else {})}
        if (not check.check(want, [row], TABLE_ROW, RUN)) != is_right:
            wrong.append(f"the end of a path: {value!r}, {state}, {least}, {is_cut}")
    return wrong


def lists_wrong():
    """The same row where more or less was asked for: (value, state, argv_size) that are right, and that are not."""
    wrong = []
    whole = ["x", "abcde", "bcdef", "cdefg"]
    for is_right, value, state, size in ((True, whole, "user", 20), (True, whole, "user", 30), (False, whole, "truncated", 20), (False, whole, None, 20),
                                         (True, [*whole[:3], "cdefg"], "truncated", 19), (True, whole[:2], "truncated", 8), (False, whole[:2], "user", 8),
                                         (False, whole[:1], "truncated", 8), (False, whole[:3], "user", 20), (False, whole[:3], "truncated", 8)):
        row = changed(["args", 1, "value"], value)
        row["vedette"]["states"] = {"pathname": "user", **({"argv": state} if state else {})}
        if (not check.check(EXPECTATION, [row], TABLE_ROW, {**RUN, "argv_size": size})) != is_right:
            wrong.append(f"a list: {value!r}, {state}, {size}")
    return wrong


def marks_wrong():
    """Descriptors that others share, and memory that may not be there."""
    shared, absent = {**EXPECTATION, "isShared": True}, copy.deepcopy(EXPECTATION)
    marked, unread = changed(["vedette", "sharedFdTable"], True), changed(["args", 0, "value"], "")
    absent["args"]["pathname"]["mayBeUnreadable"] = True
    unread["vedette"]["states"]["pathname"] = "unreadable"
    good = ((shared, marked), (absent, ROW), (absent, unread))
    bad = ((shared, ROW), (EXPECTATION, unread), (absent, changed(["args", 0, "value"], "")), (absent, changed(["vedette", "states", "pathname"], "unreadable")))
    return [f"refused: {row}" for e, row in good if check.check(e, [row], TABLE_ROW, RUN)] + \
        [f"not seen: {row}" for e, row in bad if not check.check(e, [row], TABLE_ROW, RUN)]


def matching_wrong():
    """What is another's is not taken for what did not come, and what is nobody's is shown."""
    other = copy.deepcopy(EXPECTATION)
    other["case"], other["args"]["pathname"]["value"] = "other", "/b"
    both, absent = [EXPECTATION, other], ["it did not come"]
    its, nobodys = changed(["args", 0, "value"], "/b"), changed(["args", 0, "value"], "/c")
    near = check.check(EXPECTATION, [its, nobodys], TABLE_ROW, RUN, both)
    return [word for word, is_wrong in (("another's is taken for it", check.check(EXPECTATION, [its], TABLE_ROW, RUN, both) != absent),
                                        ("its own is not seen beside another's", check.check(EXPECTATION, [its, ROW], TABLE_ROW, RUN, both)),
                                        ("what is nobody's is not shown", not near or near == absent)) if is_wrong]


def doors_wrong():
    table = doors.read("# a comment\n\none: what it is\n    open, a case: with *\n    read, another\nnone:\n")
    if table != [("one", "what it is", [("open", "a case: with *"), ("read", "another")]), ("none", "", [])]:
        return [f"the table is {table}"]
    cases = ("open", "a case: with 1"), ("open", "a case: with 2"), ("read", "another")
    wrong = []
    for words, want in ((("passed", "passed", "passed"), "passed"), (("passed", "failed", "passed"), "failed"), (("skipped",) * 3, "skipped"),
                        (("skipped", "passed", "lost, counted"), "passed"), (("skipped", "lost, counted", "skipped"), "lost, counted")):
        got = doors.verdict(table[0], {case: (word, "") for case, word in zip(cases, words)})[0]
        if got != want:
            wrong.append(f"a way of {words} is {got}")
    if doors.verdict(table[0], {cases[0]: ("passed", "")})[0] != "failed" or doors.verdict(table[1], {})[0] != "failed":
        wrong.append("a way without a case is not seen")
    return wrong


class OneRow(list):
    def named(self, name):
        return [row for row in self if row["eventName"] == name]


def flood_wrong():
    """What may be missing under a flood, and what may not."""
    line, wrong = "balance class={}: reserved={} delivered={} lost={} in_flight={}\n", []
    for text, good in ((line.format("bulk", 9, 5, 4, 0), True), (line.format("bulk", 9, 5, 3, 0), False), (line.format("bulk", 9, 5, 4, 1), False),
                       (line.format("critical", 9, 5, 4, 0), False), (line.format("critical", 9, 9, 0, 0), True), ("", False)):
        if (flood.balance_wrong(text)[0] == []) != good:
            wrong.append(f"the balance {text!r}")
    queue = line.format("critical", 9, 5, 4, 0) + "lost 4 events of class critical on node n between a and b: the collector's queue was full\n"
    for text, is_guest, good in ((queue, True, True), (queue, False, False), (queue.replace("lost 4 ", "lost 3 "), True, False),
                                 (queue.replace("the collector's queue was", "ring"), True, False)):
        if (flood.balance_wrong(text, is_guest)[0] == []) != good:
            wrong.append(f"the balance {text!r} of a guest: {is_guest}")
    lost = "lost 3 events of class bulk on node n between 1970-01-01T00:00:02.500Z and 1970-01-01T00:00:02.600Z: ring full\n"
    steps = [[1 * 10**9, 2 * 10**9, 100], [2 * 10**9, 3 * 10**9, 200], [3 * 10**9, 4 * 10**9, 400]]
    if flood.first_drop(steps, lost) != 200 or flood.first_drop(steps, "") is not None:
        wrong.append(f"the first drop is at {flood.first_drop(steps, lost)}")
    for kind, lost_of, skipped, rows, want in (("bulk", {"bulk": 1}, False, [], doors.LOST), ("bulk", {"bulk": 0}, False, [], "failed"), ("bulk", {"bulk": 1}, False, [ROW], "passed"),
                                               ("critical", {"bulk": 1}, False, [], "failed"), ("critical", {"bulk": 1}, True, [], doors.LOST),
                                               ("critical", {"bulk": 1}, False, [changed(["returnValue"], 0)], "failed")):
        events = {"execve": {**TABLE_ROW, "class": kind}}
        got = flood.outcomes_of([EXPECTATION], events, OneRow(rows), RUN, {}, lost_of, skipped)["execve", "c"][0]
        if got != want:
            wrong.append(f"{kind}, {lost_of}, {len(rows)} rows under a flood: {got}, not {want}")
    lie, events = {"event": "execve", "case": "c", "who": WHO, "absent": {"pathname": "/a"}}, {"execve": {**TABLE_ROW, "class": "bulk"}}
    if flood.outcomes_of([EXPECTATION, lie], events, OneRow([ROW]), RUN, {}, {"bulk": 1}, False)["execve", "c"][0] != "failed":
        wrong.append("what must not come under a flood")
    return wrong


def main():
    wrong = marks_wrong() + matching_wrong() + doors_wrong() + flood_wrong()
    if check.check(EXPECTATION, [ROW], TABLE_ROW, RUN):
        wrong.append(f"a right row is refused: {check.check(EXPECTATION, [ROW], TABLE_ROW, RUN)}")
    for path, value in changes():
        if not check.check(EXPECTATION, [changed(path, value)], TABLE_ROW, RUN):
            wrong.append(f"{path} = {value!r} is not seen")
    for rows, name in (([], "none"), ([ROW, copy.deepcopy(ROW)], "two")):
        if not check.check(EXPECTATION, rows, TABLE_ROW, RUN):
            wrong.append(f"{name} instead of one is not seen")
    fewer = {**EXPECTATION, "args": {name: a for name, a in EXPECTATION["args"].items() if name != "group"}}
    if not check.check(fewer, [ROW], TABLE_ROW, RUN):
        wrong.append("an argument that nobody checks is not seen")
    wrong += ends_wrong() + lists_wrong()
    absent = {"event": "execve", "case": "c", "who": WHO, "absent": {"pathname": "/a"}}
    if not check.check(absent, [ROW], TABLE_ROW, RUN) or check.check({**absent, "absent": {"pathname": "/b"}}, [ROW], TABLE_ROW, RUN):
        wrong.append("what must be absent")
    marked = changed(["vedette", "fdMismatch"], True)
    if check.check({**absent, "unless": "fdMismatch"}, [marked], TABLE_ROW, RUN) or not check.check({**absent, "unless": "fdMismatch"}, [ROW], TABLE_ROW, RUN):
        wrong.append("what must be absent without a mark")
    later = {**changed(["threadStartTime"], 140), "vedette": {"session": "s", "seq": 2, "states": {}}}
    if check.stream_wrong([ROW], ["execve"]) or not check.stream_wrong([ROW], ["open"]) or not check.stream_wrong([ROW, ROW], ["execve"]) \
            or not check.stream_wrong([ROW, later], ["execve"]):
        wrong.append("what holds for the stream")
    print("\n".join(wrong) or "every single change is seen")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
