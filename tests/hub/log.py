"""What the fake Hub was asked and what it sent, in order, for a test to read."""

from __future__ import annotations

import dataclasses
import threading
import time
from typing import Any


@dataclasses.dataclass
class Entry:
    """One request. The bytes are those that the kernel took, of the answer's body and its headers."""

    number: int
    seconds: float  # since the server's start
    origin: str
    connection: int
    method: str
    target: str
    kind: str
    file: str
    range: str | None
    authorization: str | None
    user_agent: str | None
    accept_encoding: str | None
    headers: dict[str, str]
    proxied: bool
    faults: list[str] = dataclasses.field(default_factory=list)
    status: int | None = None
    header_bytes: int = 0
    body_bytes: int = 0
    done: bool = False  # the answer's end was reached, or the client left


class Log:
    """Requests, and connections by origin. All that is counted is reset by `clear`, save what is open."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._start = time.monotonic()
        self._connections = 0
        self._open: dict[str, int] = {}
        self._most_open: dict[str, int] = {}
        self._opened: dict[str, int] = {}
        self._entries: list[Entry] = []
        self._numbers = 0

    def open_connection(self, origin: str) -> int:
        with self._lock:
            self._connections += 1
            self._open[origin] = self._open.get(origin, 0) + 1
            self._opened[origin] = self._opened.get(origin, 0) + 1
            self._most_open[origin] = max(self._most_open.get(origin, 0), self._open[origin])
            return self._connections

    def close_connection(self, origin: str) -> None:
        with self._lock:
            self._open[origin] -= 1

    def add(self, **fields: Any) -> Entry:
        with self._lock:
            self._numbers += 1
            seconds = round(time.monotonic() - self._start, 4)
            self._entries.append(Entry(number=self._numbers, seconds=seconds, **fields))
            return self._entries[-1]

    def clear(self) -> None:
        with self._lock:
            self._entries = []
            self._opened = {}
            self._most_open = dict(self._open)

    def document(self) -> dict[str, Any]:
        with self._lock:
            return {
                "requests": [dataclasses.asdict(entry) for entry in self._entries],
                "body_bytes": sum(entry.body_bytes for entry in self._entries),
                "bytes": sum(entry.body_bytes + entry.header_bytes for entry in self._entries),
                "connections_opened": dict(self._opened),
                "connections_open": dict(self._open),
                "connections_most_open": dict(self._most_open),
            }
