# SPDX-License-Identifier: Apache-2.0
"""The contract's messages as bytes, right or wrong, by the numbers of proto/vedette.proto; and the server's side of nng's ipc transport."""
import re
import socket
import struct
import threading
from pathlib import Path

PROTO = (Path(__file__).resolve().parents[2] / "proto/vedette.proto").read_text()
GREETING = b"\0SP\0\0\x31\0\0"  # of a REP socket
MASK = (1 << 64) - 1


def numbers_of():
    """message or enum -> field or value -> (type, number)"""
    found, stack = {}, []
    for line in re.sub(r"//.*", "", PROTO).splitlines():
        head = re.match(r"\s*(message|enum|oneof) (\w+) \{", line)
        row = re.match(r"\s*(?:repeated )?(?:(\w+) )?(\w+) = (\d+);", line)
        if head:
            stack.append(stack[-1] if head[1] == "oneof" else head[2])
            found.setdefault(stack[-1], {})
        elif row and stack:
            found[stack[-1]][row[2]] = (row[1], int(row[3]))
        elif line.strip() == "}":
            stack.pop()
    return found


NUMBERS = numbers_of()


def varint(value):
    value &= MASK
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out + bytes([value]))


def tagged(number, kind, payload):
    return varint(number << 3 | kind) + payload


def field(message, name, value):
    kind, number = NUMBERS[message][name]
    if isinstance(value, list):
        return b"".join(field(message, name, one) for one in value)
    if isinstance(value, dict):
        value = pack(kind, value)
    if isinstance(value, str):
        value = value.encode()
    if isinstance(value, bytes):
        return tagged(number, 2, varint(len(value)) + value)
    return tagged(number, 1, struct.pack("<Q", value & MASK)) if kind == "fixed64" else tagged(number, 0, varint(value))


def pack(message, values):
    return b"".join(field(message, name, value) for name, value in values.items())


def unpack(data):
    """number -> its last value, of the top level."""
    found, at = {}, 0

    def take():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(data):
        tag = take()
        if tag & 7 == 0:
            found[tag >> 3] = take()
            continue
        size = take() if tag & 7 == 2 else {1: 8, 5: 4}[tag & 7]
        found[tag >> 3] = data[at:at + size]
        at += size
    return found


class Request:
    def __init__(self, data):
        self.data, body = data, unpack(data)
        self.kind = next((name for name in ("hello", "batch", "snapshot") if NUMBERS["Request"][name][1] in body), None)
        message = "Hello" if self.kind == "hello" else "EventBatch"
        values = unpack(body[NUMBERS["Request"][self.kind][1]])
        self.session = struct.unpack("<Q", values.get(NUMBERS[message]["session"][1], bytes(8)))[0]
        self.next_seq = 0
        if self.kind != "hello":
            self.next_seq = values.get(NUMBERS[message]["first_seq"][1], 0) + values.get(NUMBERS[message]["count"][1], 0)


class Double:
    """Listens as an analyzer does. `answer(request)` gives the bytes of a reply, or None to hang up; called by one thread at a time."""

    def __init__(self, path, answer):
        self.path, self.answer, self.lock, self.problems = path, answer, threading.Lock(), []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        path.chmod(0o666)
        self.listener.listen(16)
        threading.Thread(target=self.accept, daemon=True).start()
        self.connections = []

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections.append(connection)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        def take(size):
            data = b""
            while len(data) < size:
                piece = connection.recv(size - len(data))
                if not piece:
                    raise ConnectionResetError
                data += piece
            return data

        try:
            connection.sendall(GREETING)
            take(8)
            while True:
                _, size = struct.unpack(">BQ", take(9))
                message = take(size)
                with self.lock:
                    reply = self.answer(Request(message[4:]))
                if reply is None:
                    break
                connection.sendall(b"\1" + struct.pack(">Q", len(reply) + 4) + message[:4] + reply)
        except OSError:
            pass
        except Exception as problem:  # a mistake of the test's own must not look like the collector's
            self.problems.append(repr(problem))
        connection.close()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in self.connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.path.unlink()
