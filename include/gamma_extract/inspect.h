#ifndef GAMMA_EXTRACT_INSPECT_H_
#define GAMMA_EXTRACT_INSPECT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gamma_extract/error.h"
#include "gamma_extract/model_location.h"
#include "gamma_extract/observer.h"
#include "gamma_extract/safetensors.h"
#include "gamma_extract/unembedding.h"

/// What a checkpoint holds, and which of its tensors the main job would take, and why: from the
/// headers alone.
///
/// A model that holds no unembedding matrix can be inspected all the same; that is when a person
/// needs the list most. So what stands in the way of the choice is a value here, `problem`, beside
/// the tensors. And since the main job reads no other shard than that of the matrix, another shard
/// that is missing or broken is told as a warning: the choice stands, and the rest is listed.
namespace gamma_extract {

struct InspectOptions {
  ModelOptions model;                 ///< where it is; of a file, any name will do
  std::optional<std::string> tensor;  ///< nothing: by the rules
};

/// The tensors of one file of a checkpoint.
struct InspectedShard {
  std::string name;  ///< relative to the checkpoint
  /// Whether its header could be read; why not stands in `warnings` or `problem`.
  bool read = true;
  /// By name, numbers in names by their value: layers.2 before layers.10. (Files have them by type
  /// and letters, which tears a layer apart.)
  std::vector<safetensors::Tensor> tensors;
};

struct Inspection {
  /// What the main job would take.
  struct Chosen {
    Choice choice;
    safetensors::Tensor tensor;
  };

  std::string model;
  std::optional<std::string> revision;
  /// Nothing where there is a problem, and of a file whose tensor nobody has named.
  std::optional<Chosen> chosen;
  /// What could be meant: the tensors with a name that heads and embeddings have in some family,
  /// the least nested first.
  std::vector<std::string> candidates;
  /// Why the main job would take nothing.
  std::optional<Error> problem;
  std::vector<InspectedShard> shards;  ///< in the order of their numbers
  std::vector<std::string> warnings;   ///< a line each
};

/// Reads every header of the checkpoint, and nothing else of it. Throws where there is nothing to
/// list: what locate_model and Checkpoint throw, among it the rule that a single file breaks; and
/// Stopped.
Inspection inspect(const InspectOptions& options, const Observer& observer);

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_INSPECT_H_
