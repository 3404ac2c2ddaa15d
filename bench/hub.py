#!/usr/bin/env python3
"""The main job from a Hub on this machine, beside the same job from the directory. Standard library and
nginx; exits with 1 if a bound is not kept.

    hub.py --program build/src/gamma-extract --model DIR [--rounds 5] [--parts wire,connections,...]

wire         bytes sent in all: at most the tensor's, 1 % and 256 KiB; the files are the directory's;
             inspect: at most 400 KiB
connections  over TLS, with HTTP/2 on: how many connections carry the matrix, by default and with
             GAMMA_EXTRACT_CONNECTIONS=3
throttled    20 MB/s a connection: eight of them beside one
speed        unthrottled: the wall beside that of curl, which fetches the same range to a file, and of the
             local main job, in paired rounds
memory       the peak beside that of the local main job
kill         kill -9 at 20 moments of a throttled download: bytes sent in all, and the result
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

from checkpoint_file import find_matrix
from measured_run import executable, machine, measure, scratch_directory, warm
from nginx_hub import REPO, NginxHub
from paired_rounds import cost_table, in_turn, paired, ratio_table

NAMES = ["gamma_centroid_mu.safetensors", "gamma_x.safetensors", "gamma_centered_x.safetensors"]
MEBIBYTE = 1 << 20


class Bench:
    def __init__(self, arguments, work):
        self.program = arguments.program
        self.model = Path(arguments.model).resolve()
        self.rounds = arguments.rounds
        self.work = work
        self.out = work / "out"
        self.matrix = find_matrix(self.model)
        self.broken = False
        warm(self.matrix.path)

    def expect(self, condition, words):
        print(("ok      " if condition else "BROKEN  ") + words)
        self.broken |= not condition

    def environment(self, hub, cache="cache", **words):
        environment = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
        environment.update(HF_ENDPOINT=hub.address, HF_HOME=str(self.work / "hf"), HF_HUB_OFFLINE="0",
                           GAMMA_EXTRACT_CACHE=str(self.work / cache), **words)
        if hub.address.startswith("https"):
            environment["SSL_CERT_FILE"] = str(hub.certificate)
        return environment

    def remote(self, out="out"):
        return [str(self.program), "--model", REPO, "--out", str(self.work / out), "--name", "x", "--quiet"]

    def local(self, out="local"):
        return [str(self.program), "--model", str(self.model), "--out", str(self.work / out), "--name", "x", "--quiet"]

    def fresh(self, *names):
        for name in names or ("out", "local", "cache", "piece"):
            shutil.rmtree(self.work / name, ignore_errors=True)
            (self.work / name).unlink(missing_ok=True)

    def same_files(self):
        def data(path):
            with open(path, "rb") as file:
                file.seek(8 + int.from_bytes(file.read(8), "little"))
                shutil.copyfileobj(file, sink := Sha256(), MEBIBYTE)
                return sink.hash.hexdigest()
        return all(data(self.out / name) == data(self.work / "local" / name) for name in NAMES)

    # The parts.

    def wire(self):
        self.fresh()
        measure(self.local())
        with NginxHub(self.model) as hub:
            subprocess.run(self.remote(), check=True, env=self.environment(hub))
            sent = sum(request.bytes for request in hub.requests())
            bound = self.matrix.bytes * 1.01 + 256 * 1024
            self.expect(sent <= bound, f"main job: {sent:,} bytes sent for a tensor of {self.matrix.bytes:,} "
                                       f"({sent - self.matrix.bytes:,} more)")
            self.expect(self.same_files(), "the data of the three files is that from the directory")
            subprocess.run([*self.remote(), "--force"], check=True, env=self.environment(hub))
            again = sum(request.bytes for request in hub.requests()) - sent
            self.expect(again < 4096, f"a second run: {again:,} bytes")
        with NginxHub(self.model) as hub:
            subprocess.run([self.program, "inspect", REPO], check=True, stdout=subprocess.DEVNULL,
                           env=self.environment(hub, "cache of inspect"))
            sent = sum(request.bytes for request in hub.requests())
            self.expect(sent < 400 * 1024, f"inspect: {sent:,} bytes sent")

    def connections(self):
        for words, wanted in ({}, 8), ({"GAMMA_EXTRACT_CONNECTIONS": "3"}, 3):
            self.fresh()
            with NginxHub(self.model, tls=True) as hub:
                subprocess.run(self.remote(), check=True, env=self.environment(hub, **words))
                parts = [request for request in hub.requests() if request.status == 206]
                used = {request.connection for request in parts}
                protocols = {request.protocol for request in parts}
                self.expect(len(used) == wanted, f"TLS with HTTP/2 offered: {len(parts)} ranges on {len(used)} "
                                                 f"connections, {', '.join(protocols)}")

    def throttled(self):
        walls = {}
        for count in 8, 1:
            self.fresh()
            with NginxHub(self.model, rate=20_000_000) as hub:
                start = time.perf_counter()
                subprocess.run(self.remote(), check=True,
                               env=self.environment(hub, GAMMA_EXTRACT_CONNECTIONS=str(count)))
                walls[count] = time.perf_counter() - start
        gain = walls[1] / walls[8]
        self.expect(gain >= 3.5, f"20 MB/s a connection: 8 take {walls[8]:.1f} s, 1 takes {walls[1]:.1f} s, "
                                 f"{gain:.2f} times as long")

    def speed(self):
        with NginxHub(self.model) as hub:
            offset, size = self.matrix.offset, self.matrix.bytes
            commands = {
                "program, from the Hub": ["env", *map("=".join, self.environment(hub).items()), *self.remote()],
                "program, from the directory": self.local(),
                "curl, the range to a file": ["curl", "-sf", "-r", f"{offset}-{offset + size - 1}", "-o",
                                              self.work / "piece", f"{hub.address}/cdn/{self.matrix.path.name}"]}

            def run(part):
                # What is written goes into memory that the machine already holds (README.md).
                self.fresh()
                measure(self.local())
                self.fresh()
                return measure(commands[part])

            measured = in_turn(run, dict.fromkeys(commands, self.rounds))
        remote, local, curl = commands
        ratios = paired(measured, (remote, local, curl), lambda hub, directory, piece: hub / (piece + directory))
        print("\n".join([*cost_table(measured, local), "", *ratio_table({"Hub / (curl + directory)": ratios})]))
        self.expect(statistics.median(ratios) <= 1.6, f"at most 1.6: {statistics.median(ratios):.2f}")

    def memory(self):
        self.fresh()
        with NginxHub(self.model) as hub:
            local = measure(self.local()).peak
            remote = measure(["env", *map("=".join, self.environment(hub).items()), *self.remote()]).peak
        self.expect(remote <= local + 40, f"peak {remote:.1f} MB, from the directory {local:.1f} MB")

    def kill(self):
        self.fresh()
        measure(self.local())
        kills = 20
        sent = 0
        # Each run is killed after another time, from the first requests to well into the matrix.
        with NginxHub(self.model, rate=20_000_000) as hub:
            for i in range(kills):
                process = subprocess.Popen(self.remote(), env=self.environment(hub))
                time.sleep(0.05 + 0.02 * i)
                process.kill()
                process.wait()
            subprocess.run(self.remote(), check=True, env=self.environment(hub))
            time.sleep(0.5)
            sent = sum(request.bytes for request in hub.requests())
        allowed = self.matrix.bytes + 8 * MEBIBYTE * 8 * kills
        self.expect(sent <= allowed, f"{kills} kills: {sent:,} bytes sent in all, of {allowed:,}; "
                                     f"{(sent - self.matrix.bytes) / kills / 8 / MEBIBYTE:.2f} MiB a connection and kill")
        self.expect(self.same_files(), "the data of the three files is that from the directory")


class Sha256:
    def __init__(self):
        import hashlib
        self.hash = hashlib.sha256()

    def write(self, data):
        self.hash.update(data)


def main():
    parts = ["wire", "connections", "throttled", "speed", "memory", "kill"]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True, type=executable)
    parser.add_argument("--model", required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--parts", default=",".join(parts))
    parser.add_argument("--work")
    arguments = parser.parse_args()
    print(machine())
    with scratch_directory(arguments.work) as work:
        bench = Bench(arguments, Path(work))
        for part in arguments.parts.split(","):
            if part not in parts:
                parser.error(f"{part}: no such part")
            print(f"\n{part}")
            getattr(bench, part)()
    return bench.broken


if __name__ == "__main__":
    sys.exit(main())
