"""Runs the real client, huggingface_hub, against the fake Hub and writes down what it does.

    python prove_fake_hub.py [--write real_client.md]      (a Python with huggingface_hub from PyPI)

What works with the real Hub must work here, and fails with the same errors; then each fault is shown
to the client. Exits 1 if anything came out otherwise than CASES expects.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import os
import random
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from cases import BIG, CASES, REPOSITORIES, TOKENS, Case, make_tree, untold
from process import HERE, Process, control, start_hub

FIXTURE = HERE.parent / "data/checkpoints/qwen2-tied-f32-sharded"
BIG_BYTES = 24 << 20


class Proof:
    """The fake Hub, the real client's processes, and what came of each case."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.tree = place / "tree"
        make_files(place / "files")
        make_tree(self.tree, place / "files")
        self.hub = start_hub(self.tree)
        control(self.hub, {"repositories": REPOSITORIES, "tokens": TOKENS})
        self.addresses = self.hub.greeting
        self.clients: dict[tuple[str, bool], Process] = {}
        self.caches = itertools.count()
        self.failed: list[str] = []

    def client(self, endpoint: str, offline: bool) -> Process:
        """The client's process for an endpoint: the real client reads its environment once."""
        if (endpoint, offline) not in self.clients:
            environment = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "http"))}
            environment |= {
                "HF_ENDPOINT": self.addresses[endpoint],
                "HF_HOME": str(self.place / "home"),
                "HF_HUB_OFFLINE": "1" if offline else "0",
                "HF_HUB_DISABLE_TELEMETRY": "1",
                "HF_HUB_DISABLE_PROGRESS_BARS": "1",
                "HF_HUB_ETAG_TIMEOUT": "1",
                "HF_HUB_DOWNLOAD_TIMEOUT": "1",
            }
            command = [sys.executable, str(HERE / "real_client.py")]
            self.clients[endpoint, offline] = Process(command, environment)
        return self.clients[endpoint, offline]

    def run(self, case: Case) -> str:
        """Runs a case and returns its row of the table."""
        cache = str(self.place / f"cache-{next(self.caches)}")
        call = {"repo_id": case.repository, "file": case.file, "revision": case.revision}
        call |= {"token": case.token, "cache": cache}
        control(self.hub, {"faults": [], "link_seconds": 3600, "range_with_gzip": False})
        if case.warm:
            self.client("hub", False).ask(call)
        control(self.hub, {"faults": case.faults, "clear_log": True, **case.control})
        client = self.client(case.endpoint, case.offline)
        result = client.ask(call)
        log = self.hub.ask({"log": True})
        if stopped := case.control.get("stop"):
            control(self.hub, {"start": stopped})
        outcome = self._outcome(case, result)
        if case.expected not in (None, outcome):
            self.failed.append(f"{case.words}: {outcome}, not {case.expected}: {result}")
        shutil.rmtree(cache, ignore_errors=True)
        words = "the commit" if "sha" in result else self._words(outcome, result)
        rules = " ".join(f"`{json.dumps(rule)}`" for rule in case.faults)
        return f"| {case.words} | {rules} | {words} | {requests(log)} | {waits(result)} |"

    def end(self) -> None:
        for process in [self.hub, *self.clients.values()]:
            process.end()

    def _outcome(self, case: Case, result: dict[str, Any]) -> str:
        if "error" in result:
            return result["error"]
        if case.file is None:
            return "right" if re.fullmatch("[0-9a-f]{40}", result["sha"] or "") else "wrong"
        data = (self.tree / "Org/Model/main" / case.file).read_bytes()
        return "right" if result["sha256"] == hashlib.sha256(data).hexdigest() else "wrong"

    def _words(self, outcome: str, result: dict[str, Any]) -> str:
        if outcome in ("right", "wrong"):
            return {"right": "the right bytes", "wrong": "**other bytes, no error**"}[outcome]
        cause = f" (from {result['cause']})" if result["cause"] else ""
        words = " ".join(result["words"].split())
        for name, address in self.addresses.items():
            words = words.replace(address, f"http://{name}")
        words = re.sub(r" ?\((Request ID|Amzn Trace ID)[^)]*\)", "", words)
        words = re.sub(r"[0-9a-f]{40}", "COMMIT", words)
        words = re.sub(r"\?[^ ']*(etag|Expires)=[^ ']*", "?...", words)
        words = re.sub(r"\(…\)[^)]*", "LINK", words)
        words = words.replace(str(self.place), "").replace("|", "/")
        words = words if len(words) <= 150 else f"{words[:147]}..."
        return f"{outcome}{cause}: {words}"


def make_files(files: Path) -> None:
    """The model's files, and a big one."""
    shutil.copytree(FIXTURE, files)
    (files / BIG).write_bytes(random.Random(7).randbytes(BIG_BYTES))


def requests(log: dict[str, Any]) -> str:
    """What was asked: method, origin, status, range, and whether a token came along."""
    words = []
    for entry in log["requests"]:
        status = entry["status"] or "no HTTP"
        asked = f", {entry['range']}" if entry["range"] else ""
        token = ", token" if entry["authorization"] else ""
        words.append(f"{entry['method']} {entry['origin']} {status}{asked}{token}")
    counted = ((text, len(list(same))) for text, same in itertools.groupby(words))
    return "; ".join(f"{text} x{count}" if count > 1 else text for text, count in counted)


def waits(result: dict[str, Any]) -> str:
    return ", ".join(f"{seconds:g}" for seconds in result["waits"])


def document(proof: Proof) -> str:
    versions = proof.client("hub", False).greeting["versions"]
    lines = [
        "# What the real client does", "",
        f"Written by `prove_fake_hub.py`: {versions}, against the fake Hub. Its time-outs were 1 s "
        "(its own retries: 2 s instead of 60); its waits between tries, in the last column (s), were "
        "written down and not waited for. The hosts stand for the fake Hub's origins.",
    ]
    for title, cases in CASES.items():
        lines += ["", f"## {title}", "", "| Case | Faults | What it does | Requests | Waits |"]
        lines.append("|---|---|---|---|---|")
        for case in cases:
            lines.append(proof.run(case))
            print(lines[-1], flush=True)
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, help="the Markdown file to write")
    arguments = parser.parse_args()
    if missing := untold():
        parser.error(f"no case for {', '.join(sorted(missing))}")
    with tempfile.TemporaryDirectory() as place:
        proof = Proof(Path(place))
        text = document(proof)
        proof.end()
    if arguments.write:
        arguments.write.write_text(text)
    total = sum(len(cases) for cases in CASES.values())
    print(f"{total} cases, {len(proof.failed)} came out otherwise than expected")
    print(*proof.failed, sep="\n")
    return 1 if proof.failed else 0


if __name__ == "__main__":
    sys.exit(main())
