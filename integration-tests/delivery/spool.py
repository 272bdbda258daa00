# SPDX-License-Identifier: Apache-2.0
"""The collector's spool: an analyzer that stands still for longer than the queue in memory holds."""

import os
import signal
import subprocess

from harness import Skipped, check

# Rings that hold several floods, so that a loaded machine does not lose there.
QUEUE = ("--collector", "queue.size=1M", "--collector", "ring.watched=32M")
TO_DISK, EMPTY = "batches wait in", "is empty again"


def spool_at(folder, size):
    """Options for a spool in `folder`."""
    return ["--collector", f"spool.path={folder}/spool", "--collector", f"spool.size={size}", "--collector", "shutdown=60s"]


def check_order(run):
    """Within a session each event once, in the order of its sequence."""
    newest = {}
    for row in run.out.read():
        session, seq = row["vedette"]["session"], int(row["vedette"]["seq"])
        if row["eventName"] == "memfd_create":
            check(seq > newest.get(session, -1), f"sequence {seq} came after {newest.get(session)}")
            newest[session] = seq


def spool_figures(run):
    """Name behind vedette_node_spool_ -> value."""
    return {name.removeprefix("vedette_node_spool_"): value for (name, _), value in run.metrics().items() if name.startswith("vedette_node_spool_")}


def wait_for_figures(run, condition, what):
    run.wait_until(lambda: condition(spool_figures(run)), what)


def spool_holds(scene, check_balances, repeats):
    """An analyzer that is away until the queue is full and the spool half full: everything comes, in order, once; then the disk is left alone again."""
    run = scene.run("--events", "memfd_create", "--http", "127.0.0.1:0", "--collector", "heartbeat=500ms", *QUEUE, *spool_at(scene.folder, "8M"))
    run.order("flood 1 1000 a")
    run.wait_until(lambda: len(run.events("a")) == 1000, "the first 1000 events")
    check(TO_DISK not in run.said(), "batches went to the disk although the queue had room")
    pid = run.signal_analyzer(signal.SIGSTOP)
    run.order("flood 25 8000 b")
    run.wait_until(lambda: run.n_done() == 26, "the last flood")
    check(TO_DISK in run.said(), "no batch went to the disk")
    os.kill(pid, signal.SIGCONT)
    run.wait_for_words(EMPTY)
    run.order("flood 1 1000 c")
    run.wait_until(lambda: len(run.events("c")) == 1000, "the last 1000 events")
    wait_for_figures(run, lambda figures: figures["written_batches_total"] > 0 and figures["batches"] == 0, "figures of an empty spool")
    figures = spool_figures(run)
    run.finish()
    counts = [run.events(tag) for tag in "abc"]
    printed = sum(map(len, counts))
    scene.say(f"emitted 202000 = printed {printed}; through the disk {figures['written_batches_total']:.0f} batches; {figures}")
    check(printed == 202000 and all(repeats(count) == 0 for count in counts), f"not each event once; said to be lost: {run.losses()}")
    check(not run.losses(), f"something was said to be lost: {run.losses()}")
    check(figures["errors_total"] == 0 and figures["evicted_events_total"] == 0, f"the figures say otherwise: {figures}")
    check_order(run)
    check_balances(scene, run)


def spool_too_small(scene, check_balances, repeats):
    """A flood of bulk events that neither queue nor disk can hold: what is lost are counted ranges of bulk, every watched event is there."""
    run = scene.run("--events", "memfd_create,getcwd", "--http", "127.0.0.1:0", "--collector", "heartbeat=500ms", *QUEUE, *spool_at(scene.folder, "4M"))
    run.order("flood 1 100 a")
    run.wait_until(lambda: len(run.events("a")) == 100, "the first 100 events")
    pid = run.signal_analyzer(signal.SIGSTOP)
    run.order("crowd 20 30000 b")
    run.wait_until(lambda: run.n_done() == 21, "the last crowd")
    os.kill(pid, signal.SIGCONT)
    run.wait_for_words(EMPTY)
    run.order("flood 1 100 c")
    run.wait_until(lambda: len(run.events("c")) == 100, "the last 100 events")
    figures = spool_figures(run)
    run.finish()
    lost = {}
    for count, cls, stage in run.losses():
        check(count is not None, f"a loss was not counted exactly: {run.losses()}")
        lost[cls, stage] = lost.get((cls, stage), 0) + count
    scene.say(f"lost: {lost}; {figures}")
    check({cls for cls, _ in lost} == {"bulk"}, f"not bulk events alone were lost: {lost}")
    check(lost.get(("bulk", "the collector's spool on disk was full or damaged"), 0) > 0, "the spool gave nothing up: it was not small enough")
    counts = [run.events(tag) for tag in "abc"]
    check([len(count) for count in counts] == [100, 2000, 100] and all(repeats(count) == 0 for count in counts),
          f"not each watched event once: {[len(count) for count in counts]}")
    check(run.balances()["bulk"]["lost"] == sum(lost.values()), "the balance counts other losses than were said")
    check_balances(scene, run)
    check_order(run)


def in_a_mount(folder, options, then="true"):
    """Words before a program: it sees a small tmpfs at `folder`."""
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", f'mount -t tmpfs -o {options} none "$0" && {then} && exec "$@"', str(folder)]


def spool_unusable(scene, check_balances, repeats):
    """A disk that is too small, or read-only, at the start: it is said, with the path and what to do, and the run goes on with the queue alone."""
    for name, options, words in (("full", "size=1m,mode=0700", "No space left on device"), ("read-only", "ro,mode=0700", "Read-only file system")):
        disk = scene.folder / f"disk-{name}"
        disk.mkdir()
        wrap = in_a_mount(disk, options)
        probe = subprocess.run([*wrap, "true"], capture_output=True, text=True, timeout=20)
        if probe.returncode != 0:
            raise Skipped(f"no tmpfs in a mount namespace of its own: {probe.stderr.strip()}")
        run = scene.run("--events", "memfd_create", *spool_at(disk, "4M"), name=f"run-{name}", wrap=wrap)
        run.order("flood 1 1000 a")
        run.wait_until(lambda: len(run.events("a")) == 1000, "the first 1000 events")
        run.finish()
        said = [line for line in run.said().splitlines() if "going on with the queue in memory alone" in line]
        scene.say(f"{name}: {said}")
        check(len(said) == 1 and words in said[0] and f"{disk}/spool" in said[0], f"it is not said: {run.said()[-800:]}")
        check_balances(scene, run)


SPOOL_SCENARIOS = [spool_holds, spool_too_small, spool_unusable]
