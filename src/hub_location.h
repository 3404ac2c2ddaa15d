#ifndef GAMMA_EXTRACT_HUB_LOCATION_H_
#define GAMMA_EXTRACT_HUB_LOCATION_H_

#include "gamma_extract/model_location.h"
#include "gamma_extract/observer.h"

namespace gamma_extract {

/// Finds the commit of a model that is named by a valid id, and how to read its files.
///
/// Which commit a branch or a tag is, the Hub is asked once; everything after that is by commit. A
/// commit needs no question. Offline, or where the Hub cannot be asked or refuses, the commit is
/// the one that it last named, to Hugging Face's client or to this program, whichever was later.
/// Throws what locate_model says of an id.
ModelLocation locate_on_hub(const ModelOptions& options, const Observer& observer,
                            const Environment& environment);

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_HUB_LOCATION_H_
