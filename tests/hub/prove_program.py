"""Runs gamma-extract through the cases that the real client was shown and writes docs/hub-faults.md.

    python3 prove_program.py PROGRAM [--write ../../docs/hub-faults.md]     (the standard library alone)

Each run has a fake Hub of its own, and caches and directories that nobody else uses. It fails, and so
does this script (1), unless

* the run ends with 0 and the very data that a run from the directory gives, or with another code,
  one line `gamma-extract: error: ...; ...`, and nothing in --out, nor --out itself or its parents;
* it ends within its time-outs and the waits between its tries;
* a token stands in no output, file, cache or command line, and is received by no other origin;
* nobody is asked offline, and Hugging Face's cache stays as it was;
* where the real client gets the right bytes, so does the program, but for EXCEPTIONS.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import dataclasses
import json
import os
import random
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from cases import REPOSITORIES, TOKEN, TOKENS, make_tree
from faults import FAULTS
from process import HERE, Process, control, start_hub
from program_cases import MATRIX_SHARD, Run, all_runs
from repositories import Repository

PROJECT = HERE.parent.parent
EXAMPLE = PROJECT / "examples/qwen3-tiny"
ROWS = 50_000  # of 64 BF16: 6.4 MB, so that the matrix has several pieces of 1 MiB
MATRIX = "model.embed_tokens.weight"
ERROR = re.compile(r"gamma-extract: error: [^\n]+?: [^\n]+; [^\n]+")
WARNING = "gamma-extract: warning: "
FELL_BACK = "the commit that the cache knows"

# The commit, config.json, that there is no model.safetensors, and the index.
FINDING = "HEAD hub 307; GET hub 307 x2; GET hub 200 x2; HEAD hub 404"

WAITS_BETWEEN_TRIES = 1 + 2 + 4 + 8 + 8
TRIES = 6
TIMEOUT = 1  # seconds of inactivity
SLACK = 25  # for a machine with more to do

# Where the real client gets the right bytes and the program does not, and why.
NO_CHECK = ("the real client does not look at Content-Range, and has the whole file's size besides; "
            "here another place than the one asked for may be other bytes, which nothing would show")
PLAIN = "encodings are refused, since with one a range is no range of the file"
EXCEPTIONS = {
    "gated, model_info": "that a model exists is public; its files, which the program needs, are not",
    "200 with the whole file, on resuming":
        "it would be read from its beginning, 4 GB for the sake of one matrix",
    **{f"{FAULTS[name].words}, on resuming": NO_CHECK
       for name in ("range_first_later", "range_first_earlier", "range_last_later",
                    "range_last_earlier", "range_shifted", "range_total", "range_missing")},
    FAULTS["gzip"].words: PLAIN,
    FAULTS["body_beyond"].words: "the bytes stand before the next answer on the same connection",
}

# Fills a part of the cache: the header and one span of the matrix come.
BREAKS_OFF = {"fault": "error_500", "kind": "blob", "file": MATRIX_SHARD, "skip": 2}

# Wrong bytes that no client can know to be wrong.
UNKNOWABLE = {("one bit wrong at `offset` of the body", "the matrix")}


@dataclasses.dataclass
class Result:
    """What came of a run. `got` is right, wrong, refused, or in part (a listing that lacks tensors, with
    a warning)."""

    run: Run
    code: int = 0
    got: str = ""
    words: str = ""
    requests: str = ""
    seconds: float = 0
    fell_back: bool = False
    problems: list[str] = dataclasses.field(default_factory=list)


# --- The model -----------------------------------------------------------------------------------


def make_model(directory: Path) -> None:
    """The example with a larger matrix: finite numbers, seeded."""
    shutil.copytree(EXAMPLE, directory)
    config = json.loads((directory / "config.json").read_text())
    (directory / "config.json").write_text(json.dumps({**config, "vocab_size": ROWS}, indent=2))
    shard = directory / MATRIX_SHARD
    old = shard.read_bytes()
    header = json.loads(old[8 : 8 + struct.unpack("<Q", old[:8])[0]])
    assert set(header) - {"__metadata__"} == {MATRIX}, "the example's first shard has the matrix alone"
    columns = header[MATRIX]["shape"][1]
    data = bytearray(random.Random(11).randbytes(2 * ROWS * columns))
    # Sign and exponent: no infinity and no NaN.
    data[1::2] = data[1::2].translate(bytes(0x3C | (byte & 0x83) for byte in range(256)))
    header[MATRIX] |= {"shape": [ROWS, columns], "data_offsets": [0, len(data)]}
    text = json.dumps(header).encode()
    shard.write_bytes(struct.pack("<Q", len(text)) + text + data)


def data_of(directory: Path) -> dict[str, bytes]:
    """The data of the output files, by what they hold; their headers name the model."""
    found = {}
    for path in sorted(directory.glob("*.safetensors")):
        content = path.read_bytes()
        end = 8 + struct.unpack("<Q", content[:8])[0]
        key = next(name for name in json.loads(content[8:end]) if name != "__metadata__")
        found[key] = content[end:]
    return found


def listing_of(text: str) -> dict[str, Any]:
    """What `inspect --json` says, but for the names of the model and the waits that it warned of."""
    listing = json.loads(text)
    return {k: v for k, v in listing.items() if k not in ("model", "revision", "warnings")}


class Model:
    """The tree that every fake Hub serves, and what the program makes of it from the directory."""

    def __init__(self, program: Path, place: Path) -> None:
        self.files = place / "files"
        self.tree = place / "tree"
        make_model(self.files)
        make_tree(self.tree, self.files)
        out = place / "expected"
        quiet = {"check": True, "capture_output": True, "text": True}
        subprocess.run([program, "--model", self.files, "--out", out, "--name", "x", "-q"], **quiet)
        self.data = data_of(out)
        listing = subprocess.run([program, "inspect", self.files, "--json"], **quiet)
        self.listing = listing_of(listing.stdout)

    def commit(self, run: Run) -> str:
        return Repository(run.repository, self.tree / run.repository).commit(run.revision) or ""


# --- A run ---------------------------------------------------------------------------------------


class Trial:
    """One run of the program, in a directory of its own."""

    def __init__(self, program: Path, model: Model, run: Run, place: Path) -> None:
        self.program = program
        self.model = model
        self.run = run
        self.place = place
        self.out = place / "new/parents/out"
        for name in ("home", "tmp", "cwd", "hf"):
            (place / name).mkdir(parents=True)
        self.result = Result(run)
        self.hub = start_hub(model.tree)
        self.addresses = self.hub.greeting

    def finish(self) -> Result:
        try:
            self._finish()
        finally:
            self.hub.end()
            shutil.rmtree(self.place, ignore_errors=True)
        return self.result

    def _finish(self) -> None:
        run = self.run
        control(self.hub, {"repositories": REPOSITORIES, "tokens": TOKENS})
        self._warm()
        control(self.hub, {"faults": run.faults, "clear_log": True, **run.control})
        before = self._files_of("hf")
        self._execute()
        self._judge_outcome()
        self._judge_log(self.hub.ask({"log": True}))
        self._judge_files()
        if self._files_of("hf") != before:
            self._problem("Hugging Face's cache was changed")

    def _problem(self, words: str) -> None:
        self.result.problems.append(words)

    def _warm(self) -> None:
        if self.run.warm.startswith("own"):
            in_part = self.run.warm != "own"
            control(self.hub, {"faults": [BREAKS_OFF] if in_part else []})
            plain = dataclasses.replace(self.run, endpoint="hub", offline=False)
            subprocess.run(self._command(self.place / "warm"), env=self._environment(plain),
                           check=not in_part, capture_output=True)
            shutil.rmtree(self.place / "warm", ignore_errors=True)
        elif self.run.warm:
            commit = self.model.commit(self.run if self.run.revision != "none"
                                       else dataclasses.replace(self.run, revision="main"))
            repository = self.place / "hf/hub" / f"models--{self.run.repository.replace('/', '--')}"
            shutil.copytree(self.model.files, repository / "snapshots" / commit)
            (repository / "refs").mkdir()
            (repository / "refs/main").write_text(commit)

    def _command(self, out: Path) -> list[str]:
        run = self.run
        revision = run.revision if out == self.out or run.revision != "none" else "main"
        if run.command == "inspect":
            return [str(self.program), "inspect", run.repository, "--json", "--revision", revision]
        return [str(self.program), "--model", run.repository, "--out", str(out), "--revision",
                revision]

    def _environment(self, run: Run) -> dict[str, str]:
        place = self.place
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(place / "home"),
            "TMPDIR": str(place / "tmp"),
            "HF_HOME": str(place / "hf"),
            "GAMMA_EXTRACT_CACHE": str(place / "cache"),
            "HF_ENDPOINT": self.addresses[run.endpoint],
            "HF_HUB_OFFLINE": "1" if run.offline else "0",
            "HF_HUB_ETAG_TIMEOUT": str(TIMEOUT),
            "HF_HUB_DOWNLOAD_TIMEOUT": str(TIMEOUT),
        }
        if run.token:
            environment["HF_TOKEN"] = run.token
        hub_host = self.addresses["hub"].removeprefix("http://")
        names = {**self.addresses, "hub_host": hub_host}
        return environment | {k: v.format(**names) for k, v in run.environment.items()}

    def _execute(self) -> None:
        output, errors = self.place / "stdout", self.place / "stderr"
        start = time.monotonic()
        with output.open("wb") as out, errors.open("wb") as err:
            process = subprocess.Popen(self._command(self.out), env=self._environment(self.run),
                                       stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                       cwd=self.place / "cwd")
            while process.poll() is None:
                self._judge_command_line(process.pid)
                if time.monotonic() - start > self._patience() + 60:
                    process.kill()
                time.sleep(0.05)
        self.result.seconds = time.monotonic() - start
        self.result.code = process.returncode
        self.output, self.errors = output.read_text(), errors.read_text()

    def _judge_command_line(self, pid: int) -> None:
        try:
            line = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return  # It has ended.
        if b"hf_" in line:
            self._problem(f"a token in the command line: {line!r}")

    def _patience(self) -> float:
        """How long the run may take: the waits that it was asked for or makes, and its time-outs."""
        asked = 0.0
        for rule in self.run.faults:
            seconds = rule.get("retry_after", rule.get("seconds", 1 if "rate" in rule["fault"] else 0))
            if seconds + 1 <= 300:
                asked += (seconds + 1) * min(rule.get("times", TRIES), TRIES)
        own = WAITS_BETWEEN_TRIES + TRIES * TIMEOUT + SLACK
        return own + asked + self.run.seconds

    # What came of it.

    def _judge_outcome(self) -> None:
        result, run = self.result, self.run
        lines = self.errors.splitlines()
        others = [line for line in lines if not line.startswith(WARNING)]
        result.fell_back = FELL_BACK in self.errors
        result.words = "; ".join(self._stand_ins(line) for line in lines)
        if result.seconds > self._patience():
            self._problem(f"took {result.seconds:.0f} s, more than {self._patience():.0f}")
        if result.code == 0:
            result.got = self._got()
            if others:
                self._problem(f"standard error beside warnings: {others}")
        else:
            result.got = "refused"
            if len(others) != 1 or not ERROR.fullmatch(others[0]):
                self._problem(f"not one line of error: {others}")
            # `inspect` lists what there is, with the problem.
            if self.output and not (run.command == "inspect" and json.loads(self.output)["problem"]):
                self._problem("standard output beside an error")
            if (self.place / "new").exists():
                self._problem("something is left of --out")
            if result.code not in (2, 3, 5):
                self._problem(f"ended with {result.code}")
        if result.got == "wrong" and (run.words, run.where) not in UNKNOWABLE:
            self._problem("wrong bytes")
        if run.expected is not None and run.expected not in (result.got, result.code):
            self._problem(f"{result.got} ({result.code}), not {run.expected}")

    def _got(self) -> str:
        if self.run.command != "inspect":
            return "right" if data_of(self.out) == self.model.data else "wrong"
        listing, whole = listing_of(self.output), self.model.listing
        if listing == whole:
            return "right"
        in_part = {**listing, "tensors": whole["tensors"]} == whole and WARNING in self.errors
        return "in part" if in_part else "wrong"

    def _judge_log(self, log: dict[str, Any]) -> None:
        entries = log["requests"]
        self.result.requests = requests(entries)
        if self.run.offline and entries:
            self._problem("asked somebody, offline")
        asked = self.addresses[self.run.endpoint]
        for entry in entries:
            at_endpoint = self.addresses[entry["origin"]] == asked
            if entry["authorization"] and not at_endpoint:
                self._problem(f"a token was sent to {entry['origin']}")
            if self.run.proxied and not entry["proxied"]:
                self._problem("not by the proxy")

    def _judge_files(self) -> None:
        for path in self.place.rglob("*"):
            tokens = (TOKEN, self.run.token or TOKEN)
            content = path.read_bytes() if path.is_file() else b""
            if any(token.encode() in content for token in tokens):
                self._problem(f"a token in {path.relative_to(self.place)}")
        for name in ("tmp", "cwd", "home"):
            if left := list((self.place / name).rglob("*")):
                self._problem(f"left in {name}: {left}")
        if left := list(self.out.glob(".*")):
            self._problem(f"left beside the files: {left}")

    def _files_of(self, name: str) -> list[tuple[str, int, int]]:
        paths = sorted((self.place / name).rglob("*"))
        return [(str(p), p.lstat().st_size, p.lstat().st_mtime_ns) for p in paths]

    def _stand_ins(self, line: str) -> str:
        """A line without what is another in each run."""
        line = line.removeprefix("gamma-extract: error: ").replace("gamma-extract: ", "")
        for name, address in self.addresses.items():
            host, port = address.removeprefix("http://").split(":")
            line = line.replace(address, f"http://{name}").replace(f"{host}:{port}", name)
            line = line.replace(f"{host} port {port}", name)
        line = line.replace("127.0.0.1", "HOST").replace(str(self.place), "")
        line = re.sub(r"after \d+ ms", "after N ms", line)
        line = re.sub(r"until \d\d:\d\d:\d\d \(\d+ s\)", "until HH:MM:SS (N s)", line)
        line = re.sub(r"at byte [1-9]\d+( of \d+)?", "at byte N", line)
        line = re.sub(r"with \d+ bytes remaining", "with N bytes remaining", line)
        line = re.sub(r"\b[0-9a-f]{64}\b", "ETAG", line)
        return re.sub(r"\b[0-9a-f]{40}\b", "COMMIT", line).replace("|", "/")


def requests(entries: list[dict[str, Any]]) -> str:
    """What was asked: method, origin and status. The connections ask at once, so that neither the order
    nor a large number says much."""
    words = Counter(
        f"{entry['method']} {entry['origin']} {entry['status'] or 'no HTTP'}" for entry in entries
    )
    told = []
    for text, count in words.items():
        times = "" if count == 1 else f" x{count}" if count <= TRIES else " xN"
        told.append(text + times)
    return "; ".join(told).replace(FINDING, "found")


# --- Beside the real client ----------------------------------------------------------------------


def real_results() -> dict[str, str]:
    """What the real client does, in short, by the words of the case."""
    found = {}
    for line in (HERE / "real_client.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if len(cells) >= 4 and cells[0] != "Case":
            found[cells[0]] = re.sub(r" \(from \w+\)", "", cells[2].split(": ")[0])
    return found


def compare(result: Result, real: str) -> None:
    """Demands the right bytes where the real client gets them."""
    run = result.run
    wanted = real in ("the right bytes", "the commit")
    if wanted and result.got != "right" and run.words not in EXCEPTIONS:
        result.problems.append("the real client gets the right bytes")


def row(result: Result, real: str) -> str:
    run = result.run
    got = {"right": "the right bytes", "wrong": "**other bytes, no error**",
           "in part": "lists a part, and says so"}.get(result.got, result.got)
    if result.fell_back:
        got = "fell back to the cache" if result.got == "right" else f"fell back, {got}"
    if result.problems:
        got += f"; **{', '.join(result.problems)}**"
    where = f" ({run.where})" if run.where else ""
    cells = [run.words + where, real, got, str(result.code), result.words, result.requests]
    return f"| {' | '.join(cells)} |"


def document(results: list[Result], real: dict[str, str], version: str) -> str:
    lines = [
        "# What the program does when the Hub fails", "",
        f"Written by `tests/hub/prove_program.py` with {version}; do not edit. Each row is a run against "
        "a fake Hub (`tests/hub`) that has the fault, beside what huggingface_hub does there "
        "([real_client.md](../tests/hub/real_client.md)). The model has three shards; its matrix of "
        "6.4 MB is in the first. In parentheses: where the fault is, or which cache has the model.",
        "",
        "The script has checked of every run what stands at its top: the bytes are right or there are "
        "none and one line says why, in time; no token anywhere but at the endpoint. What is not so stands "
        "in bold. Time-outs were "
        "1 s. The hosts and ports of the addresses are replaced by names. `found` stands for the requests "
        f"that find the commit, the config and the index: {FINDING}. Several connections ask at once, "
        "so that numbers of requests, and which of two failures is told, differ a little between runs.",
    ]
    title = ""
    for result in results:
        if result.run.title != title:
            title = result.run.title
            lines += ["", f"## {title}", ""]
            lines.append("| fault | the real client | the program | exit code | its words | requests |")
            lines.append("|---|---|---|---|---|---|")
        lines.append(row(result, real.get(result.run.real or "", "")))
    lines += ["", "## Where the real client gets the bytes and the program does not", ""]
    lines += [f"* {words}: {reason}." for words, reason in EXCEPTIONS.items()]
    lines += [
        "", "## What nobody can see", "",
        "A bit that is wrong in the matrix, where all else is right. TLS protects from it on the way, and "
        "the file's sha256 is one of all its bytes. What arrived is in the outputs' metadata "
        "(`data_xxh3`), to be compared with another run's.",
    ]
    return "\n".join(lines) + "\n"


def run_all(program: Path, runs: list[Run], jobs: int) -> list[Result]:
    with tempfile.TemporaryDirectory(prefix="prove-program-") as place:
        model = Model(program, Path(place))

        def finish(numbered: tuple[int, Run]) -> Result:
            number, run = numbered
            result = Trial(program, model, run, Path(place) / f"run-{number}").finish()
            print(f"{result.seconds:5.1f} s  {result.code} {result.got:8} {run.words} ({run.where})",
                  *result.problems, sep="  !! ", flush=True)
            return result

        # The longest first.
        order = sorted(enumerate(runs), key=lambda numbered: -numbered[1].seconds)
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            done = dict(zip((number for number, _ in order), pool.map(finish, order)))
    return [done[number] for number in range(len(runs))]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=lambda text: Path(text).resolve())
    parser.add_argument("--write", type=Path, help="the Markdown file to write")
    parser.add_argument("--only", default="", help="the cases whose words hold this")
    parser.add_argument("--jobs", type=int, default=16)
    arguments = parser.parse_args()
    real = real_results()
    runs = [run for run in all_runs() if arguments.only in f"{run.title}: {run.words} ({run.where})"]
    if unknown := [run.real for run in runs if run.real is not None and run.real not in real]:
        parser.error(f"not in real_client.md: {unknown}")
    results = run_all(arguments.program, runs, arguments.jobs)
    for result in results:
        compare(result, real.get(result.run.real or "", ""))
    version = subprocess.run([arguments.program, "--version"], capture_output=True, text=True,
                             check=True).stdout.splitlines()[0]
    if arguments.write:
        arguments.write.write_text(document(results, real, version))
    failed = [result for result in results if result.problems]
    print(f"{len(results)} runs, {len(failed)} failed")
    for result in failed:
        print(f"{result.run.words} ({result.run.where}): {', '.join(result.problems)}")
        print(f"    {result.words}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
