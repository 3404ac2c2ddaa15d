"""The real client, for prove_fake_hub.py: reads calls as JSON lines, writes what came of each.

A call runs in a process of its own (a fork), so that none sees the connections or caches of another.
Its waits between tries are written down and not waited for.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import httpx2
import huggingface_hub
from huggingface_hub import file_download

RETRY_TIMEOUT = 2  # seconds, instead of its 60 when it asks again after a failed first question


def run(call: dict[str, Any]) -> dict[str, Any]:
    """One call of hf_hub_download or model_info; its result or error."""
    waits: list[float] = []
    time.sleep = lambda seconds: waits.append(seconds)
    file_download._ETAG_RETRY_TIMEOUT = RETRY_TIMEOUT
    about = {key: call[key] for key in ("repo_id", "revision", "token")}
    try:
        if call["file"] is None:
            result = {"sha": huggingface_hub.HfApi().model_info(**about).sha}
        else:
            path = huggingface_hub.hf_hub_download(
                filename=call["file"], cache_dir=call["cache"], **about
            )
            digest = hashlib.sha256(Path(path).read_bytes()).hexdigest()
            result = {"sha256": digest, "commit": Path(path).relative_to(call["cache"]).parts[2]}
    except Exception as error:
        cause = error.__cause__
        result = {"error": type(error).__name__, "words": str(error)}
        result["cause"] = type(cause).__name__ if cause else None
    return {**result, "waits": waits}


def versions() -> str:
    return f"huggingface_hub {huggingface_hub.__version__} with httpx2 {httpx2.__version__}"


def main() -> None:
    print(json.dumps({"versions": versions()}), flush=True)
    for line in sys.stdin:
        process = os.fork()
        if process == 0:
            print(json.dumps(run(json.loads(line))), flush=True)
            os._exit(0)
        os.waitpid(process, 0)


if __name__ == "__main__":
    main()
