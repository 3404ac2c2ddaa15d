"""Makes tests/data/hostile: single matrices whose columns are hard to sum, or must be refused.

Each is one tensor "w", saved by safetensors.torch.save_file. expected.json says what must come out
of it, from the exact arithmetic of exact.py: the sha256 of the data of the three files (null where
there are none) and the report's figures, both for a run with --allow-nonfinite where the matrix
holds NaN or infinities; the fault of a run without it (`refused`) and with it
(`refused_if_allowed`), and the place of the first overflow. Seeded: the same versions give the same
bytes.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

import exact

HERE = Path(__file__).resolve().parent
TORCH = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
}
BITS = {"F64": np.uint64, "F32": np.uint32, "F16": np.uint16, "BF16": np.uint16}
EXPONENT_BITS = {"F64": (52, 11), "F32": (23, 8), "F16": (10, 5), "BF16": (7, 8)}

UNIT = 2.0**-149  # the smallest float32
TINY = 2.0**-126  # the smallest normal one
ULP = 2.0**-23  # of 1
MAX = float(np.finfo(np.float32).max)
HALF_ULP_OF_MAX = 2.0**103
NAN, INF = float("nan"), float("inf")


def tensor(dtype, rows):
    return torch.tensor(rows, dtype=torch.float64).to(TORCH[dtype])


def from_bits(dtype, bits):
    """A tensor of exactly these bits, NaN payloads included."""
    return torch.from_numpy(np.array(bits, BITS[dtype])).view(TORCH[dtype])


def columns(dtype, *values):
    return tensor(dtype, [list(row) for row in zip(*values, strict=True)])


def random_bits(random, dtype, shape, exponents=None):
    """Finite values of any exponent, or of biased exponents in that range."""
    fraction, width = EXPONENT_BITS[dtype]
    low, high = exponents or (0, (1 << width) - 2)
    exponent = random.integers(low, high, shape, endpoint=True).astype(np.uint64)
    sign = random.integers(0, 2, shape).astype(np.uint64)
    rest = random.integers(0, 1 << fraction, shape).astype(np.uint64)
    bits = sign << (fraction + width) | exponent << fraction | rest
    return from_bits(dtype, bits.astype(BITS[dtype]))


def sums():
    """Columns whose sum in float64 is wrong, or depends on the order."""
    signs = [1 if i % 2 == 0 else -1 for i in range(101)]
    yield "cancellation", tensor("F32", [[1e30], [1], [-1e30], [3]])
    yield (
        "cancellation-orders",
        columns(
            "F32",
            [1e30, 1, -1e30, 3],
            [1, 3, 1e30, -1e30],
            [1e30, -1e30, 1, 3],
            [-1e30, 1, 3, 1e30],
            [1e30, 1e-30, -1e30, 0],
            [MAX, UNIT, -MAX, UNIT],
        ),
    )
    yield (
        "alternating-signs",
        columns("F32", signs, [0.1 * s for s in signs], [s * (i + 1) for i, s in enumerate(signs)]),
    )
    yield "equal-rows", tensor("F32", [[0.1, -1e-40, 3e37]] * 300)
    yield (
        "extreme-exponents",
        columns(
            "F32",
            [2.0**127, UNIT, -(2.0**127), UNIT, 0],
            [2.0**127, -UNIT, 2.0**-20, 2.0**60, -(2.0**127)],
            [UNIT, 2.0**-100, 2.0**-50, 1, 2.0**50],
        ),
    )
    yield "bf16-cancellation", tensor("BF16", [[3e38, 1], [1, 1e-38], [-3e38, -1], [2**-133, 0]])
    yield "f16-cancellation", tensor("F16", [[65504, 1], [2**-24, -1], [-65504, 2**-24], [0, 0]])


def rounding():
    """Means that lie between two float32, at a tie, or near zero."""
    yield (
        "ties",
        columns(
            "F32",
            [1, 1 + ULP],
            [1 + ULP, 1 + 2 * ULP],
            [-1, -1 - ULP],
            [2, 2 - ULP],
            [2**24 + 2, 2**24],
            [MAX, MAX - 2.0**104],
        ),
    )
    yield "subnormals", tensor("F32", [[UNIT * (7 * i + j) for j in range(5)] for i in range(9)])
    yield (
        "subnormal-ties",
        columns(
            "F32",
            [UNIT, 0],
            [3 * UNIT, 0],
            [-UNIT, 0],
            [-3 * UNIT, 0],
            [TINY, TINY - UNIT],
            [TINY - UNIT, TINY - 2 * UNIT],
        ),
    )
    yield (
        "subnormal-thirds",
        columns("F32", [UNIT, 0, 0], [2 * UNIT, 0, 0], [-UNIT, 0, 0], [-2 * UNIT, 0, 0]),
    )
    yield (
        "signed-zeros",
        columns(
            "F32",
            [-0.0, -0.0, -0.0],
            [0.0, -0.0, 0.0],
            [0.0, 0.0, 0.0],
            [1, -1, -0.0],
            [-UNIT, 0.0, 0.0],
            [UNIT, -0.0, -0.0],
        ),
    )
    yield "near-max", columns("F32", [MAX] * 3, [MAX, MAX, MAX - 2.0**104], [-MAX] * 3)
    yield "f16-subnormals", from_bits("F16", [[1, 0x8001, 0x03FF], [2, 0x8003, 0x0400], [0, 0, 1]])
    yield "bf16-subnormals", from_bits("BF16", [[1, 0x8001, 0x7F], [0, 0x8000, 0x80], [0, 0, 1]])


def shapes():
    yield "one-row", tensor("F32", [[0.5, -0.0, 1e-42, 3]])
    yield "one-value", tensor("BF16", [[-2.5]])
    yield "one-column", tensor("F16", [[i / 8 - 9] for i in range(257)])
    yield "wide", tensor("F32", [[(i * 37 % 101 - 50) / 7 for i in range(1000)]])
    yield "odd-sizes", tensor("BF16", [[(i * j) % 17 - 7.5 for j in range(13)] for i in range(33)])


def doubles():
    """F64 is rounded to float32 first; everything else derives from that."""
    yield (
        "f64-rounded",
        columns(
            "F64",
            [0.1, 1 / 3, -1e10 / 7],
            [1 + ULP / 2, 1 + 3 * ULP / 2, 1 + ULP / 2 + 2.0**-52],
            [UNIT / 2, 3 * UNIT / 2, UNIT * 0.75],
            [1e-60, -1e-60, -1e-300],
            [TINY - UNIT / 2, TINY - UNIT / 4, -TINY],
            [5e-324, -5e-324, 0.0],
        ),
    )
    yield "f64-rounds-to-max", tensor("F64", [[MAX + HALF_ULP_OF_MAX * 0.999, -MAX], [MAX, -MAX]])
    yield "f64-beyond-by-half-ulp", tensor("F64", [[1, 2], [3, MAX + HALF_ULP_OF_MAX]])
    yield "f64-beyond", tensor("F64", [[1.0, 2.0], [3.0, -1e39], [1e300, 4.0]])


def not_finite():
    one = 0x3F800000
    nan_bits = [[one, 0], [one, one], [0x7F800001, 1], [0xFFC12345, one], [0x7FC00000, 2]]
    yield "nan", from_bits("F32", nan_bits)
    yield (
        "infinities",
        columns("F32", [1, 2, INF], [-INF, 0, 1], [INF, 3, -INF], [0, 1, 5], [INF, INF, NAN]),
    )
    yield (
        "f64-nonfinite",
        from_bits(
            "F64",
            [
                [0x3FF0000000000000, 0x7FF0000000000001, 0x3FB999999999999A],
                [0xFFF8000000000123, 0x7FF0000000000000, 0x3FC999999999999A],
                [0x0000000000000000, 0x0000000000000000, 0x3FD3333333333333],
            ],
        ),
    )
    yield "f16-nonfinite", from_bits("F16", [[0x3C00, 0x7C00], [0x7E01, 0x3C00], [0xFD55, 0xFC00]])
    yield "bf16-nonfinite", from_bits("BF16", [[0x3F80, 0x7F81], [0xFF80, 0x3F80], [0xFFFF, 0]])


def overflows():
    """gamma - mu beyond float32's range, alone and beside a NaN."""
    yield "overflow", columns("F32", [-MAX, MAX, -MAX, -MAX], [1, 2, 3, 4])
    yield "overflow-beside-nan", columns("F32", [-MAX, MAX, -MAX, -MAX], [1, 2, NAN, 4])
    yield "bf16-overflow", columns("BF16", [1, 2, 3, 4], [3e38, 3e38, 3e38, -3e38])


def randoms(seed):
    """Any exponent, but the few that are so high that gamma - mu could overflow."""
    random = np.random.Generator(np.random.PCG64(seed))
    yield "random-f32", random_bits(random, "F32", (61, 9), (0, 251))
    yield "random-f32-subnormal", random_bits(random, "F32", (37, 7), (0, 3))
    yield "random-f16", random_bits(random, "F16", (64, 11))
    yield "random-bf16", random_bits(random, "BF16", (67, 8), (0, 251))
    yield "random-f64", random_bits(random, "F64", (53, 6), (1023 - 155, 1023 + 124))


def unfit():
    """What is no matrix of numbers that can be taken, with the fault of each."""
    yield "no-rows", torch.zeros(0, 3), "matrix_empty"
    yield "no-columns", torch.zeros(3, 0), "matrix_empty"
    yield "vector", torch.zeros(6), "tensor_not_matrix"
    yield "cube", torch.zeros(2, 2, 2), "tensor_not_matrix"
    yield "scalar", torch.tensor(1.0), "tensor_not_matrix"
    yield "integers", torch.zeros(2, 3, dtype=torch.int32), "tensor_dtype_unsupported"
    yield "f8", torch.zeros(2, 3).to(torch.float8_e4m3fn), "tensor_dtype_unsupported"


def matrices(seed):
    for group in (sums(), rounding(), shapes(), doubles(), not_finite(), overflows()):
        yield from group
    yield from randoms(seed)


def expected(dtype, shape, data):
    extraction = exact.extract(dtype, shape, data)
    result = {
        "source_dtype": dtype,
        "vocab_size": shape[0],
        "hidden_size": shape[1],
        "nonfinite": extraction.nonfinite,
        "first_nonfinite_row": extraction.first_nonfinite_row,
        "overflow": extraction.overflow,
        "refused": extraction.fault,
        "refused_if_allowed": extraction.fault_if_allowed,
    }
    if extraction.overflow:
        return result | {"data_sha256": None}
    assert extraction.nonfinite or exact.self_check_holds(extraction)
    return result | {"data_sha256": exact.hashes(extraction)} | exact.figures(extraction)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=HERE.parent / "data" / "hostile")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for old in arguments.out.glob("*.safetensors"):
        old.unlink()

    results = {}
    for name, matrix in matrices(arguments.seed):
        path = arguments.out / f"{name}.safetensors"
        save_file({"w": matrix}, path)
        results[name] = expected(*exact.read_stored(path, "w"))
    for name, values, fault in unfit():
        save_file({"w": values}, arguments.out / f"{name}.safetensors")
        results[name] = {"refused": fault, "refused_if_allowed": fault, "data_sha256": None}
    exact.write_json(arguments.out / "expected.json", results)
    for name, result in results.items():
        print(f"{name:24} {result['refused'] or 'accepted'}")


if __name__ == "__main__":
    main()
