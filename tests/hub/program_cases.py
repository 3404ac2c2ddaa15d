"""The cases of cases.py as the program meets them, and cases that only the program has.

The real client is shown one file. The program reads config.json, the index, a shard's header and a range
of that shard, so that a fault of the shard is shown to it twice: in any request, which is the question
for the commit where the Hub is at fault, and where the matrix is read, when all else has gone well.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from cases import BIG, CASES, COMMIT, CUT, SHARD, TOKEN, Case, fault
from faults import BYTES, FAULTS

MATRIX_SHARD = "model-00001-of-00003.safetensors"
CUT_AFTER = 1_500_000  # of the 2 MiB that each of the first requests for the matrix asks for
# Requests for the bytes of the shard before one that resumes: the header, and three spans at once.
BEFORE_RESUMING = 4


@dataclasses.dataclass
class Run:
    """A run of the program. `real` is the case of the real client, where it has one; `expected` is
    "right" or an exit code, where another result is an error."""

    title: str
    words: str
    where: str = ""
    real: str | None = None
    faults: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    command: str = "extract"  # or inspect
    repository: str = "Org/Model"
    revision: str = "main"
    token: str | None = TOKEN
    endpoint: str = "hub"
    offline: bool = False
    warm: str = ""  # which cache is filled before: "own", "own, in part", "Hugging Face's"
    control: dict[str, Any] = dataclasses.field(default_factory=dict)
    environment: dict[str, str] = dataclasses.field(default_factory=dict)
    expected: str | int | None = None
    seconds: float = 0  # that it may take besides its own waits and those of `rate_limited`
    proxied: bool = False  # all requests come by a proxy


def kinds_of(rule: dict[str, Any]) -> set[str]:
    kind = rule.get("kind")
    if kind is None:
        return set(FAULTS[rule["fault"]].kinds)
    return set(BYTES) if kind == "bytes" else {kind}


def in_the_shard(rule: dict[str, Any], resuming: bool) -> dict[str, Any]:
    """The rule for the shard alone; where it is about bytes, for the matrix and not for the header."""
    rule = {**rule, "file": MATRIX_SHARD}
    if rule == {**CUT, "fault": rule["fault"], "file": MATRIX_SHARD}:
        rule["after"] = CUT_AFTER
    if kinds_of(rule) <= set(BYTES):
        rule["skip"] = BEFORE_RESUMING if resuming and rule.get("ranged") else 1
    return rule


def known_token(case: Case) -> str | None:
    """A token is known, and has to be kept, unless the case is about none."""
    if isinstance(case.token, str):
        return case.token
    about_none = case.repository in ("Org/Gated", "Org/Private", "Org/None")
    about_none = about_none or any(rule["fault"] == "unauthorized" for rule in case.faults)
    return None if about_none else TOKEN


def runs_of(title: str, case: Case) -> list[Run]:
    """The runs that a case of the real client stands for."""
    small = case.file not in (SHARD, BIG)
    base = Run(title, case.words, real=case.words, faults=case.faults,
               command="inspect" if small else "extract", repository=case.repository,
               revision=case.revision, token=known_token(case), endpoint=case.endpoint,
               offline=case.offline, control=case.control)
    if case.warm:
        caches = ("own", "Hugging Face's")
        return [dataclasses.replace(base, where=f"{name} cache", warm=name) for name in caches]
    if case.file == "none.json":
        # Not the question for the commit, which is about that file too.
        rule = fault("entry_not_found", file="config.json", skip=1)
        return [dataclasses.replace(base, where="config.json", faults=[rule])]
    if small and case.faults:
        rules = [{**rule, "file": case.file} for rule in case.faults]
        return [dataclasses.replace(base, where=f"{case.file}, {command}", faults=rules,
                                    command=command) for command in ("inspect", "extract")]
    if not case.faults:
        return [base]
    bytes_alone = all(kinds_of(rule) <= set(BYTES) for rule in case.faults)
    shard = [in_the_shard(rule, case.file == BIG) for rule in case.faults]
    runs = [dataclasses.replace(base, where="the matrix" if bytes_alone else "the shard", faults=shard)]
    if case.file == SHARD and not any(FAULTS[rule["fault"]].on_file for rule in case.faults):
        runs.insert(0, dataclasses.replace(base, where="any request"))
    return runs


# What the real client was not shown.


def with_caches(title: str) -> list[Run]:
    kept = [
        Run(title, "a commit, offline", offline=True, revision=COMMIT, expected="right"),
        Run(title, "another revision than the cache has, offline", offline=True, revision="none",
            expected=3),
        Run(title, "500 from the Hub always", faults=[fault("error_500")], expected="right"),
        Run(title, "no answer, ever", faults=[fault("no_answer")], expected="right"),
    ]
    in_part = "own, in part"
    return [
        *(dataclasses.replace(run, warm=warm, where=f"{warm} cache")
          for run in kept for warm in ("own", "Hugging Face's")),
        Run(title, "offline", where=in_part, warm=in_part, offline=True, expected=3),
        Run(title, "the run after one that failed", where=in_part, warm=in_part, expected="right"),
    ]


def by_other_ways(title: str) -> list[Run]:
    through_hub = {"http_proxy": "{hub}"}
    return [
        Run(title, "the mirror, gated", endpoint="mirror", repository="Org/Gated", expected=3),
        Run(title, "the mirror, no such model", endpoint="mirror", repository="Org/None",
            expected=3),
        Run(title, "http_proxy", environment=through_hub, proxied=True, expected="right"),
        Run(title, "http_proxy, and a host that only the proxy knows", proxied=True,
            environment={**through_hub, "HF_ENDPOINT": "http://hub.invalid"}, expected="right"),
        Run(title, "http_proxy, where nobody listens", environment={"http_proxy": "{refused}"},
            expected=5),
        Run(title, "the same, and no_proxy names the host",
            environment={"http_proxy": "{refused}", "no_proxy": "127.0.0.1"}, expected="right"),
        Run(title, "http_proxy answers 403 to all", faults=[fault("forbidden", kind="any")],
            environment=through_hub, proxied=True, expected=5),
        Run(title, "no such host", environment={"HF_ENDPOINT": "http://hub.invalid"}, expected=5,
            seconds=30),
        Run(title, "https at a port that speaks http", expected=5,
            environment={"HF_ENDPOINT": "https://{hub_host}"}),
        Run(title, "HF_ENDPOINT is no address", environment={"HF_ENDPOINT": "nonsense"},
            expected=2),
        Run(title, "HF_ENDPOINT with a slash at its end", environment={"HF_ENDPOINT": "{hub}/"},
            expected="right"),
        Run(title, "500 from the CDN always, for inspect", command="inspect", expected=5,
            faults=[fault("error_500", kind="blob")]),
        Run(title, "no answer from the CDN for another shard", command="inspect",
            where="the second shard", faults=[fault("no_answer", kind="blob", file="model-00002*")]),
    ]


def against_clocks(title: str) -> list[Run]:
    matrix = {"file": MATRIX_SHARD, "skip": 1}
    changed = [fault("expired_link", times=1, **matrix),
               fault("etag_changes", kind="resolve", **matrix)]
    return [
        Run(title, "429 in the middle of the matrix, Retry-After: 2, once", expected="right",
            faults=[fault("rate_limited", by="Retry-After", seconds=2, times=1, kind="blob", **matrix)]),
        Run(title, "429, RateLimit t=301, always: a second more than is waited for", expected=5,
            faults=[fault("rate_limited", seconds=301)]),
        Run(title, "503 with Retry-After: 3600 from the CDN", expected=5,
            faults=[fault("error_503", retry_after=3600, kind="blob")]),
        Run(title, "500 bytes/s, once", where="the matrix", expected="right", seconds=65,
            faults=[fault("trickle", bytes_per_second=500, times=1, **matrix)]),
        Run(title, "100 bytes/s, always", where="the matrix", expected=5, seconds=6 * 61,
            faults=[fault("trickle", bytes_per_second=100, after=0, **matrix)]),
        Run(title, "another X-Linked-Etag when an expired link is renewed", where="the matrix",
            expected=5, faults=changed),
    ]


# Would go on for an hour, since each try comes further: "Clocks" has two such that end.
LEFT_OUT = {FAULTS["trickle"].words}


def all_runs() -> list[Run]:
    shared = [run for title, cases in CASES.items() for case in cases if case.words not in LEFT_OUT
              for run in runs_of(title, case)]
    return [*shared, *with_caches("The caches"), *by_other_ways("Mirrors, proxies, addresses, inspect"),
            *against_clocks("Clocks")]
