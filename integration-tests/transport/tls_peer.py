# SPDX-License-Identifier: Apache-2.0
"""A peer of the bus over TLS that says what it likes: nng's tcp transport and the contract's messages by hand.

Both ends greet with 8 bytes, then each message is its length in 8 bytes and its bytes; a request begins with 4 bytes whose highest bit is set, and
its reply with the same (the SP protocol of REQ and REP).
"""

import socket
import ssl
import struct

GREETING, ANSWER = b"\0SP\0\0\x30\0\0", b"\0SP\0\0\x31\0\0"


class HungUp(Exception):
    """The connection ended instead of an answer."""


def varint(value):
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def fields(data):
    """[(number, wire type, value)] of one message."""
    found, at = [], 0

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    while at < len(data):
        tag = number()
        if tag & 7 == 0:
            found.append((tag >> 3, 0, number()))
        else:
            size = {1: 8, 5: 4}.get(tag & 7) or number()
            found.append((tag >> 3, tag & 7, data[at:at + size]))
            at += size
    return found


def field(data, number):
    return next((value for n, _, value in fields(data) if n == number), None)


def with_credential(hello, token):
    body = field(hello, 1) + b"\x6a" + varint(len(token)) + token
    return b"\x0a" + varint(len(body)) + body


def frames(data):
    """The requests that vedette-collector dump wrote (common/wire/frame.h)."""
    at = 8
    while at + 4 <= len(data):
        size = struct.unpack_from("<I", data, at)[0]
        if at + 4 + size > len(data):
            return
        yield data[at + 4:at + 4 + size]
        at += 4 + size


def describe(reply):
    """("welcome",), ("ack", processed) or ("refusal", code, reason)"""
    number, _, body = fields(reply)[0]
    if number == 1:
        return ("welcome",)
    if number == 2:
        return ("ack", field(field(body, 1), 2) or 0)
    return ("refusal", field(body, 1) or 0, (field(body, 2) or b"").decode())


class Peer:
    def __init__(self, port, ca, certificate, key, greet=True):
        context = ssl.create_default_context(cafile=ca)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        if certificate:
            context.load_cert_chain(certificate, key)
        raw = socket.create_connection(("127.0.0.1", port), 20)
        try:
            self.socket = context.wrap_socket(raw, server_hostname="analyzer.test")
        except OSError:
            raw.close()
            raise
        self.socket.settimeout(20)
        self.number = 0
        if greet:
            self.socket.sendall(GREETING)
            if self.take(8) != ANSWER:
                raise ValueError("another greeting than nng's")

    def take(self, size):
        data = b""
        while len(data) < size:
            try:
                piece = self.socket.recv(size - len(data))
            except (ConnectionError, ssl.SSLError) as error:
                raise HungUp(str(error)) from error
            if not piece:
                raise HungUp("the connection ended")
            data += piece
        return data

    def send(self, request, announced=None):
        self.number += 1
        message = struct.pack(">I", 1 << 31 | self.number) + request
        self.socket.sendall(struct.pack(">Q", len(message) if announced is None else announced) + message)

    def ask(self, request):
        self.send(request)
        size = struct.unpack(">Q", self.take(8))[0]
        reply = self.take(size)
        if struct.unpack(">I", reply[:4])[0] != 1 << 31 | self.number:
            raise ValueError("a reply to another request")
        return describe(reply[4:])

    def close(self):
        self.socket.close()
