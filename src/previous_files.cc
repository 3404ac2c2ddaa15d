#include "previous_files.h"

#include <system_error>

#include "gamma_extract/error.h"
#include "gamma_extract/safetensors.h"
#include "gamma_extract/text.h"
#include "output_files.h"
#include "write_failure.h"

namespace gamma_extract {
namespace {

constexpr std::string_view remedy = "--force overwrites it, another --out leaves it alone";

// What a file says of where it comes from.
struct Origin {
  std::optional<std::string> model;
  std::optional<std::string> mu_sha256;
};

Origin read_origin(const std::filesystem::path& path) {
  try {
    const safetensors::Header header = safetensors::read_header(FileSource(path));
    return {.model = header.metadata("model"), .mu_sha256 = header.metadata("mu_sha256")};
  } catch (const Error& error) {
    if (error.fault() == Fault::file_unreadable) {
      fail(Fault::output_exists,
           "{}: it exists, and cannot be read to see which model it is of; {}", path.string(),
           remedy);
    }
    return {};  // whatever it is, this program did not write it
  }
}

// A dangling link exists. Of what cannot be looked at nobody knows, and --force would not help.
bool is_taken(const std::filesystem::path& path) {
  std::error_code error;
  const std::filesystem::file_type type = std::filesystem::symlink_status(path, error).type();
  if (type == std::filesystem::file_type::not_found) return false;
  if (error) fail_to_write(path, error.value(), "look at it");
  return true;
}

void require_same_values(const std::filesystem::path& path, const Origin& origin,
                         const std::string& mu_sha256) {
  if (origin.mu_sha256 == mu_sha256) return;
  fail(Fault::output_exists,
       "{}: it was made from other values under the same name (mu_sha256 {}, now {}); {}",
       path.string(), origin.mu_sha256.value_or("missing"), mu_sha256, remedy);
}

}  // namespace

void require_replaceable(const std::filesystem::path& directory, std::span<const std::string> names,
                         const ModelName& model, const std::optional<std::string>& mu_sha256) {
  const std::string own = to_utf8(model.model);  // as metadata has it
  for (const auto& name : names) {
    const std::filesystem::path path = directory / name;
    if (!is_taken(path)) continue;
    const Origin origin = read_origin(path);
    if (!origin.model) {
      fail(Fault::output_exists,
           "{}: it exists, without metadata that would name the model it is of; {}", path.string(),
           remedy);
    }
    if (*origin.model != own && name == file_name(centroid_file, model.slug)) {
      fail(Fault::output_exists,
           "{}: it exists and is of the model {}, not of {}, and a directory has room for one "
           "model's; choose another --out (--force overwrites it, and leaves the files of {} "
           "without their mu)",
           path.string(), *origin.model, own, *origin.model);
    }
    if (*origin.model != own) {
      fail(Fault::output_exists, "{}: it exists and is of the model {}, not of {}; {}",
           path.string(), *origin.model, own, remedy);
    }
    if (!model.is_id && mu_sha256) require_same_values(path, origin, *mu_sha256);
  }
}

}  // namespace gamma_extract
