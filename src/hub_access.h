#ifndef GAMMA_EXTRACT_HUB_ACCESS_H_
#define GAMMA_EXTRACT_HUB_ACCESS_H_

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "fetch_cache.h"
#include "gamma_extract/observer.h"
#include "hub_client.h"

namespace gamma_extract {

/// One commit of a model, and how its bytes are had: what all of its files share.
struct HubAccess {
  HubAccess(std::string model, std::unique_ptr<FetchCache> kept, Observer watcher)
      : id(std::move(model)), cache(std::move(kept)), observer(std::move(watcher)) {}

  std::string id;
  std::string commit{};
  std::unique_ptr<const HubClient> client{};     ///< null: offline
  std::unique_ptr<FetchCache> cache;             ///< not null
  bool keep = true;                              ///< the matrix, in the cache
  std::vector<std::filesystem::path> scratch{};  ///< where it may lie else, the best place first
  unsigned connections = 1;  ///< threads that verify and fetch a matrix together
  Observer observer;
};

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_HUB_ACCESS_H_
