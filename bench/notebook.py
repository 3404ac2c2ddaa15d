#!/usr/bin/env python3
"""The same job as notebook 01.1a does it, in its order: load the whole model, take its output embedding,
the mean and the difference as torch computes them, and save_file. Needs torch, transformers and safetensors.

    notebook.py MODEL_DIR OUT_DIR [float32|bfloat16]

The notebook gives no dtype. Its transformers, 4.57, then loaded a BF16 checkpoint as float32; transformers 5
loads it as it is stored. So float32 is asked for here, and bfloat16 is what the same cells do today.
"""

import os
import sys
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"  # before transformers is loaded; the model is a directory

import torch  # noqa: E402
from safetensors.torch import save_file  # noqa: E402
from transformers import AutoModelForCausalLM  # noqa: E402


def main(model_directory, out, dtype="float32"):
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)

    model = AutoModelForCausalLM.from_pretrained(model_directory, dtype=getattr(torch, dtype))
    print(f"vocabulary {model.config.vocab_size}, hidden size {model.config.hidden_size}")

    gamma = model.get_output_embeddings().weight.detach().clone()
    print(f"gamma: {list(gamma.shape)}, {gamma.dtype}, {gamma.element_size() * gamma.nelement() / 1024**2:.1f} MB")

    mu = gamma.mean(dim=0)
    print(f"mu: norm {mu.norm().item():.4f}, mean {mu.mean().item():.6f}, std {mu.std().item():.6f}")

    gamma_centered = gamma - mu
    # The norms twice, as there.
    print(f"gamma_centered: mean norm {gamma_centered.norm(dim=1).mean().item():.4f}, "
          f"std norm {gamma_centered.norm(dim=1).std().item():.4f}")
    print(f"norm of its mean {gamma_centered.mean(dim=0).norm().item():.2e}")

    save_file({"gamma": gamma}, out / "gamma_qwen3_4b_instruct_2507.safetensors")
    save_file({"mu": mu}, out / "gamma_centroid_mu.safetensors")
    save_file({"gamma_centered": gamma_centered}, out / "gamma_centered_qwen3_4b_instruct_2507.safetensors")


if __name__ == "__main__":
    main(*sys.argv[1:])
