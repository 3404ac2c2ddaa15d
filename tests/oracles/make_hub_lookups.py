"""Asks huggingface_hub where its cache is, whether it is offline, and which snapshot it finds; writes tests/data/hub_lookups.json.

The caches are laid out by huggingface_hub's own code, then spoiled. Every question is answered twice where the client has
two ways to look (snapshot_download without a network, and try_to_load_from_cache); the two must agree.

Left out on purpose, since the program differs there: an empty variable (to the client HF_HOME= is the working directory;
here it is unset), white space after the commit in a reference (forgiven here), a reference that holds no commit
(an error of its own here; the client takes any directory of that name).
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import huggingface_hub
from huggingface_hub import snapshot_download, try_to_load_from_cache
from huggingface_hub.file_download import _cache_commit_hash_for_specific_revision, _create_symlink, _get_pointer_path, repo_folder_name

OUTPUT = Path(__file__).parent.parent / "data" / "hub_lookups.json"
FIRST = "cdbee75f17c01a7cc42f958dc650907174af0554"
SECOND = "0123456789abcdef0123456789abcdef01234567"

ENVIRONMENTS = [
    {},
    {"XDG_CACHE_HOME": "/xdg"},
    {"XDG_CACHE_HOME": "~/xdg"},
    {"XDG_CACHE_HOME": "$A/xdg"},
    {"HF_HOME": "/hf"},
    {"HF_HOME": "/hf", "XDG_CACHE_HOME": "/xdg"},
    {"HF_HOME": "~/hf"},
    {"HF_HOME": "~"},
    {"HF_HOME": "${A}/hf"},
    {"HF_HOME": "relative/hf"},
    {"HUGGINGFACE_HUB_CACHE": "/old"},
    {"HUGGINGFACE_HUB_CACHE": "~/old", "HF_HOME": "/hf"},
    {"HUGGINGFACE_HUB_CACHE": "$A/old"},
    {"HF_HUB_CACHE": "/new"},
    {"HF_HUB_CACHE": "~/new", "HUGGINGFACE_HUB_CACHE": "/old", "HF_HOME": "/hf", "XDG_CACHE_HOME": "/xdg"},
    {"HF_HUB_CACHE": "$A/new"},
    {"HF_HUB_CACHE": "/x/$A_2${A}y"},
    {"HF_HUB_CACHE": "/x/$UNSET/${UNSET}"},
    {"HF_HUB_CACHE": "/x/$/$-/${/$"},
    {"HF_HUB_CACHE": "/x/${}"},
    {"HF_HUB_CACHE": "/x/~/y"},
    {"HF_HUB_CACHE": "~no-such-user/x"},
    {"HF_HUB_CACHE": "$AGAIN/x"},
    {"HF_HUB_CACHE": "/x/$EMPTY/y"},
]
OFFLINE = ["1", "on", "ON", "yes", "Yes", "true", "TRUE", "0", "2", "no", "off", "false", "y", " 1", "1 ", "01", ""]


def answer_with(environment, question):
    """What the client's constants are in an environment of these variables alone."""
    code = f"from huggingface_hub import constants; import json; print(json.dumps(constants.{question}))"
    output = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True, text=True)
    return json.loads(output.stdout)


def cache_questions():
    base = {"HOME": "/home/a", "A": "/a", "A_2": "b", "AGAIN": "$A", "EMPTY": ""}
    environments = [base | environment for environment in ENVIRONMENTS] + [base | {"HOME": "/home/a/"}]
    return [{"environment": e, "cache": answer_with(e, "HF_HUB_CACHE")} for e in environments]


def offline_questions():
    environments = [{name: value} for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE") for value in OFFLINE]
    environments += [{"HF_HUB_OFFLINE": h, "TRANSFORMERS_OFFLINE": t} for h in ("0", "1", "") for t in ("0", "1", "")]
    return [{"environment": e, "offline": answer_with(e, "HF_HUB_OFFLINE")} for e in environments]


def add_snapshot(cache, repo, commit, revision=None):
    """A snapshot of one file, by the client's own functions."""
    storage = cache / repo_folder_name(repo_id=repo, repo_type="model")
    blob = storage / "blobs" / "e".rjust(40, "0")
    blob.parent.mkdir(parents=True, exist_ok=True)
    blob.write_text("{}")
    pointer = Path(_get_pointer_path(str(storage), commit, "config.json"))
    pointer.parent.mkdir(parents=True, exist_ok=True)
    _create_symlink(str(blob), str(pointer), new_blob=True)
    if revision is not None:
        _cache_commit_hash_for_specific_revision(str(storage), revision, commit)
    return storage


def plain(cache):
    add_snapshot(cache, "Org/Name", FIRST, "main")
    add_snapshot(cache, "gpt2", SECOND, "main")


def two_revisions(cache):
    add_snapshot(cache, "Org/Name", FIRST, "main")
    add_snapshot(cache, "Org/Name", SECOND, "v1")
    add_snapshot(cache, "Org/Name", SECOND, "refs/pr/1")
    add_snapshot(cache, "Org/Name", SECOND, SECOND[:7])


def no_references(cache):
    add_snapshot(cache, "Org/Name", FIRST)


def dangling_reference(cache):
    storage = add_snapshot(cache, "Org/Name", FIRST)
    _cache_commit_hash_for_specific_revision(str(storage), "main", SECOND)


def files_instead_of_links(cache):
    storage = add_snapshot(cache, "Org/Name", FIRST, "main")
    pointer = storage / "snapshots" / FIRST / "config.json"
    pointer.unlink()
    pointer.write_text("{}")


def shared_blob(cache):
    storage = add_snapshot(cache, "Org/Name", FIRST, "main")
    (cache / "blobs" / "ab").mkdir(parents=True)
    (blob,) = (storage / "blobs").iterdir()
    blob.rename(cache / "blobs" / "ab" / "abcd")
    blob.symlink_to("../../blobs/ab/abcd")


def other_kinds(cache):
    (cache / ".locks" / "models--Org--Name").mkdir(parents=True)
    storage = add_snapshot(cache, "Org/Name", FIRST, "main")
    storage.rename(cache / "datasets--Org--Name")


CACHES = [plain, two_revisions, no_references, dangling_reference, files_instead_of_links, shared_blob, other_kinds]
REQUESTS = [("gpt2", None)] + [
    ("Org/Name", revision)
    for revision in (None, "main", "v1", "v2", "refs/pr/1", "refs/pr", "refs", FIRST, SECOND, FIRST[:7], SECOND[:7], FIRST.upper())
] + [("org/name", None), ("Org", None), ("Name", None)]


def found(cache, repo, revision):
    """The snapshot that the client finds, relative to the cache, or None."""
    try:
        by_snapshot = Path(snapshot_download(repo, revision=revision, cache_dir=cache, local_files_only=True))
    except huggingface_hub.errors.LocalEntryNotFoundError:
        by_snapshot = None
    except IsADirectoryError:  # its way of saying that `refs/pr` is no revision
        by_snapshot = None
    file = try_to_load_from_cache(repo, "config.json", cache_dir=cache, revision=revision)
    by_file = Path(file).parent if file else None
    assert by_file == by_snapshot, (repo, revision, by_file, by_snapshot)
    return None if by_snapshot is None else str(by_snapshot.relative_to(cache))


def entries(cache):
    """What the cache holds: path, and the target of a link, or the text of a file; a directory has neither."""
    for path in sorted(cache.rglob("*")):
        entry = {"path": str(path.relative_to(cache))}
        if path.is_symlink():
            entry["link"] = os.readlink(path)
        elif path.is_file():
            entry["text"] = path.read_text()
        yield entry


def cache_lookups():
    for make in CACHES:
        with tempfile.TemporaryDirectory() as directory:
            cache = Path(directory).resolve()
            make(cache)
            lookups = [{"id": i, "revision": r, "snapshot": found(cache, i, r)} for i, r in REQUESTS]
            yield {"name": make.__name__, "entries": list(entries(cache)), "lookups": lookups}


def main():
    result = {
        "client": f"huggingface_hub {huggingface_hub.__version__}",
        "caches": cache_questions(),
        "offline": offline_questions(),
        "lookups": list(cache_lookups()),
    }
    OUTPUT.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
