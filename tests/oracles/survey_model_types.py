"""Surveys every model type of the installed transformers that has a language-model head.

Each type is built tiny and seeded, saved by transformers as safetensors, and saved again in the
ways that a checkpoint can keep its unembedding: head and embedding, embedding alone, head alone,
each with the flag `tie_word_embeddings` set, unset and left out, in the config and in the text
config inside it. Each directory is loaded again, and what `get_output_embeddings().weight` then
holds is compared bit for bit with the tensors on disk: these are the facts (facts.jsonl), one
object a type. With --program, a built gamma-extract is run on each directory, and what it takes or
refuses is compared with the facts: these are the lines of docs/model-types.md.

A type is built in a process of its own, forked from one that has the libraries loaded, under a time
limit: a type that crashes costs its own line only.
"""

import argparse
import collections
import copy
import contextlib
import dataclasses
import inspect
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
from transformers import CONFIG_MAPPING, AutoConfig, AutoModelForCausalLM
from transformers.models.auto import modeling_auto

HERE = Path(__file__).resolve().parent
MAPPINGS = ["CAUSAL_LM", "IMAGE_TEXT_TO_TEXT", "MULTIMODAL_LM", "SEQ_TO_SEQ_CAUSAL_LM", "SPEECH_SEQ_2_SEQ"]
MAX_PARAMETERS = 6_000_000
TIME_LIMIT = 150  # seconds a type
FLAG = "tie_word_embeddings"
SCALINGS = [
    "logit_scale",
    "logits_scaling",
    "final_logit_softcapping",
    "lm_head_multiplier",
    "scale_decoder_outputs",
    "output_multiplier_scale",
    "mup_width_multiplier",
]
SCALING_WORDS = re.compile(r"logit|lm_head|softcap|scale_decoder|output_mult|mup_|unembed|dim_model_base")
VOCABULARY, WIDTH = 67, 32


# Small configs. No model is run, so sizes need not fit each other: they must divide.

RULES = [
    (r"codebook_size", 64),
    (r"vocab_size|^num_embeddings$", VOCABULARY),
    (r"_id$|_index$|_idx$", None),
    (r"image_size|input_size|crop|resolution", 32),
    (r"kv_heads|key_value_heads", 4),
    (r"^n_groups?$|topk_group|n_groups$|num_groups|ngroups|group_size", 1),
    (r"heads$|n_head|num_head", 4),
    (r"layers$|n_layer|depth$|num_blocks|_layer$", 2),
    (r"experts_per_tok|top_k|topk|selected_experts", 2),
    (r"expert", 4),
    (r"head_dim|dim_head|head_size|kv_channels", 8),
    (r"rank$", 8),
    (r"position|length|context|window|seq_len|max_", 64),
    (r"kernel", 15),
    (r"patch_size|stride", 16),
    (r"", WIDTH),
]


def small_value(name, value):
    if isinstance(value, bool) or not isinstance(value, int):
        return value
    for pattern, limit in RULES:
        if re.search(pattern, name):
            if limit is None:
                return value if value < VOCABULARY else 1
            return min(value, limit)
    return value


def parameters_of(config_class):
    """The constructor's parameters with their defaults."""
    if dataclasses.is_dataclass(config_class):
        found = {}
        for field in dataclasses.fields(config_class):
            if field.default is not dataclasses.MISSING:
                found[field.name] = field.default
            elif field.default_factory is not dataclasses.MISSING:
                found[field.name] = field.default_factory()
        return found
    signature = inspect.signature(config_class.__init__)
    return {name: p.default for name, p in signature.parameters.items() if p.default is not inspect.Parameter.empty}


# What the rules get wrong, by model type; a nested dict goes to a config inside.
ROPE = {"rope_type": "default", "rope_theta": 10000.0}
ROPE_BY_LAYER = {"full_attention": ROPE, "sliding_attention": ROPE}
TINY_TIMM = {"architecture": "test_efficientnet", "hidden_size": WIDTH}
NO_LAYERS = {"hidden_size_per_layer_input": 0, "vocab_size_per_layer_input": 0, "num_hidden_layers": 0, "layer_types": []}
MOE_MLPS = ["dense", "sparse"]
EXCEPTIONS = {
    "cohere_compass_text": {"rope_parameters": ROPE_BY_LAYER},
    "dbrx": {"attn_config": {"kv_n_heads": 1, "rope_theta": 10000.0}, "ffn_config": {"ffn_hidden_size": WIDTH}},
    "deepseek_ocr2_text": {"mlp_layer_types": MOE_MLPS, "n_group": 1, "topk_group": 1, "num_experts_per_tok": 2},
    "diffusion_gemma_text": {"num_experts": 4, "top_k_experts": 2, "moe_intermediate_size": WIDTH},
    "dots1": {"n_routed_experts": 4, "n_shared_experts": 1, "num_experts_per_tok": 2},
    "gemma3n_text": {"num_kv_shared_layers": 0},
    "gemma4_assistant": {"text_config": NO_LAYERS},
    "gemma4_unified_assistant": {"text_config": NO_LAYERS},
    "gpt_neo": {"attention_types": [[["global", "local"], 1]]},
    "granite4_vision": {"text_config": {"hidden_size": 64}, "vision_config": {"hidden_size": 64}, "deepstack_layer_map": [[-1, 0]], "spatial_target_layers": [0, 0, 0, 0], "downsample_rate": "1/2"},
    "hunyuan_v1_dense": {"head_dim": 8},
    "hunyuan_v1_moe": {"head_dim": 8},
    "hunyuan_vl_text": {"head_dim": 8},
    "jamba": {"attn_layer_period": 2, "attn_layer_offset": 1, "expert_layer_period": 2, "expert_layer_offset": 1},
    "lfm2_moe": {"layer_types": ["conv", "full_attention"]},
    "mamba2": {"num_heads": 8, "head_dim": 8},
    "ministral": {"head_dim": 8},
    "nemotron": {"num_key_value_heads": 4},
    "reformer": {"is_decoder": True, "axial_pos_embds_dim": [16, 16], "axial_pos_shape": [8, 8]},
    "dots3_note_vision_encoder": {"mlp_layer_types": MOE_MLPS},
    "gemma3n": {"vision_config": TINY_TIMM},
    "fast_vlm": {"vision_config": TINY_TIMM},
    "perception_lm": {"vision_config": {"architecture": "test_vit", "model_args": {"embed_dim": 64}}},
    "cosmos3_edge": {"text_config": {"head_dim": 128}},
    "florence_vision": {
        "depths": [1, 1, 1, 1],
        "embed_dim": [16, 16, 32, 32],
        "num_heads": [2, 2, 2, 2],
        "num_groups": [2, 2, 2, 2],
    },
    "glm5_next_text": {"index_topk": 16},
    "molmo2": {"adapter_config": {"vision_feature_layer": [-1, -2]}},
    "muse_spark": {"audio_config": {"num_hidden_layers": 4}},
    "nemotron_h_omni": {"vision_config": {"video_temporal_patch_size": 2}},
    "fun_asr_nano": {"adaptor_config": {"intermediate_size": 8}},
    "vibevoice_asr": {"acoustic_tokenizer_chunk_size": 3200},
    "vibevoice_acoustic_tokenizer": {"depths": [1] * 7, "num_filters": 2},
    "vibevoice_acoustic_tokenizer_encoder": {"depths": [1] * 7, "num_filters": 2},
    "vibevoice_acoustic_tokenizer_decoder": {"depths": [1] * 7, "num_filters": 2},
    "qwen3_omni_moe": {"talker_config": {"spatial_merge_size": 2}},
    "qwen3_omni_moe_talker_text": {"shared_expert_intermediate_size": WIDTH},
    "moonshine_streaming": {"num_key_value_heads": 4},
    "zamba": {
        "num_hidden_layers": 5,
        "layers_block_type": ["linear_attention", "linear_attention", "hybrid", "linear_attention", "hybrid"],
    },
    "zamba2": {"layers_block_type": ["linear_attention", "hybrid"]},
    "chameleon": {"vocabulary_map": {"<image>": 3}},
    "emu3": {"vocabulary_map": {"<image>": 3, "<|extra_200|>": 4}},
    "ernie4_5_vl_moe_text": {"num_attention_heads": 1, "num_key_value_heads": 1, "head_dim": 128},
}


def small_arguments(config_class, default=None):
    """The arguments that make a small config of that class."""
    default = default if default is not None else config_class()
    exceptions = EXCEPTIONS.get(config_class.model_type, {})
    arguments = {}
    for name, value in parameters_of(config_class).items():
        small = small_value(name, value)
        if type(value) is int and small != value:
            arguments[name] = small
    for name in getattr(config_class, "sub_configs", {}):
        inner = getattr(default, name, None)
        if isinstance(inner, transformers.PreTrainedConfig):
            arguments[name] = small_arguments(type(inner), inner) | exceptions.get(name, {})
            if inner.model_type:
                arguments[name]["model_type"] = inner.model_type
    own = {k: v for k, v in exceptions.items() if not (isinstance(v, dict) and k in arguments)}
    return arguments | own


def small_config(model_type):
    config_class = CONFIG_MAPPING[model_type]
    try:
        default = config_class()
    except Exception:
        if model_type not in EXCEPTIONS:
            raise
        default = config_class(**EXCEPTIONS[model_type])
    return config_class(**small_arguments(config_class, default))


# Where the flag is.


def text_config_path(config):
    """Keys that lead from the config to the text config inside; empty if it is the config itself."""
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
        for model_type, names in getattr(modeling_auto, f"MODEL_FOR_{mapping}_MAPPING_NAMES").items():
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


def fill(model, seed):
    """Gives each parameter values of its own."""
    generator = torch.Generator().manual_seed(seed)
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


def build(model_class, config, seed):
    with torch.device("meta"):
        size = sum(p.numel() for p in model_class(copy.deepcopy(config)).parameters())
    if size > MAX_PARAMETERS:
        with torch.device("meta"):
            biggest = sorted(model_class(copy.deepcopy(config)).named_parameters(), key=lambda p: -p[1].numel())[:4]
        names = ", ".join(f"{n} {list(p.shape)}" for n, p in biggest)
        raise ValueError(f"not small: {size} parameters, {names}")
    model = model_class(copy.deepcopy(config)).float()
    fill(model, seed)
    return model.eval()


def make_untied(model, seed):
    """Gives the head a matrix of its own where the model class ties it whatever the flag."""
    head = model.get_output_embeddings()
    shape = head.weight.shape
    values = 0.02 + 0.05 * torch.randn(shape, generator=torch.Generator().manual_seed(seed + 1))
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
    known = job.mapping == "CAUSAL_LM" and type(saved) in AutoModelForCausalLM._model_mapping.keys()
    loader = AutoModelForCausalLM if known else model_class
    return loader.from_pretrained(directory, local_files_only=True).eval()


def write_variant(directory, tensors, entries):
    directory.mkdir(parents=True)
    (directory / "config.json").write_text(json.dumps(entries, indent=2) + "\n")
    if isinstance(tensors, Path):
        os.link(tensors, directory / "model.safetensors")
    else:
        save_file(tensors, directory / "model.safetensors", {"format": "pt"})


SHORT = {None: "absent", True: "true", False: "false"}


def observe(job, model_class, directory):
    """What transformers takes for the unembedding of that directory, and where it stands on disk."""
    tensors = stored(directory)
    try:
        model = load(job, model_class, directory)
        head = model.get_output_embeddings()
        weight = weight_of(head)
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}".splitlines()[0][:200]}
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
        "head_module": next((n for n, m in model.named_modules(remove_duplicate=False) if m is head), None),
    }


def which_flag(tied, nested):
    """Which flag decides, from tied[(outer, inner)] of an embedding alone."""
    combos = list(itertools.product((False, True), repeat=2)) if nested else [(False, False), (True, True)]
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
    return next((n for n, rule in rules.items() if all(tied[c] == rule(*c) for c in combos)), "other")


def scalings(node, prefix=""):
    found = {}
    for key, value in node.items():
        if isinstance(value, dict):
            found |= scalings(value, f"{prefix}{key}.")
        elif SCALING_WORDS.search(key):
            found[prefix + key] = value
    return found


def survey(job, work):
    """All facts about one type; its checkpoints are left under `work`."""
    model_class = getattr(transformers, job.class_name)
    config = config_for(model_class, small_config(job.model_type))
    path = text_config_path(config)
    nested = bool(path)
    seed = 1
    home = work / job.name
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    facts = {"flag_path": path}

    set_flags(config, path, False)
    model = build(model_class, config, seed)
    head = model.get_output_embeddings()
    facts["head_class"] = type(head).__name__
    if weight_of(head) is None:
        facts["no_matrix"] = f"get_output_embeddings() is {type(head).__name__}"
        model.save_pretrained(home / "saved-untied")
        entries = json.loads((home / "saved-untied" / "config.json").read_text())
        facts["saved_model_type"] = entries.get("model_type")
        facts["architectures"] = entries.get("architectures")
        facts["head_names_on_disk"], facts["embedding_names_on_disk"] = [], []
        facts["variants"] = {"saved-untied": {"names": []}}
        return facts
    facts["tied_though_false"] = is_tied(model)
    if is_tied(model):
        make_untied(model, seed)
    model.save_pretrained(home / "saved-untied")
    entries = json.loads((home / "saved-untied" / "config.json").read_text())
    facts["saved_model_type"] = entries.get("model_type")
    facts["architectures"] = entries.get("architectures")
    facts["flags_saved_untied"] = flags_in(entries, path)

    tied_saved = False
    try:
        set_flags(config, path, True)
        model = build(model_class, config, seed)
        facts["tied_when_true"] = is_tied(model)
        model.save_pretrained(home / "saved-tied")
        tied_entries = json.loads((home / "saved-tied" / "config.json").read_text())
        facts["flags_saved_tied"] = flags_in(tied_entries, path)
        tied_saved = True
    except Exception as error:
        facts["tied_error"] = f"{type(error).__name__}: {error}".replace("\n", " ")[:200]
    facts["scalings"] = scalings(entries)

    variants = facts["variants"] = {}

    def look(name, tensors, outer, inner, base=entries):
        directory = home / name
        write_variant(directory, tensors, with_flags(base, path, outer, inner))
        variants[name] = observe(job, model_class, directory)
        return variants[name]

    variants["saved-untied"] = observe(job, model_class, home / "saved-untied")
    if tied_saved:
        variants["saved-tied"] = observe(job, model_class, home / "saved-tied")
    untied_file = home / "saved-untied" / "model.safetensors"
    seen = variants["saved-untied"]
    if "error" in seen:
        facts["error"] = seen["error"]
        return facts
    facts["head_names_on_disk"] = seen["names"]
    facts["embedding_names_on_disk"] = seen["embedding_names"]
    facts["shape"], facts["dtype"] = seen["shape"], seen["dtype"]
    facts["bias_name"] = seen["bias_names"] or (["not on disk"] if seen["bias"] else [])
    facts["head_module"] = seen["head_module"]
    facts["tied_names_on_disk"] = variants.get("saved-tied", {}).get("names")

    untied = load_file(untied_file)
    facts["same_shape_others"] = sorted(
        name
        for name, value in untied.items()
        if list(value.shape) == seen["shape"] and name not in seen["names"] + seen["embedding_names"]
    )
    for flag in (True, None):
        look(f"both-{SHORT[flag]}", untied_file, flag, flag)
    head_only = {n: v for n, v in untied.items() if n not in seen["embedding_names"]}
    if seen["names"] and seen["names"] != seen["embedding_names"]:
        for flag in (True, False) if seen["embedding_names"] else ():
            look(f"head-only-{SHORT[flag]}", head_only, flag, flag)
        tied_names = facts["tied_names_on_disk"] or []
        if facts.get("tied_when_true") and tied_names and not set(tied_names) & set(seen["names"]):
            embedding_only = load_file(home / "saved-tied" / "model.safetensors")
        else:
            embedding_only = {n: v for n, v in untied.items() if n not in seen["names"]}
        save_file(embedding_only, home / "embedding-only.safetensors", {"format": "pt"})
        table = {}
        values = (None, True, False)
        for outer, inner in itertools.product(values, repeat=2) if nested else [(v, v) for v in values]:
            name = f"embedding-only-{SHORT[outer]}" + (f"-{SHORT[inner]}" if nested else "")
            result = look(name, home / "embedding-only.safetensors", outer, inner)
            table[(outer, inner)] = bool(result.get("names"))
        facts["ties"] = {" ".join(SHORT[f] for f in k[: 1 + nested]): v for k, v in table.items()}
        facts["flag_that_counts"] = which_flag(table, nested)
        facts["tied_default"] = table[(None, None)]
        if nested:
            facts["tied_default_outer"] = table[(None, False)]
            facts["tied_default_inner"] = table[(False, None)]
    return facts


# The program beside the facts.

DTYPES = {"float64", "float32", "float16", "bfloat16"}
RIGHT, WRONG, MISSED, UNKNOWN = "right", "wrong tensor", "refused though held", "transformers does not load it"


def run_program(program, directory):
    """What the program takes from that directory, or why it refuses."""
    command = [program, "--model", directory, "--json", "--threads", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if done.returncode == 0:
        report = json.loads(done.stdout)
        return {"tensor": report["tensor"], "xxh3": report["gamma"]["data_xxh3"], "tied": report["tied"]}
    words = done.stderr.strip().removeprefix("gamma-extract: error: ")
    return {"code": done.returncode, "words": words.replace(f"{directory}/", "").replace(f"{directory}: ", "")}


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
            bad[f"refused: {result['words']}"].append(name)
    if bad:
        return "; ".join(f"{words} ({', '.join(names)})" for words, names in bad.items())
    if not any(must_take(fact) for fact in variants.values() if "error" not in fact):
        return f"refused: {next(iter(results.values()))['words']}"
    return "taken"


def table(all_facts):
    lines = [
        "# Model types",
        "",
        f"Made by `tests/oracles/survey_model_types.py` with transformers {transformers.__version__};"
        " do not edit.",
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
    lines += ["", f"{len(all_facts)} lines: " + ", ".join(f"{n} {what}" for what, n in sorted(counts.items())) + "."]
    lines += [
        f"{sum(verdicts.values())} checkpoints: " + ", ".join(f"{n} {what}" for what, n in sorted(verdicts.items())) + "."
    ]
    return "\n".join(lines) + "\n", verdicts


def flags_in(entries, path):
    outer = entries.get(FLAG, "absent")
    node = entries
    for key in path:
        node = node.get(key, {})
    return {"outer": outer} | ({"inner": node.get(FLAG, "absent")} if path else {})


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
                facts = survey(job, work)
            except Exception as error:
                traceback.print_exc()
                facts = {"error": f"{type(error).__name__}: {error}".strip().replace("\n", " ")[:300]}
            result.write_text(json.dumps(facts))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    facts = json.loads(result.read_text()) if result.exists() else {"error": f"ended by status {status}"}
    base = {"model_type": job.model_type, "class": job.class_name, "mapping": job.mapping}
    return base | facts | {"seconds": round(time.monotonic() - started, 1)}


def warm_up(work):
    """Loads what is imported on first use before processes are forked."""
    survey(next(job for job in all_jobs() if job.model_type == "llama"), work)


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
    parser.add_argument("--work", type=Path, required=True, help="where checkpoints and facts.jsonl go")
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
