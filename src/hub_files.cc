#include "hub_files.h"

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

#include "directory_names.h"
#include "file_type.h"
#include "gamma_extract/error.h"
#include "gamma_extract/safetensors.h"
#include "header_text.h"
#include "remote_source.h"

namespace gamma_extract {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view single_name = "model.safetensors";
constexpr const char* index_name = "model.safetensors.index.json";

// 97 of 100 headers are shorter.
constexpr std::uint64_t guessed_header_bytes = 100UL * 1024;

bool is_found(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

/// Bytes from the beginning of the file to the end of its header, or nothing where the first 8
/// bytes are no length that a header may have.
std::optional<std::uint64_t> header_end(std::string_view beginning, std::uint64_t file_bytes) {
  using safetensors::length_bytes;
  if (beginning.size() < length_bytes) return std::nullopt;
  const std::uint64_t length =
      safetensors::header_length(std::as_bytes(std::span(beginning)).first<length_bytes>());
  if (length > safetensors::max_header_bytes || length > file_bytes - length_bytes) {
    return std::nullopt;
  }
  return length_bytes + length;
}

/// Whether a header keeps the rules; why not is found again by whoever opens the file.
bool is_valid(const Source& source) {
  try {
    safetensors::read_header(source);
    return true;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

HubFiles::HubFiles(std::shared_ptr<HubAccess> hub, fs::path snapshot, std::string remedy)
    : hub_(std::move(hub)),
      snapshot_(std::move(snapshot)),
      path_(is_found(snapshot_) ? snapshot_ : fs::path(hub_->id)),
      remedy_(std::move(remedy)) {}

/// Whether Hugging Face's cache has the file. A link there to a blob that is gone has not, unless
/// nobody else can be asked.
bool HubFiles::is_here(const std::string& name) const {
  return hub_->client ? is_found(snapshot_ / name) : is_named(snapshot_ / name);
}

fs::path HubFiles::path_of(const std::string& name) const {
  return is_here(name) ? snapshot_ / name : fs::path(hub_->id) / name;
}

/// Whether it is known without a question that the commit has no such file.
bool HubFiles::is_absent(const std::string& name) const {
  // The client looks for the single file first: what has fetched the index had no other.
  if (name == single_name && is_here(index_name)) return true;
  return !hub_->client || hub_->cache->is_absent(hub_->commit, name) ||
         is_found(snapshot_.parent_path().parent_path() / ".no_exist" / hub_->commit / name);
}

std::optional<std::string> HubFiles::find_text(const std::string& name, std::uint64_t limit,
                                               Fault too_large) const {
  if (is_here(name)) return read_text(snapshot_ / name, limit, too_large);
  if (auto entry = hub_->cache->text(hub_->commit, name)) return std::move(entry->bytes);
  if (is_absent(name)) return std::nullopt;
  auto fetched = fetch_text(name, limit, too_large);
  if (!fetched) {
    hub_->cache->save_absent(hub_->commit, name);
    return std::nullopt;
  }
  // What was damaged on the way is not kept.
  if (nlohmann::json::accept(fetched->text)) {
    hub_->cache->save_text(
        hub_->commit, name,
        {.bytes = fetched->text, .etag = fetched->etag, .file_bytes = fetched->text.size()});
  }
  return std::move(fetched->text);
}

std::optional<HubText> HubFiles::fetch_text(const std::string& name, std::uint64_t limit,
                                            Fault too_large) const {
  try {
    return hub_->client->read_text(hub_->commit, name, limit);
  } catch (const Error& error) {
    // That is the file's fault, wherever it is.
    if (error.fault() != Fault::hub_answer_too_large) throw;
    throw Error(too_large, error.what());
  }
}

std::unique_ptr<const Source> HubFiles::find(const std::string& name) const {
  if (is_here(name)) return std::make_unique<FileSource>(snapshot_ / name);
  if (auto entry = hub_->cache->header(hub_->commit, name)) {
    return std::make_unique<RemoteSource>(
        hub_, HubFile{.name = name, .etag = entry->etag, .size = entry->file_bytes},
        std::move(entry->bytes));
  }
  if (is_absent(name)) return nullptr;
  const std::optional<HubFile> file = hub_->client->find(hub_->commit, name);
  if (!file) {
    hub_->cache->save_absent(hub_->commit, name);
    return nullptr;
  }
  const std::string header = fetch_header(*file);
  auto source = std::make_unique<RemoteSource>(hub_, *file, header);
  if (is_valid(*source)) {
    hub_->cache->save_header(hub_->commit, name,
                             {.bytes = header, .etag = file->etag, .file_bytes = file->size});
  }
  return source;
}

/// The header alone, with its length; where there is none, the beginning of the file.
std::string HubFiles::fetch_header(const HubFile& file) const {
  std::string header;
  const auto fetch = [&](std::uint64_t begin, std::uint64_t end) {
    hub_->client->read_range(
        hub_->commit, file, begin, end,
        [&](std::uint64_t, std::span<const std::byte> bytes) {
          header.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        },
        hub_->observer.stop);
  };
  fetch(0, std::min(file.size, guessed_header_bytes));
  const auto end = header_end(header, file.size);
  if (!end) return header;
  if (*end > header.size()) fetch(header.size(), *end);
  header.resize(*end);
  return header;
}

std::set<std::string> HubFiles::names() const {
  if (hub_->client) {
    const auto names = hub_->client->names(hub_->commit);
    return {names.begin(), names.end()};
  }
  return is_found(snapshot_) ? directory_names(snapshot_) : std::set<std::string>();
}

}  // namespace gamma_extract
