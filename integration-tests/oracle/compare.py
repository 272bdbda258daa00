# SPDX-License-Identifier: Apache-2.0
"""Compares what vedette showed with what strace saw of the same run, event for event and argument for argument.

Of each thread the calls of one name must be the same, in the same order. What differs for a known reason is in EXPLAINED, each under a condition that is
itself checked; it is counted and printed. All else is a difference.
"""
import collections
import difflib
import ipaddress

EXPLAINED = {
    "strace itself": "calls of the strace process and its probes, which nobody traces",
    "never returned": "the thread was ended in the call: vedette shows calls when they end, strace when they begin",
    "end not seen": "the thread was ended after the call and before strace looked; the result is not compared",
    "ended at once": "a new task was ended before it returned from the call that made it",
    "child's return": "vedette shows that a new task returns 0 from the call that made it; strace shows the caller's return only",
    "exec as sched_process_exec": "a successful execve is shown as the new program's sched_process_exec",
    "arguments of a script": "the kernel puts the interpreter and its argument before a script's own arguments",
    "path of execveat": "the kernel names a program that was opened by descriptor /dev/fd/N",
    "mode not read": "strace shows the mode only where the call makes a file",
    "address of another family": "of families other than AF_UNIX, AF_INET and AF_INET6 vedette shows the family only",
    "truncated": "vedette keeps 8 KiB of a list and says \"truncated\": what it kept is the beginning",
    "unreadable for both": "neither could read the memory",
}
FORKS = ("clone", "clone3", "fork", "vfork")
EXECS = ("execve", "execveat")
# Arguments in strace's order: name and kind. With `-e raw=clone,clone3` those two are registers.
INT, U32, U64, STR, LIST, MODE, ADDR = "int32", "uint32", "uint64", "string", "list", "mode", "sockaddr"
CALLS = {
    "open": (("pathname", STR), ("flags", INT), ("mode", MODE)),
    "openat": (("dirfd", INT), ("pathname", STR), ("flags", INT), ("mode", MODE)),
    "connect": (("sockfd", INT), ("addr", ADDR), ("addrlen", INT)),
    "execve": (("pathname", STR), ("argv", LIST), ("envp", LIST)),
    "execveat": (("dirfd", INT), ("pathname", STR), ("argv", LIST), ("envp", LIST), ("flags", INT)),
    "unlink": (("pathname", STR),),
    "unlinkat": (("dirfd", INT), ("pathname", STR), ("flags", INT)),
    "rename": (("oldpath", STR), ("newpath", STR)),
    "renameat": (("olddirfd", INT), ("oldpath", STR), ("newdirfd", INT), ("newpath", STR)),
    "renameat2": (("olddirfd", INT), ("oldpath", STR), ("newdirfd", INT), ("newpath", STR), ("flags", U32)),
    "clone": (("flags", U64), ("stack", U64), ("parent_tid", U64), ("child_tid", U64), ("tls", U64)),
    "clone3": (("cl_args", U64), ("size", U64)),
    "fork": (),
    "vfork": (),
}
BITS = {INT: 32, U32: 32, U64: 64, MODE: 16}
FAMILIES = {0: "AF_UNSPEC", 1: "AF_UNIX", 2: "AF_INET", 10: "AF_INET6", 16: "AF_NETLINK", 17: "AF_PACKET", 38: "AF_ALG", 40: "AF_VSOCK"}
INITIAL_PID_NS = 0xEFFFFFFC  # PROC_PID_INIT_INO, include/linux/proc_ns.h


def text(data):
    """Bytes as vedette writes them: U+FFFD for what is not UTF-8."""
    return data.decode("utf-8", "replace")


def port(data):
    return str(int.from_bytes(data, "big"))


def address_unix(fields):
    path = fields.get("sun_path")
    return {"sun_path": "" if path is None else text(b"@" + path[1:] if path.startswith(b"\0") else path)}


def address_inet(fields):
    return {"sin_addr": str(ipaddress.IPv4Address(fields["sin_addr"])), "sin_port": port(fields["sin_port"])}


def address_inet6(fields):
    return {"sin6_addr": str(ipaddress.IPv6Address(fields["sin6_addr"])), "sin6_flowinfo": port(fields["sin6_flowinfo"]),
            "sin6_port": port(fields["sin6_port"]), "sin6_scopeid": str(fields["sin6_scope_id"])}


ADDRESSES = {1: address_unix, 2: address_inet, 10: address_inet6}


class Result:
    """What a comparison found."""

    def __init__(self):
        self.equal, self.explained, self.differences = collections.Counter(), collections.Counter(), []

    def explain(self, reason, count=1):
        self.explained[reason] += count
        assert reason in EXPLAINED

    def differ(self, what, where, detail):
        self.differences.append(f"{what}: {where}: {detail}")


class Ours:
    """One row of vedette's output."""

    def __init__(self, row):
        self.name, self.tid, self.ret, self.comm = row["eventName"], row["hostThreadId"], row["returnValue"], row["processName"]
        self.args, self.states = {a["name"]: a["value"] for a in row["args"]}, row["vedette"]["states"]
        self.initial_pid_ns, self.time = row["pidNamespace"] == INITIAL_PID_NS, row["timestamp"]

    def __str__(self):
        return f"{self.name}({self.args}) = {self.ret}"[:600]


class Pair:
    """A call as strace saw it beside vedette's row; collects the explanations that its equality needs."""

    def __init__(self, theirs, ours):
        self.theirs, self.ours, self.reasons = theirs, ours, []

    def state(self, name):
        return self.ours.states.get(name, "")

    def integer(self, value, name, kind):
        got = self.ours.args.get(name)
        return isinstance(got, int) and (got - value) % (1 << BITS[kind]) == 0

    def unreadable(self, value, name):
        """strace shows the pointer where it could not read what is there."""
        if self.state(name) != "unreadable" or self.ours.args.get(name) or not (value is None or isinstance(value, int)):
            return False
        self.reasons.append("unreadable for both")
        return True

    def string(self, value, name):
        if not isinstance(value, bytes):
            return self.unreadable(value, name)
        return self.ours.args.get(name) == text(value) and self.state(name) not in ("unreadable", "truncated")

    def words(self, value, name):
        """A list of strings. NULL is an empty one, as for the kernel."""
        value, got = [] if value is None else value, self.ours.args.get(name)
        if not isinstance(value, list):
            return self.unreadable(value, name)
        want = [text(word) for word in value]
        if not isinstance(got, list) or self.state(name) != "truncated":
            return got == want and self.state(name) != "unreadable"
        self.reasons.append("truncated")
        whole = "\0".join(want) + "\0"
        return whole != "\0".join(got) + "\0" and len(got) > 0 and whole.startswith("\0".join(got).removesuffix("\ufffd"))

    def sockaddr(self, value, name):
        if not isinstance(value, dict):
            return self.unreadable(value, name)
        family, got = value["sa_family"], self.ours.args.get(name)
        want = {"sa_family": FAMILIES.get(family, str(family))}
        if family in ADDRESSES and len(value) > 1 and "sa_data" not in value:
            want.update(ADDRESSES[family](value))
        else:
            self.reasons.append("address of another family")
        return got == want

    def argument(self, value, name, kind):
        readers = {STR: self.string, LIST: self.words, ADDR: self.sockaddr}
        return readers[kind](value, name) if kind in readers else self.integer(value, name, kind)

    def call(self):
        """Whether the two agree on everything."""
        columns = CALLS[self.theirs.name]
        values = self.theirs.args
        if len(values) == len(columns) - 1 and columns[-1][1] == MODE:
            self.reasons.append("mode not read")
            columns = columns[:-1]
        if self.theirs.ret is None:
            self.reasons.append("end not seen")
        same_result = self.theirs.ret in (None, self.ours.ret)
        return same_result and len(values) == len(columns) and all(self.argument(v, n, k) for v, (n, k) in zip(values, columns))

    def exec(self):
        """A successful execve beside sched_process_exec: the same program, arguments and environment."""
        values = dict(zip((name for name, _ in CALLS[self.theirs.name]), self.theirs.args))
        path, argv = values["pathname"], values["argv"]
        if "dirfd" in values and values["dirfd"] != -100 and not path.startswith(b"/"):
            self.reasons.append("path of execveat")
            path = f"/dev/fd/{values['dirfd']}".encode() + (b"/" + path if path else b"")
        if self.ours.args.get("interp") != text(path):
            argv = self.script(path, argv)
        self.reasons.append("exec as sched_process_exec")
        return argv is not None and self.string(path, "cmdpath") and self.words(argv, "argv") and self.words(values["envp"], "env") and self.ours.ret == 0

    def script(self, path, argv):
        """argv of the interpreter's program: its path, at most one argument for each #! line that led to it, the script, its arguments."""
        got = [word.encode() for word in self.ours.args.get("argv") or []]
        rest = [path, *argv[1:]]
        head = got[:len(got) - len(rest)]
        if not 1 <= len(head) <= 8 or head[0].decode() not in (self.ours.args.get("interp"), self.ours.args.get("cmdpath")):
            return None
        self.reasons.append("arguments of a script")
        return head + rest


def judge_sequences(result, where, theirs, ours, agree):
    """The calls of one name in one thread, in order. `agree`: Pair -> bool."""
    if len(theirs) == len(ours) + 1 and theirs[-1].ret is None:
        theirs = theirs[:-1]
        result.explain("never returned")
    if len(theirs) != len(ours):
        unequal(result, where, theirs, ours, agree)
        return
    for their, our in zip(theirs, ours):
        pair = Pair(their, our)
        if agree(pair):
            result.equal[our.name] += 1
            result.explained.update(pair.reasons)
        else:
            result.differ("changed", where, f"strace: {their.line[:600]}\n    vedette: {our} {our.states}")


def unequal(result, where, theirs, ours, agree):
    """One of the two saw more: names those that have no partner (an alignment by equality, which is a matrix, as agreement is not a key)."""
    ids = {}
    left = [ids.setdefault(their.line, len(ids)) for their in theirs]
    right = [next((ids[t.line] for t in theirs if agree(Pair(t, our))), -1 - i) for i, our in enumerate(ours)]
    for tag, a, b, c, d in difflib.SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        if tag == "equal":
            result.equal[ours[c].name] += b - a
            continue
        for their in theirs[a:b]:
            result.differ("missing", where, f"strace: {their.line[:600]}")
        for our in ours[c:d]:
            result.differ("extra", where, f"vedette: {our}")


def group(items, key):
    groups = collections.defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    return groups


def set_aside(result, traced, rows):
    """(calls by thread and name, rows by thread and name) without what has an explanation of its own."""
    calls, shown = collections.defaultdict(list), []
    for tid, thread in traced.items():
        for call in thread:
            calls[tid, "sched_process_exec" if call.name in EXECS and call.ret == 0 else call.name].append(call)
    for row in rows:
        if row.tid not in traced and row.comm == "strace":
            result.explain("strace itself")
        else:
            shown.append(row)
    return calls, group(shown, lambda row: (row.tid, row.name))


def judge_child_returns(result, traced, shown, root):
    """Every new task returns 0 once, from the call by which its parent made it."""
    children = {row.args["child_tid"] for (_, name), rows in shown.items() if name == "sched_process_fork" for row in rows} | {root}
    returned = collections.Counter()
    for key in [key for key in shown if key[1] in FORKS]:
        zero = [row for row in shown[key] if row.ret == 0]
        shown[key] = [row for row in shown[key] if row.ret != 0]
        result.explain("child's return", len(zero))
        returned[key[0]] += len(zero)
        if zero and (returned[key[0]] > 1 or key[0] not in children):
            result.differ("extra", f"thread {key[0]}", f"vedette: {zero[-1]}")
    for tid in set(traced) - set(+returned) - {root}:
        if traced[tid]:
            result.differ("missing", f"thread {tid}", "it was made, and its return from that call is not shown")
        else:
            result.explain("ended at once")


def judge_forks(result, traced, calls, shown, root):
    """sched_process_fork beside what the callers were returned, and beside the threads that strace followed."""
    seen = set()
    for tid in traced:
        returned = [call for name in FORKS for call in calls.get((tid, name), []) if (call.ret or 0) > 0]
        rows = shown.pop((tid, "sched_process_fork"), [])
        # The number that the caller knows: of its own pid namespace.
        numbers = collections.Counter(row.args["child_tid" if row.initial_pid_ns else "child_ns_tid"] for row in rows)
        wanted = collections.Counter(call.ret for call in returned)
        for number in (wanted - numbers).elements():
            result.differ("missing", f"thread {tid}", f"strace: a task {number} was made, and there is no sched_process_fork of it")
        for number in (numbers - wanted).elements():
            result.differ("extra", f"thread {tid}", f"vedette: sched_process_fork of {number}, which no call returned")
        result.equal["sched_process_fork"] += (numbers & wanted).total()
        seen.update(row.args["child_tid"] for row in rows)
    for tid in set(traced) - seen - {root}:
        result.differ("missing", f"thread {tid}", "strace followed it, and there is no sched_process_fork of it")


def root_of(traced, shown):
    """The thread that strace started: the one whose maker is strace."""
    made = {row.args["child_tid"] for (tid, name), rows in shown.items() if name == "sched_process_fork" and tid in traced for row in rows}
    return min(set(traced) - made, default=0)


def compare(traced, rows):
    """traced: thread -> [Call]; rows: vedette's, as parsed JSON. A Result."""
    result = Result()
    calls, shown = set_aside(result, traced, sorted(map(Ours, rows), key=lambda row: row.time))
    root = root_of(traced, shown)
    judge_child_returns(result, traced, shown, root)
    judge_forks(result, traced, calls, shown, root)
    for tid, name in sorted(set(calls) | set(shown)):
        judge_sequences(result, f"thread {tid}", calls.get((tid, name), []), shown.get((tid, name), []), Pair.exec if name == "sched_process_exec" else Pair.call)
    return result
