"""Makes tests/data/refusals: for each kind of directory that is refused, one.

What transformers can save, it saved; what others save (adapters, pickles, quantised checkpoints) is
made of that. expected.json gives the rule that each breaks, by its name in error.h, and a tensor that
--tensor takes from it all the same, if there is one.
"""

import argparse
import json
import shutil
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import BertConfig, Qwen2Config, T5Config

HERE = Path(__file__).resolve().parent
HEAD, EMBEDDING = "lm_head.weight", "model.embed_tokens.weight"
LORA = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"

QWEN2 = {
    "vocab_size": 13,
    "hidden_size": 8,
    "intermediate_size": 8,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "max_position_embeddings": 16,
}
BERT = QWEN2 | {"num_key_value_heads": 2}
T5 = {"vocab_size": 13, "d_model": 8, "d_kv": 4, "d_ff": 8, "num_layers": 1, "num_heads": 2}


def save(directory, class_name, config):
    torch.manual_seed(1)
    getattr(transformers, class_name)(config).save_pretrained(directory)
    (directory / "generation_config.json").unlink(missing_ok=True)


def language_model(directory, tied=False):
    save(directory, "Qwen2ForCausalLM", Qwen2Config(**QWEN2, tie_word_embeddings=tied))


def edit(directory, tensors=None, dropped=(), **entries):
    """Adds tensors to a saved checkpoint, drops some, and replaces entries of its config."""
    path = directory / "model.safetensors"
    kept = {name: value for name, value in load_file(path).items() if name not in dropped}
    save_file(kept | (tensors or {}), path, {"format": "pt"})
    config = json.loads((directory / "config.json").read_text()) | entries
    kept = {key: value for key, value in config.items() if value is not None}
    (directory / "config.json").write_text(json.dumps(kept, indent=2) + "\n")


def quantised(*names, keep_weight=False, **entries):
    """A checkpoint whose head is quantised: of the scheme, only the names matter here."""

    def make(directory):
        language_model(directory)
        tensors = {f"lm_head.{name}": torch.zeros(4, 2, dtype=torch.int32) for name in names}
        edit(directory, tensors, dropped=() if keep_weight else (HEAD,), **entries)

    return make


def float8(directory):
    language_model(directory)
    head = load_file(directory / "model.safetensors")[HEAD]
    edit(directory, {HEAD: head.to(torch.float8_e4m3fn)})


def no_config(directory):
    language_model(directory)
    (directory / "config.json").unlink()


def adapter(directory):
    directory.mkdir()
    config = {"peft_type": "LORA", "base_model_name_or_path": "Qwen/Qwen2-0.5B", "r": 2}
    (directory / "adapter_config.json").write_text(json.dumps(config) + "\n")
    save_file({LORA: torch.zeros(2, 8)}, directory / "adapter_model.safetensors", {"format": "pt"})


def pickle(directory):
    language_model(directory)
    tensors = load_file(directory / "model.safetensors")
    (directory / "model.safetensors").unlink()
    torch.save({EMBEDDING: tensors[EMBEDDING]}, directory / "pytorch_model.bin")


def original(directory):
    directory.mkdir()
    (directory / "params.json").write_text('{"dim": 8, "n_layers": 1, "vocab_size": 13}\n')
    torch.save({"output.weight": torch.zeros(13, 8)}, directory / "consolidated.00.pth")


def gguf(directory):
    directory.mkdir()
    (directory / "model-q4_k_m.gguf").write_bytes(b"GGUF\3\0\0\0" + bytes(16))


def weights_that_escape(directory):
    language_model(directory)
    edit(directory, transformers_weights="../weights/model.safetensors")


def edited(tied=False, **edits):
    def make(directory):
        language_model(directory, tied)
        edit(directory, **edits)

    return make


def of_class(name, config):
    return lambda directory: save(directory, name, config)


GPTQ = {"quantization_config": {"quant_method": "gptq", "bits": 4, "lm_head": True}}
CASES = {
    "encoder": (
        of_class("BertModel", BertConfig(**BERT)),
        "model_is_encoder",
        "embeddings.word_embeddings.weight",
    ),
    "t5-encoder": (of_class("T5EncoderModel", T5Config(**T5)), "model_is_encoder", "shared.weight"),
    "reward-model": (
        of_class("Qwen2ForSequenceClassification", Qwen2Config(**QWEN2, num_labels=1)),
        "model_is_classifier",
        EMBEDDING,
    ),
    "token-classifier": (
        of_class("Qwen2ForTokenClassification", Qwen2Config(**QWEN2, tie_word_embeddings=True)),
        "model_is_classifier",
        EMBEDDING,
    ),
    "embedding-model": (
        of_class("Qwen2Model", Qwen2Config(**QWEN2, tie_word_embeddings=False)),
        "model_is_bare",
        "embed_tokens.weight",
    ),
    "adapter": (adapter, "adapter_only", LORA),
    "pickle": (pickle, "pickle_only", None),
    "original-pickle": (original, "pickle_only", None),
    "gguf": (gguf, "gguf_only", None),
    "no-config": (no_config, "config_missing", HEAD),
    "weights-that-escape": (weights_that_escape, "weights_escape", None),
    "unknown-type": (
        edited(tied=True, model_type="brand_new", tie_word_embeddings=None, architectures=None),
        "model_type_unsupported",
        EMBEDDING,
    ),
    "head-missing": (edited(dropped=(HEAD,)), "tensor_not_tied", EMBEDDING),
    "both-missing": (edited(dropped=(HEAD, EMBEDDING)), "tensor_missing", None),
    "two-embeddings": (
        edited(tied=True, tensors={"embed_tokens.weight": torch.ones(13, 8)}),
        "tensor_ambiguous",
        EMBEDDING,
    ),
    "two-heads": (
        edited(tensors={"embed_out.weight": torch.ones(13, 8)}, model_type="brand_new"),
        "tensor_ambiguous",
        HEAD,
    ),
    "gptq": (quantised("qweight", "qzeros", "scales", **GPTQ), "head_quantised", EMBEDDING),
    "awq": (quantised("qweight", "qzeros", "scales"), "head_quantised", EMBEDDING),
    "fp8-blocks": (quantised("weight_scale_inv", keep_weight=True), "head_quantised", HEAD),
    "bitsandbytes-4-bits": (
        quantised("weight.absmax", "weight.quant_map", keep_weight=True),
        "head_quantised",
        HEAD,
    ),
    "bitsandbytes-8-bits": (quantised("SCB", keep_weight=True), "head_quantised", HEAD),
    "compressed-tensors": (quantised("weight_packed", "weight_scale"), "head_quantised", EMBEDDING),
    "fp8": (float8, "tensor_dtype_unsupported", EMBEDDING),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=HERE.parent / "data" / "refusals")
    arguments = parser.parse_args()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    shutil.rmtree(arguments.out, ignore_errors=True)
    arguments.out.mkdir(parents=True)
    expected = {}
    for name, (make, fault, tensor) in CASES.items():
        make(arguments.out / name)
        expected[name] = {"fault": fault, "tensor": tensor}
    (arguments.out / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    main()
