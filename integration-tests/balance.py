# SPDX-License-Identifier: Apache-2.0
"""What `vedette-analyzer balance` says of a run, asked again until nothing is in flight and nothing more comes; and one paragraph of it."""

import json
import subprocess
import time
from pathlib import Path

STILL_S = 1.5  # totals come with batches: what waits in a queue is in no sum yet, so nothing may have come for so long
PATIENCE_S = 60  # statistics come with each batch, and at least with each heartbeat


def control_socket(analyzer):
    """Of the analyzer with this pid; None when it has gone."""
    try:
        words = Path(f"/proc/{analyzer}/cmdline").read_bytes().decode().split("\0")
    except OSError:
        return None
    return next((word.split("=", 1)[1] for word in words if word.startswith("--control.socket=")), None)


def ask(bin_dir, socket):
    """(exit status, the parsed answer or None, what was said)"""
    done = subprocess.run([f"{bin_dir}/vedette-analyzer", "balance", "--json", f"--control.socket={socket}"], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=60, check=False)
    try:
        return done.returncode, json.loads(done.stdout), done.stderr
    except ValueError:
        return done.returncode, None, done.stderr


def in_flight(answer):
    return sum(session.get("in_flight", 0) for node in answer["nodes"] for session in node["sessions"])


def faults(answer):
    found = [f"node {node['node']}, session {session['session']}: {session['fault']}" for node in answer["nodes"] for session in node["sessions"] if session["fault"]]
    return found + [f"sink {sink['name']}: {sink}" for sink in answer["sinks"] if sink["skipped"] < 0]


def settle(bin_dir, find_analyzer, patience_s=PATIENCE_S):
    """The answer once nothing is in flight; (answer or None, words that say what is wrong or None)."""
    deadline = time.monotonic() + patience_s
    answer, words, since, before = None, "no analyzer answered", 0, None
    while time.monotonic() < deadline:
        socket = control_socket(find_analyzer())
        status, newest, said = ask(bin_dir, socket) if socket else (None, None, words)
        if newest is None:
            words = said.strip()[-300:]
        else:
            answer, wrong = newest, faults(newest)
            words = "; ".join(wrong) or (None if status == 0 else f"exit status {status} without a reason")
            sums = [(node["node"], node["sessions"], node["losses"]) for node in newest["nodes"]]
            if sums != before:
                before, since = sums, time.monotonic()
            quiet = in_flight(newest) == 0 and any(sessions for _, sessions, _ in sums) and time.monotonic() - since >= STILL_S
            if words is None and quiet:
                return newest, None
            words = words or f"{in_flight(newest)} events stay in flight, or more come all the time"
        time.sleep(0.2)
    return answer, words


def lines(answer):
    """For a report: what became of the events of each node, by class, the losses with their ranges, and the alerts of each sink."""
    said = []
    for node in answer["nodes"]:
        sums = {"produced": 0, "delivered": 0, "lost": 0}
        beside = {"before_this_start": 0, "missing": 0, "in_flight": 0, "in_absence": 0}
        for session in node["sessions"]:
            for cls in session["classes"]:
                for key in sums:
                    sums[key] += cls[key]
            for key in beside:
                beside[key] += session.get(key, 0)
        said.append(f"balance: produced {sums['produced']} = delivered {sums['delivered']} + lost {sums['lost']}"
                    + "".join(f" + {key.replace('_', ' ')} {value}" for key, value in beside.items() if value)
                    + f"; {len(node['sessions'])} sessions; duplicates {node['duplicates']}")
        for loss in node["losses"]:
            mine = [r for r in node["ranges"] if (r["stage"], r["class"]) == (loss["stage"], loss["class"])]
            said.append(f"balance: lost at {loss['stage']}, class {loss['class']}: {loss['count']} in {len(mine)} ranges"
                        + "".join(f", {r['from'][11:23]} to {r['to'][11:23]}: {r['count'] if r['exact'] else 'unknown'}" for r in mine[:3])
                        + (", ..." if len(mine) > 3 else ""))
        for r in node["ranges"]:
            if r["stage"] == "absence":
                said.append(f"balance: no collector from {r['from'][11:23]} to {r['to'][11:23]}")
    for sink in answer["sinks"]:
        said.append("balance: sink " + sink["name"] + ": " + " ".join(f"{key} {sink[key]}" for key in ("delivered", "refused", "lost", "skipped", "waiting", "dead_letters")))
    return said
