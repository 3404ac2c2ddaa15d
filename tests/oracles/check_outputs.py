"""Runs gamma-extract over every example and fixture and checks all that it says and writes.

For acceptance by hand, since it needs transformers: gamma is compared bit for bit with
`get_output_embeddings().weight`, mu with the exact mean, gamma_centered with gamma - mu, the files
with those of save_file, metadata and report with what the README promises, refusals with their exit
code and their one line. Prints a table, what failed, and "N passed, N failed"; exits 1 if any did.

    python check_outputs.py build/src/gamma-extract
"""

import argparse
import dataclasses
import hashlib
import json
import os
import re
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import torch
import transformers
from safetensors import safe_open
from safetensors.torch import save_file

import exact
from make_checkpoints import loaded_unembedding

PROJECT = Path(__file__).resolve().parents[2]
REPORT_KEYS = """schema version model revision tensor tied reason shard output_scaling source_dtype
    vocab_size hidden_size nonfinite device threads seconds bytes_read bytes_written gamma centroid
    centered check warnings""".split()
NORM_KEYS = ["mean_norm", "std_norm", "min_norm", "median_norm", "max_norm"]
PART_KEYS = {
    "gamma": ["path", "dtype", "bytes", "data_xxh3", *NORM_KEYS],
    "centroid": ["path", "sha256", "data_xxh3", "norm", "mean", "std"],
    "centered": ["path", "dtype", "bytes", "data_xxh3", *NORM_KEYS, "residual_norm"],
}
METADATA_KEYS = "format model tensor source_dtype space mu_sha256 data_xxh3 version".split()
SPACES = {"gamma": "original", "mu": "original", "gamma_centered": "centered"}


@dataclasses.dataclass
class Subject:
    """One input of the program, and what is expected of it (expected.json)."""

    label: str
    path: Path
    expected: dict
    arguments: list[str]

    @property
    def slug(self):
        return re.sub("[^a-z0-9]+", "_", self.path.name.removesuffix(".safetensors").lower())

    @property
    def files(self):
        return {
            "gamma": f"gamma_{self.slug}.safetensors",
            "mu": "gamma_centroid_mu.safetensors",
            "gamma_centered": f"gamma_centered_{self.slug}.safetensors",
        }

    def stored(self):
        """Dtype, shape and bytes of the matrix: what transformers takes, or the file's tensor."""
        if self.path.is_file():
            return exact.read_stored(self.path, "w")
        dtype = self.expected["source_dtype"]
        load = self.expected.get("loaded_with", {})
        return dtype, *loaded_unembedding(self.path, dtype, **load)


class Checks:
    """Counts what holds, keeps what does not."""

    def __init__(self):
        self.passed = 0
        self.failed = []

    def that(self, what, holds, detail=""):
        if holds:
            self.passed += 1
        else:
            self.failed.append(f"{what} {detail}".rstrip())

    def equal(self, what, actual, expected):
        self.that(what, actual == expected, f"is {actual!r}, expected {expected!r}")

    def close(self, what, actual, expected, tolerance):
        detail = f"is {actual!r}, expected {expected!r} within {tolerance:.3g}"
        if actual is None or expected is None:
            self.that(what, actual is expected, detail)
        else:
            self.that(what, abs(actual - expected) <= tolerance, detail)


def subjects():
    reference = PROJECT / "examples" / "qwen3-tiny.reference.json"
    tiny = json.loads(reference.read_text()) | {"refused": None}
    yield Subject("qwen3-tiny", reference.parent / "qwen3-tiny", tiny, [])
    data = PROJECT / "tests" / "data"
    for name, expected in json.loads((data / "checkpoints" / "expected.json").read_text()).items():
        yield Subject(name, data / "checkpoints" / name, expected, [])
    for name, expected in json.loads((data / "hostile" / "expected.json").read_text()).items():
        path = data / "hostile" / f"{name}.safetensors"
        expected |= {"tensor": "w", "tied": False, "warns": bool(expected.get("nonfinite"))}
        yield Subject(name, path, expected, ["--tensor", "w"])


def run(program, subject, *arguments):
    command = [program, "--model", subject.path, *subject.arguments, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def check_refusal(checks, program, subject, out, *arguments):
    result = run(program, subject, "--out", out, "--json", *arguments)
    checks.equal("refusal: exit code", result.returncode, 3)
    checks.equal("refusal: standard output", result.stdout, "")
    errors = [e for e in result.stderr.splitlines() if not e.startswith("gamma-extract: warning: ")]
    one_line = len(errors) == 1 and errors[0].startswith("gamma-extract: error: ")
    checks.that("refusal: one line", one_line, result.stderr)
    checks.that("refusal: nothing created", not out.exists())
    if subject.expected["refused"] == "tensor_not_tied":
        checks.that("refusal: names --tensor", "--tensor" in result.stderr, result.stderr)
    if subject.expected["refused"] == "value_nonfinite" and not arguments:
        for key in ("nonfinite", "first_nonfinite_row"):
            number = rf"\b{subject.expected[key]}\b"
            checks.that(f"refusal: names {key}", re.search(number, result.stderr), result.stderr)


def check_data(checks, subject, out, extraction):
    """The three files as Python's safetensors reads them."""
    arrays = {"gamma": extraction.gamma, "mu": extraction.mu, "gamma_centered": extraction.centered}
    hashes = subject.expected.get("data_sha256") or {}
    for key, name in subject.files.items():
        with safe_open(out / name, framework="pt") as file:
            checks.equal(f"{key}: keys", list(file.keys()), [key])
            tensor = file.get_tensor(key)
        checks.equal(f"{key}: dtype", tensor.dtype, torch.float32)
        checks.equal(f"{key}: shape", list(tensor.shape), list(arrays[key].shape))
        same = tensor.numpy().tobytes() == arrays[key].tobytes()
        checks.that(f"{key}: bits", same, "differ")
        if hashes:
            digest = hashlib.sha256(tensor.numpy().tobytes()).hexdigest()
            checks.equal(f"{key}: sha256", digest, hashes[key])


def check_metadata(checks, subject, out, report, extraction):
    expected = {
        "format": "pt",
        "model": subject.path.name,
        "tensor": subject.expected["tensor"],
        "source_dtype": subject.expected["source_dtype"],
        "mu_sha256": exact.sha256(extraction.mu),
        "version": report["version"],
    }
    arrays = {"gamma": extraction.gamma, "mu": extraction.mu, "gamma_centered": extraction.centered}
    umask = os.umask(0)
    os.umask(umask)
    for key, name in subject.files.items():
        header, data = exact.read_header(out / name)
        checks.equal(f"{key}: header's order", list(header), ["__metadata__", key])
        checks.equal(f"{key}: data offset", data % 8, 0)
        metadata = header["__metadata__"]
        checks.equal(f"{key}: metadata's order", list(metadata), METADATA_KEYS)
        values = expected | {"space": SPACES[key]} | exact.xxh3(arrays[key])
        checks.equal(f"{key}: metadata", metadata, values)
        mode = (out / name).stat().st_mode & 0o7777
        checks.equal(f"{key}: mode", oct(mode), oct(0o666 & ~umask))


def check_figures(checks, report, figures):
    """Statistics to 1e-12 of their scale: mean_norm for a deviation of norms, max |mu| for mu's."""
    for part, keys in PART_KEYS.items():
        checks.equal(f"report: {part}'s keys", list(report[part]), keys)
    largest = figures.pop("largest_mu")
    for part, values in figures.items():
        for key, value in values.items():
            actual = report[part].get(key)
            if not isinstance(value, float):
                checks.equal(f"report: {part}.{key}", actual, value)
                continue
            scale = value
            if key == "std_norm":
                scale = values["mean_norm"]
            elif part == "centroid" and key in ("mean", "std"):
                scale = largest
            tolerance = 1e-12 * abs(scale)
            if key == "residual_norm":
                tolerance = max(1e-3 * value, 1e-15 * figures["gamma"]["max_norm"])
            checks.close(f"report: {part}.{key}", actual, value, tolerance)


def check_report(checks, subject, out, report, extraction):
    expected = subject.expected
    checks.equal("report: keys", list(report), REPORT_KEYS)
    for key in ("tensor", "tied", "source_dtype", "vocab_size", "hidden_size"):
        checks.equal(f"report: {key}", report[key], expected[key])
    fixed = {"schema": 1, "model": subject.path.name, "revision": None, "device": "cpu"}
    for key, value in (fixed | {"output_scaling": None, "check": None}).items():
        checks.equal(f"report: {key}", report[key], value)
    checks.equal("report: nonfinite", report["nonfinite"], expected.get("nonfinite", 0))
    checks.equal("report: warned", bool(report["warnings"]), expected.get("warns", False))
    parts = zip(PART_KEYS, subject.files.values(), strict=True)
    for part, name in parts:
        path = report[part]["path"]
        same = path is not None and Path(path).resolve() == (out / name).resolve()
        checks.that(f"report: {part}.path", same, repr(path))
    written = sum((out / name).stat().st_size for name in subject.files.values())
    checks.equal("report: bytes_written", report["bytes_written"], written)
    largest = float(np.abs(extraction.mu).max())
    check_figures(checks, report, exact.figures(extraction) | {"largest_mu": largest})


def check_main_run(checks, program, subject, out, extraction, extra):
    """Returns the report, or None if there is none."""
    result = run(program, subject, "--out", out, "--json", *extra)
    checks.equal("exit code", result.returncode, 0)
    if result.returncode != 0:
        checks.that("standard error", False, result.stderr)
        return None
    lines = result.stderr.splitlines()
    warned = all(line.startswith("gamma-extract: warning: ") for line in lines)
    checks.that("standard error: warnings alone", warned, result.stderr)
    report = json.loads(result.stdout)
    checks.equal("files", sorted(os.listdir(out)), sorted(subject.files.values()))
    check_data(checks, subject, out, extraction)
    check_metadata(checks, subject, out, report, extraction)
    check_report(checks, subject, out, report, extraction)
    return report


def check_plain_files(checks, program, subject, scratch, extraction, extra):
    """--no-metadata: byte for byte what save_file writes."""
    result = run(program, subject, "--out", scratch / "plain", "--quiet", "--no-metadata", *extra)
    checks.equal("--no-metadata: exit code", result.returncode, 0)
    checks.equal("--quiet: standard output", result.stdout, "")
    arrays = {"gamma": extraction.gamma, "mu": extraction.mu, "gamma_centered": extraction.centered}
    for key, name in subject.files.items():
        save_file({key: torch.from_numpy(arrays[key])}, scratch / "saved")
        path = scratch / "plain" / name
        same = path.exists() and path.read_bytes() == (scratch / "saved").read_bytes()
        checks.that(f"--no-metadata: {name}", same, "differs from save_file's")


def check_source_dtype(checks, program, subject, out, stored, extra):
    """--dtype source: gamma's stored bytes, and nothing else is different."""
    result = run(program, subject, "--out", out, "--json", "--dtype", "source", *extra)
    checks.equal("--dtype source: exit code", result.returncode, 0)
    if result.returncode != 0:
        return
    dtype, shape, data = stored
    same = exact.read_stored(out / subject.files["gamma"], "gamma") == (dtype, list(shape), data)
    checks.that("--dtype source: gamma as stored", same, "differs")
    gamma = json.loads(result.stdout)["gamma"]
    checks.equal("--dtype source: dtype", gamma["dtype"], dtype)
    checks.equal("--dtype source: bytes", gamma["bytes"], len(data))


def check_without_files(checks, program, subject, report, extra):
    """--json alone, on one thread: the same report but for what differs by its nature."""
    result = run(program, subject, "--json", "--threads", "1", *extra)
    checks.equal("no --out: exit code", result.returncode, 0)
    if result.returncode != 0:
        return
    alone = json.loads(result.stdout)
    for part in PART_KEYS:
        checks.equal(f"no --out: {part}", alone[part], report[part] | {"path": None})


def check_accepted(checks, program, subject, scratch):
    extra = ["--allow-nonfinite"] if subject.expected.get("nonfinite") else []
    stored = subject.stored()
    extraction = exact.extract(*stored)
    for part, values in exact.figures(extraction).items():
        checks.equal(f"fixture: {part}", subject.expected[part], values)
    out = scratch / "out"
    report = check_main_run(checks, program, subject, out, extraction, extra)
    if report is None:
        return
    check_plain_files(checks, program, subject, scratch, extraction, extra)
    check_source_dtype(checks, program, subject, scratch / "source", stored, extra)
    check_without_files(checks, program, subject, report, extra)


def check(program, subject):
    checks = Checks()
    expected = subject.expected
    with tempfile.TemporaryDirectory() as scratch:
        if expected["refused"]:
            check_refusal(checks, program, subject, Path(scratch) / "refused")
        if expected.get("refused_if_allowed"):
            out = Path(scratch) / "refused_if_allowed"
            check_refusal(checks, program, subject, out, "--allow-nonfinite")
        if not expected.get("refused_if_allowed", expected["refused"]):
            check_accepted(checks, program, subject, Path(scratch))
    return checks


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("program", type=Path)
    parser.add_argument("--only", default="", help="inputs whose name holds this text")
    arguments = parser.parse_args()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()

    passed, failures = 0, []
    print(f"{'input':32}{'expected':26}{'passed':>8}{'failed':>8}")
    for subject in subjects():
        if arguments.only not in subject.label:
            continue
        checks = check(arguments.program.resolve(), subject)
        outcome = subject.expected["refused"] or "accepted"
        print(f"{subject.label:32}{outcome:26}{checks.passed:8}{len(checks.failed):8}", flush=True)
        passed += checks.passed
        failures += [f"{subject.label}: {failure}" for failure in checks.failed]
    print(*failures, sep="\n", end="\n" if failures else "")
    print(f"{passed} passed, {len(failures)} failed")
    raise SystemExit(bool(failures))


if __name__ == "__main__":
    main()
