#ifndef GAMMA_EXTRACT_HUB_ACCESS_H_
#define GAMMA_EXTRACT_HUB_ACCESS_H_

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "fetch_cache.h"
#include "gamma_extract/observer.h"
#include "hub_client.h"

namespace gamma_extract {

/// One commit of a model, and how its bytes are had: what all of its files share.
struct HubAccess {
  std::string id;
  std::string commit;
  std::unique_ptr<const HubClient> client;     ///< null: offline
  unsigned connections = 0;                    ///< that fetch a matrix together
  std::unique_ptr<FetchCache> cache;           ///< not null
  bool keep = true;                            ///< the matrix, in the cache
  std::vector<std::filesystem::path> scratch;  ///< where it may lie else, the best place first
  Observer observer;
};

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_HUB_ACCESS_H_
