"""Compares what `gamma-extract inspect FILE` says with the reference reader, over a seeded corpus.

Thousands of files, each a valid one with a few changes to its header's text, its length or its data.
The program must exit with 0 where the reference (safetensors.deserialize) reads the file, and then
list the same names, types, shapes and sizes; else with 3 and one line. The differences that are meant
are counted by their kind: a key that stands twice in one object is refused, and so are a tensor as an
array and a dtype as an object, which the reference takes by accident. Prints the counts and every other
difference; exits 1 if there is one.

    python check_inspect.py build/src/gamma-extract [--count 4000] [--seed 6]
"""

import argparse
import collections
import json
import random
import subprocess
import tempfile
from pathlib import Path

import safetensors

DTYPE_BITS = {
    "BOOL": 8, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8,
    "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16,
    "I32": 32, "U32": 32, "F32": 32, "C64": 64, "F64": 64, "I64": 64, "U64": 64,
}  # fmt: skip

# What may stand where a value stood.
VALUES = """-1 -0 0 1 2 3 4 8 1.0 1e0 1e999 4294967297 9223372036854775807 9223372036854775808
    18446744073709551615 18446744073709551616 "1" "" "F32" "f32" "BF16" "F4" "F6_E2M3" "\\u0046\\u0033\\u0032" "\\ud800"
    "\\ud83d\\ude00" true false null [] {} [0] [0,4] [4,0] [[0,4]] {"F32":null} [1,2,3] [0,0] [-1] [1.5] nan 01 +1 .5
    [4294967296,4294967296] [18446744073709551615] [0,18446744073709551615]
    ["F32",[1],[0,4]] ["U8",[0],[0,0]]""".split()
KEYS = """dtype shape data_offsets Dtype a t0 t1 __metadata__ x d\\u0074ype \\u0074\\u0030""".split()
TEXTS = [*""",:{}[]"\\/0' \t\n\x00\x1f\ufeff\u00e9""", "//"]
BYTES = [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xc0\x80", b"\x80", b"\xf4\x90\x80\x80", b"\xe2\x82\xac"]

MEANT = {
    "stands twice in one object": "a key that stands twice",
    "it is an array, not an object": "a tensor as an array",
    "its dtype is an object": "a dtype as an object",
}


def valid_header(draw):
    """The text of a header that holds, and the number of its data bytes."""
    entries, end = [], 0
    if draw.random() < 0.5:
        entries.append(("__metadata__", draw.choice(["null", "{}", '{"format":"pt"}', '{"a":"b","c":"\\n"}'])))
    for i in range(draw.randrange(5)):
        dtype = draw.choice(list(DTYPE_BITS))
        shape = [draw.choice([0, 1, 1, 2, 3, 4, 8]) for _ in range(draw.randrange(4))]
        bits = DTYPE_BITS[dtype]
        for size in shape:
            bits *= size
        size = -(-bits // 8)  # of one that does not fill whole bytes, which is refused
        fields = [f'"dtype":"{dtype}"', f'"shape":{json.dumps(shape)}', f'"data_offsets":[{end},{end + size}]']
        if draw.random() < 0.2:
            fields.append(draw.choice(['"x":[{"y":null}]', '"requires_grad":true', '"x":1.5e3']))
        draw.shuffle(fields)
        entries.append((f"t{i}", "{" + ",".join(fields) + "}"))
        end += size
    draw.shuffle(entries)
    return "{" + ",".join(f'"{name}":{value}' for name, value in entries) + "}", end


def tokens(text):
    """Where the values, keys and brackets of the text begin and end."""
    places, i = [], 0
    while i < len(text):
        j = i + 1
        if text[i] == '"':
            while j < len(text) and text[j] != '"':
                j += 1
            j += 1
        elif text[i] in "-0123456789truefalsn":
            while j < len(text) and text[j] not in ",:{}[] ":
                j += 1
        places.append((i, j))
        i = j
    return places


def changed(text, draw):
    """The text with one change, as bytes are changed by accident or by an attacker."""
    places = tokens(text) or [(0, 0)]
    begin, end = draw.choice(places)
    kind = draw.randrange(9)
    if kind == 0:  # another value
        return text[:begin] + draw.choice(VALUES) + text[end:]
    if kind == 1:  # another key
        keys = [place for place in places if text[place[0] : place[1]].startswith('"')]
        begin, end = draw.choice(keys or places)
        return text[:begin] + '"' + draw.choice(KEYS) + '"' + text[end:]
    if kind == 2:  # something more
        return text[:begin] + draw.choice(TEXTS) + text[begin:]
    if kind == 3:  # something less
        return text[:begin] + text[end:]
    if kind == 4:  # a member more, somewhere behind a brace
        braces = [place for place in places if text[place[0] : place[1]] == "{"]
        if not braces:
            return text
        _, end = draw.choice(braces)
        comma = "" if text[end : end + 1] == "}" else ","
        return text[:end] + f'"{draw.choice(KEYS)}":{draw.choice(VALUES)}{comma}' + text[end:]
    if kind == 5:  # a number that is a little off
        numbers = [place for place in places if text[place[0] : place[1]].isdigit()]
        if not numbers:
            return text
        begin, end = draw.choice(numbers)
        return text[:begin] + str(max(0, int(text[begin:end]) + draw.choice([-8, -1, 1, 8]))) + text[end:]
    if kind == 6:  # white space, which changes nothing between two tokens
        return text[:begin] + draw.choice([" ", "\n", "\t\r", "  "]) + text[begin:]
    if kind == 7:  # deep nesting in a field that is not known
        depth = draw.choice([100, 124, 125, 126, 127, 128, 200])
        return text.replace('"dtype"', '"x":' + "[" * depth + "]" * depth + ',"dtype"', 1)
    piece = draw.choice(places)  # two pieces change places
    if piece > (begin, end):
        (begin, end), piece = piece, (begin, end)
    if piece[1] > begin:
        return text
    return text[: piece[0]] + text[begin:end] + text[piece[1] : begin] + text[piece[0] : piece[1]] + text[end:]


def crafted(draw):
    """The bytes of a file: valid, or with some changes."""
    text, data = valid_header(draw)
    for _ in range(draw.choice([0, 1, 1, 1, 2, 3])):
        text = changed(text, draw)
    header = bytearray(text.encode())
    if draw.random() < 0.1:
        place = draw.randrange(len(header) + 1)
        header[place : place + draw.randrange(2)] = draw.choice(BYTES)
    if draw.random() < 0.3:
        header += b" " * (-len(header) % 8)
    length = len(header)
    if draw.random() < 0.1:
        length += draw.choice([-2, -1, 1, 2, 1 << 20, 1 << 32, 1 << 63, 100_000_001])
    if draw.random() < 0.1:
        data = max(0, data + draw.choice([-4, -1, 1, 4]))
    file = (length % (1 << 64)).to_bytes(8, "little") + bytes(header) + bytes(data)
    return file[: draw.randrange(len(file))] if draw.random() < 0.03 else file


def reference_listing(content):
    """What the reference reads, or nothing where it refuses."""
    try:
        tensors = safetensors.deserialize(content)
    except safetensors.SafetensorError:
        return None
    return sorted((name, info["dtype"], info["shape"], len(info["data"])) for name, info in tensors)


def program_listing(program, path):
    """What the program lists, or nothing where it refuses; and its error line."""
    run = subprocess.run([program, "inspect", path, "--json"], capture_output=True, check=False)
    error = run.stderr.decode()
    if run.returncode == 0:
        tensors = json.loads(run.stdout)["tensors"]
        return sorted((t["name"], t["dtype"], t["shape"], t["bytes"]) for t in tensors), error
    one_line = error.startswith("gamma-extract: error: ") and error.count("\n") == 1
    if run.returncode != 3 or run.stdout or not one_line:
        return f"exit code {run.returncode}", error
    return None, error


def difference(content, listing, error):
    """The kind of the difference, or nothing where the two readers agree."""
    expected = reference_listing(content)
    if listing == expected:
        return None
    if listing is None:
        for words, kind in MEANT.items():
            if words in error:
                return kind
    return f"NOT MEANT: {listing} ({error.strip()}), the reference: {expected}, of {content!r}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--count", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=6)
    arguments = parser.parse_args()
    draw = random.Random(arguments.seed)
    kinds = collections.Counter()
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "crafted.safetensors"
        for _ in range(arguments.count):
            content = crafted(draw)
            path.write_bytes(content)
            listing, error = program_listing(arguments.program, path)
            kind = difference(content, listing, error)
            kinds[kind or ("both refuse" if listing is None else "both read the same")] += 1
    for kind, count in kinds.most_common():
        print(f"{count:6}  {kind}")
    return 1 if any(kind.startswith("NOT MEANT") for kind in kinds) else 0


if __name__ == "__main__":
    raise SystemExit(main())
