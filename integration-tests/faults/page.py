# SPDX-License-Identifier: Apache-2.0
"""The page that a fault build takes its orders from (struct fault_page of common/base/fault.h), and the table of its points."""
import collections
import mmap
import re
import struct
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIMIT, DEEDS = 128, 64
ARMED, DIED, SPARE, DEED, PASSED = 0, 4, 8, 12, 16
RESULT = PASSED + 8 * LIMIT
SIZE = RESULT + 8 * DEEDS
ROW = re.compile(r"^FAULT\((\d+), (\w+), (\w+), (\w+)\)", re.MULTILINE)

Point = collections.namedtuple("Point", "number name process when")


def read_points():
    points = [Point(int(number), *words) for number, *words in ROW.findall((ROOT / "common/base/fault_points.def").read_text())]
    if not points or len({point.number for point in points}) != len(points) or max(point.number for point in points) >= LIMIT:
        raise ValueError("fault_points.def: no points, a number twice, or one beyond FAULT_LIMIT")
    return points


class Page:
    def __init__(self, path):
        path.write_bytes(bytes(SIZE))
        path.chmod(0o666)  # each process has its own user
        with open(path, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), SIZE)

    def get(self, offset, form="<I"):
        return struct.unpack_from(form, self.map, offset)[0]

    def put(self, offset, value):
        struct.pack_into("<I", self.map, offset, value)

    def arm(self, number, spare):
        """Dies at the point's passage number spare + 1 from now on."""
        self.put(DIED, 0)
        self.put(SPARE, spare)
        self.put(ARMED, number)

    def put_deed(self, number):
        self.put(DEED, number)

    def died(self):
        """The pid of who died at the point that was armed, 0 before."""
        return self.get(DIED)

    def passed(self, number):
        return self.get(PASSED + 8 * number, "<Q")

    def result(self, deed):
        return self.get(RESULT + 8 * deed, "<q")

    def close(self):
        self.map.close()
