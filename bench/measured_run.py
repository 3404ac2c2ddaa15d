"""One command, run and measured. Standard library only."""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Measured:
    wall: float  # seconds, from before the start until the process is gone
    cpu: float  # seconds, user and system, all threads
    peak: float  # MB (10^6 bytes), the resident set's largest size, mapped libraries included


def measure(command):
    """Runs command to its end; what is not a success ends the measurement with its words.

    The kernel counts in a child's peak what the parent had at the fork, so that a small program's peak
    reads as this interpreter's, some 15 MB.
    """
    with tempfile.TemporaryFile() as words:
        start = time.perf_counter()
        process = subprocess.Popen(list(map(str, command)), stdout=words, stderr=words)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            words.seek(0)
            text = words.read().decode(errors="replace")
            sys.exit(f"{' '.join(map(str, command))}: ended with {process.returncode}\n{text}")
    return Measured(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6)


def executable(path):
    """The path of a program, for argparse, made absolute."""
    found = Path(path).resolve()
    if not os.access(found, os.X_OK) or found.is_dir():
        raise argparse.ArgumentTypeError(f"{path} is no program that can be run; build it first")
    return found


def warm(path):
    """Reads a file once, so that later reads come from the page cache."""
    buffer = bytearray(1 << 20)
    with open(path, "rb", buffering=0) as file:
        while file.readinto(buffer):
            pass


def machine():
    """The machine in one line."""
    memory = {line.split(":")[0]: int(line.split()[1]) for line in Path("/proc/meminfo").read_text().splitlines()}
    processor = next((line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                      if line.startswith("model name")), "unknown processor")
    return (f"{len(os.sched_getaffinity(0))} cores ({processor}), {memory['MemTotal'] / 1e6:.1f} GB of memory, "
            f"{memory['MemAvailable'] / 1e6:.1f} GB available, load {os.getloadavg()[0]:.1f}")


def scratch_directory(work):
    """A fresh directory inside work, or inside the project's build directory; removed at the end, also
    where that comes by SIGTERM."""
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    parent = Path(work) if work else Path(__file__).resolve().parent.parent / "build"
    parent.mkdir(parents=True, exist_ok=True)
    return tempfile.TemporaryDirectory(prefix="bench-", dir=parent)
