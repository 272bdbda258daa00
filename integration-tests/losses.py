# SPDX-License-Identifier: Apache-2.0
"""What the analyzer's log says to be lost, as ranges of time, and when vedette-flood made its calls."""
import calendar
import re
import struct
import time
from pathlib import Path

LOST = re.compile(r"lost (?:an unknown number of|(up to )?(\d+)) events of class (\S+) on node \S+ between (\S+) and (\S+): (.*)")
ABSENCE = "no collector was running"
TOLERANCE_NS = 5 * 10**6  # the wall clock may be slewed between two readings


def wall_ns(text):
    seconds, fraction = text.rstrip("Z").split(".")
    return calendar.timegm(time.strptime(seconds, "%Y-%m-%dT%H:%M:%S")) * 10**9 + int(fraction) * 10**6


def read_losses(said):
    losses = []
    for match in LOST.finditer(said):
        inexact, count, cls, begin, end, stage = match.groups()
        # Times are printed in whole milliseconds, rounded down.
        losses.append({"exact": inexact is None and count is not None, "count": int(count or 0), "class": cls, "stage": stage.strip(),
                       "from": wall_ns(begin), "to": wall_ns(end) + 10**6})
    return losses


def lies_in(loss, begin_ns, end_ns=None):
    """Whether a time, or any of a range of it, is in the range of a loss."""
    return loss["from"] - TOLERANCE_NS <= (begin_ns if end_ns is None else end_ns) and begin_ns <= loss["to"] + TOLERANCE_NS


def read_times(path):
    """When each call was made, in ns since the epoch, of a file that vedette-flood wrote."""
    offset = time.time_ns() - time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    data = Path(path).read_bytes()
    return [value + offset for value in struct.unpack(f"<{len(data) // 8}Q", data)]
