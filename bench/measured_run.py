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
    read: int  # bytes, by read and its like, from the page cache or the disk
    written: int  # bytes, by write and its like
    from_disk: int  # bytes that the disk was asked for meanwhile, those of memory maps included
    killed: bool  # out of memory
    mapped: int = 0  # bytes read through a memory map, which nobody counts: set by who knows


def measure(command, expendable=False):
    """Runs command to its end; what is not a success ends the measurement with its words. One that is
    expendable is the first to be killed where memory runs out, and that is no failure.

    The kernel counts in a child's peak what the parent had at the fork, so that a small program's peak
    reads as this interpreter's, some 15 MB.
    """
    with tempfile.TemporaryFile() as words:
        start = time.perf_counter()
        process = subprocess.Popen(list(map(str, command)), stdout=words, stderr=words,
                                   preexec_fn=volunteer if expendable else None)
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        wall = time.perf_counter() - start
        io = dict(line.split(": ") for line in Path(f"/proc/{process.pid}/io").read_text().splitlines())
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        killed = expendable and process.returncode == -signal.SIGKILL
        if process.returncode != 0 and not killed:
            words.seek(0)
            text = words.read().decode(errors="replace")
            sys.exit(f"{' '.join(map(str, command))}: ended with {process.returncode}\n{text}")
    return Measured(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6,
                    int(io["rchar"]), int(io["wchar"]), int(io["read_bytes"]), killed)


def volunteer():
    """Makes this process the one that the kernel kills first."""
    Path("/proc/self/oom_score_adj").write_text("1000")


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


def chill(path):
    """Puts a file out of the page cache, so that later reads come from the disk."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())  # what is not yet on the disk would stay
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


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
