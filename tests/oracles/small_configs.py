"""Makes a tiny config of any model type of transformers.

What a constructor takes is made small by its name; what the names get wrong stands in EXCEPTIONS, a
line a model type. No model is run, so that sizes need not fit each other: they must divide only.
"""

import dataclasses
import inspect
import re

from transformers import CONFIG_MAPPING, PreTrainedConfig

VOCABULARY, WIDTH = 67, 32

# The first pattern that the name has gives the largest value; None: an id, which must be one.
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
    return {
        name: p.default
        for name, p in signature.parameters.items()
        if p.default is not inspect.Parameter.empty
    }


# What the rules get wrong, by model type; a nested dict goes to a config inside.
ROPE = {"rope_type": "default", "rope_theta": 10000.0}
ROPE_BY_LAYER = {"full_attention": ROPE, "sliding_attention": ROPE}
TINY_TIMM = {"architecture": "test_efficientnet", "hidden_size": WIDTH}
NO_LAYERS = {
    "hidden_size_per_layer_input": 0,
    "vocab_size_per_layer_input": 0,
    "num_hidden_layers": 0,
    "layer_types": [],
}
MOE_MLPS = ["dense", "sparse"]
EXCEPTIONS = {
    "chameleon": {"vocabulary_map": {"<image>": 3}},
    "cohere_compass_text": {"rope_parameters": ROPE_BY_LAYER},
    "cosmos3_edge": {"text_config": {"head_dim": 128}},
    "dbrx": {
        "attn_config": {"kv_n_heads": 1, "rope_theta": 10000.0},
        "ffn_config": {"ffn_hidden_size": WIDTH},
    },
    "deepseek_ocr2_text": {
        "mlp_layer_types": MOE_MLPS,
        "n_group": 1,
        "topk_group": 1,
        "num_experts_per_tok": 2,
    },
    "diffusion_gemma_text": {"num_experts": 4, "top_k_experts": 2, "moe_intermediate_size": WIDTH},
    "dots1": {"n_routed_experts": 4, "n_shared_experts": 1, "num_experts_per_tok": 2},
    "dots3_note_vision_encoder": {"mlp_layer_types": MOE_MLPS},
    "emu3": {"vocabulary_map": {"<image>": 3, "<|extra_200|>": 4}},
    "ernie4_5_vl_moe_text": {"num_attention_heads": 1, "num_key_value_heads": 1, "head_dim": 128},
    "fast_vlm": {"vision_config": TINY_TIMM},
    "florence_vision": {
        "depths": [1, 1, 1, 1],
        "embed_dim": [16, 16, 32, 32],
        "num_heads": [2, 2, 2, 2],
        "num_groups": [2, 2, 2, 2],
    },
    "fun_asr_nano": {"adaptor_config": {"intermediate_size": 8}},
    "gemma3n": {"vision_config": TINY_TIMM},
    "gemma3n_text": {"num_kv_shared_layers": 0},
    "gemma4_assistant": {"text_config": NO_LAYERS},
    "gemma4_unified_assistant": {"text_config": NO_LAYERS},
    "glm5_next_text": {"index_topk": 16},
    "gpt_neo": {"attention_types": [[["global", "local"], 1]]},
    "granite4_vision": {
        "text_config": {"hidden_size": 64},
        "vision_config": {"hidden_size": 64},
        "deepstack_layer_map": [[-1, 0]],
        "spatial_target_layers": [0, 0, 0, 0],
        "downsample_rate": "1/2",
    },
    "hunyuan_v1_dense": {"head_dim": 8},
    "hunyuan_v1_moe": {"head_dim": 8},
    "hunyuan_vl_text": {"head_dim": 8},
    "jamba": {
        "attn_layer_period": 2,
        "attn_layer_offset": 1,
        "expert_layer_period": 2,
        "expert_layer_offset": 1,
    },
    "lfm2_moe": {"layer_types": ["conv", "full_attention"]},
    "mamba2": {"num_heads": 8, "head_dim": 8},
    "ministral": {"head_dim": 8},
    "molmo2": {"adapter_config": {"vision_feature_layer": [-1, -2]}},
    "moonshine_streaming": {"num_key_value_heads": 4},
    "muse_spark_audio": {
        "hidden_sizes": [8, 16, 16, 32],
        "depths": [1, 1, 1, 1],
        "num_hidden_layers": 4,
    },
    "nemotron": {"num_key_value_heads": 4},
    "nemotron_h_omni": {"vision_config": {"video_temporal_patch_size": 2}},
    "perception_lm": {
        "vision_config": {"architecture": "test_vit", "model_args": {"embed_dim": 64}}
    },
    "qwen3_omni_moe": {"talker_config": {"spatial_merge_size": 2}},
    "qwen3_omni_moe_talker_text": {"shared_expert_intermediate_size": WIDTH},
    "reformer": {"is_decoder": True, "axial_pos_embds_dim": [16, 16], "axial_pos_shape": [8, 8]},
    "vibevoice_acoustic_tokenizer": {"depths": [1] * 7, "num_filters": 2},
    "vibevoice_acoustic_tokenizer_decoder": {"depths": [1] * 7, "num_filters": 2},
    "vibevoice_acoustic_tokenizer_encoder": {"depths": [1] * 7, "num_filters": 2},
    "vibevoice_asr": {"acoustic_tokenizer_chunk_size": 3200},
    "zamba": {
        "num_hidden_layers": 5,
        "layers_block_type": [
            "linear_attention",
            "linear_attention",
            "hybrid",
            "linear_attention",
            "hybrid",
        ],
    },
    "zamba2": {"layers_block_type": ["linear_attention", "hybrid"]},
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
        if isinstance(inner, PreTrainedConfig):
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
