"""The fake Hub and other programs as processes that are spoken to in lines of JSON."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent


class Process:
    """A process that answers each line of JSON with one."""

    def __init__(self, command: list[str], environment: dict[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
            stderr=subprocess.DEVNULL,
        )
        self.greeting = self._read()

    def ask(self, document: dict[str, Any]) -> dict[str, Any]:
        self._process.stdin.write(json.dumps(document) + "\n")
        self._process.stdin.flush()
        return self._read()

    def end(self) -> None:
        self._process.stdin.close()
        self._process.wait()

    def _read(self) -> dict[str, Any]:
        return json.loads(self._process.stdout.readline())


def start_hub(tree: Path) -> Process:
    """A fake Hub that serves the tree; its greeting holds the addresses."""
    return Process([sys.executable, str(HERE / "fake_hub.py"), "--root", str(tree)])


def control(hub: Process, document: dict[str, Any]) -> None:
    reply = hub.ask(document)
    if "error" in reply:
        raise ValueError(reply["error"])
