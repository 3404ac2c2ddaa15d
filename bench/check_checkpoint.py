#!/usr/bin/env python3
"""Prints a made checkpoint's figures, measured from its file in float64, beside the published ones.
Exits with 1 if one of them is not, to its last digit, what was published.

    check_checkpoint.py DIR

It shares nothing with make_checkpoint.py but the published figures.
"""

import collections
import hashlib
import json
import struct
import sys
from pathlib import Path

import numpy as np

import published_figures as published

TENSOR = "model.embed_tokens.weight"
BLOCK_ROWS = 512


def find_matrix(directory):
    """The stored rows, as a memory map, and their dtype."""
    index = directory / "model.safetensors.index.json"
    shard = json.loads(index.read_text())["weight_map"][TENSOR] if index.exists() else "model.safetensors"
    with open(directory / shard, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        entry = json.loads(file.read(length))[TENSOR]
    kind = {"BF16": np.uint16, "F16": np.float16, "F32": np.float32}[entry["dtype"]]
    offset = 8 + length + entry["data_offsets"][0]
    return np.memmap(directory / shard, kind, "r", offset, tuple(entry["shape"])), entry["dtype"]


def blocks(matrix, dtype):
    for start in range(0, len(matrix), BLOCK_ROWS):
        stored = matrix[start : start + BLOCK_ROWS]
        if dtype == "BF16":
            yield stored, (stored.astype(np.uint32) << 16).view(np.float32).astype(np.float64)
        else:
            yield stored, stored.astype(np.float64)


def norm_figures(norms):
    ordered = np.sort(norms)
    return {"mean": norms.mean(), "std": norms.std(ddof=1), "min": ordered[0],
            "median": ordered[(len(norms) - 1) // 2], "max": ordered[-1]}


def measure(matrix, dtype):
    mu, copies = np.zeros(matrix.shape[1]), collections.Counter()
    for stored, values in blocks(matrix, dtype):
        mu += values.sum(axis=0)
        copies.update(hashlib.sha256(row).digest() for row in stored)
    mu /= len(matrix)
    norms = [], []
    for _, values in blocks(matrix, dtype):
        norms[0].append(np.sqrt(np.square(values).sum(axis=1)))
        norms[1].append(np.sqrt(np.square(values - mu).sum(axis=1)))
    gamma, centered = (np.concatenate(part) for part in norms)
    return mu, gamma, centered, copies


def main():
    matrix, dtype = find_matrix(Path(sys.argv[1]))
    mu, gamma, centered, copies = measure(matrix, dtype)
    rows = []
    measured = {"norm": np.linalg.norm(mu), "mean": mu.mean(), "std": mu.std(ddof=1)}
    rows += [(f"centroid {key}", measured[key], text) for key, text in published.CENTROID.items()]
    rows += [(f"gamma {key} norm", norm_figures(gamma)[key], text) for key, text in published.GAMMA_NORM.items()]
    rows += [(f"centered {key} norm", norm_figures(centered)[key], text)
             for key, text in published.CENTERED_NORM.items()]
    rows += [(f"centered norm of id {i}", centered[i], text)
             for i, text in enumerate(published.CENTERED_NORMS_OF_FIRST)]
    found = {name: value for name, value, _ in rows}
    rows += [(f"notebook: {name}", found[name], text) for name, text in published.NOTEBOOK.items()]

    passed = True
    print(f"{'shape, dtype':28}{str(matrix.shape) + ' ' + dtype:>24}")
    for name, value, text in rows:
        same = f"{value:.{len(text.partition('.')[2])}f}" == text
        passed &= same
        print(f"{name:28}{value:14.9f}{text:>12}  {'ok' if same else 'OFF'}")
    groups = sorted((n for n in copies.values() if n > 1), reverse=True)
    for name, value, expected in [("unique rows", len(copies), published.UNIQUE_ROWS),
                                  ("groups of identical rows", groups, published.DUPLICATE_GROUPS)]:
        passed &= value == expected
        print(f"{name}: {value}, published {expected}  {'ok' if value == expected else 'OFF'}")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
