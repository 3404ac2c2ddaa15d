"""Makes tests/data/checkpoints: a small checkpoint for each way of keeping an unembedding.

Every one is saved by transformers. Where transformers would not save such a thing (a flag that
belies the tensors, a head without an embedding), the saved files are edited afterwards, by the
functions in "Edits". expected.json says, for each, what transformers itself takes for the
unembedding when it loads the directory, found by comparing bits with the stored tensors, and what
must come out of it (exact.py). Seeded: the same versions give the same bytes.
"""

import argparse
import dataclasses
import functools
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM

import exact

HERE = Path(__file__).resolve().parent
HEAD, EMBEDDING = "lm_head.weight", "model.embed_tokens.weight"
DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
}
SIZES = {
    "vocab_size": 41,
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 8,
    "max_position_embeddings": 64,
}
EXPERTS = {"num_experts": 2, "num_experts_per_tok": 1, "moe_intermediate_size": 8}


# Edits: what transformers would not save.


def set_config(directory, **entries):
    """Replaces entries of config.json; None removes one."""
    path = directory / "config.json"
    config = json.loads(path.read_text()) | entries
    kept = {key: value for key, value in config.items() if value is not None}
    path.write_text(json.dumps(kept, indent=2) + "\n")


def drop_embedding(directory):
    """Leaves the head alone in a checkpoint of one file."""
    path = directory / "model.safetensors"
    tensors = load_file(path)
    del tensors[EMBEDDING]
    save_file(tensors, path, {"format": "pt"})


def drop_embedding_and_tie(directory):
    drop_embedding(directory)
    set_config(directory, tie_word_embeddings=True)


def edit(**entries):
    return functools.partial(set_config, **entries)


@dataclasses.dataclass
class Case:
    name: str
    model_type: str
    dtype: str
    tied: bool = False
    sharded: bool = False
    head_is_embedding: bool = False  # an untied model whose head equals its embedding
    base_only: bool = False  # saved without its head class: flat names
    edit: Callable | None = None
    load: dict = dataclasses.field(default_factory=dict)  # how transformers must be told to load it
    warns: bool = False  # a person must be told something


CASES = [
    Case("llama-untied-f32", "llama", "F32"),
    Case("llama-tied-bf16-sharded", "llama", "BF16", tied=True, sharded=True),
    Case("mistral-untied-f16-sharded", "mistral", "F16", sharded=True),
    Case("mistral-tied-f64", "mistral", "F64", tied=True),
    Case("qwen2-untied-bf16", "qwen2", "BF16"),
    Case("qwen2-tied-f32-sharded", "qwen2", "F32", tied=True, sharded=True),
    Case("qwen3-untied-f64-sharded", "qwen3", "F64", sharded=True),
    Case("qwen3-tied-f16", "qwen3", "F16", tied=True),
    Case("qwen3-moe-untied-bf16-sharded", "qwen3_moe", "BF16", sharded=True),
    Case("qwen3-moe-tied-f32", "qwen3_moe", "F32", tied=True),
    Case(
        "both-equal-tied",
        "qwen3",
        "BF16",
        head_is_embedding=True,
        edit=edit(tie_word_embeddings=True),
    ),
    Case("both-different-tied", "llama", "F32", edit=edit(tie_word_embeddings=True), warns=True),
    Case(
        "both-different-tied-sharded",
        "qwen2",
        "BF16",
        sharded=True,
        edit=edit(tie_word_embeddings=True),
        warns=True,
    ),
    Case("both-no-flag", "mistral", "BF16", edit=edit(tie_word_embeddings=None)),
    Case("head-only-tied", "qwen3", "BF16", edit=drop_embedding_and_tie),
    Case("head-only-untied", "llama", "F16", edit=drop_embedding),
    Case(
        "embedding-only-untied",
        "qwen2",
        "F32",
        tied=True,
        edit=edit(tie_word_embeddings=False),
    ),
    Case(
        "embedding-only-no-flag",
        "llama",
        "BF16",
        tied=True,
        edit=edit(tie_word_embeddings=None),
    ),
    Case(
        "flat-names-tied",
        "qwen3",
        "BF16",
        tied=True,
        base_only=True,
        edit=edit(architectures=["Qwen3ForCausalLM"]),
    ),
    Case(
        "padding-rows-untied",
        "qwen2",
        "F16",
        edit=edit(vocab_size=37),
        load={"vocab_size": 41},
        warns=True,
    ),
    Case(
        "padding-rows-tied-sharded",
        "qwen3",
        "BF16",
        tied=True,
        sharded=True,
        edit=edit(vocab_size=37),
        load={"vocab_size": 41},
        warns=True,
    ),
]


def make_model(case, random):
    sizes = SIZES | (EXPERTS if case.model_type == "qwen3_moe" else {})
    dtype = DTYPES[case.dtype]
    config = AutoConfig.for_model(case.model_type, tie_word_embeddings=case.tied, **sizes)
    model = AutoModelForCausalLM.from_config(config).to(dtype)
    with torch.no_grad():
        for weight in model.parameters():
            values = 0.01 + 0.05 * random.standard_normal(weight.shape)
            weight.copy_(torch.from_numpy(values))
        if case.head_is_embedding:
            model.lm_head.weight.copy_(model.model.embed_tokens.weight)
    return model


def save(case, directory, random):
    shutil.rmtree(directory, ignore_errors=True)
    model = make_model(case, random)
    size = "3KB" if case.sharded else "1MB"
    (model.model if case.base_only else model).save_pretrained(directory, max_shard_size=size)
    if case.edit:
        case.edit(directory)


def stored_tensors(directory):
    """Dtype, shape and bytes of each tensor of a checkpoint."""
    tensors = {}
    for path in sorted(directory.glob("*.safetensors")):
        header, _ = exact.read_header(path)
        names = (name for name in header if name != "__metadata__")
        tensors |= {name: exact.read_stored(path, name) for name in names}
    return tensors


def loaded_unembedding(directory, dtype, **load):
    """Shape and bytes of what transformers takes for the unembedding."""
    model = AutoModelForCausalLM.from_pretrained(directory, dtype=DTYPES[dtype], **load)
    weight = model.get_output_embeddings().weight.detach().contiguous()
    return list(weight.shape), weight.view(torch.uint8).numpy().tobytes()


def expected(case, directory):
    shape, data = loaded_unembedding(directory, case.dtype, **case.load)
    stored = stored_tensors(directory)
    same = [name for name, value in stored.items() if value == (case.dtype, shape, data)]
    if not same:  # transformers made up a head and warned
        return {"refused": "tensor_not_tied"}
    tensor = HEAD if HEAD in same else same[0]
    extraction = exact.extract(case.dtype, shape, data)
    assert extraction.fault is None and exact.self_check_holds(extraction)
    return {
        "refused": None,
        "tensor": tensor,
        "tied": tensor != HEAD,
        "source_dtype": case.dtype,
        "vocab_size": shape[0],
        "hidden_size": shape[1],
        "warns": case.warns,
        "loaded_with": case.load,
        "data_sha256": exact.hashes(extraction),
    } | exact.figures(extraction)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=HERE.parent / "data" / "checkpoints")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()

    results = {}
    for number, case in enumerate(CASES):
        directory = arguments.out / case.name
        save(case, directory, np.random.Generator(np.random.PCG64([arguments.seed, number])))
        results[case.name] = expected(case, directory)
        print(f"{case.name:32} {results[case.name].get('tensor', 'refused')}")
    exact.write_json(arguments.out / "expected.json", results)


if __name__ == "__main__":
    main()
