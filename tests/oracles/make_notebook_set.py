"""Makes tests/data/notebook: the three files as notebook 01.1a makes them, of a small random matrix.

mu is torch's own mean, added up in float32, and the files are safetensors.torch.save_file's, without
metadata. expected.json says how far that mu is from the exact one. Seeded: the same versions give
the same bytes (torch's mean may differ in its last bits from one processor to another).
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

import exact

HERE = Path(__file__).resolve().parent


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=HERE.parent / "data" / "notebook")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    random = np.random.Generator(np.random.PCG64(arguments.seed))
    arguments.out.mkdir(parents=True, exist_ok=True)

    # The model's own rows are bfloat16, loaded as float32.
    stored = random.normal(0.01, 0.02, (640, 12)).astype(np.float32)
    gamma = torch.from_numpy(stored).to(torch.bfloat16).to(torch.float32)
    mu = gamma.mean(dim=0)
    gamma_centered = gamma - mu
    save_file({"gamma": gamma}, arguments.out / "gamma_notebook.safetensors")
    save_file({"mu": mu}, arguments.out / "gamma_centroid_mu.safetensors")
    save_file({"gamma_centered": gamma_centered}, arguments.out / "gamma_centered_notebook.safetensors")

    right = exact.exact_mean(gamma.numpy())
    off = np.abs(mu.numpy().astype(np.float64) - right)
    expected = {
        "components": len(right),
        "different": int((mu.numpy().view(np.uint32) != right.view(np.uint32)).sum()),
        "farthest": int(off.argmax()),
        "off": f"{off.max():.1e}",
    }
    (arguments.out / "expected.json").write_text(json.dumps(expected, indent=2) + "\n")


if __name__ == "__main__":
    main()
