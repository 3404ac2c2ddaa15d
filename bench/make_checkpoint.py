#!/usr/bin/env python3
"""Writes a checkpoint with a seeded embedding matrix: by default of Qwen3-4B-Instruct-2507's shape and
with its published figures (published_figures.py), which hold after the rounding to BF16.

    make_checkpoint.py DIR                        one model.safetensors of 0.78 GB
    make_checkpoint.py DIR --sharded              three shards and an index, the matrix in the first
    make_checkpoint.py DIR --layers 36            the whole model's bulk: 8.04 GB in three shards
    make_checkpoint.py DIR --rows N --columns M   another shape: values alike, no figures

The same seed gives the same matrix, in one file, sharded or with layers. Only the embedding is real:
without --layers the other tensors are a few vectors, so that the files have the layout of a checkpoint
and not its bulk. With --layers they have the names and shapes of Qwen3-4B-Instruct-2507's, so that
transformers loads the directory, and one random block over and over for values: enough to measure how
long loading takes, and for nothing else.

How the figures come about. A row is gamma_i = mu + gamma'_i, and with u the direction of mu and m its
length,

    |gamma_i|^2 = |gamma'_i|^2 + 2 m t_i + m^2,   t_i = gamma'_i . u,

so both norms of a row can be chosen: |gamma'_i| from a skewed bell and a low spike, |gamma_i| by t_i,
with the t_i summing to zero. The rest of a row, at right angles to u, is a random direction, shifted a
little so that these sum to zero too. Rounding moves a norm by some 1e-5; so the result is measured, the
choice corrected by what was found, and the rows made again. Last, the few rows that a figure names (the
smallest, the largest, the median) get some components moved by one unit in the last place.
"""

import argparse
import collections
import concurrent.futures
import dataclasses
import json
import os
import struct
from pathlib import Path

import numpy as np

import published_figures as published

TENSOR = "model.embed_tokens.weight"
ITEM_SIZE = {"BF16": 2, "F16": 2, "F32": 4}
BLOCK_ROWS = 256

# Targets. mean |gamma|^2 = |mu|^2 + mean |gamma'|^2 ties the figures, and as printed they miss it by
# 1.1e-6: each gives way here by less than half a unit of its last digit.
CENTROID_NORM, CENTROID_MEAN = 0.3047768, -0.000026
CENTERED_MEAN, CENTERED_STD = 1.0401338, 0.1889198
GAMMA_MEAN = 1.0872832
CENTERED_MIN, CENTERED_MEDIAN, CENTERED_MAX = (float(published.CENTERED_NORM[k]) for k in ("min", "median", "max"))
GAMMA_MIN, GAMMA_MEDIAN, GAMMA_MAX = (float(published.GAMMA_NORM[k]) for k in ("min", "median", "max"))

# The layers that --layers makes.
LAYERS = {"intermediate_size": 9728, "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128,
          "hidden_act": "silu", "rms_norm_eps": 1e-6, "rope_theta": 5000000, "max_position_embeddings": 262144}
SHARDS = 3

SPIKE_ROWS = 2400  # rows of small norm, those of the duplicate groups among them
GAP = 2e-4  # kept free around a norm that a figure names: more than rounding moves any


# ------------------------------------------------------------------------------------ stored values


def stored(values, dtype):
    """float32 values as dtype's bits, to nearest, ties to even; values is used up."""
    if dtype == "F32":
        return values
    if dtype == "F16":
        return values.astype(np.float16)
    bits = values.view(np.uint32)
    bits += 0x7FFF + ((bits >> 16) & 1)
    return (bits >> 16).astype(np.uint16)


def loaded(bits, dtype):
    """The values of dtype's bits, as float32."""
    return (bits.astype(np.uint32) << 16).view(np.float32) if dtype == "BF16" else bits.astype(np.float32)


def neighbours(bits, dtype):
    """The next values of dtype away from zero and towards it, for each that is not zero."""
    if dtype == "BF16":
        return np.stack([bits + np.uint16(1), bits - np.uint16(1)])
    infinity = np.copysign(bits.dtype.type(np.inf), bits)
    return np.stack([np.nextafter(bits, infinity), np.nextafter(bits, -infinity)])


# --------------------------------------------------------------------------------- rows and norms


@dataclasses.dataclass
class Roles:
    """Which row is what. The groups, the rest of the spike and the named rows do not overlap."""

    groups: list  # of arrays of rows that are alike
    spike: np.ndarray  # rows of small norm, the groups' included
    centered_min: int
    centered_max: int
    gamma_min: int
    gamma_max: int


def choose_roles(random):
    first = len(published.CENTERED_NORMS_OF_FIRST)
    padding = np.arange(published.TOKENIZER_ROWS, published.ROWS)
    free = random.permutation(np.arange(first, published.TOKENIZER_ROWS))
    groups = []
    for size in published.DUPLICATE_GROUPS:
        # Rows beyond the tokenizer were never trained, and are alike: 267 of the group of 306.
        given = padding if size == 306 else padding[:0]
        groups.append(np.concatenate([given, free[: size - len(given)]]))
        free = free[size - len(given) :]
    alone = SPIKE_ROWS - sum(published.DUPLICATE_GROUPS)
    return Roles(groups, np.concatenate([*groups, free[:alone]]), free[0], free[alone], free[1], free[alone + 1])


def solve(errors, parameters, steps):
    """Newton's method with differences for derivatives."""
    parameters = np.array(parameters, dtype=np.float64)
    for _ in range(12):
        now = errors(parameters)
        slope = [(errors(parameters + step) - now) / step.sum() for step in np.diag(steps)]
        parameters -= np.linalg.solve(np.stack(slope, axis=1), now)
    return parameters


def keep_free_around(values, rank, centre):
    """Puts the rank-th smallest value onto centre and all others at least GAP away; returns its row."""
    order = np.argsort(values, kind="stable")
    below, above = order[:rank], order[rank + 1 :]
    values[below] = np.minimum(values[below], centre - GAP)
    values[above] = np.maximum(values[above], centre + GAP)
    values[order[rank]] = centre
    return int(order[rank])


def mean_square_of(mean, std, count):
    return mean * mean + std * std * (count - 1) / count


def shifts(values, fixed, centre, mean, mean_square):
    """What to add to values so that they have this mean and mean square: one shift for those well below
    centre, one for those well above, none for those that are fixed."""
    below, above = (values < centre - 2 * GAP) & ~fixed, (values > centre + 2 * GAP) & ~fixed

    def errors(p):
        moved = values + p[0] * below + p[1] * above
        return np.array([moved.mean() - mean, np.square(moved).mean() - mean_square])

    p = solve(errors, [0, 0], [1e-5, 1e-5])
    return p[0] * below + p[1] * above


CENTERED_SQUARE = mean_square_of(CENTERED_MEAN, CENTERED_STD, published.ROWS)
GAMMA_SQUARE = CENTERED_SQUARE + CENTROID_NORM**2
MEDIAN_RANK = (published.ROWS - 1) // 2  # the lower middle one


def choose_centered_norms(random, roles):
    """|gamma'| of each row, and which rows are not to be shifted."""
    rows = published.ROWS
    norms = np.full(rows, np.nan)
    norms[roles.spike] = np.clip(0.185 + 0.012 * random.standard_normal(len(roles.spike)), 0.156, 0.25)
    for group in roles.groups:
        norms[group] = norms[group[0]]
    norms[roles.centered_min], norms[roles.centered_max] = CENTERED_MIN, CENTERED_MAX
    norms[roles.gamma_max] = 1.55
    norms[: len(published.CENTERED_NORMS_OF_FIRST)] = [float(x) for x in published.CENTERED_NORMS_OF_FIRST]
    fixed = ~np.isnan(norms)

    # Two half bells of their own widths about one mode.
    bell = random.standard_normal(2 * rows)
    bell = np.sort(bell[(bell > -4) & (bell < 3.8)][: rows - fixed.sum()])
    rank = MEDIAN_RANK - (norms < CENTERED_MEDIAN).sum()

    def column(p):
        norms[~fixed] = p[0] + np.where(bell < 0, p[1], p[2]) * bell
        return norms

    def errors(p):
        x = column(p)
        return np.array([x.mean() - CENTERED_MEAN, np.square(x).mean() - CENTERED_SQUARE,
                         x[~fixed][rank] - CENTERED_MEDIAN])

    column(solve(errors, [1.08, 0.18, 0.12], [1e-6] * 3))
    norms[~fixed] = random.permutation(norms[~fixed])
    median = keep_free_around(norms, MEDIAN_RANK, CENTERED_MEDIAN)
    norms += shifts(norms, fixed, CENTERED_MEDIAN, CENTERED_MEAN, CENTERED_SQUARE)
    return norms, fixed, median


def choose_norms(random, roles, centered):
    """|gamma| of each row, and which rows are not to be shifted. That the t_i sum to zero is the same as
    that the mean square is GAMMA_SQUARE."""
    m = CENTROID_NORM
    fixed = np.zeros(len(centered), dtype=bool)
    fixed[[*roles.spike, roles.gamma_max, roles.centered_max]] = True
    norms = np.full(len(centered), np.nan)
    norms[roles.spike] = np.maximum(
        np.sqrt(np.square(centered[roles.spike]) + m * m) + 0.005 * random.standard_normal(len(roles.spike)),
        GAMMA_MIN + 0.001 + 0.01 * random.random(len(roles.spike)))
    for group in roles.groups:
        norms[group] = norms[group[0]]
    norms[roles.gamma_min], norms[roles.gamma_max] = GAMMA_MIN, GAMMA_MAX
    norms[roles.centered_max] = np.hypot(CENTERED_MAX, m)

    r = centered[~fixed]
    noise = np.clip(0.03 * random.standard_normal(len(r)), -0.1, 0.1)

    def column(p):
        t = p[0] + p[1] * (r - 1.04) + p[2] * np.square(r - 1.04) + noise
        norms[~fixed] = np.minimum(np.sqrt(r * r + 2 * m * t + m * m), GAMMA_MAX - GAP)
        return norms

    def errors(p):
        x = column(p)
        return np.array([x.mean() - GAMMA_MEAN, np.square(x).mean() - GAMMA_SQUARE,
                         np.partition(x, MEDIAN_RANK)[MEDIAN_RANK] - GAMMA_MEDIAN])

    column(solve(errors, [0, 0, 0], [1e-3, 1e-3, 1e-3]))
    median = keep_free_around(norms, MEDIAN_RANK, GAMMA_MEDIAN)
    norms += shifts(norms, fixed, GAMMA_MEDIAN, GAMMA_MEAN, GAMMA_SQUARE)
    return norms, fixed, median


def choose_centroid(random, columns):
    """mu: the components' mean and the norm exact, and with them the standard deviation."""
    mu = random.standard_normal(columns)
    mu -= mu.mean()
    return CENTROID_MEAN + mu * np.sqrt((CENTROID_NORM**2 - columns * CENTROID_MEAN**2) / np.square(mu).sum())


# ------------------------------------------------------------------------------------- the matrices


class Plain:
    """A matrix of any shape: a common offset and random rows, no figures."""

    def __init__(self, rows, columns, seed):
        self.rows, self.columns, self.seed = rows, columns, seed
        self.mu = 0.006 * np.random.default_rng([seed, 0]).standard_normal(columns, dtype=np.float32)

    def block(self, start):
        count = min(BLOCK_ROWS, self.rows - start)
        random = np.random.default_rng([self.seed, 1, start])
        return self.mu + np.float32(0.02) * random.standard_normal((count, self.columns), dtype=np.float32)

    def prepare(self, dtype, threads):
        pass

    def named_rows(self):
        return []


class Published:
    """The matrix with the published figures. Rows are made block by block, again in each pass."""

    rows, columns = published.ROWS, published.COLUMNS

    def __init__(self, seed):
        self.seed = seed
        random = np.random.default_rng([seed, 0])
        self.roles = choose_roles(random)
        self.mu = choose_centroid(random, self.columns)
        self.direction = (self.mu / CENTROID_NORM).astype(np.float32)
        self.centered, self.centered_fixed, self.centered_median = choose_centered_norms(random, self.roles)
        self.norms, self.norms_fixed, self.norms_median = choose_norms(random, self.roles, self.centered)
        self.shift = np.zeros(self.columns, dtype=np.float32)
        self.group_of = np.full(self.rows, -1)
        for i, group in enumerate(self.roles.groups):
            self.group_of[group] = i
        self.group_vectors = random.standard_normal((len(self.roles.groups), self.columns), dtype=np.float32)

    def _draw(self, start):
        """A block's random vectors x, and the factors k and a of its rows k (x + shift) + a u."""
        count = min(BLOCK_ROWS, self.rows - start)
        x = np.random.default_rng([self.seed, 1, start]).standard_normal((count, self.columns), dtype=np.float32)
        groups = self.group_of[start : start + count]
        x[groups >= 0] = self.group_vectors[groups[groups >= 0]]
        m, r, g = CENTROID_NORM, self.centered[start : start + count], self.norms[start : start + count]
        t = (g * g - r * r - m * m) / (2 * m)
        along = np.einsum("ij,j->i", x, self.direction)
        square = np.einsum("ij,ij->i", x, x) - np.square(along)
        square += 2 * np.einsum("ij,j->i", x, self.shift) + np.square(self.shift).sum()
        k = np.sqrt((r * r - t * t) / square)
        return x, k.astype(np.float32), (t + m - k * along).astype(np.float32)

    def block(self, start):
        x, k, a = self._draw(start)
        x += self.shift
        x *= k[:, None]
        x += a[:, None] * self.direction
        return x

    def prepare(self, dtype, threads):
        """Chooses the shift, then corrects all choices by what comes out after rounding."""
        sums = [self._across(x, k) for x, k, _ in in_order(self._draw, self.rows, threads)]
        self.shift = self._as_shift(-np.sum([s for s, _ in sums], axis=0), sum(k for _, k in sums))
        total = sum(k for _, k in sums)

        mu = np.zeros(self.columns)
        for part in in_order(lambda i: self._rounded(i, dtype).sum(axis=0, dtype=np.float64), self.rows, threads):
            mu += part / self.rows
        self.shift += self._as_shift((self.mu - mu) * self.rows, total)

        def both_norms(start):
            x = self._rounded(start, dtype)
            return row_norms(x, mu), row_norms(x, 0)

        measured = [np.concatenate(x) for x in zip(*in_order(both_norms, self.rows, threads))]
        self.centered += shifts(measured[0], self.centered_fixed, CENTERED_MEDIAN, CENTERED_MEAN, CENTERED_SQUARE)
        self.norms += shifts(measured[1], self.norms_fixed, GAMMA_MEDIAN, GAMMA_MEAN, GAMMA_SQUARE)

    def _across(self, x, k):
        return np.einsum("i,ij->j", k, x).astype(np.float64), float(k.sum(dtype=np.float64))

    def _as_shift(self, missing, total):
        """What to add to each vector so that the rows' sum changes by this, at right angles to u."""
        unit = self.mu / np.linalg.norm(self.mu)
        return ((missing - missing.dot(unit) * unit) / total).astype(np.float32)

    def _rounded(self, start, dtype):
        return loaded(stored(self.block(start), dtype), dtype)

    def named_rows(self):
        """(row, what its norm is measured from, norm) for each row that a figure names."""
        named = [(i, self.mu, float(x)) for i, x in enumerate(published.CENTERED_NORMS_OF_FIRST)]
        named += [(self.roles.centered_min, self.mu, CENTERED_MIN), (self.roles.centered_max, self.mu, CENTERED_MAX),
                  (self.centered_median, self.mu, CENTERED_MEDIAN)]
        zero = np.zeros(self.columns)
        return named + [(self.roles.gamma_min, zero, GAMMA_MIN), (self.roles.gamma_max, zero, GAMMA_MAX),
                        (self.norms_median, zero, GAMMA_MEDIAN)]


def in_order(make, rows, threads):
    """make(start) for each block, some at a time, in order."""
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        waiting = collections.deque()
        for start in range(0, rows, BLOCK_ROWS):
            waiting.append(pool.submit(make, start))
            if len(waiting) > 2 * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def row_norms(x, origin):
    difference = x - np.asarray(origin, dtype=np.float64)
    return np.sqrt(np.einsum("ij,ij->i", difference, difference))


def with_norm(bits, dtype, origin, norm):
    """A stored row with some components moved by one unit in the last place, so that its distance from
    origin is norm to 1e-9."""
    value = loaded(bits, dtype).astype(np.float64)
    other = neighbours(bits, dtype)
    step = loaded(other, dtype) - value
    change = 2 * (value - origin) * step + step * step  # of the squared distance
    missing = norm * norm - np.square(value - origin).sum()
    result = bits.copy()
    while abs(missing) > 2e-9 * norm:
        way, column = np.unravel_index(np.argmin(np.abs(missing - change)), change.shape)
        if abs(missing - change[way, column]) >= abs(missing):
            break
        missing -= change[way, column]
        result[column] = other[way, column]
        change[:, column] = np.inf
    return result


# ------------------------------------------------------------------------------------------ files


def write_header(file, tensors):
    """tensors: (name, dtype, shape), in the order of their data."""
    header, offset = {}, 0
    for name, dtype, shape in tensors:
        size = ITEM_SIZE[dtype] * int(np.prod(shape))
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps({"__metadata__": {"format": "pt"}, **header}, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    file.write(struct.pack("<Q", len(text)) + text)
    return offset


def write_matrix(file, matrix, dtype, threads):
    start_of_data = file.tell()
    for bits in in_order(lambda start: stored(matrix.block(start), dtype), matrix.rows, threads):
        file.write(bits)
    end = file.tell()
    row_bytes = ITEM_SIZE[dtype] * matrix.columns
    for row, origin, norm in matrix.named_rows() if dtype != "F32" else []:
        file.seek(start_of_data + int(row) * row_bytes)
        bits = np.frombuffer(file.read(row_bytes), dtype={"BF16": np.uint16, "F16": np.float16}[dtype])
        file.seek(start_of_data + int(row) * row_bytes)
        file.write(with_norm(bits, dtype, origin, norm))
    file.seek(end)


def write_stand_in(file, shape, dtype):
    """A vector of ones, or a matrix that repeats one block, which leaves nothing to draw."""
    if len(shape) == 1:
        file.write(stored(np.ones(shape, dtype=np.float32), dtype))
        return
    values = np.random.default_rng(0).standard_normal(1 << 20, dtype=np.float32)
    block = stored(np.float32(0.02) * values, dtype).tobytes()
    size = ITEM_SIZE[dtype] * int(np.prod(shape))
    for start in range(0, size, len(block)):
        file.write(block[: size - start])


def write_shard(path, dtype, matrix, stand_ins, threads):
    """One safetensors file: the matrix, unless it is None, and stand_ins, (name, shape). Returns the data's size."""
    tensors = [(name, dtype, shape) for name, shape in stand_ins]
    if matrix is not None:
        tensors.insert(0, (TENSOR, dtype, [matrix.rows, matrix.columns]))
    with open(path, "w+b") as file:
        size = write_header(file, tensors)
        if matrix is not None:
            write_matrix(file, matrix, dtype, threads)
        for _, shape in stand_ins:
            write_stand_in(file, shape, dtype)
    return size


def layer(number, columns):
    """(name, shape) of each tensor of one layer in full."""
    inner, head = LAYERS["intermediate_size"], LAYERS["head_dim"]
    queries, keys = (head * LAYERS[heads] for heads in ("num_attention_heads", "num_key_value_heads"))
    shapes = {"input_layernorm": [columns], "mlp.down_proj": [columns, inner], "mlp.gate_proj": [inner, columns],
              "mlp.up_proj": [inner, columns], "post_attention_layernorm": [columns], "self_attn.k_norm": [head],
              "self_attn.k_proj": [keys, columns], "self_attn.o_proj": [columns, queries], "self_attn.q_norm": [head],
              "self_attn.q_proj": [queries, columns], "self_attn.v_proj": [keys, columns]}
    return [(f"model.layers.{number}.{name}.weight", shape) for name, shape in shapes.items()]


def stand_ins(columns, layers):
    """What each shard holds beside the matrix."""
    norm = ("model.norm.weight", [columns])
    if layers == 0:
        norms = [f"model.layers.0.{name}_layernorm.weight" for name in ("input", "post_attention")]
        return [*([(name, [columns])] for name in norms), [norm]]
    shards = [[] for _ in range(SHARDS)]
    for number in range(layers):
        shards[number * SHARDS // layers] += layer(number, columns)
    shards[-1].append(norm)
    return shards


def write_checkpoint(directory, matrix, dtype, sharded, layers, threads):
    directory.mkdir(parents=True, exist_ok=True)
    for old in [*directory.glob("*.safetensors"), *directory.glob("*.safetensors.index.json")]:
        old.unlink()
    torch_names = {"BF16": "bfloat16", "F16": "float16", "F32": "float32"}
    config = {"architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "hidden_size": matrix.columns,
              "vocab_size": matrix.rows, "num_hidden_layers": layers or 1, "tie_word_embeddings": True,
              "torch_dtype": torch_names[dtype], **(LAYERS if layers else {})}
    (directory / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    shards = stand_ins(matrix.columns, layers)
    if not sharded:
        write_shard(directory / "model.safetensors", dtype, matrix, sum(shards, []), threads)
        return
    weight_map, total = {}, 0
    for i, tensors in enumerate(shards):
        shard, held = f"model-{i + 1:05}-of-{len(shards):05}.safetensors", matrix if i == 0 else None
        total += write_shard(directory / shard, dtype, held, tensors, threads)
        weight_map.update({name: shard for name in ([TENSOR] if i == 0 else []) + [name for name, _ in tensors]})
    index = {"metadata": {"total_size": total}, "weight_map": weight_map}
    (directory / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--sharded", action="store_true")
    parser.add_argument("--layers", type=int, default=0, help="layers in full; implies --sharded")
    parser.add_argument("--rows", type=int)
    parser.add_argument("--columns", type=int)
    parser.add_argument("--dtype", choices=ITEM_SIZE, default="BF16")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    arguments = parser.parse_args()
    rows, columns = arguments.rows or published.ROWS, arguments.columns or published.COLUMNS
    if (rows, columns) == (published.ROWS, published.COLUMNS):
        matrix = Published(arguments.seed)
    else:
        matrix = Plain(rows, columns, arguments.seed)
    matrix.prepare(arguments.dtype, arguments.threads)
    write_checkpoint(arguments.directory, matrix, arguments.dtype, arguments.sharded or arguments.layers > 0,
                     arguments.layers, arguments.threads)


if __name__ == "__main__":
    main()
