"""What a client of the Hub is shown: the real one by prove_fake_hub.py, the program by prove_program.py.

CASES names files of the one model, which each client has in a form of its own: the real client
fetches whole files, the program a matrix out of one.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
from pathlib import Path
from typing import Any

from faults import FAULTS

SHARD = "model-00001-of-00004.safetensors"
INDEX = "model.safetensors.index.json"
BIG = "big.safetensors"  # larger than the 10 MiB in which the real client writes, so that it can resume
COMMIT = "c0ffee" + "0" * 34
TOKEN = "hf_canary"
CUT = {"fault": "body_cut", "after": 12 << 20, "times": 1}

REPOSITORIES = {
    "Org/Gated": {"gated": True},
    "Org/Private": {"private": True},
    "Org/Disabled": {"disabled": True},
    "Org/Old": {"renamed_to": "Org/Model"},
}
TOKENS = {TOKEN: ["Org/Gated", "Org/Private"], "hf_other": []}


@dataclasses.dataclass
class Case:
    """A file that is asked for (None: the revision's commit alone), and what is wrong meanwhile.
    `expected` is what the real client does: "right" (the file's own bytes), an error's name, "wrong"
    (other bytes, and no error), or None where it is only written down."""

    words: str
    file: str | None = "config.json"
    faults: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    expected: str | None = None
    repository: str = "Org/Model"
    revision: str = "main"
    token: str | bool = False
    endpoint: str = "hub"
    offline: bool = False
    warm: bool = False  # after a call without faults that filled the cache
    control: dict[str, Any] = dataclasses.field(default_factory=dict)


def fault(name: str, /, **settings: Any) -> dict[str, Any]:
    return {"fault": name, **settings}


def resumed(name: str, expected: str | None) -> Case:
    """A fault in the answer to a range: the real client asks for one only when it resumes."""
    words = f"{FAULTS[name].words}, on resuming"
    rules = [CUT, fault(name, ranged=True)]
    return Case(words, BIG, rules, expected, control={"range_with_gzip": True})


ORDINARY = [
    Case("config.json", "config.json", expected="right"),
    Case("the index", INDEX, expected="right"),
    Case("a shard", SHARD, expected="right"),
    Case("a file of 24 MiB", BIG, expected="right"),
    Case("a tag", SHARD, revision="v1", expected="right"),
    Case("a branch with a slash", SHARD, revision="refs/pr/1", expected="right"),
    Case("a commit", SHARD, revision=COMMIT, expected="right"),
    Case("a bare id", SHARD, repository="gpt2", expected="right"),
    Case("model_info", None, expected="right"),
    Case("model_info of a branch with a slash", None, revision="refs/pr/1", expected="right"),
    Case("a renamed repository, small file", repository="Org/Old", expected="right"),
    Case("a renamed repository, large file", SHARD, repository="Org/Old", expected="right"),
    Case("again, with the cache", SHARD, warm=True, expected="right"),
    Case("a commit again, with the cache", SHARD, revision=COMMIT, warm=True, expected="right"),
    Case("offline, with the cache", SHARD, warm=True, offline=True, expected="right"),
    Case("offline, without", SHARD, offline=True, expected="LocalEntryNotFoundError"),
    Case("gated, token with access", SHARD, repository="Org/Gated", token=TOKEN, expected="right"),
    Case("gated, no token", SHARD, repository="Org/Gated", expected="GatedRepoError"),
    Case("gated, token without access", SHARD, repository="Org/Gated", token="hf_other",
         expected="GatedRepoError"),
    Case("gated, model_info", None, repository="Org/Gated", expected="right"),
    Case("private, token with access", SHARD, repository="Org/Private", token=TOKEN,
         expected="right"),
    Case("private, no token", SHARD, repository="Org/Private", expected="RepositoryNotFoundError"),
    Case("private, token without access", SHARD, repository="Org/Private", token="hf_other",
         expected="RepositoryNotFoundError"),
    Case("a token nobody gave out", SHARD, token="hf_wrong", expected="HfHubHTTPError"),
    Case("disabled", SHARD, repository="Org/Disabled", expected="LocalEntryNotFoundError"),
    Case("no such repository", repository="Org/None", expected="RepositoryNotFoundError"),
    Case("no such repository, with a token", repository="Org/None", token=TOKEN,
         expected="RepositoryNotFoundError"),
    Case("no such revision", revision="none", expected="RevisionNotFoundError"),
    Case("no such file", "none.json", expected="RemoteEntryNotFoundError"),
    Case("by the mirror", SHARD, endpoint="mirror", token=TOKEN),
    Case("by the mirror, model_info", None, endpoint="mirror", token=TOKEN),
    Case("nobody listens", endpoint="refused", expected="LocalEntryNotFoundError"),
    Case("the Hub is down, with the cache", SHARD, warm=True, control={"stop": ["hub"]},
         expected="right"),
    Case("gated meanwhile, with the cache", SHARD, [fault("gated")], warm=True, expected="right"),
    Case("no such repository now, with the cache", SHARD, [fault("repository_not_found")],
         warm=True, expected="right"),
    Case("no such revision now, with the cache", SHARD, [fault("revision_not_found")], warm=True,
         expected="RevisionNotFoundError"),
    Case("no such file now, with the cache", SHARD, [fault("entry_not_found")], warm=True,
         expected="RemoteEntryNotFoundError"),
    Case("429 now, with the cache", SHARD, [fault("rate_limited")], warm=True, expected="right"),
    Case("links that hold for 0 s", SHARD, control={"link_seconds": 0}, expected="HfHubHTTPError"),
]

STATUSES = [
    *(
        Case(f"{status} {where} {often}", SHARD, [fault(f"{name}_{status}", **settings)])
        for name, status in
        [("timeout", 408), ("error", 500), ("error", 502), ("error", 503), ("error", 504)]
        for where, kind in [("from the Hub", "resolve"), ("from the CDN", "blob")]
        for often, settings in
        [("twice", {"kind": kind, "times": 2}), ("always", {"kind": kind})]
    ),
    Case("418", faults=[fault("status", status=418)]),
    Case("503 with Retry-After: 7, twice", faults=[fault("error_503", retry_after=7, times=2)]),
    Case("429, RateLimit t=5, twice", faults=[fault("rate_limited", seconds=5, times=2)]),
    Case("429, RateLimit t=5 but r=9, twice", faults=[fault("rate_limited", seconds=5, left=9, times=2)]),
    Case("429, Retry-After: 5, twice",
         faults=[fault("rate_limited", by="Retry-After", seconds=5, times=2)]),
    Case("429, Retry-After as a date, twice",
         faults=[fault("rate_limited", by="date", seconds=5, times=2)]),
    Case("429, no clock, twice", faults=[fault("rate_limited", by="nothing", times=2)]),
    Case("429 for 3600 s, always", faults=[fault("rate_limited", seconds=3600)]),
    Case("429 from the CDN, Retry-After: 5, twice", SHARD,
         [fault("rate_limited", by="Retry-After", seconds=5, kind="blob", times=2)]),
    *(
        Case(FAULTS[name].words, SHARD, [fault(name)])
        for name in ("repository_not_found", "revision_not_found", "entry_not_found", "gated",
                     "disabled", "bad_token", "unauthorized", "forbidden", "missing")
    ),
    Case("an expired link, once", SHARD, [fault("expired_link", times=1)]),
    Case("an expired link, always", SHARD, [fault("expired_link")]),
    Case("an expired link, on resuming", BIG, [CUT, fault("expired_link", ranged=True)]),
]

REDIRECTS = [
    Case("302 to itself, always", SHARD, [fault("redirect_loop")]),
    Case("302 to itself, 5 times", SHARD, [fault("redirect_loop", times=5)]),
    *(
        Case(FAULTS[name].words, SHARD, [fault(name, **({"origin": "hub"} if at_hub else {}))],
             token=TOKEN)
        for name, at_hub in
        [("redirect_elsewhere", True), ("redirect_308", True), ("redirect_file", False),
         ("redirect_ftp", False), ("redirect_refused", False), ("redirect_nowhere", False)]
    ),
    Case("302 from the CDN to another origin", SHARD, [fault("cdn_redirects", origin="cdn")],
         token=TOKEN),
]

FILES = [
    Case("a branch that moves after the first request", SHARD, [fault("branch_moves", skip=1)]),
    Case("another X-Linked-Etag from the second request on", SHARD, [fault("etag_changes", skip=1)]),
    Case("the CDN's file is 8 bytes longer", SHARD, [fault("size_changes", kind="blob")]),
    Case("the CDN's file is 8 bytes shorter", SHARD, [fault("size_changes", kind="blob", by=-8)]),
    Case("a config of 64 MiB and 1 byte", faults=[fault("huge_file")]),
    Case("an index that lies", INDEX, [fault("lying_index")]),
    Case("a header length that lies", SHARD, [fault("lying_header_length")]),
    Case("other text", faults=[fault("other_text")]),
]

HEADERS = [
    Case(FAULTS[name].words, file, [fault(name, **settings)])
    for name, file, settings in [
        ("no_commit", SHARD, {}), ("no_linked_etag", SHARD, {}), ("no_linked_size", SHARD, {}),
        ("bad_linked_size", SHARD, {}), ("no_headers", SHARD, {}), ("huge_headers", SHARD, {}),
        ("slow_headers", SHARD, {}), ("captive_portal", SHARD, {}),
        ("header", "config.json", {"name": "ETag", "kind": "bytes"}),
    ]
]

RANGES = [
    Case("a body that stops at 12 MiB, once; gzip accepted, so the CDN ignores the range", BIG,
         [CUT], "right"),
    Case("the same at a CDN that gives the range", BIG, [CUT], "right",
         control={"range_with_gzip": True}),
    *(
        resumed(name, None)
        for name in ("range_ignored", "range_as_200", "range_refused", "multipart_range",
                     "range_first_later", "range_first_earlier", "range_last_later",
                     "range_last_earlier", "range_shifted", "range_total", "range_no_total",
                     "range_garbled", "range_missing")
    ),
]

BODIES = [
    *(
        Case(FAULTS[name].words, SHARD, [fault(name, **settings)])
        for name, settings in
        [("gzip", {}), ("gzip_claimed", {}), ("body_shorter", {}), ("body_longer", {}),
         ("body_beyond", {}), ("corrupt", {}), ("chunked", {}), ("body_cut", {}),
         ("reset", {}), ("stall", {}), ("trickle", {"bytes_per_second": 500}), ("throttle", {}),
         ("connection_close", {})]
    ),
    Case("the connection is reset at 12 MiB, once", BIG, [{**CUT, "fault": "reset"}]),
    Case("nothing after 12 MiB, once", BIG, [{**CUT, "fault": "stall"}]),
]

CONNECTIONS = [
    Case(f"{FAULTS[name].words}, {where}", SHARD, [fault(name, kind=kind)])
    for name in ("not_http", "broken_status", "empty_answer", "reset_at_once", "no_answer")
    for where, kind in [("Hub", "resolve"), ("CDN", "blob")]
]

CASES = {
    "What works, and what the tree itself refuses": ORDINARY,
    "Statuses": STATUSES,
    "Redirects": REDIRECTS,
    "What the file is": FILES,
    "Headers": HEADERS,
    "Ranges": RANGES,
    "Bodies": BODIES,
    "Connections": CONNECTIONS,
}


def make_tree(tree: Path, files: Path) -> None:
    """The files as one model in three revisions, and as others under names of their own."""
    model = tree / "Org/Model"
    shutil.copytree(files, model / "main")
    shutil.copytree(model / "main", model / COMMIT, copy_function=os.link)
    (model / "v1").symlink_to("main")
    (model / "refs%2Fpr%2F1").symlink_to(COMMIT)
    shutil.copytree(model / "main", model / "moved", copy_function=os.link)
    for name in ("Org/Gated", "Org/Private", "Org/Disabled", "_/gpt2"):
        shutil.copytree(model / "main", tree / name / "main", copy_function=os.link)


def untold() -> set[str]:
    """Faults that no case shows to the client."""
    told = {rule["fault"] for cases in CASES.values() for case in cases for rule in case.faults}
    return set(FAULTS) - told
