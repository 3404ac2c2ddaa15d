#include "gamma_extract/families.h"

#include <algorithm>
#include <array>

namespace gamma_extract {
namespace {

using Names = Family::Names;
using enum TieFlag;

constexpr bool tied = true;
constexpr bool untied = false;

}  // namespace

// NOLINTBEGIN(readability-function-size, modernize-use-designated-initializers): a table, not code.
const std::vector<Family>& families() {
  // Names that several families share. Last come those of a bare model, without the prefix.
  static const Names lm_head = {"lm_head.weight"};
  static const Names embed_tokens = {"model.embed_tokens.weight", "embed_tokens.weight"};
  static const Names wte = {"transformer.wte.weight", "wte.weight"};
  static const Names backbone = {"backbone.embeddings.weight", "embeddings.weight"};
  static const Names word_embeddings = {"transformer.word_embeddings.weight",
                                        "word_embeddings.weight"};
  static const Names decoder = {"model.decoder.embed_tokens.weight", "decoder.embed_tokens.weight"};
  // With an encoder, or of the decoder alone.
  static const Names shared = {"model.shared.weight", "shared.weight",
                               "model.decoder.embed_tokens.weight"};
  static const Names bert_head = {"cls.predictions.decoder.weight"};
  static const Names roberta_head = {"lm_head.decoder.weight"};
  // A text model inside: as transformers 5 has it, as it is saved mostly, as it was before.
  static const Names inner_head = {"lm_head.weight", "language_model.lm_head.weight",
                                   "model.language_model.lm_head.weight"};
  static const Names inner_embed_tokens = {"model.language_model.embed_tokens.weight",
                                           "language_model.model.embed_tokens.weight",
                                           "model.embed_tokens.weight", "embed_tokens.weight"};
  static const Names inner_decoder = {"language_model.model.decoder.embed_tokens.weight",
                                      "language_model.shared.weight"};
  static const Names text_model = {"model.text_model.embed_tokens.weight"};
  static const Names text_model_head = {"text_model.lm_head.weight"};
  static const Names text_model_embed_tokens = {"text_model.model.embed_tokens.weight"};

  // Model types; heads; embeddings; which flag counts, and what counts without it. The type that is
  // best known comes first, the others by name.
  // clang-format off
  static const std::vector<Family> table = {
      // Decoders.
      {{"llama", "afmoe", "apertus", "arcee", "aria_text", "axk1", "axk2", "bamba", "beam",
        "bitnet", "cwm", "deepseek_v2", "deepseek_v3", "deepseek_v32", "diffllama", "doge",
        "dots1", "dots3_note_text", "emu3_text_model", "exaone4", "exaone_moe", "falcon_h1",
        "flex_olmo", "flint", "glm", "glm4", "glm4_moe", "glm4_moe_lite", "glm_moe_dsa", "gpt_oss",
        "granite", "granitemoe", "granitemoe_swa", "granitemoehybrid", "granitemoeshared",
        "helium", "hrm_text", "hunyuan_v1_dense", "hunyuan_v1_moe", "hy_v3", "hy_v4",
        "hyperclovax", "idefics", "internlm3", "iquestcoder", "jais2", "jamba", "kolibri1",
        "laguna", "llama4_text", "longcat_flash", "mellum", "mimo_v2_flash", "minimax",
        "minimax_m2", "minimax_m3_vl_text", "ministral", "ministral3", "mistral", "mistral4",
        "mixtral", "nanochat", "nemotron", "olmo", "olmo2", "olmo3", "olmo_hybrid", "olmoe",
        "persimmon", "phi", "phi3", "phi4_multimodal", "phimoe", "qwen2", "qwen2_moe", "qwen3",
        "qwen3_5_moe_text", "qwen3_5_text", "qwen3_moe", "qwen3_next", "qwen4_exp_text",
        "seed_oss", "solar_open", "stablelm"},
       lm_head, embed_tokens, outer, untied},
      {{"gemma", "cohere", "cohere2", "cohere2_moe", "cohere_compass_text", "ernie4_5",
        "ernie4_5_moe", "gemma2", "gemma3_text", "gemma3n_text", "gemma4_assistant", "gemma4_text",
        "gemma4_unified_assistant", "gemma4_unified_text", "granite_swa", "jetmoe", "lfm2",
        "lfm2_moe", "lfm3", "minicpm3", "recurrent_gemma", "smollm3", "starcoder2", "vaultgemma",
        "xglm", "youtu", "zamba", "zamba2", "zaya"},
       lm_head, embed_tokens, outer, tied},
      {{"kimi_linear", "evolla", "inkling_text", "mllama_text_model", "moshi"},
       lm_head, embed_tokens, never, untied},
      {{"gpt2", "gpt-sw3", "gpt_bigcode", "gpt_neo", "mpt"}, lm_head, wte, outer, tied},
      {{"gptj", "codegen"}, lm_head, wte, outer, untied},
      {{"dbrx"}, lm_head, wte, never, untied},
      {{"openai-gpt"},
       lm_head, {"transformer.tokens_embed.weight", "tokens_embed.weight"}, outer, tied},
      {{"ctrl"}, lm_head, {"transformer.w.weight", "w.weight"}, outer, tied},
      {{"xlnet"},
       {"lm_loss.weight"}, {"transformer.word_embedding.weight", "word_embedding.weight"}, outer,
       tied},
      {{"xlm"}, {"pred_layer.proj.weight"}, {"transformer.embeddings.weight"}, outer, tied},
      {{"gpt_neox"},
       {"embed_out.weight", "lm_head.weight"}, {"gpt_neox.embed_in.weight", "embed_in.weight"},
       outer, untied},
      {{"gpt_neox_japanese"},
       {"embed_out.weight"}, {"gpt_neox_japanese.embed_in.weight", "embed_in.weight"}, outer, tied},
      {{"opt", "diffusion_gemma", "speech_to_text"}, lm_head, decoder, outer, tied},
      {{"bloom", "falcon"}, lm_head, word_embeddings, outer, tied},
      {{"bailing_hybrid"}, lm_head, {"model.word_embeddings.weight"}, never, untied},
      {{"mamba", "falcon_mamba"}, lm_head, backbone, outer, tied},
      {{"mamba2"}, lm_head, backbone, outer, untied},
      {{"nemotron_h", "xlstm"}, lm_head, backbone, never, untied},
      {{"rwkv"}, {"head.weight"}, {"rwkv.embeddings.weight", "embeddings.weight"}, outer, untied},
      {{"deepseek_v4"}, {"head.weight", "lm_head.weight"}, embed_tokens, outer, untied},
      {{"inkling2_text", "inkling2", "inkling_mm_model"},
       {"model.llm.unembed.weight"}, {"model.llm.embed.weight"}, never, untied},
      {{"biogpt"},
       {"output_projection.weight"}, {"biogpt.embed_tokens.weight", "embed_tokens.weight"}, outer,
       tied},
      {{"blt"}, lm_head, {"model.local_encoder.embed_tokens.weight"}, outer, untied},
      {{"cpmant"}, lm_head, {"cpmant.input_embedding.weight"}, never, untied},
      {{"modernbert-decoder"},
       {"decoder.weight"}, {"model.embeddings.tok_embeddings.weight"}, outer, tied},

      // Encoders that have a class with a causal head.
      {{"bert", "big_bird", "megatron-bert"},
       bert_head, {"bert.embeddings.word_embeddings.weight"}, outer, tied},
      {{"bert-generation"}, roberta_head, {"bert.embeddings.word_embeddings.weight"}, outer, tied},
      {{"reformer"}, roberta_head, {"reformer.embeddings.word_embeddings.weight"}, never, untied},
      {{"ernie"}, bert_head, {"ernie.embeddings.word_embeddings.weight"}, outer, tied},
      {{"roc_bert"}, bert_head, {"roc_bert.embeddings.word_embeddings.weight"}, outer, tied},
      {{"roformer"}, bert_head, {"roformer.embeddings.word_embeddings.weight"}, outer, tied},
      {{"rembert"}, bert_head, {"rembert.embeddings.word_embeddings.weight"}, never, untied},
      {{"roberta", "camembert", "xlm-roberta", "xlm-roberta-xl", "xmod"},
       roberta_head, {"roberta.embeddings.word_embeddings.weight"}, outer, tied},
      {{"roberta-prelayernorm"},
       roberta_head, {"roberta_prelayernorm.embeddings.word_embeddings.weight"}, outer, tied},
      {{"data2vec-text"},
       roberta_head, {"data2vec_text.embeddings.word_embeddings.weight"}, outer, tied},
      {{"electra"},
       {"generator_lm_head.weight"}, {"electra.embeddings.word_embeddings.weight"}, outer, tied},

      // Decoders beside an encoder, of text or sound.
      {{"t5", "longt5", "mt5", "udop", "umt5"}, lm_head, {"shared.weight"}, always, tied},
      {{"switch_transformers", "seamless_m4t", "seamless_m4t_v2"},
       lm_head, {"shared.weight"}, outer, tied},
      {{"t5gemma"}, {"lm_head.out_proj.weight"}, decoder, outer, tied},
      {{"t5gemma2"},
       {"lm_head.out_proj.weight"}, {"model.encoder.embed_tokens.weight"}, outer, tied},
      {{"bart", "blenderbot", "blenderbot-small", "m2m_100", "marian", "mbart", "mvp", "nllb-moe",
        "pegasus", "pegasus_x", "plbart"},
       lm_head, shared, outer, tied},
      {{"bigbird_pegasus"}, lm_head, {"model.shared.weight", "shared.weight"}, outer, tied},
      {{"led"}, lm_head, {"led.shared.weight", "shared.weight"}, outer, tied},
      {{"prophetnet"}, lm_head, {"prophetnet.word_embeddings.weight"}, outer, tied},
      {{"fsmt"},
       {"model.decoder.embed_tokens.weight"}, {"model.encoder.embed_tokens.weight"}, outer, untied},
      {{"trocr"}, {"output_projection.weight"}, decoder, outer, tied},
      {{"whisper", "canary", "moonshine"}, {"proj_out.weight"}, decoder, outer, tied},
      {{"moonshine_streaming"}, {"proj_out.weight"}, decoder, outer, untied},
      {{"speecht5"},
       {"text_decoder_postnet.lm_head.weight"}, {"speecht5.decoder.prenet.embed_tokens.weight"},
       outer, tied},
      {{"kyutai_speech_to_text"},
       lm_head, {"model.embed_tokens.embed_tokens.weight"}, outer, untied},
      {{"cohere_asr"},
       {"log_softmax.mlp.layer0.weight"},
       {"model.transf_decoder._embedding.token_embedding.weight"}, outer, untied},
      {{"encoder-decoder", "speech-encoder-decoder", "vision-encoder-decoder"},
       {"decoder.cls.predictions.decoder.weight", "decoder.lm_head.weight",
        "decoder.lm_head.decoder.weight", "decoder.output_projection.weight"},
       {"decoder.bert.embeddings.word_embeddings.weight",
        "decoder.roberta.embeddings.word_embeddings.weight", "decoder.transformer.wte.weight",
        "decoder.model.decoder.embed_tokens.weight"},
       inner, tied},

      // Text models beside others, for images or sound.
      {{"qwen3_vl", "aria", "chameleon", "cohere_compass", "cosmos3_omni", "deepseek_ocr2",
        "dots3_note", "exaone4_5", "fuyu", "glm46v", "glm5_next", "glmga", "granite4_vision",
        "llava_next", "minicpmv4_6", "minicpmv4_7", "muse_glimmer", "qianfan_ocr",
        "qwen2_5_omni_thinker", "qwen3_5", "qwen3_5_moe", "qwen3_omni_moe_thinker", "qwen3_vl_moe",
        "qwen4_exp", "step3p7", "unlimited_ocr", "video_llava", "vipllava"},
       inner_head, inner_embed_tokens, outer, untied},
      {{"gemma3", "aya_vision", "cohere2_vision", "deepseek_vl", "deepseek_vl_hybrid",
        "ernie4_5_vl_moe", "fun_asr_nano", "gemma3n", "gemma4", "gemma4_unified", "glmasr",
        "got_ocr2", "granite_speech", "granite_speech_plus", "hyperclovax_vision_v2", "internvl",
        "janus", "kimi_k25", "lfm2_vl", "lfm3_vl", "lighton_ocr", "minicpm_ocr", "mistral3",
        "moss_transcribe_diarize", "ovis2", "paligemma", "pp_chart2table", "qwen3_asr",
        "voxtral_realtime"},
       inner_head, inner_embed_tokens, outer, tied},
      {{"llava", "fast_vlm", "glm4v", "glm4v_moe", "glm_ocr", "llava_next_video",
        "llava_onevision", "minimax_m3_vl", "qwen2_5_vl", "qwen2_vl", "video_llama_3"},
       inner_head, inner_embed_tokens, either, untied},
      {{"perception_lm"}, inner_head, inner_embed_tokens, first, untied},
      {{"paddleocr_vl", "hunyuan_vl"}, inner_head, inner_embed_tokens, either, tied},
      {{"llama4", "vibevoice"}, inner_head, inner_embed_tokens, inner, untied},
      {{"mllama", "audioflamingo3", "cosmos3_edge", "muse_spark", "musicflamingo", "qwen2_audio",
        "vibevoice_asr", "voxtral"},
       inner_head, inner_embed_tokens, never, untied},
      {{"blip-2", "instructblip", "instructblipvideo"}, inner_head, inner_decoder, inner, tied},
      {{"idefics2", "idefics3", "smolvlm"}, lm_head, text_model, outer, untied},
      {{"granite_docling"}, lm_head, text_model, outer, tied},
      {{"florence2"}, lm_head, {"model.language_model.shared.weight"}, outer, tied},
      {{"emu3"}, text_model_head, text_model_embed_tokens, outer, untied},
      {{"kosmos-2"}, text_model_head, text_model_embed_tokens, either, tied},
      {{"kosmos-2.5"}, text_model_head, text_model_embed_tokens, inner, tied},
      {{"mistral_large4"}, {"output.weight"}, {"tok_embeddings.weight"}, outer, untied},
      {{"nemo_speechlm"}, {"llm.lm_head.weight"}, {"llm.model.embed_tokens.weight"}, never, untied},
      {{"pix2struct"}, {"decoder.lm_head.weight"}, {"decoder.embed_tokens.weight"}, outer, untied},
      {{"git"}, {"output.weight"}, {"git.embeddings.word_embeddings.weight"}, outer, untied},
  };
  // clang-format on
  return table;
}
// NOLINTEND(readability-function-size, modernize-use-designated-initializers)

const Family* find_family(std::string_view model_type) {
  const auto& table = families();
  const auto has_type = [&](const Family& each) {
    return std::ranges::find(each.model_types, model_type) != each.model_types.end();
  };
  const auto family = std::ranges::find_if(table, has_type);
  return family == table.end() ? nullptr : &*family;
}

const Family& common_names() {
  static const Family names = {
      .model_types = {},
      .heads = {"lm_head.weight", "language_model.lm_head.weight", "embed_out.weight",
                "output.weight", "output_layer.weight", "transformer.output_layer.weight",
                "head.weight"},
      .embeddings = {"model.embed_tokens.weight", "embed_tokens.weight",
                     "model.language_model.embed_tokens.weight",
                     "language_model.model.embed_tokens.weight", "transformer.wte.weight",
                     "wte.weight", "tok_embeddings.weight", "model.tok_embeddings.weight"}};
  return names;
}

bool is_encoder(std::string_view model_type) {
  // clang-format off
  static constexpr std::array<std::string_view, 44> encoders = {
      "albert", "bert", "big_bird", "camembert", "convbert", "data2vec-text", "deberta",
      "deberta-v2", "distilbert", "electra", "ernie", "esm", "eurobert", "flaubert", "fnet",
      "funnel", "gte", "ibert", "jina_embeddings_v3", "layoutlm", "longformer", "luke", "lxmert",
      "megatron-bert", "mobilebert", "modernbert", "mpnet", "mra", "new", "nomic_bert",
      "nystromformer", "rembert", "roberta", "roberta-prelayernorm", "roc_bert", "roformer",
      "splinter", "squeezebert", "visual_bert", "xlm", "xlm-roberta", "xlm-roberta-xl", "xmod",
      "yoso"
  };
  // clang-format on
  return std::ranges::find(encoders, model_type) != encoders.end();
}

}  // namespace gamma_extract
