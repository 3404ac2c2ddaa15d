"""The bytes of a file or an answer, as parts: from memory, or from a file that is never read whole."""

from __future__ import annotations

import dataclasses
from pathlib import Path


@dataclasses.dataclass(frozen=True)
class FilePart:
    """The bytes `start` to `stop` (excluded) of a file on the disk."""

    path: Path
    start: int
    stop: int

    @property
    def size(self) -> int:
        return self.stop - self.start

    def cut(self, start: int, stop: int) -> FilePart:
        return FilePart(self.path, self.start + start, self.start + stop)

    def read(self) -> bytes:
        with self.path.open("rb") as file:
            file.seek(self.start)
            return file.read(self.size)


@dataclasses.dataclass(frozen=True)
class MemoryPart:
    """Bytes that stand in no file: an error's body, a patched header."""

    data: bytes

    @property
    def size(self) -> int:
        return len(self.data)

    def cut(self, start: int, stop: int) -> MemoryPart:
        return MemoryPart(self.data[start:stop])

    def read(self) -> bytes:
        return self.data


@dataclasses.dataclass(frozen=True)
class Content:
    """A sequence of bytes made of parts one after the other."""

    parts: tuple[FilePart | MemoryPart, ...] = ()

    @staticmethod
    def of_file(path: Path) -> Content:
        return Content((FilePart(path, 0, path.stat().st_size),))

    @staticmethod
    def of_bytes(data: bytes) -> Content:
        return Content((MemoryPart(data),))

    @property
    def size(self) -> int:
        return sum(part.size for part in self.parts)

    def read(self) -> bytes:
        return b"".join(part.read() for part in self.parts)

    def cut(self, start: int, stop: int) -> Content:
        """The bytes from `start` to `stop` (excluded), both within the content."""
        kept = []
        for part in self.parts:
            first, last = max(start, 0), min(stop, part.size)
            if first < last:
                kept.append(part.cut(first, last))
            start, stop = start - part.size, stop - part.size
        return Content(tuple(kept))

    def followed_by(self, data: bytes) -> Content:
        return Content((*self.parts, MemoryPart(data)))

    def overwritten(self, offset: int, data: bytes) -> Content:
        """The same content with `data` in place of what stood at `offset`."""
        before, after = self.cut(0, offset), self.cut(offset + len(data), self.size)
        return Content((*before.parts, MemoryPart(data), *after.parts))
