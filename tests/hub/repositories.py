"""The repositories that the fake Hub serves: a tree ROOT/Org/Name/REVISION/files.

A revision's directory is named by its branch, tag (`/` as %2F) or commit (40 hex digits). The commit of a
branch's directory is made from its name; a symbolic link beside the directories is one more name of
the commit it points to. A bare repository such as gpt2 stands at ROOT/_/gpt2.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import re
from pathlib import Path
from urllib.parse import quote

from content import Content

COMMIT = re.compile("[0-9a-f]{40}")
LARGE_SUFFIXES = (".safetensors", ".bin")
LARGE_BYTES = 10 << 20
# A bigger file's id is made from its name, size and time, since hashing gigabytes would take longer
# than the test, and no client can check it against a part of the file.
HASHED_BYTES = 64 << 20


@functools.lru_cache(maxsize=None)
def blob_id(path: Path, size: int, time_ns: int, large: bool) -> str:
    """The ETag of a file: the sha256 of a large one, git's sha1 of another."""
    if size > HASHED_BYTES:
        return hashlib.sha256(f"{path} {size} {time_ns}".encode()).hexdigest()
    data = path.read_bytes()
    if large:
        return hashlib.sha256(data).hexdigest()
    return hashlib.sha1(b"blob %d\0" % size + data).hexdigest()


@dataclasses.dataclass
class RepositoryFile:
    """One file of one commit. Faults may change `content` and `etag` of the one they are given."""

    repository: str
    commit: str
    name: str
    large: bool
    content: Content
    etag: str


class Repository:
    """A repository's files by revision, and who may read them."""

    def __init__(self, name: str, directory: Path) -> None:
        self.name = name
        self.directory = directory
        self.private = False
        self.gated = False
        self.disabled = False
        self.branches: dict[str, str] = {}

    def commits(self) -> dict[str, str]:
        """The commit of each revision's directory, by the directory's name."""
        found = {}
        for entry in sorted(self.directory.iterdir()):
            name = entry.resolve().name if self._is_alias(entry) else entry.name
            if not COMMIT.fullmatch(name):
                name = hashlib.sha1(f"{self.name}/{name}".encode()).hexdigest()
            found[entry.name] = name
        return found

    def commit(self, revision: str) -> str | None:
        """The commit that a branch, tag or commit names, if any does."""
        commits = self.commits()
        if revision in commits.values():
            return revision
        return commits.get(quote(self.branches.get(revision, revision), safe=""))

    def files(self, commit: str) -> list[str]:
        directory = self._directory_of(commit)
        return sorted(str(p.relative_to(directory)) for p in directory.rglob("*") if p.is_file())

    def file(self, commit: str, name: str) -> RepositoryFile | None:
        directory = self._directory_of(commit)
        path = directory / name
        if ".." in Path(name).parts or not path.is_file():
            return None
        status = path.stat()
        large = name.endswith(LARGE_SUFFIXES) or status.st_size > LARGE_BYTES
        etag = blob_id(path, status.st_size, status.st_mtime_ns, large)
        return RepositoryFile(self.name, commit, name, large, Content.of_file(path), etag)

    def _is_alias(self, entry: Path) -> bool:
        return entry.is_symlink() and entry.resolve().parent == self.directory.resolve()

    def _directory_of(self, commit: str) -> Path:
        return self.directory / next(name for name, of in self.commits().items() if of == commit)


class Repositories:
    """All repositories of a tree, and the old names of renamed ones."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.renamed: dict[str, str] = {}
        self._known: dict[str, Repository] = {}

    def find(self, name: str) -> Repository | None:
        """The repository, looked up on the disk when first asked for, so that a test may add some."""
        if name not in self._known:
            directory = self.root / (name if "/" in name else f"_/{name}")
            if ".." in Path(name).parts or not directory.is_dir():
                return None
            self._known[name] = Repository(name, directory)
        return self._known[name]

    def configure(self, name: str, settings: dict) -> None:
        """Sets `private`, `gated`, `disabled`, `branches` or `renamed_to` of a repository."""
        settings = dict(settings)
        if new_name := settings.pop("renamed_to", None):
            self.renamed[name] = new_name
            return
        repository = self.find(name)
        if repository is None:
            raise ValueError(f"no repository {name} in the tree")
        for key, value in settings.items():
            if key not in ("private", "gated", "disabled", "branches"):
                raise ValueError(f"a repository has no setting {key}")
            setattr(repository, key, value)
