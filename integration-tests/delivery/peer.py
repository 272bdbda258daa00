# SPDX-License-Identifier: Apache-2.0
"""A stranger on the bus who may open its socket: python3 - SOCKET ACT... < peer.py, as the courier's user.

Speaks nng's ipc transport by hand: both ends greet with 8 bytes, then each message is a 1, its length in 8 bytes, and its bytes; a request begins
with 4 bytes whose highest bit is set. ACTs: drop N (connect and close, N times), babble (no greeting but noise), noise N (N requests of random
bytes, each of which must be answered), large BYTES (a request of that size, announced and sent; says whether it was answered), ask (an empty
request must be answered, however often it takes for a minute). The reply's bytes are searched for the refusal's words.
"""
import random
import socket
import struct
import sys
import time

GREETING = b"\0SP\0\0\x30\0\0"
CHUNK = bytes(1 << 16)


class Peer:
    """One connection."""

    def __init__(self, path, patience_s=20):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(patience_s)
        self.socket.connect(path)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def take(self, size):
        data = b""
        while len(data) < size:
            piece = self.socket.recv(size - len(data))
            if not piece:
                raise ConnectionResetError("the analyzer closed the connection")
            data += piece
        return data

    def greet(self):
        self.socket.sendall(GREETING)
        if self.take(8)[:4] != GREETING[:4]:
            raise ValueError("that was no greeting")
        return self

    def ask(self, body):
        self.socket.sendall(b"\1" + struct.pack(">QI", len(body) + 4, 1 << 31 | 1) + body)
        return self.take_reply()

    def ask_large(self, size):
        self.socket.sendall(b"\1" + struct.pack(">QI", size + 4, 1 << 31 | 1))
        for begin in range(0, size, len(CHUNK)):
            self.socket.sendall(CHUNK[: size - begin])
        return self.take_reply()

    def take_reply(self):
        kind, size = struct.unpack(">BQ", self.take(9))
        if kind != 1 or size > 1 << 20:
            raise ValueError(f"no message: kind {kind}, {size} bytes")
        return self.take(size)


def drop(path, count):
    for _ in range(int(count)):
        Peer(path).socket.close()


def babble(path):
    with Peer(path) as peer:
        try:
            peer.socket.sendall(random.Random(7).randbytes(4096))
            peer.take(1 << 16)  # ends when the analyzer has had enough
        except OSError:
            pass


def noise(path, count):
    numbers = random.Random(42)
    with Peer(path) as peer:
        peer.greet()
        for _ in range(int(count)):
            reply = peer.ask(numbers.randbytes(numbers.randrange(4096)))
            if len(reply) <= 4:
                raise ValueError("an empty reply")


def large(path, size):
    with Peer(path) as peer:
        peer.greet()
        try:
            print("answered" if peer.ask_large(int(size)) else "")
        except (BrokenPipeError, ConnectionResetError):
            print("closed")


def ask(path):
    deadline = time.monotonic() + 60
    while True:
        try:
            # A listener that has stopped takes the connection and says nothing.
            with Peer(path, 1) as peer:
                peer.greet().ask(b"")
                return
        except OSError as error:
            if time.monotonic() > deadline:
                sys.exit(f"the bus does not answer: {error}")
            time.sleep(0.1)


{"drop": drop, "babble": babble, "noise": noise, "large": large, "ask": ask}[sys.argv[2]](sys.argv[1], *sys.argv[3:])
