"""Where a checkpoint's matrix stands in its files. Standard library only."""

import json
import struct
from dataclasses import dataclass
from pathlib import Path

TENSOR = "model.embed_tokens.weight"


@dataclass
class Matrix:
    path: Path
    offset: int  # of the first byte, in the file
    bytes: int
    rows: int
    columns: int
    dtype: str

    @property
    def output_sizes(self):
        """The data's bytes of gamma and of gamma_centered, in float32."""
        return [4 * self.rows * self.columns] * 2


def read_header(path):
    """A safetensors file's header and where its data begins."""
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        return json.loads(file.read(length)), 8 + length


def find_matrix(directory):
    directory = Path(directory)
    index = directory / "model.safetensors.index.json"
    shard = json.loads(index.read_text())["weight_map"][TENSOR] if index.exists() else "model.safetensors"
    header, start = read_header(directory / shard)
    entry = header[TENSOR]
    first, last = entry["data_offsets"]
    return Matrix(directory / shard, start + first, last - first, *entry["shape"], entry["dtype"])
