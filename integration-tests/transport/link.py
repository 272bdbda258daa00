# SPDX-License-Identifier: Apache-2.0
"""A bad link: a TCP proxy on a loopback address that delays, resets connections, or lets nothing through and says nothing."""

import collections
import contextlib
import heapq
import random
import selectors
import socket
import threading
import time

CHUNK = 1 << 16


class Link:
    """One thread. `delay`: seconds each way; `reset`: the chance of a connection's end with each piece; `cut`: a partition."""

    def __init__(self, target_port, delay=0.0):
        self.target, self.delay, self.reset, self.cut = target_port, delay, 0.0, False
        self.resets = self.carried = self.connections = 0
        self.random = random.Random(4)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.setblocking(False)
        self.port = self.listener.getsockname()[1]
        self.selector = selectors.DefaultSelector()
        self.wake, self.waker = socket.socketpair()
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.selector.register(self.wake, selectors.EVENT_READ)
        self.peer, self.queue, self.number, self.stopped = {}, [], 0, False
        self.held = collections.deque()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _open(self):
        with contextlib.suppress(OSError):
            near, _ = self.listener.accept()
            far = socket.create_connection(("127.0.0.1", self.target))
            self.connections += 1
            for one, other in ((near, far), (far, near)):
                self.peer[one] = other
                self.selector.register(one, selectors.EVENT_READ)

    def _end(self, one):
        """Both ends, hard: nobody is told more than by a reset."""
        for side in (one, self.peer.get(one)):
            if side in self.peer:
                with contextlib.suppress(KeyError, ValueError):
                    self.selector.unregister(side)
                del self.peer[side]
                side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                side.close()

    def _read(self, one):
        try:
            piece = one.recv(CHUNK)
        except OSError:
            piece = b""
        if piece and self.reset and self.random.random() < self.reset:
            self.resets += 1
            self._end(one)
            return
        self.number += 1
        heapq.heappush(self.queue, (time.monotonic() + self.delay, self.number, one, piece))
        if not piece:
            self.selector.unregister(one)

    def _deliver(self):
        while self.queue and self.queue[0][0] <= time.monotonic() and not self.cut:
            _, _, one, piece = heapq.heappop(self.queue)
            other = self.peer.get(one)
            if other is None:
                continue
            if not piece:
                self._end(one)
                continue
            try:
                other.setblocking(True)
                other.sendall(piece)
                self.carried += len(piece)
            except OSError:
                self._end(one)

    def _run(self):
        while not self.stopped:
            wait = None if not self.queue or self.cut else max(0, self.queue[0][0] - time.monotonic())
            for key, _ in self.selector.select(wait):
                if key.fileobj is self.wake:
                    self.wake.recv(CHUNK)
                elif self.cut:
                    # What is sent into a partition is held, as by the sender's own TCP; select would find it again at once.
                    self.selector.unregister(key.fileobj)
                    self.held.append(key.fileobj)
                elif key.fileobj is self.listener:
                    self._open()
                elif key.fileobj in self.peer:
                    self._read(key.fileobj)
            if not self.cut:
                while self.held:
                    one = self.held.popleft()
                    if one is self.listener or one in self.peer:
                        self.selector.register(one, selectors.EVENT_READ)
                self._deliver()

    def change(self, **how):
        for key, value in how.items():
            setattr(self, key, value)
        self.waker.send(b"x")

    def close(self):
        self.stopped = True
        self.waker.send(b"x")
        self.thread.join()
        for one in list(self.peer):
            self._end(one)
        for one in (self.listener, self.wake, self.waker):
            one.close()
