"""Everything that can go wrong at the fake Hub, in one table: FAULTS.

A test sets rules: a fault by name, which requests it hits, and its parameters:

    {"fault": "reset", "after": 100000, "file": "model-00001*", "skip": 1, "times": 2}

hits the 2nd and 3rd request for the bytes of such a file. Which requests: `kind` (a kind of
messages.Request, bytes for cache and blob, any, or a list), `origin`, `method`, `file` and `repository`
(patterns), `ranged` (true, false), then `skip` and `times` of those. Several rules may hit one request.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import gzip
import json
import struct
import time
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

from content import Content
from messages import Answer, Request
from repositories import RepositoryFile
from servers import ACCESS_DENIED, RATE_LIMIT

Parameters = dict[str, Any]
Origins = dict[str, str]  # the address of each origin, by its name

BYTES = ("cache", "blob")
FILE = ("resolve", "cache", "blob")
ANY = ("api", "resolve", "cache", "blob", "other")
GROUPS = {"bytes": BYTES, "any": ANY}


@dataclasses.dataclass(frozen=True)
class Fault:
    """A row of the table: what it does in words, the requests it hits unless a rule says otherwise,
    its parameters with their defaults, and one of three hooks."""

    words: str
    kinds: tuple[str, ...]
    parameters: Parameters = dataclasses.field(default_factory=dict)
    method: str = "*"
    on_request: Callable[[Request, Parameters], None] | None = None
    on_file: Callable[[RepositoryFile, Parameters], None] | None = None
    on_answer: Callable[[Answer, Request, Parameters, Origins], None] | None = None


# --- The request ---------------------------------------------------------------------------------


def move_branch(request: Request, p: Parameters) -> None:
    if request.revision == p["branch"]:
        request.revision = p["to"]


def ignore_range(request: Request, p: Parameters) -> None:
    request.range_ignored = True


# --- The file --------------------------------------------------------------------------------------


def change_etag(file: RepositoryFile, p: Parameters) -> None:
    file.etag = file.etag[::-1]


def change_size(file: RepositoryFile, p: Parameters) -> None:
    if p["by"] >= 0:
        file.content = file.content.followed_by(b" " * p["by"])
    else:
        file.content = file.content.cut(0, file.content.size + p["by"])


def pad(file: RepositoryFile, p: Parameters) -> None:
    file.content = file.content.followed_by(b" " * max(p["bytes"] - file.content.size, 0))


def lie_in_index(file: RepositoryFile, p: Parameters) -> None:
    index = json.loads(file.content.read())
    shards = sorted(set(index["weight_map"].values()))
    following = dict(zip(shards, shards[1:] + shards[:1]))
    index["weight_map"] = {t: p["shard"] or following[s] for t, s in index["weight_map"].items()}
    file.content = Content.of_bytes(json.dumps(index).encode())


def lie_in_header_length(file: RepositoryFile, p: Parameters) -> None:
    file.content = file.content.overwritten(0, struct.pack("<Q", p["length"]))


def replace_file(file: RepositoryFile, p: Parameters) -> None:
    file.content = Content.of_bytes(p["text"].encode())


# --- The answer: status and redirects ---------------------------------------------------------------


def set_status(answer: Answer, request: Request, p: Parameters, _: Origins) -> None:
    headers = dict(RATE_LIMIT)
    if p["retry_after"] is not None:
        headers["Retry-After"] = str(p["retry_after"])
    answer.become(Answer.error(p["status"], p["code"], p["message"], headers))


def limit_rate(answer: Answer, request: Request, p: Parameters, _: Origins) -> None:
    headers = {}
    if p["by"] in ("RateLimit", "both"):
        headers["RateLimit"] = f'"resolvers";r={p["left"]};t={p["seconds"]}'
    if p["by"] in ("Retry-After", "both"):
        headers["Retry-After"] = str(p["seconds"])
    if p["by"] == "date":
        headers["Retry-After"] = formatdate(time.time() + p["seconds"], usegmt=True)
    answer.become(Answer.error(429, "", "We had to rate limit you", headers))


def expire_link(answer: Answer, request: Request, p: Parameters, _: Origins) -> None:
    answer.become(Answer.text(403, ACCESS_DENIED.format("AccessDenied", "Request has expired")))


def redirect(answer: Answer, request: Request, p: Parameters, origins: Origins) -> None:
    headers = {}
    if p["location"] is not None:
        headers["Location"] = p["location"].format(target=request.target, **origins)
    if p["keep_metadata"]:
        headers |= {k: v for k, v in answer.headers.items() if k.startswith("X-")}
    answer.become(Answer.text(p["status"], "", headers))


def captive_portal(answer: Answer, request: Request, p: Parameters, _: Origins) -> None:
    answer.become(Answer.text(200, "<html>Please log in</html>", {"Content-Type": "text/html"}))


# --- The answer: headers ----------------------------------------------------------------------------


def set_header(answer: Answer, request: Request, p: Parameters, _: Origins) -> None:
    answer.headers = {k: v for k, v in answer.headers.items() if k.lower() != p["name"].lower()}
    if p["value"] is not None:
        answer.headers[p["name"]] = p["value"]


def drop_headers(answer: Answer, request: Request, p: Parameters, _: Origins) -> None:
    answer.headers = {}
    answer.close = True


def huge_headers(answer: Answer, request: Request, p: Parameters, _: Origins) -> None:
    answer.headers |= {f"X-Padding-{i}": "x" * p["bytes"] for i in range(p["count"])}


def shift_content_range(answer: Answer, request: Request, p: Parameters, _: Origins) -> None:
    if answer.status != 206:
        return
    positions, total = answer.headers["Content-Range"].removeprefix("bytes ").split("/")
    first, last = (int(position) for position in positions.split("-"))
    shifted_total = p["total"] if isinstance(p["total"], str) else int(total) + p["total"]
    answer.headers["Content-Range"] = (
        f"{p['unit']} {first + p['first']}-{last + p['last']}/{shifted_total}"
    )


# --- The answer: body -------------------------------------------------------------------------------


def range_as_200(answer: Answer, request: Request, p: Parameters, _: Origins) -> None:
    if answer.status == 206:
        answer.status = 200
        del answer.headers["Content-Range"]


def refuse_range(answer: Answer, request: Request, p: Parameters, _: Origins) -> None:
    answer.become(Answer.text(416, "", {"Content-Range": "bytes */1"}))


def multipart(answer: Answer, request: Request, p: Parameters, _: Origins) -> None:
    if answer.status != 206:
        return
    part = f"--part\r\nContent-Range: {answer.headers.pop('Content-Range')}\r\n\r\n".encode()
    answer.headers["Content-Type"] = "multipart/byteranges; boundary=part"
    answer.set_content(
        Content((*Content.of_bytes(part).parts, *answer.content.parts)).followed_by(b"\r\n--part--")
    )


def compress(answer: Answer, request: Request, p: Parameters, _: Origins) -> None:
    answer.headers["Content-Encoding"] = p["encoding"]
    if not p["only_claimed"]:
        answer.set_content(Content.of_bytes(gzip.compress(answer.content.read(), 1)))


def resize_body(answer: Answer, request: Request, p: Parameters, _: Origins) -> None:
    size = max(answer.content.size + p["by"], 0)
    answer.set_content(answer.content.cut(0, size).followed_by(b" " * max(p["by"], 0)))


def send_extra(answer: Answer, request: Request, p: Parameters, _: Origins) -> None:
    answer.extra = b"x" * p["bytes"]


def corrupt(answer: Answer, request: Request, p: Parameters, _: Origins) -> None:
    offset = min(p["offset"], answer.content.size - 1)
    flipped = bytes([answer.content.cut(offset, offset + 1).read()[0] ^ 1])
    answer.content = answer.content.overwritten(offset, flipped)


# --- The answer: its delivery -----------------------------------------------------------------------


def cut(answer: Answer, request: Request, p: Parameters, _: Origins) -> None:
    answer.cut_after, answer.ending = p["after"], p["ending"]
    answer.hang_seconds = p["seconds"]


def throttle(answer: Answer, request: Request, p: Parameters, _: Origins) -> None:
    answer.rate, answer.rate_after = p["bytes_per_second"], p["after"]


def slow_headers(answer: Answer, request: Request, p: Parameters, _: Origins) -> None:
    answer.header_delay, answer.header_rate = p["seconds"], p["bytes_per_second"]


def send_raw(answer: Answer, request: Request, p: Parameters, _: Origins) -> None:
    answer.raw = p["text"].encode("latin-1")
    answer.ending = p["ending"]


def send_chunked(answer: Answer, request: Request, p: Parameters, _: Origins) -> None:
    answer.chunked = True


def close_after(answer: Answer, request: Request, p: Parameters, _: Origins) -> None:
    answer.close = True


# --- The table --------------------------------------------------------------------------------------


def status_fault(status: int, words: str, kinds: tuple[str, ...] = ANY) -> Fault:
    parameters = {"status": status, "code": "", "message": words, "retry_after": None}
    return Fault(f"{status} {words}", kinds, parameters, on_answer=set_status)


def error_fault(status: int, code: str, message: str) -> Fault:
    """An error by X-Error-Code, where the tree itself would not give it."""
    parameters = {"status": status, "code": code, "message": message, "retry_after": None}
    words = f"{status}, X-Error-Code {code or 'absent'}: {message}"
    return Fault(words, ("api", "resolve"), parameters, on_answer=set_status)


def redirect_fault(
    words: str,
    location: str | None,
    kinds: tuple[str, ...] = ("resolve",),
    status: int = 302,
    keep_metadata: bool = False,
) -> Fault:
    parameters = {"location": location, "status": status, "keep_metadata": keep_metadata}
    return Fault(words, kinds, parameters, on_answer=redirect)


def range_fault(words: str, first: int = 0, last: int = 0, total: int | str = 0) -> Fault:
    parameters = {"first": first, "last": last, "total": total, "unit": "bytes"}
    return Fault(words, BYTES, parameters, "GET", on_answer=shift_content_range)


def cut_fault(words: str, after: int, ending: str) -> Fault:
    parameters = {"after": after, "ending": ending, "seconds": 600.0}
    return Fault(words, BYTES, parameters, "GET", on_answer=cut)


def body_fault(words: str, hook: Callable[..., None], **parameters: Any) -> Fault:
    return Fault(words, BYTES, parameters, "GET", on_answer=hook)


def raw_fault(words: str, text: str, ending: str = "close") -> Fault:
    return Fault(words, ANY, {"text": text, "ending": ending}, on_answer=send_raw)


def header_fault(words: str, kinds: tuple[str, ...], name: str, value: str | None = None) -> Fault:
    return Fault(words, kinds, {"name": name, "value": value}, on_answer=set_header)


FAULTS: dict[str, Fault] = {
    # Statuses.
    "status": status_fault(500, "any status, with `code`, `message`, `retry_after`"),
    "timeout_408": status_fault(408, "Request Timeout"),
    "error_500": status_fault(500, "Internal Server Error"),
    "error_502": status_fault(502, "Bad Gateway"),
    "error_503": status_fault(503, "Service Unavailable"),
    "error_504": status_fault(504, "Gateway Timeout"),
    "rate_limited": Fault(
        "429 until `seconds` from now, said `by` RateLimit, Retry-After, both, date or nothing",
        ("api", "resolve"),
        {"by": "RateLimit", "seconds": 1, "left": 0},
        on_answer=limit_rate,
    ),
    "repository_not_found": error_fault(404, "RepoNotFound", "Repository not found"),
    "revision_not_found": error_fault(404, "RevisionNotFound", "Invalid rev id"),
    "entry_not_found": error_fault(404, "EntryNotFound", "Entry not found"),
    "gated": error_fault(403, "GatedRepo", "Access is restricted; ask at the model's page"),
    "disabled": error_fault(403, "", "Access to this resource is disabled."),
    "bad_token": error_fault(401, "", "Invalid credentials in Authorization header"),
    "unauthorized": error_fault(401, "", "Unauthorized"),
    "forbidden": error_fault(403, "", "Forbidden"),
    "missing": error_fault(404, "", "Not Found"),
    "expired_link": Fault(
        "403 from the CDN: the signed link has expired", ("blob",), on_answer=expire_link
    ),
    # Redirects.
    "redirect_loop": redirect_fault("302 to itself, for ever or `times`", "{target}"),
    "redirect_elsewhere": redirect_fault(
        "302 to another origin that answers as the Hub does", "{elsewhere}{target}", ANY
    ),
    "redirect_308": redirect_fault("308 to another origin", "{elsewhere}{target}", ANY, 308),
    "redirect_file": redirect_fault("302 to file://", "file:///etc/hostname", keep_metadata=True),
    "redirect_ftp": redirect_fault("302 to ftp://", "ftp://127.0.0.1/x", keep_metadata=True),
    "redirect_refused": redirect_fault(
        "302 to a port where nobody listens", "{refused}/x", keep_metadata=True
    ),
    "redirect_nowhere": redirect_fault("302 without Location", None),
    "cdn_redirects": redirect_fault(
        "302 from the CDN to another origin", "{elsewhere}{target}", ("blob",)
    ),
    # What the file is.
    "branch_moves": Fault(
        "`branch` names the commit of `to`, another revision's directory",
        ("api", "resolve"),
        {"branch": "main", "to": "moved"},
        on_request=move_branch,
    ),
    "etag_changes": Fault("another X-Linked-Etag", FILE, on_file=change_etag),
    "size_changes": Fault("the file is `by` bytes longer", FILE, {"by": 8}, on_file=change_size),
    "huge_file": Fault(
        "blanks after the file, up to `bytes`", FILE, {"bytes": (64 << 20) + 1}, on_file=pad
    ),
    "lying_index": Fault(
        "the index names `shard`, or the next one, for each tensor",
        FILE,
        {"shard": None},
        on_file=lie_in_index,
    ),
    "lying_header_length": Fault(
        "the first 8 bytes say `length`", FILE, {"length": 2**63 - 1}, on_file=lie_in_header_length
    ),
    "other_text": Fault("`text` instead of the file", FILE, {"text": "{"}, on_file=replace_file),
    # Headers.
    "header": header_fault("header `name` gets `value`; null: it is absent", ANY, "X-None"),
    "no_commit": header_fault("no X-Repo-Commit", ("resolve", "cache"), "X-Repo-Commit"),
    "no_linked_etag": header_fault("no X-Linked-Etag", ("resolve",), "X-Linked-Etag"),
    "no_linked_size": header_fault("no X-Linked-Size", ("resolve",), "X-Linked-Size"),
    "bad_linked_size": header_fault("X-Linked-Size isn't a number", ("resolve",), "X-Linked-Size", "-1"),
    "no_headers": Fault("the status line alone, then the body", ANY, on_answer=drop_headers),
    "huge_headers": Fault(
        "`count` more headers of `bytes` each",
        ANY,
        {"bytes": 60_000, "count": 20},
        on_answer=huge_headers,
    ),
    "slow_headers": Fault(
        "the status line comes after `seconds`, then headers at `bytes_per_second`",
        ANY,
        {"seconds": 30.0, "bytes_per_second": None},
        on_answer=slow_headers,
    ),
    "captive_portal": Fault("200 with a page of HTML", ANY, on_answer=captive_portal),
    # Ranges.
    "range_ignored": Fault("200 with the whole file", BYTES, {}, "GET", on_request=ignore_range),
    "range_as_200": body_fault("200 with the bytes asked for", range_as_200),
    "range_refused": body_fault("416", refuse_range),
    "multipart_range": body_fault("206 as multipart/byteranges", multipart),
    "range_first_later": range_fault("Content-Range starts 1 later", first=1),
    "range_first_earlier": range_fault("Content-Range starts 1 earlier", first=-1),
    "range_last_later": range_fault("Content-Range ends 1 later", last=1),
    "range_last_earlier": range_fault("Content-Range ends 1 earlier", last=-1),
    "range_shifted": range_fault("Content-Range lies 8 later", first=8, last=8),
    "range_total": range_fault("Content-Range with another total", total=1),
    "range_no_total": range_fault("Content-Range with * as the total", total="*"),
    "range_garbled": Fault(
        "Content-Range isn't one", BYTES, {"name": "Content-Range", "value": "bytes 0-"}, "GET",
        on_answer=set_header,
    ),
    "range_missing": Fault(
        "206 without Content-Range", BYTES, {"name": "Content-Range", "value": None}, "GET",
        on_answer=set_header,
    ),
    # Bodies.
    "gzip": body_fault(
        "Content-Encoding gzip, not asked for", compress, encoding="gzip", only_claimed=False
    ),
    "gzip_claimed": body_fault(
        "Content-Encoding gzip over plain bytes", compress, encoding="gzip", only_claimed=True
    ),
    "body_shorter": body_fault("a whole answer, `by` (< 0) bytes shorter", resize_body, by=-8),
    "body_longer": body_fault("a whole answer, `by` bytes longer", resize_body, by=8),
    "body_beyond": body_fault("`bytes` more after Content-Length", send_extra, bytes=8),
    "corrupt": body_fault("one bit wrong at `offset` of the body", corrupt, offset=0),
    "chunked": body_fault("chunked, without Content-Length", send_chunked),
    "body_cut": cut_fault("the connection is closed `after` so many bytes", 1000, "close"),
    "reset": cut_fault("the connection is reset `after` so many bytes", 1000, "reset"),
    "stall": cut_fault("nothing `after` so many bytes, for `seconds`", 1000, "hang"),
    "trickle": body_fault(
        "fewer than 1 KiB/s `after` so many bytes", throttle, bytes_per_second=200, after=1000
    ),
    "throttle": body_fault(
        "a limit for each connection, `after` so many bytes", throttle,
        bytes_per_second=20_000_000, after=0,
    ),
    # Connections. For one that is refused: the origin "refused", or {"stop": ["hub"]}.
    "not_http": raw_fault("an answer that isn't HTTP", "SSH-2.0-OpenSSH_9.2p1\r\n"),
    "broken_status": raw_fault("a status line that isn't one", "HTTP/1.1 abc\r\n\r\n"),
    "empty_answer": raw_fault("the connection is closed without an answer", ""),
    "reset_at_once": raw_fault("the connection is reset without an answer", "", "reset"),
    "no_answer": raw_fault("no answer, ever", "", "hang"),
    "connection_close": Fault("Connection: close after each answer", ANY, on_answer=close_after),
}


class Rule:
    """A fault as a test sets it; counts the requests that it matched."""

    SELECTORS = ("kind", "origin", "method", "file", "repository", "ranged", "skip", "times")

    def __init__(self, document: dict[str, Any]) -> None:
        document = dict(document)
        self.name = document.pop("fault", None)
        if self.name not in FAULTS:
            raise ValueError(f"no fault is named {self.name!r}")
        self.fault = FAULTS[self.name]
        chosen = {k: document.pop(k) for k in self.SELECTORS if k in document}
        if unknown := set(document) - set(self.fault.parameters):
            raise ValueError(f"{self.name} has no parameter {', '.join(sorted(unknown))}")
        self.parameters = {**self.fault.parameters, **document}
        self.kinds = self._kinds(chosen.get("kind", list(self.fault.kinds)))
        self.patterns = {
            "method": chosen.get("method", self.fault.method),
            **{key: chosen.get(key, "*") for key in ("origin", "file", "repository")},
        }
        self.ranged = chosen.get("ranged")
        self.skip = chosen.get("skip", 0)
        self.times = chosen.get("times")
        self.matched = 0

    @staticmethod
    def _kinds(chosen: str | list[str]) -> set[str]:
        names = [chosen] if isinstance(chosen, str) else chosen
        kinds = {kind for name in names for kind in GROUPS.get(name, (name,))}
        if unknown := kinds - set(ANY):
            raise ValueError(f"no kind of request is named {', '.join(sorted(unknown))}")
        return kinds

    def hits(self, request: Request) -> bool:
        """Whether it acts on this request; counts it."""
        if request.kind not in self.kinds:
            return False
        if self.ranged is not None and self.ranged != ("Range" in request.headers):
            return False
        if not all(
            fnmatch.fnmatchcase(getattr(request, key), value) for key, value in self.patterns.items()
        ):
            return False
        self.matched += 1
        past = self.matched - self.skip
        return past > 0 and (self.times is None or past <= self.times)


def table() -> str:
    """FAULTS in words, as Markdown."""
    rows = ["| Fault | What it does | Which requests | Parameters |", "|---|---|---|---|"]
    for name, fault in FAULTS.items():
        kinds = "any" if fault.kinds == ANY else ", ".join(fault.kinds)
        method = "" if fault.method == "*" else f"{fault.method} "
        parameters = ", ".join(f"{k}={json.dumps(v)}" for k, v in fault.parameters.items())
        rows.append(f"| {name} | {fault.words} | {method}{kinds} | {parameters} |")
    return "\n".join(rows)
