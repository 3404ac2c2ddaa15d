#include "gamma_extract/inspect.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <memory>
#include <string_view>
#include <utility>

#include "gamma_extract/checkpoint.h"
#include "gamma_extract/model_name.h"
#include "natural_order.h"
#include "open_checkpoint.h"
#include "tensor_suggestions.h"
#include "warnings.h"

namespace gamma_extract {
namespace {

namespace fs = std::filesystem;
using Names = std::vector<std::string_view>;
/// The tensors that each shard is said to hold.
using NamesByShard = std::map<std::string, Names, NaturalOrder>;

/// The label in the file names, which this name serves for in the main job, is of no use here: any
/// will do that no rule refuses.
ModelName name_without_label(const fs::path& path) {
  return model_name(path, "model");
}

NamesByShard names_by_shard(const Checkpoint& checkpoint, const Names& names) {
  NamesByShard shards;
  for (const std::string_view name : names) shards[checkpoint.shard_of(name)].push_back(name);
  return shards;
}

std::vector<safetensors::Tensor> tensors_of(const safetensors::Header& header) {
  std::vector<safetensors::Tensor> tensors;
  tensors.reserve(header.size());
  for (std::size_t i = 0; i < header.size(); ++i) tensors.push_back(header.tensor(i));
  std::ranges::sort(tensors, NaturalOrder{}, &safetensors::Tensor::name);
  return tensors;
}

/// What is in `left` and not in `right`. Both are in natural order.
Names difference(const Names& left, const Names& right) {
  Names result;
  std::ranges::set_difference(left, right, std::back_inserter(result), NaturalOrder{});
  return result;
}

/// Builds an Inspection, shard by shard.
class Inspector {
 public:
  Inspector(const InspectOptions& options, const Observer& observer)
      : warnings_(observer),
        location_(locate_model(options.model, warnings_.observer())),
        checkpoint_(open_checkpoint(location_)),
        names_(checkpoint_.names()) {
    const ModelName name = name_without_label(location_.path);
    inspection_.model = name.model;
    inspection_.revision = name.revision;
    for (const std::string_view candidate : matrix_like(names_)) {
      inspection_.candidates.emplace_back(candidate);
    }
    if (!checkpoint_.is_file() || options.tensor) choose(options.tensor);
  }

  Inspection run() {
    const StopFlag& stop = warnings_.observer().stop;
    for (auto& [name, tensors] : names_by_shard(checkpoint_, names_)) {
      stop.check();
      add_shard(name, tensors);
    }
    stop.check();
    inspection_.warnings = warnings_.texts();
    return std::move(inspection_);
  }

 private:
  void choose(const std::optional<std::string>& tensor) try {
    Choice choice = choose_unembedding(checkpoint_, tensor);
    if (choice.compare_with) {
      choice.reason += fmt::format("; the config ties it to {}, not compared with it here",
                                   *choice.compare_with);
    }
    choice_ = std::move(choice);
  } catch (const Error& error) {
    if (is_of_the_network(error.fault())) throw;
    inspection_.problem = error;
  }

  /// The choice, if this shard holds it.
  [[nodiscard]] const Choice* choice_in(const std::string& shard) const {
    return choice_ && choice_->shard == shard ? &*choice_ : nullptr;
  }

  void add_shard(const std::string& name, Names& expected) {
    const Choice* const choice = choice_in(name);
    try {
      const std::shared_ptr<const Shard> shard =
          checkpoint_.open_shard(choice != nullptr ? choice->tensor : expected.front());
      inspection_.shards.push_back(
          {.name = name, .read = true, .tensors = tensors_of(shard->header)});
      warn_of_differences(inspection_.shards.back(), expected);
      if (choice != nullptr) take(*choice, *shard);
    } catch (const Error& error) {
      // The network is no fault of the shard, and would be none of the next.
      if (is_of_the_network(error.fault())) throw;
      inspection_.shards.push_back({.name = name, .read = false, .tensors = {}});
      if (choice != nullptr) {
        inspection_.problem = error;
      } else {
        warn(error.what());
      }
    }
  }

  void take(const Choice& choice, const Shard& shard) try {
    const StoredMatrix matrix = stored_matrix(shard, choice.tensor);
    for (const std::string& warning : shape_warnings(checkpoint_.config(), matrix)) warn(warning);
    inspection_.chosen = {.choice = choice, .tensor = matrix.tensor};
  } catch (const Error& error) {
    inspection_.problem = error;
  }

  /// An index and a shard that are not of one checkpoint.
  void warn_of_differences(const InspectedShard& shard, Names& expected) {
    Names actual;
    actual.reserve(shard.tensors.size());
    for (const safetensors::Tensor& tensor : shard.tensors) actual.emplace_back(tensor.name);
    std::ranges::sort(expected, NaturalOrder{});
    if (const Names missing = difference(expected, actual); !missing.empty()) {
      warn(fmt::format("{}: it does not hold {}, though the index says so", shard.name,
                       enumerate(missing)));
    }
    if (const Names extra = difference(actual, expected); !extra.empty()) {
      warn(fmt::format("{}: it holds {}, which the index does not say", shard.name,
                       enumerate(extra)));
    }
  }

  void warn(const std::string& text) const { warnings_.observer().warn(text); }

  const Warnings warnings_;
  const ModelLocation location_;
  const Checkpoint checkpoint_;
  const Names names_;  // of the checkpoint
  std::optional<Choice> choice_;
  Inspection inspection_;
};

}  // namespace

Inspection inspect(const InspectOptions& options, const Observer& observer) {
  return Inspector(options, observer).run();
}

}  // namespace gamma_extract
