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

const std::vector<Family>& families() {
  // Names that many families share. Last come those of a bare model, without the prefix.
  static const Names lm_head = {"lm_head.weight"};
  static const Names embed_tokens = {"model.embed_tokens.weight", "embed_tokens.weight"};
  static const Names wte = {"transformer.wte.weight", "wte.weight"};
  static const Names backbone = {"backbone.embeddings.weight", "embeddings.weight"};
  static const Names word_embeddings = {"transformer.word_embeddings.weight",
                                        "word_embeddings.weight"};
  static const Names decoder = {"model.decoder.embed_tokens.weight", "decoder.embed_tokens.weight"};
  static const Names shared = {"model.shared.weight", "shared.weight",
                               "model.decoder.embed_tokens.weight"};
  static const Names bert_head = {"cls.predictions.decoder.weight"};
  static const Names roberta_head = {"lm_head.decoder.weight"};
  // A text model inside, as transformers 5 saves it, and as it was saved before.
  static const Names inner_head = {"lm_head.weight", "language_model.lm_head.weight",
                                   "model.language_model.lm_head.weight"};
  static const Names inner_embed_tokens = {
      "model.language_model.embed_tokens.weight", "language_model.model.embed_tokens.weight",
      "language_model.embed_tokens.weight", "model.embed_tokens.weight"};
  static const Names text_model = {"model.text_model.embed_tokens.weight"};

  // clang-format off
  static const std::vector<Family> table = {
      // model types, heads, embeddings, which flag counts, and what counts without one
      {{"llama", "afmoe", "apertus", "arcee", "aria_text", "axk1", "axk2", "bamba", "beam", "bitnet", "cwm",
        "deepseek_v2", "deepseek_v3", "deepseek_v32", "diffllama", "doge", "dots1", "dots3_note_text",
        "exaone4", "exaone_moe", "falcon_h1", "flex_olmo", "flint", "glm", "glm4", "glm4_moe",
        "glm4_moe_lite", "glm_moe_dsa", "gpt_oss", "granite", "granitemoe", "granitemoe_swa",
        "granitemoehybrid", "granitemoeshared", "helium", "hrm_text", "hunyuan_v1_dense",
        "hunyuan_v1_moe", "hy_v3", "hy_v4", "hyperclovax", "idefics", "internlm3", "iquestcoder", "jais2",
        "jamba", "kolibri1", "laguna", "llama4_text", "longcat_flash", "mellum", "mimo_v2_flash",
        "minimax", "minimax_m2", "minimax_m3_vl_text", "ministral", "ministral3", "mistral", "mixtral",
        "nanochat", "nemotron", "olmo", "olmo2", "olmo3", "olmo_hybrid", "olmoe", "persimmon", "phi",
        "phi3", "phi4_multimodal", "phimoe", "qwen2", "qwen2_moe", "qwen3", "qwen3_5_moe_text",
        "qwen3_5_text", "qwen3_moe", "qwen3_next", "qwen4_exp_text", "seed_oss", "solar_open",
        "stablelm"},                                    lm_head, embed_tokens, outer, untied},
      {{"gemma", "cohere", "cohere2", "cohere2_moe", "cohere_compass_text", "ernie4_5", "ernie4_5_moe",
        "gemma2", "gemma3_text", "gemma3n_text", "gemma4_text", "gemma4_unified_text", "granite_swa",
        "jetmoe", "lfm2", "lfm2_moe", "lfm3", "minicpm3", "recurrent_gemma", "smollm3", "starcoder2",
        "vaultgemma", "xglm", "youtu", "zamba", "zamba2", "zaya"},
                                                        lm_head, embed_tokens, outer, tied},
      {{"inkling_text", "kimi_linear"},                 lm_head, embed_tokens, never, untied},
      {{"gpt2", "gpt_bigcode", "gpt_neo", "mpt"},       lm_head, wte, outer, tied},
      {{"codegen", "gptj"},                             lm_head, wte, outer, untied},
      {{"dbrx"},                                        lm_head, wte, never, untied},
      {{"openai-gpt"},                                  lm_head, {"transformer.tokens_embed.weight", "tokens_embed.weight"}, outer, tied},
      {{"ctrl"},                                        lm_head, {"transformer.w.weight", "w.weight"}, outer, tied},
      {{"xlnet"},                                       {"lm_loss.weight"}, {"transformer.word_embedding.weight", "word_embedding.weight"}, outer, tied},
      {{"xlm"},                                         {"pred_layer.proj.weight"}, {"transformer.embeddings.weight"}, outer, tied},
      {{"gpt_neox"},                                    {"embed_out.weight", "lm_head.weight"}, {"gpt_neox.embed_in.weight", "embed_in.weight"}, outer, untied},
      {{"gpt_neox_japanese"},                           {"embed_out.weight"}, {"gpt_neox_japanese.embed_in.weight", "embed_in.weight"}, outer, tied},
      {{"bloom", "falcon"},                             lm_head, word_embeddings, outer, tied},
      {{"bailing_hybrid"},                              lm_head, {"model.word_embeddings.weight"}, never, untied},
      {{"mamba", "falcon_mamba"},                       lm_head, backbone, outer, tied},
      {{"mamba2"},                                      lm_head, backbone, outer, untied},
      {{"nemotron_h", "xlstm"},                         lm_head, backbone, never, untied},
      {{"rwkv"},                                        {"head.weight"}, {"rwkv.embeddings.weight", "embeddings.weight"}, outer, untied},
      {{"deepseek_v4"},                                 {"head.weight", "lm_head.weight"}, embed_tokens, outer, untied},
      {{"inkling2_text"},                               {"model.llm.unembed.weight"}, {"model.llm.embed.weight"}, never, untied},
      {{"biogpt"},                                      {"output_projection.weight"}, {"biogpt.embed_tokens.weight", "embed_tokens.weight"}, outer, tied},
      {{"blt"},                                         lm_head, {"model.local_encoder.embed_tokens.weight"}, outer, untied},
      {{"cpmant"},                                      lm_head, {"cpmant.input_embedding.weight", "input_embedding.weight"}, never, untied},
      {{"modernbert-decoder"},                          {"decoder.weight"}, {"model.embeddings.tok_embeddings.weight", "embeddings.tok_embeddings.weight"}, outer, tied},

      // Encoders that have a class with a causal head.
      {{"bert", "big_bird", "megatron-bert"},           bert_head, {"bert.embeddings.word_embeddings.weight"}, outer, tied},
      {{"bert-generation"},                             roberta_head, {"bert.embeddings.word_embeddings.weight"}, outer, tied},
      {{"ernie"},                                       bert_head, {"ernie.embeddings.word_embeddings.weight"}, outer, tied},
      {{"roc_bert"},                                    bert_head, {"roc_bert.embeddings.word_embeddings.weight"}, outer, tied},
      {{"roformer"},                                    bert_head, {"roformer.embeddings.word_embeddings.weight"}, outer, tied},
      {{"rembert"},                                     bert_head, {"rembert.embeddings.word_embeddings.weight"}, never, untied},
      {{"roberta", "camembert", "xlm-roberta", "xlm-roberta-xl", "xmod"},
                                                        roberta_head, {"roberta.embeddings.word_embeddings.weight"}, outer, tied},
      {{"roberta-prelayernorm"},                        roberta_head, {"roberta_prelayernorm.embeddings.word_embeddings.weight"}, outer, tied},
      {{"data2vec-text"},                               roberta_head, {"data2vec_text.embeddings.word_embeddings.weight"}, outer, tied},
      {{"electra"},                                     {"generator_lm_head.weight"}, {"electra.embeddings.word_embeddings.weight"}, outer, tied},
      {{"git"},                                         {"output.weight"}, {"git.embeddings.word_embeddings.weight"}, outer, untied},

      // An encoder beside the decoder.
      {{"t5", "mt5", "umt5"},                           lm_head, {"shared.weight"}, always, tied},
      {{"bart", "blenderbot", "blenderbot-small", "marian", "mbart", "mvp", "pegasus", "plbart"},
                                                        lm_head, shared, outer, tied},
      {{"opt"},                                         lm_head, decoder, outer, tied},
      {{"bigbird_pegasus"},                             lm_head, shared, never, untied},
      {{"trocr"},                                       {"output_projection.weight"}, decoder, outer, tied},
      {{"whisper"},                                     {"proj_out.weight"}, decoder, outer, tied},
      {{"prophetnet"},                                  lm_head, {"prophetnet.word_embeddings.weight", "prophetnet.decoder.word_embeddings.weight"}, outer, tied},

      // A text model beside others, for images or sound.
      {{"qwen3_vl", "aria", "exaone4_5", "fuyu", "glm46v", "glmga", "qwen3_5", "qwen3_5_moe"},
                                                        inner_head, inner_embed_tokens, outer, untied},
      {{"gemma3", "aya_vision", "cohere2_vision", "deepseek_vl", "deepseek_vl_hybrid", "gemma3n", "gemma4",
        "gemma4_unified", "got_ocr2", "hyperclovax_vision_v2", "internvl", "mistral3",
        "moss_transcribe_diarize", "paligemma"},        inner_head, inner_embed_tokens, outer, tied},
      {{"llava", "glm4v", "glm4v_moe", "glm_ocr", "qwen2_vl", "qwen2_5_vl"},
                                                        inner_head, inner_embed_tokens, either, untied},
      {{"llama4"},                                      inner_head, inner_embed_tokens, inner, untied},
      {{"mllama"},                                      inner_head, inner_embed_tokens, never, untied},
      {{"idefics2", "idefics3", "smolvlm"},             lm_head, text_model, outer, untied},
      {{"granite_docling"},                             lm_head, text_model, outer, tied},
  };
  // clang-format on
  return table;
}

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
  constexpr std::array<std::string_view, 44> encoders = {"albert",
                                                         "bert",
                                                         "big_bird",
                                                         "camembert",
                                                         "convbert",
                                                         "data2vec-text",
                                                         "deberta",
                                                         "deberta-v2",
                                                         "distilbert",
                                                         "electra",
                                                         "ernie",
                                                         "esm",
                                                         "eurobert",
                                                         "flaubert",
                                                         "fnet",
                                                         "funnel",
                                                         "gte",
                                                         "ibert",
                                                         "jina_embeddings_v3",
                                                         "layoutlm",
                                                         "longformer",
                                                         "luke",
                                                         "lxmert",
                                                         "megatron-bert",
                                                         "mobilebert",
                                                         "modernbert",
                                                         "mpnet",
                                                         "mra",
                                                         "new",
                                                         "nomic_bert",
                                                         "nystromformer",
                                                         "rembert",
                                                         "roberta",
                                                         "roberta-prelayernorm",
                                                         "roc_bert",
                                                         "roformer",
                                                         "splinter",
                                                         "squeezebert",
                                                         "visual_bert",
                                                         "xlm",
                                                         "xlm-roberta",
                                                         "xlm-roberta-xl",
                                                         "xmod",
                                                         "yoso"};
  return std::ranges::find(encoders, model_type) != encoders.end();
}

}  // namespace gamma_extract
