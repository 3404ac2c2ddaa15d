#ifndef GAMMA_EXTRACT_OUTPUT_FILES_H_
#define GAMMA_EXTRACT_OUTPUT_FILES_H_

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gamma_extract/safetensors.h"

/// The three files of a set: their names, their keys, and what their metadata says. Whoever writes
/// a set and whoever verifies one ask here.
///
/// A directory may hold the sets of several models, each with a slug of its own in two of its
/// names, but only one centroid: its name has no slug.
namespace gamma_extract {

/// The files of the set, in the order in which they get their names.
enum File : std::uint8_t { gamma_file, centroid_file, centered_file };
inline constexpr std::array all_files{gamma_file, centroid_file, centered_file};

/// The name of the one tensor in the file.
std::string_view key(File file);

std::string file_name(File file, std::string_view slug);

/// Whether a file name made with the slug would be another file's: `centroid_mu`, `covariance`
/// (what the notebooks save beside the set), or another set's `centered_...`.
bool is_reserved_slug(std::string_view slug);

/// The slugs of the sets of which `directory` holds a file with a slug in its name, sorted. Files
/// of any other name are none of this. Throws set_directory_missing and file_unreadable.
std::vector<std::string> find_slugs(const std::filesystem::path& directory);

/// What the metadata of the three files has in common.
struct Labels {
  std::string model;
  std::optional<std::string> revision;
  std::string tensor;
  std::string source_dtype;
  std::string mu_sha256;
  std::string version;
};

/// The metadata of one file, in the order in which it is written.
safetensors::Metadata metadata(File file, const Labels& labels, const std::string& data_xxh3);

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_OUTPUT_FILES_H_
