"""Makes tests/data/save_file: what safetensors.torch.save_file writes for a single tensor.

Each file holds one tensor, with no metadata or exactly one entry of it (of several, the order would
be random). manifest.json lists the key, dtype, shape, metadata and data offset of each, so that the
program's own writer can be asked for the same and compared. Seeded: the same versions give the same
bytes.
"""

import argparse
import math
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

import exact

HERE = Path(__file__).resolve().parent
DTYPES = [
    torch.bool,
    torch.float4_e2m1fn_x2,
    torch.uint8,
    torch.int8,
    torch.float8_e5m2,
    torch.float8_e4m3fn,
    torch.float8_e8m0fnu,
    torch.float8_e4m3fnuz,
    torch.float8_e5m2fnuz,
    torch.int16,
    torch.uint16,
    torch.float16,
    torch.bfloat16,
    torch.int32,
    torch.uint32,
    torch.float32,
    torch.complex64,
    torch.float64,
    torch.int64,
    torch.uint64,
]
SHAPES = [
    [],
    [0],
    [1],
    [7],
    [0, 3],
    [3, 0],
    [2, 3],
    [1, 1],
    [12, 10],
    [2, 3, 4],
    [1, 2, 1, 2],
    [1, 2, 1, 2, 1],
    [2, 1, 2, 1, 2, 1],
    [1, 2, 1, 2, 1, 2, 1],
    [2, 1, 2, 1, 2, 1, 2, 1],
    [0, 1, 0, 2, 0, 3, 0, 4],
]
STRINGS = [
    "",
    "a",
    "model.embed_tokens.weight",
    " two  spaces ",
    'quote " inside',
    "back\\slash/slash",
    "\\u0041 is not A",
    "tab\tline\nreturn\r",
    "\x00",
    "\x01\b\f\x1f",
    "\x0b\x0e\x1b",
    "delete \x7f, C1 \x80\x9f",
    "gamma \u03b3\u2032, mu \u03bc",
    "\u4e2d\u6587",
    "emoji \U0001f600",
    "line \u2028 paragraph \u2029",
    "mark \ufeff, replacement \ufffd, last \U0010ffff",
    "</script>&'",
    "long " + "x" * 300,
]


def tensor(dtype, shape, random):
    """Random bytes of that dtype and shape (torch counts pairs of F4 as one element)."""
    count = math.prod(shape)
    if count == 0:
        return torch.empty(shape, dtype=dtype)
    if dtype == torch.bool:
        return torch.from_numpy(random.integers(0, 2, count).astype(bool)).reshape(shape)
    data = random.integers(0, 256, count * dtype.itemsize).astype(np.uint8)
    return torch.from_numpy(data).view(dtype).reshape(shape)


def cases():
    """Key, dtype, shape and metadata of each file."""
    for dtype in DTYPES:
        yield "w", dtype, [3, 2], None
    for shape in SHAPES:
        yield "gamma", torch.float32, shape, None
    yield "gamma", torch.bfloat16, [5, 3], {"format": "pt"}
    yield "mu", torch.float32, [10], {"format": "pt"}
    for string in STRINGS:
        yield string, torch.uint8, [1], None
        yield "gamma_centered", torch.float16, [1, 1], {"format": string}
        yield "w", torch.int16, [], {string: "pt"}
    for length in range(8):  # every amount of padding
        yield "k" * length, torch.uint8, [2], {"format": "pt"}


def label(dtype, shape):
    size = "x".join(str(n) for n in shape) or "scalar"
    return f"{str(dtype).removeprefix('torch.')}-{size}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=HERE.parent / "data" / "save_file")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    random = np.random.Generator(np.random.PCG64(arguments.seed))
    arguments.out.mkdir(parents=True, exist_ok=True)
    for old in arguments.out.glob("*.safetensors"):
        old.unlink()

    manifest = []
    for number, (key, dtype, shape, metadata) in enumerate(cases(), 1):
        path = arguments.out / f"{number:03}-{label(dtype, shape)}.safetensors"
        save_file({key: tensor(dtype, shape, random)}, path, metadata)
        header, data_offset = exact.read_header(path)
        entry = header[key]
        manifest.append(
            {
                "file": path.name,
                "key": key,
                "dtype": entry["dtype"],
                "shape": entry["shape"],
                "metadata": metadata or {},
                "data_offset": data_offset,
                "bytes": entry["data_offsets"][1],
            }
        )
    exact.write_json(arguments.out / "manifest.json", manifest)
    print(len(manifest), "files of", len({entry["dtype"] for entry in manifest}), "dtypes")


if __name__ == "__main__":
    main()
