#ifndef GAMMA_EXTRACT_OPEN_CHECKPOINT_H_
#define GAMMA_EXTRACT_OPEN_CHECKPOINT_H_

#include "gamma_extract/checkpoint.h"
#include "gamma_extract/model_location.h"

namespace gamma_extract {

/// Opens the model that was found. Throws what Checkpoint throws; of the index of a checkpoint,
/// which is no file of it, says so.
Checkpoint open_checkpoint(const ModelLocation& location);

/// The same where no tensor is named: then a file is a usage error, also one that is not valid.
Checkpoint open_unnamed(const ModelLocation& location);

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_OPEN_CHECKPOINT_H_
