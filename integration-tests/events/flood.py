# SPDX-License-Identifier: Apache-2.0
"""The ways past a sensor under a flood of the bulk class: what a shell is to run, and what became of it. No process is started here."""

import datetime
import re
import shlex

import check
import doors

# The flood's own events are not looked at.
SCRIPT = "{ RUN 2>err-flood; echo $? >status-flood; } | grep -v vt-flood >out-flood\n"
FILES = ("out-flood", "err-flood", "status-flood", "expected-flood")  # what the script leaves
# Small, so that a flood of this machine's own making is one, and what is delivered at the end is not much: a guest is slow at it, and vedette-run
# does not wait for it longer than 75 s.
LIMITS = {"ring.bulk": "256K", "queue.size": "1M", "shutdown": "60s"}
ALSO_CAUSE = ("openat", "rename", "security_socket_create")  # whose triggers have cases of other events
TIMES = 3  # the rate where the bulk class first drops
BALANCE = re.compile(r"class=(\w+): reserved=(\d+) delivered=(\d+) lost=(\d+) in_flight=(\d+)")


def script(bin_dir, table_of_doors):
    events = [event for event in doors.events_of(table_of_doors) if event != "coverage"]
    words = [f"{bin_dir}/vedette-run", "--json"]
    for key, value in LIMITS.items():
        words += ["--collector", f"{key}={value}"]
    for event in events:  # an option is at most 255 bytes long
        words += ["--analyzer", f"events={event}"]
    words += ["--", f"{bin_dir}/vedette-trigger", "--flood", "expected-flood", f"{bin_dir}/vedette-run", *events, *ALSO_CAUSE]
    return SCRIPT.replace("RUN", shlex.join(words))


def first_drop(steps, stderr):
    """Calls a second of the step in which something was first lost; None when nothing was. The log has milliseconds, cut."""
    lost = re.search(r"lost \d+ events of class bulk .*? between (\S+)Z and", stderr)
    if not lost or not steps:
        return None
    at_ns = datetime.datetime.fromisoformat(f"{lost[1]}+00:00").timestamp() * 1e9
    begin, end, calls = next((step for step in steps if at_ns <= step[1]), steps[-1])
    return calls * 1e9 / (end - begin)


def lost_in_queue(stderr):
    """class -> events that the log says were lost because the collector's queue was full."""
    lost = {}
    for count, name in re.findall(r"lost (\d+) events of class (\w+) [^;\n]*: the collector's queue was full", stderr):
        lost[name] = lost.get(name, 0) + int(count)
    return lost


def balance_wrong(stderr, is_guest=False):
    """(complaints, class -> lost). Whatever is lost is counted, and only of the bulk class; an emulated guest is too slow to deliver through a queue
    of this size: there all that is lost of another class must be said to be lost in the queue, and none in the rings."""
    queue = lost_in_queue(stderr) if is_guest else {}
    wrong, lost = [], {}
    for name, *numbers in BALANCE.findall(stderr):
        reserved, delivered, lost[name], in_flight = map(int, numbers)
        if reserved != delivered + lost[name] or in_flight or (name != "bulk" and lost[name] != queue.get(name, 0)):
            where = re.findall(r"lost \d+ events of class " + name + r" [^;\n]*", stderr)
            wrong.append(f"{name}: reserved, delivered, lost, in flight: {', '.join(numbers)}; {'; '.join(where[:3])}")
    return wrong or ([] if lost else ["no balance was printed"]), lost


def judge_case(expectation, row, rows, run, may_miss, expectations):
    """(word of doors.WORDS, reason). What was lost cannot be told from what came wrong where others of its kind came: that is judged without a flood."""
    if "skip" in expectation:
        return "skipped", expectation["skip"]
    wrong = check.check(expectation, rows, row, run, expectations)
    if wrong and may_miss and not wrong[0].startswith("it came"):
        return doors.LOST, may_miss
    return ("failed", wrong[0]) if wrong else ("passed", "")


def outcomes_of(expectations, events, rows, run, missing, lost, hooks_skipped, queue=()):
    """(event, case) -> (word, reason). missing: event -> why it is not covered; queue: classes of which the collector's queue lost some."""
    outcomes = {}
    for expectation in expectations:
        if expectation["event"] not in events:
            continue
        row, key = events[expectation["event"]], (expectation["event"], expectation["case"])
        if "absent" in expectation:  # whatever was lost, it must not come
            wrong = check.check(expectation, rows.named(key[0]), row, run)
            if wrong:
                outcomes[key] = "failed", wrong[0]
            continue
        may_miss = "its hook was skipped, which is counted" if hooks_skipped else "of the bulk class" if row["class"] == "bulk" and lost.get("bulk") else \
            "this guest delivers too slowly for the queue" if row["class"] in queue else ""
        became = ("skipped", f"not covered on this kernel: {missing[key[0]]}") if key[0] in missing else \
            judge_case(expectation, row, rows.named(key[0]), run, may_miss, expectations)
        if outcomes.get(key, ("passed",))[0] in ("passed", doors.LOST):
            outcomes[key] = became
    return outcomes
