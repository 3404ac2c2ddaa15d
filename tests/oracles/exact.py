"""The arithmetic of gamma-extract once more, slowly and exactly, for what its tests expect.

Nothing here shares code or method with the program: a float32 is a Python integer in units of
2^-149, so that a column's sum has no rounding at all, and the mean is rounded once, from the exact
ratio.
`python exact.py` runs the examples in the docstrings.
"""

import dataclasses
import hashlib
import json
import math
from fractions import Fraction

import numpy as np
import xxhash

CANONICAL_NAN = np.uint32(0x7FC00000)
STORED = {"F64": np.float64, "F32": np.float32, "F16": np.float16, "BF16": np.uint16}


def read_header(path):
    """The header of a safetensors file, in the file's order, and where the data begins."""
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + length]), 8 + length


def read_stored(path, name):
    """Dtype, shape and bytes of one tensor of a safetensors file."""
    header, data = read_header(path)
    entry = header[name]
    begin, end = entry["data_offsets"]
    return entry["dtype"], entry["shape"], path.read_bytes()[data + begin : data + end]


def from_bits(bits):
    """
    >>> from_bits([0x3F800000, 0x80000001])
    array([ 1.e+00, -1.e-45], dtype=float32)
    """
    return np.array(bits, np.uint32).view(np.float32)


def canonical(values):
    """The same float32 values, every NaN as 0x7fc00000."""
    bits = values.view(np.uint32).copy()
    bits[np.isnan(values)] = CANONICAL_NAN
    return bits.view(np.float32)


def upcast(dtype, shape, data):
    """Stored bytes as (values as stored, the same in float32: exact, but rounded from F64)."""
    stored = np.frombuffer(data, STORED[dtype]).reshape(shape)
    if dtype == "BF16":
        stored = (stored.astype(np.uint32) << 16).view(np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        return stored, canonical(np.ascontiguousarray(stored.astype(np.float32)))


def units(bits):
    """The finite float32 of these bits in units of 2^-149.

    >>> [units(int(x)) for x in from_bits([1, 0x800000, 0x80800001]).view(np.uint32)]
    [1, 8388608, -8388609]
    """
    exponent, fraction = bits >> 23 & 0xFF, bits & 0x7FFFFF
    magnitude = fraction if exponent == 0 else (fraction | 1 << 23) << exponent - 1
    return -magnitude if bits >> 31 else magnitude


def rounded_ratio(numerator, denominator):
    """Bits of the float32 nearest to numerator / denominator units of 2^-149, ties to even.

    >>> [rounded_ratio(n, d) for n, d in [(1, 2), (3, 2), (2, 3), (0, 5)]]
    [0, 2, 1, 0]
    >>> [hex(rounded_ratio(n, 2)) for n in [-1, 2**25 + 1, -(2**25 + 6)]]
    ['0x80000000', '0x1000000', '0x81000002']
    """
    sign, magnitude = (1 << 31 if numerator < 0 else 0), abs(numerator)
    shift = max(0, (magnitude // denominator).bit_length() - 24)
    quotient, rest = divmod(magnitude, denominator << shift)
    twice, whole = 2 * rest, denominator << shift
    if twice > whole or (twice == whole and quotient & 1):
        quotient += 1
    value = quotient << shift
    if value < 1 << 23:
        return sign | value
    exponent = value.bit_length() - 24
    assert exponent + 1 < 255, "a mean lies between its values"
    return sign | exponent + 1 << 23 | value >> exponent & 0x7FFFFF


def mean_bits(column):
    """Bits of the mean of a float32 column: the exact sum over the count, rounded once."""
    if np.isnan(column).any() or np.isinf(column).any():
        with np.errstate(invalid="ignore"):
            total = column.astype(np.float64).sum()  # infinite or NaN, whatever the others are
        return int(canonical(np.array([total], np.float32)).view(np.uint32)[0])
    return rounded_ratio(sum(units(int(bits)) for bits in column.view(np.uint32)), len(column))


def exact_mean(matrix):
    """The mean row of a float32 matrix, each component rounded once; a sum of zero gives +0.

    >>> exact_mean(np.array([[1e30], [1], [-1e30], [3]], np.float32))
    array([1.], dtype=float32)
    """
    columns = np.ascontiguousarray(matrix.T)
    return from_bits([mean_bits(column) for column in columns])


def center(gamma, mu):
    """gamma - mu in float32."""
    with np.errstate(over="ignore", invalid="ignore"):
        return canonical(gamma - mu)


@dataclasses.dataclass
class Extraction:
    """What one matrix gives. `overflow` is the first place where a finite value has no float32."""

    gamma: np.ndarray
    mu: np.ndarray
    centered: np.ndarray
    nonfinite: int
    first_nonfinite_row: int | None
    overflow: dict | None

    @property
    def fault(self):
        """The fault of a run without --allow-nonfinite, or None."""
        return "value_nonfinite" if self.nonfinite else self.fault_if_allowed

    @property
    def fault_if_allowed(self):
        """The fault of a run with --allow-nonfinite, or None."""
        return "value_overflow" if self.overflow else None


def place(matrix, mask):
    if not mask.any():
        return None
    row, column = (int(i) for i in np.argwhere(mask)[0])
    return {"in": matrix, "row": row, "column": column}


def extract(dtype, shape, data):
    """gamma, mu and gamma_centered of a stored matrix, and what stands in their way."""
    stored, gamma = upcast(dtype, shape, data)
    mu = exact_mean(gamma)
    centered = center(gamma, mu)
    bad_rows = np.flatnonzero(~np.isfinite(stored).all(axis=1))
    overflow = place("gamma", np.isfinite(stored) & ~np.isfinite(gamma)) or place(
        "gamma_centered", np.isfinite(gamma) & np.isfinite(mu) & ~np.isfinite(centered)
    )
    return Extraction(
        gamma,
        mu,
        centered,
        int((~np.isfinite(stored)).sum()),
        int(bad_rows[0]) if len(bad_rows) else None,
        overflow,
    )


def length(values):
    """Euclidean norm: squares of float32 are exact in float64, fsum rounds their sum once."""
    return math.sqrt(math.fsum(float(x) * float(x) for x in values))


def deviation(values):
    """Unbiased standard deviation; None for a single value."""
    if len(values) < 2:
        return None
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((x - mean) ** 2 for x in values) / (len(values) - 1))


def norm_summary(matrix):
    """Statistics of the rows' norms, as torch defines them; None where a value is not finite."""
    keys = ["mean_norm", "std_norm", "min_norm", "median_norm", "max_norm"]
    if not np.isfinite(matrix).all():
        return dict.fromkeys(keys)
    norms = sorted(length(row) for row in matrix)
    mean, middle = math.fsum(norms) / len(norms), norms[(len(norms) - 1) // 2]
    return dict(zip(keys, [mean, deviation(norms), norms[0], middle, norms[-1]], strict=True))


def centroid_summary(mu):
    """Norm of mu, mean and standard deviation of its components; None where one is not finite."""
    if not np.isfinite(mu).all():
        return {"norm": None, "mean": None, "std": None}
    components = [float(x) for x in mu]
    mean = math.fsum(components) / len(components)
    return {"norm": length(mu), "mean": mean, "std": deviation(components)}


def exact_sum(column):
    return sum(units(int(bits)) for bits in np.ascontiguousarray(column).view(np.uint32))


def residual_norm(centered):
    """Norm of the mean row, each component of it rounded once to float64; None if not finite."""
    if not np.isfinite(centered).all():
        return None
    rows, columns = centered.shape
    mean = [float(Fraction(exact_sum(centered[:, j]), rows << 149)) for j in range(columns)]
    return math.sqrt(math.fsum(x * x for x in mean))


def sha256(array):
    return hashlib.sha256(array.tobytes()).hexdigest()


def xxh3(array):
    return {"data_xxh3": xxhash.xxh3_128_hexdigest(array.tobytes())}


def figures(extraction):
    """The numbers of an extraction, in the words of the program's JSON report."""
    gamma, mu, centered = extraction.gamma, extraction.mu, extraction.centered
    return {
        "gamma": {"dtype": "F32", "bytes": gamma.nbytes} | xxh3(gamma) | norm_summary(gamma),
        "centroid": {"sha256": sha256(mu)} | xxh3(mu) | centroid_summary(mu),
        "centered": {"dtype": "F32", "bytes": centered.nbytes}
        | xxh3(centered)
        | norm_summary(centered)
        | {"residual_norm": residual_norm(centered)},
    }


def hashes(extraction):
    """sha256 of the data of the three files."""
    return {
        "gamma": sha256(extraction.gamma),
        "mu": sha256(extraction.mu),
        "gamma_centered": sha256(extraction.centered),
    }


def mean_square(matrix):
    """The mean of the rows' squared norms, as an exact fraction in units of 2^-298."""
    squares = (units(int(bits)) ** 2 for bits in matrix.view(np.uint32).ravel())
    return Fraction(sum(squares), matrix.shape[0])


def self_check_holds(extraction):
    """Whether the program's own check of its figures must pass, decided exactly."""
    gamma = mean_square(extraction.gamma)
    mu = mean_square(extraction.mu.reshape(1, -1))
    centered = mean_square(extraction.centered)
    allowed = gamma / 10**6 + len(extraction.mu) * Fraction(2) ** (298 - 278)
    return abs(gamma - mu - centered) <= allowed


def write_json(path, value):
    path.write_text(json.dumps(value, indent=1, ensure_ascii=True) + "\n")


if __name__ == "__main__":
    import doctest

    failures, tried = doctest.testmod()
    print(f"{tried - failures} of {tried} examples hold")
    raise SystemExit(failures > 0)
