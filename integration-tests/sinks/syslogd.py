#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A strict receiver of syslog for tests: RFC 5424 messages by octet counting over tcp and tls (RFC 6587, 5425), as datagrams over udp and unix.

    syslogd.py --listen udp|tcp|tls|unix --out FILE [--port N | --path PATH] [--tls FILE [--client-ca FILE]] [--control FILE]

Prints "port N" when it listens. Each message that holds goes to FILE as {"id": ...}; one that does not as {"refused": why}. The word in the control file
says how a stream is read: read (the default), stall (not at all), reset (every connection is reset, with whatever was not read, and {"reset": true} written). Ends with
its stdin.
"""
import argparse
import json
import os
import socket
import ssl
import struct
import sys
import threading
import time

sys.dont_write_bytecode = True
import judges


class Daemon:
    """The socket, the file, the mood."""

    def __init__(self, options):
        self.options = options
        self.out = open(options.out, "a", encoding="utf-8")
        self.lock = threading.Lock()
        self.mood = "read"
        self.tls = None
        if options.listen == "tls":
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(options.tls)
            if options.client_ca:
                self.tls.load_verify_locations(options.client_ca)
                self.tls.verify_mode = ssl.CERT_REQUIRED

    def take(self, message):
        try:
            priority, (_, node, app, _, detection), elements, text = judges.syslog(message)
            row = {"id": elements["vedette@32473"]["id"], "priority": priority, "node": node, "app": app, "detection": detection}
            finding = json.loads(text)
            judges.need((finding.get("id") or finding["vedette"]["id"]) == row["id"], "MSG is another finding's")
        except (judges.Refused, ValueError, KeyError) as reason:
            row = {"refused": repr(reason)}
        self.note(row)

    def note(self, row):
        with self.lock:
            self.out.write(json.dumps(row) + "\n")
            self.out.flush()

    def bind(self):
        options = self.options
        if options.listen == "unix":
            bound = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            if os.path.exists(options.path):
                os.unlink(options.path)
            bound.bind(options.path)
            os.chmod(options.path, 0o666)
            return bound
        bound = socket.socket(type=socket.SOCK_DGRAM if options.listen == "udp" else socket.SOCK_STREAM)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if options.listen != "udp":
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # a reader that stalls is noticed
        bound.bind(("127.0.0.1", options.port))
        if options.listen != "udp":
            bound.listen(16)
        return bound

    def run(self):
        bound = self.bind()
        print(f"port {bound.getsockname()[1] if self.options.listen != 'unix' else 0}", flush=True)
        while self.options.listen in ("udp", "unix"):
            self.take(bound.recv(1 << 16))
        while True:
            connection, _ = bound.accept()
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        try:
            if self.tls:
                connection = self.tls.wrap_socket(connection, server_side=True)
            connection.settimeout(0.05)
            self.read(connection)
        except OSError:
            pass
        connection.close()

    def take_whole(self, rest):
        """Takes the messages that are whole; what is left."""
        while True:
            head, blank, tail = rest.partition(b" ")
            if blank and not (head.isdigit() and not head.startswith(b"0")):
                self.take(b"no octet count: " + rest[:40])
                raise OSError("nothing behind it can be understood")
            if not blank or len(tail) < int(head):
                return rest
            self.take(tail[:int(head)])
            rest = tail[int(head):]

    def read(self, connection):
        rest = b""
        while True:
            rest = self.take_whole(rest)
            if self.mood == "reset":
                # What is here already is read, so that one message at most is lost with the connection.
                connection.setblocking(False)
                try:
                    while piece := connection.recv(4096):
                        rest += piece
                except BlockingIOError:
                    pass
                rest = self.take_whole(rest)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return self.note({"reset": True})
            if self.mood == "stall":
                time.sleep(0.02)
                continue
            try:
                piece = connection.recv(4096)
            except TimeoutError:
                continue
            if not piece:
                return None
            rest += piece

    def watch(self):
        while True:
            try:
                with open(self.options.control, encoding="utf-8") as file:
                    self.mood = file.read().strip()
            except FileNotFoundError:
                pass
            time.sleep(0.02)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--listen", choices=("udp", "tcp", "tls", "unix"), required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--path")
    parser.add_argument("--tls")
    parser.add_argument("--client-ca")
    parser.add_argument("--control")
    daemon = Daemon(parser.parse_args())

    def end_with_stdin():
        while os.read(0, 4096):
            pass
        os._exit(0)

    threading.Thread(target=end_with_stdin, daemon=True).start()
    if daemon.options.control:
        threading.Thread(target=daemon.watch, daemon=True).start()
    daemon.run()


if __name__ == "__main__":
    main()
