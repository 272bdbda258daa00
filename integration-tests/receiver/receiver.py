#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A strict stand-in for Falcosidekick's input, with scripted misbehaviour, for tests.

    receiver.py --out FILE [--log FILE] [--script STEPS] [--control FILE] [--port N] [--as KIND] [--tls FILE [--client-ca FILE]] [--secrets FILE]

Listens on 127.0.0.1, prints "port N" once it does (or once the port is held but refuses), judges every request as Falcosidekick 2.x does, and
appends each body that it answers with 200 to FILE, one JSON object a line, before it answers. --log gets one JSON line a request: its number, the
connection's number, the step, the status sent (0: none) and why. It ends on SIGTERM, and with the other end of its standard input when that is a pipe.

STEPS are separated by commas and followed in order; the last one stays in force:

    ok [N]                          judge and answer N requests (no N: for ever)
    status CODE [N] [retry-after=S] answer CODE whatever comes
    hang [N]                        read the request, never answer
    close [N]                       read the request, close without an answer
    half [N]                        read the request, close half way through a 200
    slow SECONDS [N]                read the body over SECONDS, then judge and answer
    refuse SECONDS                  a closed port: connections are refused and open ones end

--as lets it judge as another receiver does, by ../sinks/judges.py, and append what that found: {"id": ...} a finding. --tls is certificate and key in one
PEM file; with --client-ca clients need a certificate of that authority. --secrets is a JSON file of what a request must prove, read at each request.

After the last counted step comes "ok". With --control, STEPS written to that file replace what is left of the script, within 0.1 s.
"""
import argparse
import datetime
import http.server
import json
import os
import re
import signal
import socket
import ssl
import stat
import sys
import threading
import time
from pathlib import Path

MAX_BODY = 16 << 20
PRIORITIES = {"emergency", "alert", "critical", "error", "warning", "notice", "informational", "info", "debug"}
RFC3339 = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:[.,]\d+)?(Z|[+-](\d\d):(\d\d))")
BAD_BODY = "Please send a valid request body"
BAD_METHOD = "Please send with post http method"


class Rejected(Exception):
    """The reason for a 400."""


class Panic(Exception):
    """What makes the real one drop the connection without an answer."""


def check_time(value):
    match = RFC3339.fullmatch(value) if isinstance(value, str) else None
    if not match:
        raise Rejected("time is not RFC 3339 with seconds and zone")
    try:
        moment = datetime.datetime.strptime(match.group(1), "%Y-%m-%dT%H:%M:%S")
    except ValueError as error:
        raise Rejected(f"time: {error}") from error
    if match.group(3) and (int(match.group(3)) > 23 or int(match.group(4)) > 59):
        raise Rejected("time: zone out of range")
    if moment == datetime.datetime(1, 1, 1):
        raise Rejected("time is zero")


def check_payload(body):
    """Returns the object, or raises: the rules of falcosidekick's newFalcoPayload and its checks."""

    def refuse_constant(name):
        raise ValueError(f"{name} is no JSON")

    text = body.decode("utf-8", "replace").lstrip(" \t\r\n")
    if body.startswith(b"\xef\xbb\xbf"):
        raise Rejected("byte order mark")
    try:
        # The first object only: what follows is lost in the real one too.
        payload, _ = json.JSONDecoder(parse_constant=refuse_constant).raw_decode(text)
    except (ValueError, RecursionError) as error:
        raise Rejected(f"not JSON: {error}") from error
    if not isinstance(payload, dict):
        raise Rejected("not an object")
    fields = {key.lower(): value for key, value in payload.items()}
    for key in ("rule", "priority", "output", "source", "hostname", "uuid"):
        if fields.get(key) is not None and not isinstance(fields[key], str):
            raise Rejected(f"{key} is no string")
    if (fields.get("priority") or "").lower() not in PRIORITIES:
        raise Rejected("priority missing or unknown")
    if not fields.get("rule"):
        raise Rejected("rule missing or empty")
    check_time(fields.get("time"))
    tags = fields.get("tags")
    if tags is not None and not (isinstance(tags, list) and all(tag is None or isinstance(tag, str) for tag in tags)):
        raise Rejected("tags is no list of strings")
    output_fields = fields.get("output_fields")
    if not isinstance(output_fields, dict) or not output_fields:
        raise Rejected("output_fields missing, empty or no object")
    for key in ("k8s.ns.name", "k8s.pod.name"):
        if output_fields.get(key) is not None and not isinstance(output_fields[key], str):
            raise Panic(f"{key} is no string")
    return payload


class Step:
    """One line of the script."""

    def __init__(self, text):
        words = text.split()
        options = [word for word in words if "=" in word]
        words = [word for word in words if "=" not in word]
        self.kind = words.pop(0) if words else ""
        takes = {"ok": 0, "status": 1, "hang": 0, "close": 0, "half": 0, "slow": 1, "refuse": 1}
        if self.kind not in takes or len(words) < takes[self.kind]:
            raise ValueError(f"unknown or incomplete step: {text!r}")
        self.value = float(words.pop(0)) if takes[self.kind] else 0.0
        self.left = int(words.pop(0)) if words else None
        self.retry_after = None
        for option in options:
            if not option.startswith("retry-after="):
                raise ValueError(f"unknown option: {option!r}")
            self.retry_after = option.partition("=")[2]
        if words:
            raise ValueError(f"too many words: {text!r}")


def parse_script(text):
    return [Step(part) for part in re.split(r"[,\n]", text) if part.strip()]


class Receiver:
    """The port, the script and the files."""

    def __init__(self, options):
        self.lock = threading.Condition()
        self.out = open(options.out, "a", encoding="utf-8", errors="replace")
        self.log = open(options.log, "a", encoding="utf-8") if options.log else None
        self.steps = parse_script(options.script)
        self.control = options.control
        self.secrets = options.secrets
        self.judge = None
        if options.kind != "falcosidekick":
            sys.dont_write_bytecode = True
            sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "sinks"))
            import judges
            self.judge = judges.JUDGES[options.kind]
        self.tls = None
        if options.tls:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(options.tls)
            if options.client_ca:
                self.tls.load_verify_locations(options.client_ca)
                self.tls.verify_mode = ssl.CERT_REQUIRED
        self.connections = {}
        self.n_connections = 0
        self.n_requests = 0
        self.answering = 0
        self.port = options.port
        self.listener = None
        self.socket = self.bind()
        self.port = self.socket.getsockname()[1]

    def bind(self):
        """A bound socket that does not listen yet holds the port and refuses connections."""
        bound = socket.socket()
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(("127.0.0.1", self.port))
        return bound

    def run(self):
        """Follows the script as far as it needs no request: opens and closes the port."""
        announced = False
        while True:
            with self.lock:
                # Not between the file and the answer: the client could not know that its alert was taken.
                self.lock.wait_for(lambda: not self.answering)
                refuse = self.steps[0] if self.steps and self.steps[0].kind == "refuse" else None
            if refuse:
                self.close_port()
            elif not self.listener:
                self.open_port()
            if not announced:
                print(f"port {self.port}", flush=True)
                announced = True
            with self.lock:
                if refuse:
                    self.lock.wait_for(lambda: refuse not in self.steps, refuse.value)
                    if refuse in self.steps:
                        self.steps.remove(refuse)
                else:
                    self.lock.wait_for(lambda: self.steps and self.steps[0].kind == "refuse")

    def open_port(self):
        self.socket.listen(64)
        self.listener = threading.Thread(target=self.accept, args=(self.socket,), daemon=True)
        self.listener.start()

    def close_port(self):
        if self.listener:
            self.socket.shutdown(socket.SHUT_RDWR)  # wakes accept, which closes nothing else
            self.listener.join()
            self.listener = None
            self.socket.close()
            self.socket = self.bind()
        with self.lock:
            for connection in self.connections.values():
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass  # the client was first

    def accept(self, listener):
        while True:
            try:
                connection, address = listener.accept()
            except OSError:
                return
            with self.lock:
                self.n_connections += 1
                number = self.n_connections
                self.connections[number] = connection
            threading.Thread(target=self.serve, args=(connection, address, number), daemon=True).start()

    def serve(self, connection, address, number):
        try:
            if self.tls:
                connection.settimeout(20)
                connection = self.tls.wrap_socket(connection, server_side=True)
                with self.lock:
                    self.connections[number] = connection
            Handler(connection, address, self, number)
        except OSError:
            pass  # the client left, or did not like the certificate
        finally:
            with self.lock:
                del self.connections[number]
            connection.close()

    def next_step(self):
        """The step for one request, and the request's number."""
        with self.lock:
            self.n_requests += 1
            while self.steps and self.steps[0].left == 0:
                self.steps.pop(0)
            # A request that came before the port was closed is judged by the next step.
            step = next((s for s in self.steps if s.kind != "refuse"), None) or Step("ok")
            if step.left is not None:
                step.left -= 1
                if step.left == 0:
                    self.steps.remove(step)
            self.answering += step.kind != "hang"
            self.lock.notify_all()
            return step, self.n_requests

    def answered(self, step):
        with self.lock:
            self.answering -= step.kind != "hang"
            self.lock.notify_all()

    def store(self, payload):
        with self.lock:
            self.out.write(json.dumps(payload, ensure_ascii=False, separators=(",", ":")) + "\n")
            self.out.flush()

    def note(self, **fields):
        if self.log:
            with self.lock:
                self.log.write(json.dumps(fields) + "\n")
                self.log.flush()

    def watch_control(self):
        before = None
        while True:
            try:
                with open(self.control, encoding="utf-8") as file:
                    text = file.read()
            except FileNotFoundError:
                text = None
            if text is not None and text != before:
                before = text
                steps = parse_script(text)
                with self.lock:
                    self.steps[:] = steps
                    self.lock.notify_all()
            time.sleep(0.1)


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    timeout = 60  # as the real one
    disable_nagle_algorithm = True

    def __init__(self, connection, address, receiver, number):
        self.receiver = receiver
        self.number = number
        super().__init__(connection, address, receiver)

    def log_message(self, format, *args):  # the base class would print
        pass

    def read_body(self, over_seconds):
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            body = b""
            while size := int(self.rfile.readline(32).split(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline(8)
            self.rfile.readline(8)
            return body
        size = int(self.headers.get("Content-Length", "0"))
        if size > MAX_BODY:
            raise OSError("body too large for a test")
        if not over_seconds:
            return self.rfile.read(size)
        body, pieces = b"", 10
        for i in range(pieces):
            body += self.rfile.read(size * (i + 1) // pieces - len(body))
            time.sleep(over_seconds / pieces)
        return body

    def answer(self, status, text="", retry_after=None):
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        if text:
            self.send_header("Content-Type", "text/plain; charset=utf-8")
        if retry_after is not None:
            self.send_header("Retry-After", retry_after)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def drop(self):
        self.close_connection = True
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def judge(self, body):
        """Status (0: the connection is closed without an answer), reason and words."""
        if self.receiver.judge:
            return self.judge_as_another(body)
        if self.command != "POST":
            return 400, "method", BAD_METHOD + "\n"
        try:
            payload = check_payload(body)
        except Rejected as reason:
            return 400, str(reason), BAD_BODY + "\n"
        except Panic as reason:
            return 0, str(reason), ""
        self.receiver.store(payload)
        return 200, "", ""

    def judge_as_another(self, body):
        secrets = {}
        if self.receiver.secrets:
            with open(self.receiver.secrets, encoding="utf-8") as file:
                secrets = json.load(file)
        status, words, rows = self.receiver.judge(self.command, self.path, self.headers, body, secrets)
        for row in rows:
            self.receiver.store(row)
        return status, words, words + "\n" if words else ""

    def handle_any(self):
        if self.path == "/ping" or self.path == "/healthz":
            return self.answer(200, "pong\n" if self.path == "/ping" else '{"status":"ok"}')
        step, number = self.receiver.next_step()
        try:
            return self.follow(step, number)
        finally:
            self.receiver.answered(step)

    def follow(self, step, number):
        body = self.read_body(step.value if step.kind == "slow" else 0)
        status, reason, words = 0, "as scripted", "as scripted\n"
        if step.kind == "status":
            status = int(step.value)
        elif step.kind in ("ok", "slow"):
            status, reason, words = self.judge(body)
        # Before the answer: when the client has it, the files have it too.
        self.receiver.note(request=number, connection=self.number, step=step.kind, status=status, reason=reason, bytes=len(body))
        if status:
            return self.answer(status, words, step.retry_after)
        if step.kind == "hang":
            while self.connection.recv(4096):
                pass
        elif step.kind == "half":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 64\r\n\r\nhalf")
        return self.drop()

    do_POST = do_GET = do_PUT = do_HEAD = do_DELETE = do_PATCH = do_OPTIONS = handle_any


def end_with_stdin():
    # By os.read: a thread inside sys.stdin would hold its lock at exit.
    while os.read(0, 4096):
        pass
    os._exit(0)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True)
    parser.add_argument("--log")
    parser.add_argument("--script", default="ok")
    parser.add_argument("--control")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--as", dest="kind", default="falcosidekick")
    parser.add_argument("--tls")
    parser.add_argument("--client-ca")
    parser.add_argument("--secrets")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    try:
        receiver = Receiver(options)
    except (OSError, ValueError) as error:
        sys.exit(f"receiver.py: {error}")
    if stat.S_ISFIFO(os.fstat(0).st_mode):
        threading.Thread(target=end_with_stdin, daemon=True).start()
    if options.control:
        threading.Thread(target=receiver.watch_control, daemon=True).start()
    receiver.run()


if __name__ == "__main__":
    main()
