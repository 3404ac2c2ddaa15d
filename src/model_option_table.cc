#include "model_option_table.h"

namespace gamma_extract::cli {

ModelOptionTable::ModelOptionTable(OptionTable& table)
    : revision_(table.value("What to read", "--revision", "REV",
                            "of a model named by its id: a branch, a tag or a\n"
                            "commit (default: main)")),
      cache_dir_(table.value("What to read", "--cache-dir", "DIR",
                             "the Hugging Face cache (default: HF_HUB_CACHE, else\n"
                             "HUGGINGFACE_HUB_CACHE, else HF_HOME/hub, else\n"
                             "XDG_CACHE_HOME/huggingface/hub, else\n"
                             "~/.cache/huggingface/hub)")),
      offline_(table.flag("What to read", "--offline",
                          "ask nobody: a model is in a cache or nowhere, as with\n"
                          "HF_HUB_OFFLINE=1")) {}

ModelOptions ModelOptionTable::options(const OptionTable& table, const std::string& name) const {
  return {.name = name,
          .revision = table.value_of(*revision_),
          .cache_dir = table.value_of(*cache_dir_),
          .offline = is_given(*offline_)};
}

}  // namespace gamma_extract::cli
