# SPDX-License-Identifier: Apache-2.0
"""Reads what `strace -ff -qq -v -xx -X raw -s N` writes, strictly: a line that is not understood is an error, never left out.

With -ff each thread has a file of its own, so no line is torn in two by another thread. -xx writes every string as bytes and -X raw every constant as a
number, so there are no words to interpret: what is compared is what strace read from registers and memory.
"""
import errno
import re
from dataclasses import dataclass

# include/linux/errno.h: the kernel's own results, which a tracer sees and a program never does.
RESTARTS = {"ERESTARTSYS": 512, "ERESTARTNOINTR": 513, "ERESTARTNOHAND": 514, "ERESTART_RESTARTBLOCK": 516}
NUMBER = re.compile(r"-?(?:0x[0-9a-f]+|\d+)")
STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
NAME = re.compile(r"[a-z_][a-z0-9_]*")
CALL = re.compile(r"([a-z_0-9]+)\(")
RESULT = re.compile(r"\)\s+= (?:(-?(?:0x[0-9a-f]+|\d+))|-1 (E\w+) \([^()]*\)|\? (ERESTART\w+) \([^()]*\))$")
NEVER = re.compile(r"(?:\)\s+= \?|,? ?<unfinished \.\.\.>|,? ?\)?\s+= \? <unavailable>)$")
ENDING = re.compile(r"\+\+\+ (?:killed by SIG\w+(?: \(core dumped\))?|superseded by execve in pid \d+) \+\+\+$")


class Unparsed(Exception):
    """A line that is not understood."""


@dataclass
class Call:
    name: str
    args: list
    ret: int | None  # None: it never returned
    line: str


def number(text):
    """A C literal: 0x1f, 017, 17."""
    digits = text.removeprefix("-")
    value = int(digits, 16 if digits.startswith("0x") else 8 if digits.startswith("0") and digits != "0" else 10)
    return -value if text.startswith("-") else value


class Reader:
    """One line, from left to right."""

    def __init__(self, line):
        self.line, self.at = line, 0

    def fail(self):
        raise Unparsed(f"at column {self.at}: {self.line[:400]}")

    def take(self, literal):
        found = self.line.startswith(literal, self.at)
        self.at += len(literal) if found else 0
        return found

    def match(self, pattern):
        found = pattern.match(self.line, self.at)
        self.at = found.end() if found else self.at
        return found

    def sequence(self, end, item):
        items = []
        while not self.take(end):
            if items and not self.take(", "):
                self.fail()
            items.append(item())
        return items

    def field(self):
        name = self.match(NAME)
        if not name or not self.take("="):
            self.fail()
        return name[0], self.value()

    def value(self):
        if self.take("NULL"):
            return None
        if self.take("["):
            return self.sequence("]", self.value)
        if self.take("{"):
            return dict(self.sequence("}", self.field))
        abstract = b"\0" if self.take("@") else b""
        if string := self.match(STRING):
            return abstract + bytes.fromhex(string[1].replace("\\x", ""))
        literal = None if abstract else self.match(NUMBER)
        if not literal:
            self.fail()
        return number(literal[0])

    def end(self):
        """(whether the call returned, its result)"""
        if self.match(NEVER):
            return False, None
        result = self.match(RESULT)
        if not result:
            self.fail()
        if result[1]:
            return True, number(result[1])
        word = result[2] or result[3]
        code = RESTARTS.get(word) or getattr(errno, word, None)
        if code is None:
            self.fail()
        return True, -code


def parse_line(line):
    """A Call, or None for a line that says how the thread ended."""
    reader = Reader(line)
    if reader.match(ENDING):
        return None
    head = reader.match(CALL)
    if not head:
        reader.fail()
    args, ended = [], re.compile(r"\)\s+= |,? ?<unfinished")
    while not ended.match(line, reader.at):
        if args and not reader.take(", "):
            reader.fail()
        args.append(reader.value())
    _, ret = reader.end()
    return Call(head[1], args, ret, line)


def parse(text):
    """The calls of one thread, in order."""
    calls = (parse_line(line) for line in text.split("\n") if line)
    return [call for call in calls if call is not None]
