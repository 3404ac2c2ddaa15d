"""Surveys every model type of the installed transformers that has a language-model head.

Each type is built tiny and seeded, saved by transformers as safetensors, and saved again in the
ways that a checkpoint can keep its unembedding: head and embedding, embedding alone, head alone,
each with the flag `tie_word_embeddings` set, unset and left out, in the config and in the text
config inside it. Each directory is loaded again, and what `get_output_embeddings().weight` then
holds is compared bit for bit with the tensors on disk: these are the facts (facts.jsonl), one
object a type. With --program, a built gamma-extract is run on each directory, and what it takes or
refuses is compared with the facts: these are the lines of docs/model-types.md.

A type is built in a process of its own, forked from one that has the libraries loaded, under a time
limit: a type that crashes costs its own line only. A few types need pillow, scipy, timm and
torchvision beside requirements.txt.
"""

import argparse
import collections
import contextlib
import copy
import dataclasses
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path

os.environ |= {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}

import torch
import transformers
import xxhash
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.models.auto import modeling_auto

from small_configs import small_config

HERE = Path(__file__).resolve().parent
MAPPINGS = [
    "CAUSAL_LM",
    "IMAGE_TEXT_TO_TEXT",
    "MULTIMODAL_LM",
    "SEQ_TO_SEQ_CAUSAL_LM",
    "SPEECH_SEQ_2_SEQ",
]
MAX_PARAMETERS = 6_000_000
TIME_LIMIT = 150  # seconds a type
FLAG = "tie_word_embeddings"
SEED = 1
SCALING_WORDS = re.compile(
    r"logit|lm_head|softcap|scale_decoder|output_mult|mup_|unembed|dim_model_base"
)


# Where the flag is.


def text_config_path(config):
    """Keys that lead from the config to the text config inside; none if it is the config itself."""
    target = config.get_text_config(decoder=True)
    queue = collections.deque([(config, [])])
    while queue:
        here, path = queue.popleft()
        if here is target:
            return path
        for name in getattr(type(here), "sub_configs", {}):
            inner = getattr(here, name, None)
            if isinstance(inner, transformers.PreTrainedConfig):
                queue.append((inner, path + [name]))
    return []


def set_flags(config, path, value):
    """Sets the flag in the config and in all that lead to its text config."""
    setattr(config, FLAG, value)
    for name in path:
        config = getattr(config, name)
        setattr(config, FLAG, value)


def with_flags(entries, path, outer, inner):
    """The JSON of a config with the flags as given; None leaves one out."""
    entries = json.loads(json.dumps(entries))

    def put(node, value):
        node.pop(FLAG, None)
        if value is not None:
            node[FLAG] = value

    put(entries, outer)
    node = entries
    for key in path:
        node = node.setdefault(key, {})
        put(node, inner)
    return entries


def flags_in(entries, path):
    outer = entries.get(FLAG, "absent")
    node = entries
    for key in path:
        node = node.get(key, {})
    return {"outer": outer} | ({"inner": node.get(FLAG, "absent")} if path else {})


# Building, saving, loading.


@dataclasses.dataclass(frozen=True)
class Job:
    model_type: str
    class_name: str
    mapping: str

    @property
    def name(self):
        return f"{self.model_type}--{self.class_name}"


def all_jobs():
    seen = {}
    for mapping in MAPPINGS:
        classes = getattr(modeling_auto, f"MODEL_FOR_{mapping}_MAPPING_NAMES")
        for model_type, names in classes.items():
            for class_name in [names] if isinstance(names, str) else names:
                seen.setdefault((model_type, class_name), Job(model_type, class_name, mapping))
    return list(seen.values())


def config_for(model_class, config):
    """The config, or that inside which the class is made for."""
    wanted = model_class.config_class
    if wanted is None or isinstance(config, wanted):
        return config
    inner = config.get_text_config(decoder=True)
    return inner if isinstance(inner, wanted) else config


def fill(model):
    """Gives each parameter values of its own."""
    generator = torch.Generator().manual_seed(SEED)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.is_floating_point():
                weight.copy_(0.01 + 0.05 * torch.randn(weight.shape, generator=generator))


def input_embedding(model):
    """The matrix of the input embedding; None where the class names none."""
    with contextlib.suppress(NotImplementedError):
        return weight_of(model.get_input_embeddings())


def weight_of(module):
    weight = getattr(module, "weight", None)
    return weight if isinstance(weight, torch.Tensor) else None


def is_tied(model):
    head, embedding = weight_of(model.get_output_embeddings()), input_embedding(model)
    return head is not None and embedding is not None and head.data_ptr() == embedding.data_ptr()


def build(model_class, config):
    with torch.device("meta"):
        parameters = dict(model_class(copy.deepcopy(config)).named_parameters())
    size = sum(weight.numel() for weight in parameters.values())
    if size > MAX_PARAMETERS:
        largest = max(parameters, key=lambda name: parameters[name].numel())
        raise ValueError(f"not small: {size} parameters; {largest} is the largest")
    model = model_class(copy.deepcopy(config)).float()
    fill(model)
    return model.eval()


def make_untied(model):
    """Gives the head a matrix of its own where the model class ties it whatever the flag."""
    head = model.get_output_embeddings()
    shape = head.weight.shape
    values = 0.02 + 0.05 * torch.randn(shape, generator=torch.Generator().manual_seed(SEED + 1))
    head.weight = torch.nn.Parameter(values)


def stored(directory):
    tensors = {}
    for path in sorted(directory.glob("*.safetensors")):
        tensors |= load_file(path)
    return tensors


def same_bits(a, b):
    return (
        a.shape == b.shape
        and a.dtype == b.dtype
        and torch.equal(a.contiguous().view(torch.uint8), b.contiguous().view(torch.uint8))
    )


def names_of(tensor, tensors):
    if tensor is None:
        return []
    return sorted(name for name, value in tensors.items() if same_bits(value, tensor.detach()))


def load(job, model_class, directory):
    """As AutoModelForCausalLM loads it, where it knows the config that was saved."""
    saved = AutoConfig.from_pretrained(directory)
    known = job.mapping == "CAUSAL_LM" and type(saved) in AutoModelForCausalLM._model_mapping
    loader = AutoModelForCausalLM if known else model_class
    return loader.from_pretrained(directory, local_files_only=True).eval()


def write_checkpoint(directory, tensors, entries):
    directory.mkdir(parents=True)
    (directory / "config.json").write_text(json.dumps(entries, indent=2) + "\n")
    if isinstance(tensors, Path):
        os.link(tensors, directory / "model.safetensors")
    else:
        save_file(tensors, directory / "model.safetensors", {"format": "pt"})


def one_line(error):
    return " ".join(f"{type(error).__name__}: {error}".split())[:250]


SHORT = {None: "absent", True: "true", False: "false"}


def observe(job, model_class, directory):
    """What transformers takes for the unembedding of a directory, and where it stands on disk."""
    tensors = stored(directory)
    try:
        model = load(job, model_class, directory)
        head = model.get_output_embeddings()
        weight = weight_of(head)
    except Exception as error:
        return {"error": one_line(error)}
    if weight is None:
        return {"error": f"no matrix: get_output_embeddings() is {type(head).__name__}"}
    bias = getattr(head, "bias", None)
    data = weight.detach().float().contiguous().numpy().tobytes()
    return {
        "names": names_of(weight, tensors),
        "embedding_names": names_of(input_embedding(model), tensors),
        "in_memory_tied": is_tied(model),
        "shape": list(weight.shape),
        "dtype": str(weight.dtype).removeprefix("torch."),
        "xxh3": xxhash.xxh3_128_hexdigest(data),
        "bias": bias is not None,
        "bias_names": names_of(bias, tensors) if isinstance(bias, torch.Tensor) else [],
        "loaded_class": type(model).__name__,
    }


def which_flag(tied, nested):
    """Which flag decides, from tied[(outer, inner)] of an embedding alone."""
    combos = [flags for flags in tied if None not in flags]
    values = [tied[c] for c in combos]
    if all(values):
        return "always tied"
    if not any(values):
        return "never tied"
    if not nested:
        return "the only one"
    rules = {
        "outer": lambda o, i: o,
        "inner": lambda o, i: i,
        "either": lambda o, i: o or i,
        "both": lambda o, i: o and i,
    }
    holding = [n for n, rule in rules.items() if all(tied[c] == rule(*c) for c in combos)]
    return holding[0] if holding else "other"


def scalings(node, prefix=""):
    found = {}
    for key, value in node.items():
        if isinstance(value, dict):
            found |= scalings(value, f"{prefix}{key}.")
        elif SCALING_WORDS.search(key):
            found[prefix + key] = value
    return found


class Survey:
    """The checkpoints of one type, under `home`, and the facts that they show."""

    def __init__(self, job, work):
        self.job = job
        self.model_class = getattr(transformers, job.class_name)
        self.config = config_for(self.model_class, small_config(job.model_type))
        self.path = text_config_path(self.config)
        self.home = work / job.name
        self.variants = {}
        self.facts = {"flag_path": self.path, "variants": self.variants}
        shutil.rmtree(self.home, ignore_errors=True)
        self.home.mkdir(parents=True)

    def file(self, name):
        return self.home / name / "model.safetensors"

    def entries(self, name):
        return json.loads((self.home / name / "config.json").read_text())

    def save(self, name, tied):
        """Builds the model with all flags set so, and has transformers save it."""
        set_flags(self.config, self.path, tied)
        model = build(self.model_class, self.config)
        built_tied = is_tied(model)
        if built_tied and not tied:
            make_untied(model)
        model.save_pretrained(self.home / name)
        return model, built_tied

    def look(self, name, tensors=None, outer=None, inner=None):
        """Observes a directory; first makes it, of tensors and flags, where tensors are given."""
        if tensors is not None:
            entries = with_flags(self.entries("saved-untied"), self.path, outer, inner)
            write_checkpoint(self.home / name, tensors, entries)
        self.variants[name] = observe(self.job, self.model_class, self.home / name)
        return self.variants[name]

    def run(self):
        model, self.facts["tied_though_false"] = self.save("saved-untied", tied=False)
        entries = self.entries("saved-untied")
        self.facts["saved_model_type"] = entries.get("model_type")
        self.facts["architectures"] = entries.get("architectures")
        self.facts["scalings"] = scalings(entries)
        if weight_of(model.get_output_embeddings()) is None:
            kind = type(model.get_output_embeddings()).__name__
            self.facts["no_matrix"] = f"get_output_embeddings() is {kind}"
            self.facts |= {"head_names_on_disk": [], "embedding_names_on_disk": []}
            self.variants["saved-untied"] = {"names": []}
            return self.facts
        self.look_at_untied()
        self.look_at_tied()
        if self.facts["head_names_on_disk"] != self.facts["embedding_names_on_disk"]:
            self.look_at_head_alone()
            self.look_at_embedding_alone()
        return self.facts

    def look_at_untied(self):
        seen = self.look("saved-untied")
        if "error" in seen:
            raise ValueError(seen["error"])
        for flag in (True, None):
            self.look(f"both-{SHORT[flag]}", self.file("saved-untied"), flag, flag)
        mine = seen["names"] + seen["embedding_names"]
        self.facts |= {
            "head_names_on_disk": seen["names"],
            "embedding_names_on_disk": seen["embedding_names"],
            "shape": seen["shape"],
            "dtype": seen["dtype"],
            "bias_name": seen["bias_names"] or (["not on disk"] if seen["bias"] else []),
            "same_shape_others": sorted(
                name
                for name, value in load_file(self.file("saved-untied")).items()
                if list(value.shape) == seen["shape"] and name not in mine
            ),
        }

    def look_at_tied(self):
        self.facts |= {"tied_names_on_disk": None, "tied_when_true": False}
        try:
            _, self.facts["tied_when_true"] = self.save("saved-tied", tied=True)
        except Exception as error:
            self.facts["tied_error"] = one_line(error)
            shutil.rmtree(self.home / "saved-tied", ignore_errors=True)
            return
        self.facts["flags_saved_tied"] = flags_in(self.entries("saved-tied"), self.path)
        self.facts["tied_names_on_disk"] = self.look("saved-tied").get("names")

    def look_at_head_alone(self):
        embedding = self.facts["embedding_names_on_disk"]
        tensors = load_file(self.file("saved-untied"))
        head = {name: value for name, value in tensors.items() if name not in embedding}
        for flag in (True, False) if embedding else ():
            self.look(f"head-only-{SHORT[flag]}", head, flag, flag)

    def embedding_alone(self):
        """The tensors without a head: as a tied model was saved, if it was."""
        head = self.facts["head_names_on_disk"]
        tied = self.facts["tied_names_on_disk"]
        if self.facts["tied_when_true"] and tied and not set(tied) & set(head):
            return self.file("saved-tied")
        tensors = load_file(self.file("saved-untied"))
        return {name: value for name, value in tensors.items() if name not in head}

    def look_at_embedding_alone(self):
        tensors = self.embedding_alone()
        values = (None, True, False)
        nested = bool(self.path)
        table = {}
        for flags in itertools.product(values, repeat=2) if nested else [(v, v) for v in values]:
            name = "embedding-only-" + "-".join(SHORT[flag] for flag in flags[: 1 + nested])
            table[flags] = bool(self.look(name, tensors, *flags).get("names"))
        self.facts["flag_that_counts"] = which_flag(table, nested)
        self.facts["tied_default"] = table[(None, None)]
        if nested:
            self.facts["tied_default_outer"] = table[(None, False)]
            self.facts["tied_default_inner"] = table[(False, None)]


# The program beside the facts.

DTYPES = {"float64", "float32", "float16", "bfloat16"}
RIGHT, WRONG, MISSED, UNKNOWN = (
    "right",
    "wrong tensor",
    "refused though held",
    "transformers does not load it",
)


def run_program(program, directory):
    """What the program takes from that directory, or why it refuses.

    Asked is `inspect`, which decides as the main job does and is done in milliseconds; that the main
    job then reads that tensor is what the fixtures of the families show.
    """
    command = [program, "inspect", directory, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if done.returncode == 0:
        choice = json.loads(done.stdout)["choice"]
        data = stored(directory)[choice["tensor"]].float().contiguous().numpy().tobytes()
        return {
            "tensor": choice["tensor"],
            "xxh3": xxhash.xxh3_128_hexdigest(data),
            "tied": choice["tied"],
        }
    error = done.stderr.strip().splitlines()[-1]
    words = error.removeprefix("gamma-extract: error: ")
    for prefix in (f"{directory}/", f"{directory}: "):
        words = words.replace(prefix, "")
    return {"code": done.returncode, "words": words}


def must_take(fact):
    return bool(fact["names"]) and len(fact["shape"]) == 2 and fact["dtype"] in DTYPES


def judge(fact, result):
    """What the program did, judged by what transformers does."""
    if "error" in fact:
        return UNKNOWN
    if "tensor" not in result:
        return MISSED if must_take(fact) else RIGHT
    return RIGHT if must_take(fact) and result["xxh3"] == fact["xxh3"] else WRONG


def compare(facts, work, program):
    """Result and verdict of the program for each checkpoint of a type."""
    home = work / f"{facts['model_type']}--{facts['class']}"
    results = {}
    for name, fact in facts.get("variants", {}).items():
        result = run_program(program, home / name)
        results[name] = result | {"verdict": judge(fact, result)}
    return results


def code(names, joined=" or "):
    return joined.join(f"`{name}`" for name in names)


def cell(text):
    return text.replace("|", "\\|")


def tensor_cell(facts):
    if "no_matrix" in facts:
        return f"none: {facts['no_matrix']}"
    own = code(facts["head_names_on_disk"]) or "none"
    tied = facts.get("tied_names_on_disk") or []
    if facts.get("tied_when_true") and tied and tied != facts["head_names_on_disk"]:
        return f"{own}, tied {code(tied)}"
    return own


def default_cell(facts):
    if "tied_default" not in facts:
        return ""
    if facts["flag_that_counts"] in ("never tied", "always tied"):
        return facts["flag_that_counts"].removesuffix(" tied")
    default = "yes" if facts["tied_default"] else "no"
    return f"{default}; {facts['flag_that_counts']} flag" if facts["flag_path"] else default


def reason(result):
    """The program's words without the remedy, which differs from checkpoint to checkpoint."""
    return result["words"].rsplit("; ", 1)[0]


def result_cell(facts):
    """What the program did with all checkpoints of the type, in a few words."""
    if "error" in facts:
        return f"not built: {facts['error']}"
    results, variants = facts["results"], facts["variants"]
    bad = collections.defaultdict(list)
    for name, result in results.items():
        if result["verdict"] == WRONG:
            bad[f"WRONG: takes {code([result['tensor']])}"].append(name)
        elif result["verdict"] == MISSED:
            bad[f"refused: {reason(result)}"].append(name)
    held = [name for name, fact in variants.items() if "error" not in fact and must_take(fact)]
    if not held and not bad:
        return f"refused: {reason(results['saved-untied'])}"
    return (
        "; ".join(
            words if names == held else f"{words} ({', '.join(names)})"
            for words, names in bad.items()
        )
        or "taken"
    )


def table(all_facts):
    lines = [
        "# Model types",
        "",
        f"What transformers {transformers.__version__} takes, and gamma-extract beside it. Made by"
        " `tests/oracles/survey_model_types.py`, which says how; do not edit.",
        "",
        "Refused are the model types of which transformers itself names no matrix:"
        " `get_output_embeddings()` gives none. `--tensor NAME` takes the one that you name.",
        "",
        "| model type | saved class | checkpoint's tensor | tied by default | result |",
        "|---|---|---|---|---|",
    ]
    counts = collections.Counter()
    verdicts = collections.Counter()
    for facts in all_facts:
        result = result_cell(facts)
        counts[re.split("[:;]", result)[0]] += 1
        verdicts.update(r["verdict"] for r in facts.get("results", {}).values())
        columns = [f"`{facts['model_type']}`", f"`{facts['class']}`"]
        columns += ["", ""] if "error" in facts else [tensor_cell(facts), default_cell(facts)]
        lines.append(f"| {' | '.join(cell(c) for c in columns + [result])} |")
    lines += [
        "",
        f"{len(all_facts)} lines: "
        + ", ".join(f"{n} {what}" for what, n in sorted(counts.items()))
        + ".",
    ]
    lines += [
        f"{sum(verdicts.values())} checkpoints: "
        + ", ".join(f"{n} {what}" for what, n in sorted(verdicts.items()))
        + "."
    ]
    return "\n".join(lines) + "\n", verdicts


def run_apart(job, work, limit):
    """Runs one survey in a forked process."""
    result = work / f"{job.name}.json"
    result.unlink(missing_ok=True)
    log = work / f"{job.name}.log"
    started = time.monotonic()
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
            os.dup2(descriptor, 1)
            os.dup2(descriptor, 2)
            signal.alarm(limit)
            try:
                facts = Survey(job, work).run()
            except Exception as error:
                traceback.print_exc()
                facts = {"error": one_line(error)}
            result.write_text(json.dumps(facts))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    facts = (
        json.loads(result.read_text())
        if result.exists()
        else {"error": f"ended by status {status}"}
    )
    base = {"model_type": job.model_type, "class": job.class_name, "mapping": job.mapping}
    return base | facts | {"seconds": round(time.monotonic() - started, 1)}


def warm_up(work):
    """Loads what is imported on first use before processes are forked."""
    Survey(next(job for job in all_jobs() if job.model_type == "llama"), work).run()


def read_facts(path):
    if not path.exists():
        return {}
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return {(facts["model_type"], facts["class"]): facts for facts in lines}


def write_facts(path, known):
    path.write_text("".join(json.dumps(facts) + "\n" for facts in known.values()))


def survey_all(jobs, arguments, known, store):
    warm_up(arguments.work / "warm-up")
    for job in jobs:
        key = (job.model_type, job.class_name)
        if arguments.keep and key in known and "error" not in known[key]:
            continue
        known[key] = run_apart(job, arguments.work, TIME_LIMIT)
        f = known[key]
        what = f.get("error") or f"{f['head_names_on_disk']} {f['embedding_names_on_disk']}"
        print(f"{job.name} {f['seconds']} s {what}", file=sys.stderr, flush=True)
        write_facts(store, known)


def compare_all(jobs, arguments, known):
    for job in jobs:
        facts = known[(job.model_type, job.class_name)]
        facts["results"] = compare(facts, arguments.work, arguments.program)
        print(f"{job.name} {result_cell(facts)}", file=sys.stderr, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--work", type=Path, required=True, help="where checkpoints and facts.jsonl go"
    )
    parser.add_argument("--only", default="", help="a pattern of TYPE--CLASS")
    parser.add_argument("--keep", action="store_true", help="build again only what failed before")
    parser.add_argument("--program", type=Path, help="a built gamma-extract, to be compared")
    parser.add_argument("--table", type=Path, default=HERE.parents[1] / "docs" / "model-types.md")
    arguments = parser.parse_args()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    torch.set_num_threads(1)
    arguments.work.mkdir(parents=True, exist_ok=True)
    jobs = [job for job in all_jobs() if re.search(arguments.only, job.name)]
    store = arguments.work / "facts.jsonl"
    known = read_facts(store)
    survey_all(jobs, arguments, known, store)
    if not arguments.program:
        return 0
    compare_all(jobs, arguments, known)
    text, verdicts = table([known[(job.model_type, job.class_name)] for job in jobs])
    arguments.table.write_text(text)
    return int(verdicts[WRONG] + verdicts[MISSED] > 0)


if __name__ == "__main__":
    sys.exit(main())
