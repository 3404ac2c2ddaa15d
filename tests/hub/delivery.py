"""Sends an answer on a socket as it says: at a rate, cut short, chunked, or as bytes that are no HTTP."""

from __future__ import annotations

import fcntl
import http
import os
import select
import socket
import struct
import termios
import time
from collections.abc import Callable
from typing import Any, Protocol

from content import FilePart, MemoryPart
from messages import Answer

SLICE = 1 << 20
SLICES_PER_SECOND = 50  # of a throttled body
LONGEST_RECEPTION = 120  # seconds, for a client that reads no more


class Counts(Protocol):
    """What is written down as the bytes go out, so that it is right while they do."""

    header_bytes: int
    body_bytes: int


class Delivery:
    """One answer on its way. `send` returns whether the connection can serve another request."""

    def __init__(self, connection: socket.socket, answer: Answer, counts: Counts) -> None:
        self.connection = connection
        self.answer = answer
        self.counts = counts
        self._paced_since: float | None = None
        self._paced_bytes = 0

    def send(self, with_body: bool) -> bool:
        answer = self.answer
        time.sleep(answer.header_delay)
        if answer.raw is not None:
            self.connection.sendall(answer.raw)
            self._end()
            return False
        self._send_head()
        if not with_body:
            return not answer.close
        content = answer.content
        if answer.cut_after is not None and answer.cut_after < content.size:
            content = content.cut(0, answer.cut_after)
        for part in content.parts:
            self._send_part(part)
        if content.size < answer.content.size:
            self._end()
            return False
        if answer.chunked:
            self.connection.sendall(b"0\r\n\r\n")
        self.connection.sendall(answer.extra)
        self.counts.body_bytes += len(answer.extra)
        return not answer.close

    def _send_head(self) -> None:
        answer = self.answer
        if answer.chunked:
            answer.headers.pop("Content-Length", None)
            answer.headers["Transfer-Encoding"] = "chunked"
        if answer.close and answer.headers:
            answer.headers["Connection"] = "close"
        known = {status.value: status.phrase for status in http.HTTPStatus}
        lines = [f"HTTP/1.1 {answer.status} {known.get(answer.status, 'Unknown')}"]
        lines += [f"{name}: {value}" for name, value in answer.headers.items()]
        head = "\r\n".join([*lines, "", ""]).encode("latin-1")
        if answer.header_rate:
            for byte in head:
                self.connection.sendall(bytes([byte]))
                time.sleep(1 / answer.header_rate)
        else:
            self.connection.sendall(head)
        self.counts.header_bytes += len(head)

    def _send_part(self, part: FilePart | MemoryPart) -> None:
        if isinstance(part, MemoryPart):
            self._send_slices(part, lambda piece: self._send_memory(piece.read()))
            return
        with part.path.open("rb") as file:
            self._send_slices(part, lambda piece: self._send_file(file.fileno(), piece))

    def _send_slices(self, part: FilePart | MemoryPart, send: Callable[[Any], None]) -> None:
        start = 0
        while start < part.size:
            stop = min(start + self._allowance(), part.size)
            if self.answer.chunked:
                self.connection.sendall(b"%x\r\n" % (stop - start))
            send(part.cut(start, stop))
            if self.answer.chunked:
                self.connection.sendall(b"\r\n")
            start = stop

    def _send_memory(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            sent = self.connection.send(view)
            self.counts.body_bytes += sent
            view = view[sent:]

    def _send_file(self, descriptor: int, piece: FilePart) -> None:
        start = piece.start
        while start < piece.stop:
            sent = os.sendfile(self.connection.fileno(), descriptor, start, piece.stop - start)
            if sent == 0:
                raise OSError(f"{piece.path} became shorter")
            self.counts.body_bytes += sent
            start += sent

    def _allowance(self) -> int:
        """How many bytes may go out now, after waiting until some may."""
        answer = self.answer
        if answer.rate is None:
            return SLICE
        before = answer.rate_after - self.counts.body_bytes
        if before > 0:
            return min(before, SLICE)
        if self._paced_since is None:
            self._paced_since = time.monotonic()
        due = self._paced_since + self._paced_bytes / answer.rate
        time.sleep(max(due - time.monotonic(), 0))
        piece = max(int(answer.rate / SLICES_PER_SECOND), 1)
        self._paced_bytes += piece
        return piece

    def _end(self) -> None:
        """Ends an answer that isn't whole."""
        if self.answer.ending == "hang":
            self._wait_for_client(self.answer.hang_seconds)
        elif self.answer.ending == "reset":
            self._wait_until_received()
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

    def _wait_until_received(self) -> None:
        """Waits until the client's machine has all that was sent: a reset throws away the rest, and
        how much that is would hang on the client's speed."""
        end = time.monotonic() + LONGEST_RECEPTION
        unsent = struct.Struct("i")
        while time.monotonic() < end:
            (left,) = unsent.unpack(
                fcntl.ioctl(self.connection.fileno(), termios.TIOCOUTQ, bytes(unsent.size))
            )
            if left == 0:
                return
            time.sleep(0.01)

    def _wait_for_client(self, seconds: float) -> None:
        """Waits until the client closes the connection."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            ready, _, _ = select.select([self.connection], [], [], left)
            if ready and not self.connection.recv(4096):
                return
