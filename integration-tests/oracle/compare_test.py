#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The comparison finds what is wrong: each event that is missing, extra or changed, and each line of strace that is not understood."""
import copy
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))
import compare  # noqa: E402
import strace_output  # noqa: E402


def hexed(text):
    return '"' + "".join(f"\\x{byte:02x}" for byte in text.encode("latin-1")) + '"'


LONG = [word * 4000 for word in "xyz"]
# Thread 20 is strace's first child; 21 is made by it, 22 by that one, as number 2 in a pid namespace of its own.
TRACES = {
    20: [f'execve({hexed("/bin/sh")}, [{hexed("sh")}], [{hexed("A=1")}]) = 0',
         f'openat(-100, {hexed("/etc/x")}, 0x80000) = 3',
         f'openat(3, {hexed("new")}, 0x80042, 04640) = -1 EACCES (Permission denied)',
         "clone(0x1200011, 0, 0, 0x7f66df997310, 0) = 0x15",
         f'unlinkat(-100, {hexed("gone")}, 0)         = ? ERESTARTSYS (To be restarted if SA_RESTART is set)',
         f'unlinkat(-100, {hexed("gone")}, 0x200)     = 0'],
    21: ["vfork()                                 = 2",
         'connect(3, {sa_family=0x2, sin_port="\\x00\\x50", sin_addr="\\x7f\\x00\\x00\\x01"}, 16) = 0',
         'connect(3, {sa_family=0xa, sin6_port="\\x00\\x01", sin6_flowinfo="\\x00\\x00\\x00\\x05", sin6_addr="\\xfe\\x80' + "\\x00" * 13
         + '\\x01", sin6_scope_id=2}, 28) = -1 ENETUNREACH (Network is unreachable)',
         'connect(3, {sa_family=0x1, sun_path=@"\\x61\\xff"}, 5) = -1 ECONNREFUSED (Connection refused)',
         "connect(3, NULL, 16) = -1 EFAULT (Bad address)",
         f'rename({hexed("a")}, {hexed("b")}) = 0',
         f'renameat2(-100, {hexed("a")}, 4, {hexed("b")}, 0x1) = -1 EEXIST (File exists)'],
    22: [f'execve({hexed("./script")}, [{hexed("script")}, {hexed("one")}], []) = 0',
         f'execve({hexed("none")}, [{", ".join(map(hexed, LONG))}], []) = -1 ENOENT (No such file or directory)',
         f'openat(-100, {hexed("fifo")}, 0 <unfinished ...>',
         "+++ killed by SIGKILL +++"],
}


def row(tid, name, ret, args, states=None, pid_ns=compare.INITIAL_PID_NS):
    row.clock += 1
    return {"eventName": name, "hostThreadId": tid, "returnValue": ret, "processName": "sh", "pidNamespace": pid_ns, "timestamp": row.clock,
            "args": [{"name": key, "value": value} for key, value in args.items()], "vedette": {"states": states or {}}}


row.clock = 0


def exec_row(tid, cmdpath, interp, argv, env):
    return row(tid, "sched_process_exec", 0, {"cmdpath": cmdpath, "interp": interp, "argv": argv, "env": env})


def right_rows():
    clone = {"flags": 0x1200011, "stack": 0, "parent_tid": 0, "child_tid": 0x7F66DF997310, "tls": 0}
    return [
        exec_row(20, "/bin/sh", "/bin/sh", ["sh"], ["A=1"]),
        row(20, "openat", 3, {"dirfd": -100, "pathname": "/etc/x", "flags": 0x80000, "mode": 0}),
        row(20, "openat", -13, {"dirfd": 3, "pathname": "new", "flags": 0x80042, "mode": 0o4640}),
        row(20, "sched_process_fork", 0, {"child_tid": 21, "child_ns_tid": 1}),
        row(20, "clone", 21, clone),
        row(21, "clone", 0, clone),
        row(20, "unlinkat", -512, {"dirfd": -100, "pathname": "gone", "flags": 0}),
        row(20, "unlinkat", 0, {"dirfd": -100, "pathname": "gone", "flags": 0x200}),
        row(21, "sched_process_fork", 0, {"child_tid": 22, "child_ns_tid": 2}, pid_ns=5),
        row(21, "vfork", 2, {}, pid_ns=5),
        row(22, "vfork", 0, {}, pid_ns=5),
        row(21, "connect", 0, {"sockfd": 3, "addr": {"sa_family": "AF_INET", "sin_addr": "127.0.0.1", "sin_port": "80"}, "addrlen": 16}),
        row(21, "connect", -101, {"sockfd": 3, "addr": {"sa_family": "AF_INET6", "sin6_addr": "fe80::1", "sin6_flowinfo": "5", "sin6_port": "1",
                                                        "sin6_scopeid": "2"}, "addrlen": 28}),
        row(21, "connect", -111, {"sockfd": 3, "addr": {"sa_family": "AF_UNIX", "sun_path": "@a\ufffd"}, "addrlen": 5}),
        row(21, "connect", -14, {"sockfd": 3, "addr": None, "addrlen": 16}, {"addr": "unreadable"}),
        row(21, "rename", 0, {"oldpath": "a", "newpath": "b"}),
        row(21, "renameat2", -17, {"olddirfd": -100, "oldpath": "a", "newdirfd": 4, "newpath": "b", "flags": 1}),
        exec_row(22, "./script", "/bin/sh", ["/bin/sh", "-e", "./script", "one"], []),
        row(22, "execve", -2, {"pathname": "none", "argv": [LONG[0], LONG[1], LONG[2][:100]], "envp": []}, {"argv": "truncated"}),
    ]


def differences(rows, traces=None):
    traced = {tid: strace_output.parse("\n".join(lines)) for tid, lines in (traces or TRACES).items()}
    return compare.compare(traced, rows)


def others(value):
    """Values that are not `value`, one for each way to be another."""
    if isinstance(value, int):
        return [value + 1, -value - 1, None]
    if isinstance(value, str):
        return [value + "x", value[:-1] + "\x00", None]
    if isinstance(value, list):
        return [value + ["x"], ["x" + word for word in value] or None, None]
    if isinstance(value, dict):
        return [{**value, key: "x"} for key in value] + [None]
    return [{"sa_family": "AF_INET"}]


def not_compared(event, argument):
    """Whether strace has nothing to say of it."""
    return (event["eventName"] in compare.FORKS and event["returnValue"] == 0  # strace shows the caller only
            or argument == {"name": "mode", "value": 0}  # not a call that makes a file
            or argument["name"] == "interp"  # says how to read argv, which is compared
            or argument["name"] == "child_ns_tid" and event["pidNamespace"] == compare.INITIAL_PID_NS)


def changed_rows():
    """(what, rows) with one value changed."""
    rows = right_rows()
    for i, event in enumerate(rows):
        for j, argument in enumerate(event["args"]):
            if not_compared(event, argument):
                continue
            for value in others(argument["value"]):
                wrong = copy.deepcopy(rows)
                wrong[i]["args"][j]["value"] = value
                yield f"{event['eventName']}.{argument['name']} {argument['value']!r:.40} -> {value!r:.40}", wrong
        if event["eventName"] != "sched_process_fork":
            wrong = copy.deepcopy(rows)
            wrong[i]["returnValue"] += 1
            yield f"{event['eventName']} returns {wrong[i]['returnValue']}", wrong


def check_rows():
    """How many single changes were tried; those that nobody saw."""
    rows, tried, unseen = right_rows(), 0, []
    wrongs = [(f"missing {r['eventName']}", "missing", rows[:i] + rows[i + 1:]) for i, r in enumerate(rows)]
    wrongs += [(f"extra {r['eventName']}", "extra", rows[:i] + [r, *rows[i:]]) for i, r in enumerate(rows)]
    wrongs += [(f"elsewhere {r['eventName']}", "", [{**other, "hostThreadId": 99} if other is r else other for other in rows]) for r in rows]
    wrongs += [(what, "", wrong) for what, wrong in changed_rows()]
    swapped = copy.deepcopy(rows)
    swapped[1]["timestamp"], swapped[2]["timestamp"] = swapped[2]["timestamp"], swapped[1]["timestamp"]
    for what, kind, wrong in [*wrongs, ("two in the other order", "changed", swapped)]:
        tried += 1
        if not any(d.startswith(kind) for d in differences(wrong).differences):
            unseen.append(what)
    return tried, unseen


BAD_LINES = ("", "openat(-100", 'openat(-100, "\\x61"', 'openat(-100, "\\x61") = ', 'openat(-100, "a") = 3', 'openat(-100, "\\x61"..., 0) = 3', "openat(-100,) = 3",
             'openat(-100 "\\x61") = 3', "openat(AT_FDCWD) = 3", "openat(-100) = 3 junk", "openat(-100) = -1 ENOSUCH (x)", "connect(3, {sa_family=0x2, 16) = 0",
             "connect(3, {0x2}, 16) = 0", "execve([\"\\x61\") = 0", "--- SIGCHLD {} ---", "+++ exited with 0 +++", "<... openat resumed>) = 3", "strace: trouble")


def check_lines():
    accepted = []
    for line in BAD_LINES[1:]:
        try:
            strace_output.parse_line(line)
            accepted.append(f"accepted: {line}")
        except strace_output.Unparsed:
            pass
    return len(BAD_LINES) - 1, accepted


def main():
    right = differences(right_rows())
    problems = [f"the right rows: {text}" for text in right.differences]
    want = {"never returned": 1, "child's return": 2, "arguments of a script": 1, "truncated": 1, "unreadable for both": 1, "exec as sched_process_exec": 2,
            "mode not read": 1}
    if dict(right.explained) != want:
        problems.append(f"explained {dict(right.explained)}, expected {want}")
    rows, unseen = check_rows()
    lines, accepted = check_lines()
    problems += [f"nobody saw: {what}" for what in unseen] + accepted
    print("\n".join(problems) or f"{rows} changed runs and {lines} damaged lines, each seen")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
