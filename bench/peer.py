#!/usr/bin/env python3
"""The same job as a careful Python script does it: memory-mapped rows, a float64 mean in blocks, and
save_file. Needs numpy and safetensors.

    peer.py MODEL_DIR OUT_DIR

It never loads the model. save_file wants a whole tensor, so one float32 matrix is held at a time.
"""

import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from checkpoint_file import find_matrix

BLOCK_ROWS = 2048


def float32(stored, dtype):
    """Stored values as float32; numpy has no bfloat16, which is float32's upper half."""
    return (stored.astype(np.uint32) << 16).view(np.float32) if dtype == "BF16" else stored.astype(np.float32)


def main(model, out):
    matrix = find_matrix(model)
    kind = {"BF16": np.uint16, "F16": np.float16, "F32": np.float32}[matrix.dtype]
    stored = np.memmap(matrix.path, kind, "r", matrix.offset, (matrix.rows, matrix.columns))
    starts = range(0, matrix.rows, BLOCK_ROWS)

    total = np.zeros(matrix.columns)
    gamma = np.empty(stored.shape, dtype=np.float32)
    for start in starts:
        block = gamma[start : start + BLOCK_ROWS]
        block[:] = float32(stored[start : start + BLOCK_ROWS], matrix.dtype)
        total += block.sum(axis=0, dtype=np.float64)
    mu = (total / matrix.rows).astype(np.float32)

    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    save_file({"mu": mu}, out / "gamma_centroid_mu.safetensors")
    save_file({"gamma": gamma}, out / "gamma_model.safetensors")
    norms = [np.linalg.norm(gamma[start : start + BLOCK_ROWS], axis=1) for start in starts]
    gamma -= mu
    save_file({"gamma_centered": gamma}, out / "gamma_centered_model.safetensors")
    centered = [np.linalg.norm(gamma[start : start + BLOCK_ROWS], axis=1) for start in starts]
    for name, values in ("gamma", np.concatenate(norms)), ("centered", np.concatenate(centered)):
        print(f"{name}: mean norm {values.mean(dtype=np.float64):.4f}, std {values.std(ddof=1, dtype=np.float64):.4f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
