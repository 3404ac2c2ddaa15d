"""Makes qwen3-tiny, a small but real checkpoint, and the reference figures of its unembedding.

transformers saves the model; this script only chooses the sizes and fills in weights that look like
those of a trained one: a token cloud off the origin, rows of different length, and a clump of rows
that are equal, as tokens are that training never saw. The figures come from torch, numpy and exact
integers (tests/oracles/exact.py). Seeded: the same versions give the same bytes.
"""

import argparse
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import safetensors
import torch
import transformers
from transformers import AutoModelForCausalLM, Qwen3Config, Qwen3ForCausalLM

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests" / "oracles"))
import exact  # noqa: E402

CONFIG = {
    "vocab_size": 1500,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "max_position_embeddings": 512,
    "tie_word_embeddings": True,
    "dtype": "bfloat16",
}
NAME = "qwen3-tiny"


def token_cloud(random, rows, columns):
    """Rows of a length that varies, around a centre that is not the origin; 40 of them equal."""
    centre = random.standard_normal(columns) * 0.3 / np.sqrt(columns)
    directions = random.standard_normal((rows, columns)) / np.sqrt(columns)
    lengths = np.exp(random.standard_normal((rows, 1)) * 0.2)
    cloud = centre + lengths * directions
    cloud[random.choice(rows, 40, replace=False)] = centre * 1.1
    return cloud


def make_model(seed):
    random = np.random.Generator(np.random.PCG64(seed))
    model = Qwen3ForCausalLM(Qwen3Config(**CONFIG)).to(torch.bfloat16)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name == "model.embed_tokens.weight":
                values = token_cloud(random, *weight.shape)
            elif weight.dim() == 1:
                values = 1 + 0.1 * random.standard_normal(weight.shape)
            else:
                values = 0.02 * random.standard_normal(weight.shape)
            weight.copy_(torch.from_numpy(values))
    return model


def tensor_of(directory, data):
    """Name of the one stored tensor with these bytes."""
    index = json.loads((directory / "model.safetensors.index.json").read_text())
    shards = index["weight_map"]
    same = [n for n in shards if exact.read_stored(directory / shards[n], n)[2] == data]
    (name,) = same
    return name


def reference(directory):
    """The figures of the matrix that transformers itself takes for the unembedding."""
    model = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.bfloat16)
    weight = model.get_output_embeddings().weight.detach()
    data = weight.contiguous().view(torch.int16).numpy().tobytes()
    extraction = exact.extract("BF16", list(weight.shape), data)
    gamma, mu = weight.float(), torch.from_numpy(extraction.mu)
    assert np.array_equal(extraction.gamma, gamma.numpy())
    assert np.array_equal(extraction.centered, (gamma - mu).numpy())
    assert exact.self_check_holds(extraction)
    return {
        "schema": 1,
        "model": NAME,
        "tensor": tensor_of(directory, data),
        "tied": weight.data_ptr() == model.get_input_embeddings().weight.data_ptr(),
        "source_dtype": "BF16",
        "vocab_size": weight.shape[0],
        "hidden_size": weight.shape[1],
        "nonfinite": 0,
    } | exact.figures(extraction)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=HERE, help="where to put both")
    parser.add_argument("--seed", type=int, default=20250805)
    arguments = parser.parse_args()

    directory = arguments.out / NAME
    shutil.rmtree(directory, ignore_errors=True)
    make_model(arguments.seed).save_pretrained(directory, max_shard_size="200KB")
    exact.write_json(arguments.out / f"{NAME}.reference.json", reference(directory))
    for module in (np, safetensors, torch, transformers):
        print(module.__name__, module.__version__)


if __name__ == "__main__":
    main()
