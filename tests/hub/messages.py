"""A request as the servers see it, and the answer they give: what is sent, and how."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from content import Content

REPO = r"(?P<repository>[^/]+(?:/[^/]+)?)"
ROUTES = {
    "blob": r"/repos/(?P<repository>[^/]+)/(?P<revision>[0-9a-f]{40})/(?P<file>.+)",
    "cache": rf"/api/resolve-cache/models/{REPO}/(?P<revision>[0-9a-f]{{40}})/(?P<file>.+)",
    "api": rf"/api/models/{REPO}(?:/(?P<listing>revision|tree)/(?P<revision>[^/]+))?",
    "resolve": rf"/{REPO}/resolve/(?P<revision>[^/]+)/(?P<file>.+)",
}
RANGE = re.compile(r"bytes=(\d*)-(\d*)")


@dataclasses.dataclass
class Request:
    """One request. `kind` is what is asked for: api, resolve, cache (the target of a small file's
    307), blob (at the CDN), or other."""

    origin: str
    method: str
    target: str
    headers: Mapping[str, str]
    kind: str = "other"
    repository: str = ""
    revision: str = "main"
    file: str = ""
    listing: str = "revision"
    range_ignored: bool = False  # by a fault

    def __post_init__(self) -> None:
        for kind, route in ROUTES.items():
            if match := re.fullmatch(route, self.path):
                self.kind = kind
                for name, value in match.groupdict().items():
                    if value is not None:
                        setattr(self, name, unquote(value))
                return

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> str:
        return urlsplit(self.target).query

    @property
    def token(self) -> str | None:
        """The token of `Authorization: Bearer`; anything else there counts as a token too."""
        value = self.headers.get("Authorization")
        return None if value is None else value.removeprefix("Bearer ")

    @property
    def accepts_gzip(self) -> bool:
        return "gzip" in self.headers.get("Accept-Encoding", "")

    def range_in(self, size: int) -> tuple[int, int] | None:
        """Start and stop (excluded) of the bytes asked for; None without a range; start >= stop
        where none of the file's bytes is in it."""
        match = RANGE.fullmatch(self.headers.get("Range", ""))
        if match is None or match[0] == "bytes=-" or self.range_ignored:
            return None
        if not match[1]:
            return max(size - int(match[2]), 0), size
        return int(match[1]), min(int(match[2]) + 1, size) if match[2] else size


@dataclasses.dataclass
class Answer:
    """Status, headers and body, and how they go out; the fields of the second half are for faults."""

    status: int
    headers: dict[str, str]
    content: Content = Content()

    raw: bytes | None = None  # these bytes instead of any HTTP
    header_delay: float = 0.0  # seconds before the status line
    header_rate: float | None = None  # bytes/s of the status line and headers
    rate: float | None = None  # bytes/s of the body, on this connection
    rate_after: int = 0  # bytes of the body that go out before the rate counts
    cut_after: int | None = None  # bytes of the body after which `ending` comes
    ending: str = "close"  # close (FIN), reset (RST), hang (nothing more, for `hang_seconds`)
    hang_seconds: float = 600.0
    extra: bytes = b""  # sent after the body, beyond Content-Length
    chunked: bool = False  # Transfer-Encoding: chunked, so that the length isn't known before
    close: bool = False  # close the connection after the answer

    def __post_init__(self) -> None:
        self.headers.setdefault("Content-Length", str(self.content.size))

    @staticmethod
    def text(status: int, text: str, headers: dict[str, str] | None = None) -> Answer:
        headers = {"Content-Type": "text/plain; charset=utf-8", **(headers or {})}
        return Answer(status, headers, Content.of_bytes(text.encode()))

    @staticmethod
    def json(value: Any, headers: dict[str, str] | None = None, status: int = 200) -> Answer:
        headers = {"Content-Type": "application/json; charset=utf-8", **(headers or {})}
        return Answer(status, headers, Content.of_bytes(json.dumps(value).encode()))

    @staticmethod
    def error(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> Answer:
        """An error as the Hub words it: in two headers and a JSON body."""
        named = {"X-Error-Code": code, "X-Error-Message": message}
        named = {key: value for key, value in named.items() if value}
        return Answer.json({"error": message}, {**named, **(headers or {})}, status)

    def become(self, other: Answer) -> None:
        """Turns into another answer; how it is delivered stays."""
        self.status, self.headers, self.content = other.status, other.headers, other.content

    def set_content(self, content: Content) -> None:
        self.content = content
        self.headers["Content-Length"] = str(content.size)
