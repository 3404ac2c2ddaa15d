"""Makes tests/data/families: for each line of the table of families, a tied and an untied checkpoint.

Each is a tiny, seeded model that transformers saved. expected.json says what transformers takes for
the unembedding when it loads the directory (get_output_embeddings().weight), found by comparing bits
with the stored tensors; the bias of that module; and, for an embedding without a head, what it takes
under every setting of `tie_word_embeddings`, outside and in the text model's config.

To add a line: add a case below, and run `make_families.py --only TYPE`.
"""

import argparse
import dataclasses
import hashlib
import itertools
import json
import os
import shutil
import tempfile
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import CONFIG_MAPPING, AutoModelForCausalLM
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

HERE = Path(__file__).resolve().parent
FLAG = "tie_word_embeddings"
WORDS = {None: "absent", True: "true", False: "false"}

# The same small sizes for all: what a config does not have is left out.
SMALL = {
    1: "num_hidden_layers num_layers n_layer n_layers encoder_layers decoder_layers num_encoder_layers"
    " num_decoder_layers num_kv_heads num_key_value_heads depth n_groups n_group topk_group"
    " num_experts_per_tok first_k_dense_replace encoder_n_layer mamba_n_groups num_register_tokens"
    " num_blocks attn_layer_period expert_layer_period qformer_num_hidden_layers",
    2: "num_attention_heads n_head n_heads encoder_attention_heads decoder_attention_heads num_heads"
    " num_experts num_local_experts n_routed_experts mamba_n_heads linear_num_key_heads"
    " linear_num_value_heads conv_kernel linear_conv_kernel_dim spatial_merge_size",
    4: "head_dim d_kv kv_lora_rank q_lora_rank qk_nope_head_dim qk_rope_head_dim v_head_dim state_size"
    " mamba_d_state ssm_state_size time_step_rank linear_key_head_dim linear_value_head_dim"
    " encoder_ffn_dim decoder_ffn_dim dim_feedforward patch_size",
    8: "hidden_size d_model n_embd embed_dim d_embed projection_dim intermediate_size"
    " moe_intermediate_size d_ff n_inner ffn_dim ffn_hidden_size mlp_hidden_size out_hidden_size"
    " word_embed_proj_dim embedding_size input_embedding_size output_embedding_size emb_dim dim_ff"
    " d_inner image_size shared_expert_intermediate_size attention_hidden_size mamba_d_ssm"
    " encoder_hidden_size vision_output_dim hidden_dim dim",
    13: "vocab_size text_vocab_size",
    16: "max_position_embeddings n_positions max_seq_len max_source_positions max_target_positions"
    " max_sequence_length n_ctx context_length",
}
SIZES = {name: size for size, names in SMALL.items() for name in names.split()}


@dataclasses.dataclass
class Case:
    model_type: str
    class_name: str | None = None  # where AutoModelForCausalLM does not have the type
    sizes: dict = dataclasses.field(default_factory=dict)
    can_be_tied: bool = True  # False: transformers refuses the config
    dtype: torch.dtype = torch.float32


KOSMOS = {"text_config": {"embed_dim": 8, "layers": 1, "attention_heads": 2}, "latent_query_num": 2}

CASES = [
    Case("llama"),
    Case("gemma"),
    Case(
        "kimi_linear",
        sizes={"linear_head_dim": 4, "linear_num_heads": 2, "num_experts_per_token": 1},
    ),
    Case("gpt2"),
    Case("gptj", sizes={"rotary_dim": 4}),
    Case(
        "dbrx",
        sizes={
            "attn_config": {"rope_theta": 1e4},
            "ffn_config": {"moe_num_experts": 2, "moe_top_k": 1},
        },
        can_be_tied=False,
    ),
    Case("openai-gpt"),
    Case("ctrl", sizes={"dff": 8}),
    Case("xlnet"),
    Case("xlm"),
    Case("gpt_neox"),
    Case("gpt_neox_japanese"),
    Case("opt", sizes={"word_embed_proj_dim": 4}),
    Case("bloom"),
    Case("bailing_hybrid"),
    Case("mamba"),
    Case("mamba2", sizes={"head_dim": 4, "num_heads": 4, "expand": 2}),
    Case(
        "nemotron_h",
        sizes={"mamba_num_heads": 2, "mamba_head_dim": 8, "moe_shared_expert_intermediate_size": 8},
    ),
    Case("rwkv", sizes={"num_hidden_layers": 2}),
    Case(
        "deepseek_v4",
        sizes={"o_groups": 2, "o_lora_rank": 4, "index_n_heads": 2, "index_head_dim": 4},
    ),
    Case(
        "inkling2_text",
        sizes={
            "swa_num_attention_heads": 2,
            "swa_num_key_value_heads": 1,
            "swa_head_dim": 4,
            "rel_extent": 4,
            "d_rel": 4,
        },
    ),
    Case("biogpt"),
    Case(
        "blt",
        sizes={
            "encoder_hash_byte_group_vocab": 8,
            "encoder_config": {"hidden_size_global": 8},
            "decoder_config": {"hidden_size_global": 8},
        },
    ),
    Case(
        "cpmant",
        sizes={
            "dim_head": 4,
            "prompt_types": 1,
            "prompt_length": 1,
            "segment_types": 2,
            "position_bias_num_buckets": 8,
        },
    ),
    Case("modernbert-decoder"),
    Case("bert"),
    Case("bert-generation"),
    Case(
        "reformer",
        sizes={
            "is_decoder": True,
            "axial_pos_embds_dim": [4, 4],
            "axial_pos_shape": [4, 4],
            "attention_head_size": 4,
            "feed_forward_size": 8,
            "attn_layers": ["local"],
        },
    ),
    Case("ernie"),
    Case(
        "roc_bert",
        sizes={
            "pronunciation_embed_dim": 4,
            "pronunciation_vocab_size": 8,
            "shape_embed_dim": 4,
            "shape_vocab_size": 8,
        },
    ),
    Case("roformer"),
    Case("rembert"),
    Case("roberta"),
    Case("roberta-prelayernorm"),
    Case("data2vec-text"),
    Case("electra"),
    Case("t5", "T5ForConditionalGeneration"),
    Case("switch_transformers", "SwitchTransformersForConditionalGeneration"),
    Case("t5gemma", "T5GemmaForConditionalGeneration"),
    Case("t5gemma2", "T5Gemma2ForConditionalGeneration"),
    Case("bart", "BartForConditionalGeneration"),
    Case("bigbird_pegasus", "BigBirdPegasusForConditionalGeneration"),
    Case(
        "led",
        "LEDForConditionalGeneration",
        {"max_encoder_position_embeddings": 16, "max_decoder_position_embeddings": 16},
    ),
    Case("prophetnet", sizes={"num_encoder_attention_heads": 2, "num_decoder_attention_heads": 2}),
    Case("fsmt", "FSMTForConditionalGeneration", {"src_vocab_size": 13, "tgt_vocab_size": 13}),
    Case("trocr"),
    Case("whisper"),
    Case(
        "moonshine_streaming",
        "MoonshineStreamingForConditionalGeneration",
        {"num_key_value_heads": 2, "encoder_config": {"sliding_windows": [[16, 4]]}},
    ),
    Case(
        "kyutai_speech_to_text",
        "KyutaiSpeechToTextForConditionalGeneration",
        {
            "codebook_vocab_size": 9,
            "num_codebooks": 2,
            "codec_config": {
                "num_filters": 2,
                "codebook_size": 8,
                "codebook_dim": 4,
                "vector_quantization_hidden_dimension": 4,
                "num_quantizers": 2,
                "upsample_groups": 8,
                "num_key_value_heads": 2,
            },
        },
    ),
    Case(
        "speecht5",
        "SpeechT5ForSpeechToText",
        {
            "conv_dim": (8,),
            "conv_stride": (5,),
            "conv_kernel": (10,),
            "num_conv_pos_embeddings": 4,
            "num_conv_pos_embedding_groups": 2,
            "max_speech_positions": 16,
            "max_text_positions": 16,
            "encoder_max_relative_position": 4,
        },
    ),
    Case(
        "cohere_asr",
        "CohereAsrForConditionalGeneration",
        {"encoder_config": {"subsampling_conv_channels": 8, "num_mel_bins": 8}},
    ),
    Case("vision-encoder-decoder", "VisionEncoderDecoderModel"),
    Case(
        "qwen3_vl",
        "Qwen3VLForConditionalGeneration",
        {"vision_config": {"num_position_embeddings": 4, "deepstack_visual_indexes": [0]}},
    ),
    Case("gemma3"),
    Case("llava", "LlavaForConditionalGeneration"),
    # Needs timm and pillow.
    Case(
        "perception_lm",
        "PerceptionLMForConditionalGeneration",
        {"vision_config": {"architecture": "test_vit", "model_args": {"embed_dim": 8}}},
    ),
    Case("paddleocr_vl", "PaddleOCRVLForConditionalGeneration"),
    Case(
        "llama4",
        "Llama4ForConditionalGeneration",
        {"vision_config": {"projector_input_dim": 8, "projector_output_dim": 8}},
    ),
    Case(
        "mllama",
        "MllamaForConditionalGeneration",
        {
            "vision_config": {
                "num_global_layers": 1,
                "attention_heads": 2,
                "vision_output_dim": 16,
                "intermediate_layers_indices": [0],
                "max_num_tiles": 1,
                "supported_aspect_ratios": [[1, 1]],
            },
            "text_config": {"num_hidden_layers": 2, "cross_attention_layers": [1]},
        },
    ),
    Case("blip-2", "Blip2ForConditionalGeneration"),
    Case("idefics3", "Idefics3ForConditionalGeneration"),
    Case("granite_docling", "GraniteDoclingForConditionalGeneration"),
    Case(
        "florence2",
        "Florence2ForConditionalGeneration",
        {
            "vision_config": {
                "depths": (1, 1, 1, 1),
                "embed_dim": (4, 4, 4, 4),
                "num_heads": (2, 2, 2, 2),
                "num_groups": (2, 2, 2, 2),
                "max_temporal_embeddings": 2,
            },
        },
    ),
    Case(
        "emu3",
        "Emu3ForConditionalGeneration",
        {
            "vocabulary_map": {"<image>": 3, "<|extra_200|>": 4},
            "vq_config": {
                "codebook_size": 8,
                "base_channels": 32,
                "channel_multiplier": (1,),
                "num_res_blocks": 0,
                "temporal_downsample_factor": 2,
                "attn_resolutions": (),
            },
        },
        dtype=torch.bfloat16,
    ),
    Case("kosmos-2", "Kosmos2ForConditionalGeneration", KOSMOS),
    Case(
        "kosmos-2.5",
        "Kosmos2_5ForConditionalGeneration",
        KOSMOS | {"vision_config": {"max_num_patches": 4}},
    ),
    Case(
        "mistral_large4",
        "MistralLarge4ForConditionalGeneration",
        {"text_config": {"index_n_heads": 2, "index_head_dim": 4}},
    ),
    Case(
        "nemo_speechlm",
        "Nemotron3_5TranscribeForConditionalGeneration",
        {
            "audio_config": {
                "asr_config": {"num_key_value_heads": 2},
                "diarization_config": {
                    "audio_config": {"num_key_value_heads": 2},
                    "head_config": {"audio_hidden_size": 8},
                },
            },
            "word_timestamp_config": {"num_key_value_heads": 2, "vocab_size": 13},
            "text_config": {
                "mamba_num_heads": 2,
                "mamba_head_dim": 8,
                "moe_shared_expert_intermediate_size": 8,
            },
        },
    ),
    Case(
        "pix2struct",
        "Pix2StructForConditionalGeneration",
        {"vision_config": {"seq_len": 4, "patch_embed_hidden_size": 12}},
    ),
    Case("git"),
]


def is_count(value):
    return isinstance(value, int) and not isinstance(value, bool)


def small_arguments(config, sizes):
    """What to construct a config of that class with, to have it small, and the configs inside it."""
    arguments = {}
    for key, value in vars(config).items():
        if isinstance(value, transformers.PreTrainedConfig):
            arguments[key] = small_arguments(value, sizes.get(key, {}))
            if value.model_type:
                arguments[key]["model_type"] = value.model_type
        elif is_count(value) and key in SIZES:
            arguments[key] = min(value, SIZES[key])
        elif is_count(value) and key.endswith(("_token_id", "_token_index")):
            arguments[key] = min(value, 12)
    return arguments | {
        key: value
        for key, value in sizes.items()
        if key not in arguments or not isinstance(value, dict)
    }


def small_config(case):
    config_class = CONFIG_MAPPING[case.model_type]
    return config_class(**small_arguments(config_class(), case.sizes))


def text_path(config):
    """The keys that lead to the text model's config inside."""
    text = config.get_text_config(decoder=True)
    for name in getattr(type(config), "sub_configs", {}):
        if getattr(config, name, None) is text:
            return [name]
    return []


def set_flags(config, path, tied):
    setattr(config, FLAG, tied)
    for name in path:
        setattr(getattr(config, name), FLAG, tied)


def model_class_of(case):
    name = case.class_name or MODEL_FOR_CAUSAL_LM_MAPPING_NAMES[case.model_type]
    return getattr(transformers, name)


def make_model(case, tied, seed):
    config = small_config(case)
    set_flags(config, text_path(config), tied)
    model = model_class_of(case)(config).to(case.dtype)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in itertools.chain(model.parameters(), model.buffers()):
            if weight.is_floating_point():
                weight.copy_(0.01 + 0.05 * torch.randn(weight.shape, generator=generator))
        head = model.get_output_embeddings()
        if not tied and head.weight is getattr(model.get_input_embeddings(), "weight", None):
            # t5 ties whatever the flag; a head of its own is kept all the same.
            own = 0.01 + 0.05 * torch.randn(head.weight.shape, generator=generator)
            head.weight = torch.nn.Parameter(own)
    return model


def load(case, directory):
    loader = model_class_of(case) if case.class_name else AutoModelForCausalLM
    return loader.from_pretrained(directory)


def bits(tensor):
    return tensor.detach().contiguous().view(torch.uint8).numpy().tobytes()


def name_in(tensors, tensor):
    """The name under which that tensor is stored, or None."""
    for name, stored in sorted(tensors.items()):
        if (
            stored.shape == tensor.shape
            and stored.dtype == tensor.dtype
            and bits(stored) == bits(tensor)
        ):
            return name
    return None


def expected(case, directory):
    model = load(case, directory)
    head = model.get_output_embeddings()
    tensors = load_file(directory / "model.safetensors")
    name = name_in(tensors, head.weight)
    assert name, f"{directory.name}: the head is not stored"
    result = {
        "tensor": name,
        "shape": list(head.weight.shape),
        "data_sha256": hashlib.sha256(bits(head.weight)).hexdigest(),
    }
    if getattr(head, "bias", None) is not None:
        result["bias"] = name_in(tensors, head.bias)
    return result


def with_flags(entries, path, flags):
    entries = json.loads(json.dumps(entries))
    for node, flag in zip([entries] + [entries[key] for key in path], flags):
        node.pop(FLAG, None)
        if flag is not None:
            node[FLAG] = flag
    return entries


def without_head(case, directory, seed):
    """What an embedding alone is taken for, by the flags; None where transformers makes up a head."""
    untied = make_model(case, False, seed)
    path = text_path(untied.config)
    untied.save_pretrained(directory)
    tensors = load_file(directory / "model.safetensors")
    entries = json.loads((directory / "config.json").read_text())
    head = name_in(tensors, untied.get_output_embeddings().weight)
    del tensors[head]
    results = {}
    for flags in itertools.product([None, True, False], repeat=1 + len(path)):
        save_file(tensors, directory / "model.safetensors", {"format": "pt"})
        (directory / "config.json").write_text(json.dumps(with_flags(entries, path, flags)))
        if flags[0] is not True or case.can_be_tied:
            weight = load(case, directory).get_output_embeddings().weight
            results[" ".join(WORDS[flag] for flag in flags)] = name_in(tensors, weight)
    return {"text_config": path, "dropped": head, "taken": results}


def make(case, out):
    seed = int.from_bytes(hashlib.sha256(case.model_type.encode()).digest()[:4], "big")
    results = {}
    for tied in (False, True) if case.can_be_tied else (False,):
        name = f"{case.model_type}-{'tied' if tied else 'untied'}"
        directory = out / name
        shutil.rmtree(directory, ignore_errors=True)
        make_model(case, tied, seed).save_pretrained(directory)
        (directory / "generation_config.json").unlink(missing_ok=True)
        results[name] = expected(case, directory)
    for result in results.values():  # the untied model has a head; another name is the embedding's
        result["tied"] = result["tensor"] != results[f"{case.model_type}-untied"]["tensor"]
    with tempfile.TemporaryDirectory() as scratch:
        results[f"{case.model_type}-untied"]["without_head"] = without_head(
            case, Path(scratch), seed
        )
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=HERE.parent / "data" / "families")
    parser.add_argument("--only", nargs="*", help="model types")
    arguments = parser.parse_args()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    arguments.out.mkdir(parents=True, exist_ok=True)
    file = arguments.out / "expected.json"
    results = json.loads(file.read_text()) if arguments.only and file.exists() else {}
    for case in CASES:
        if arguments.only and case.model_type not in arguments.only:
            continue
        made = make(case, arguments.out)
        results |= made
        for name, result in made.items():
            print(f"{name:32} {result['tensor']}", flush=True)
    file.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
