#include "set_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

#include "gamma_extract/error.h"
#include "gamma_extract/stored_matrix.h"
#include "header_builder.h"

namespace gamma_extract {
namespace {

// A detail is for a person: of faults of one kind in one file so many are named.
constexpr std::size_t most_named = 3;

/// The names of the element types that gamma may have.
std::array<std::string_view, matrix_dtypes.size()> float_types() {
  std::array<std::string_view, matrix_dtypes.size()> names;
  std::ranges::transform(matrix_dtypes, names.begin(), safetensors::name);
  return names;
}

bool is_float(std::string_view dtype) {
  return std::ranges::count(float_types(), dtype) != 0;
}

bool is_format_fault(Fault fault) {
  return fault >= Fault::header_too_small && fault <= Fault::git_lfs_pointer;
}

/// The text of an error about the file: named as in the other details, and without the remedy,
/// which speaks of a download.
std::string fault_text(const Error& error, const std::filesystem::path& path,
                       const std::string& name) {
  std::string text = error.what();
  if (const std::size_t remedy = text.rfind("; "); remedy != std::string::npos) text.resize(remedy);
  if (text.starts_with(path.string())) text.replace(0, path.string().size(), name);
  return text;
}

std::string dtype_text(const safetensors::Tensor& tensor) {
  return std::string(safetensors::name(tensor.dtype));
}

std::string shape_text(const safetensors::Tensor& tensor) {
  return fmt::format("[{}]", fmt::join(tensor.shape, ", "));
}

bool is_matrix(const safetensors::Tensor& tensor) {
  return tensor.shape.size() == 2 && tensor.shape[0] != 0 && tensor.shape[1] != 0;
}

/// What is wrong with the tensors of a file that should hold `key` alone, or nothing.
std::optional<std::string> key_fault(const safetensors::Header& header, std::string_view key) {
  if (header.size() == 1 && header.tensor_name(0) == key) return std::nullopt;
  if (header.size() == 0) return fmt::format("it holds no tensor instead of {}", key);
  std::vector<std::string> names;
  for (std::size_t i = 0; i < std::min(header.size(), most_named); ++i) {
    names.push_back(safetensors::quoted(header.tensor_name(i)));
  }
  if (header.size() > most_named)
    names.push_back(fmt::format("{} more", header.size() - most_named));
  return fmt::format("it holds {} instead of {} alone", fmt::join(names, ", "), key);
}

/// The keys of metadata. `revision` is among them only if asked for.
std::vector<std::string> metadata_keys(bool revision) {
  Labels labels;
  if (revision) labels.revision = "";
  std::vector<std::string> keys;
  for (const auto& [key, value] : metadata(gamma_file, labels, "")) keys.push_back(key);
  return keys;
}

bool differs_by_file(std::string_view key) {
  return key == "space" || key == "data_xxh3";
}

void add_key_faults(const SetFile& file, Faults& faults) {
  for (const std::string& key : metadata_keys(false)) {
    if (!file.label(key)) faults.push_back(fmt::format("{}: {} is missing", file.name, key));
  }
  const std::vector<std::string> known = metadata_keys(true);
  const safetensors::Header& header = file.shard->header;
  std::size_t unknown = 0;
  for (std::size_t i = 0; i < header.metadata_size(); ++i) {
    const std::string_view key = header.metadata_at(i).first;
    if (std::ranges::find(known, key) != known.end()) continue;
    if (++unknown <= most_named) {
      faults.push_back(
          fmt::format("{}: the key {} is unknown", file.name, safetensors::quoted(key)));
    }
  }
  if (unknown > most_named) {
    faults.push_back(fmt::format("{}: so are {} more", file.name, unknown - most_named));
  }
}

void add_value_faults(const SetFile& file, Faults& faults) {
  const auto require = [&](std::string_view key, std::span<const std::string_view> possible) {
    const std::optional<std::string> value = file.label(key);
    if (!value || std::ranges::find(possible, *value) != possible.end()) return;
    faults.push_back(fmt::format("{}: {} is {} instead of {}", file.name, key,
                                 safetensors::quoted(*value), fmt::join(possible, " or ")));
  };
  constexpr std::array<std::string_view, 1> format{"pt"};
  const std::array<std::string_view, 1> space{file.file == centered_file ? "centered" : "original"};
  require("format", format);
  require("source_dtype", float_types());
  require("space", space);
}

/// Where two files say different things. A key that is missing is told of elsewhere, but for
/// `revision`, which may be.
void add_contradictions(const SetFile& left, const SetFile& right, Faults& faults) {
  const auto text = [](const std::optional<std::string>& value) {
    return value ? safetensors::quoted(*value) : "missing";
  };
  for (const std::string& key : metadata_keys(true)) {
    if (differs_by_file(key)) continue;
    const std::optional<std::string> first = left.label(key);
    const std::optional<std::string> second = right.label(key);
    if (first == second || (key != "revision" && (!first || !second))) continue;
    faults.push_back(fmt::format("{} is {} in {} and {} in {}", key, text(first), left.name,
                                 text(second), right.name));
  }
}

/// The metadata in the order in which the program writes it, or nothing where a key is missing or
/// unknown.
std::optional<safetensors::Metadata> ordered_metadata(const SetFile& file) {
  Faults faults;
  add_key_faults(file, faults);
  if (!faults.empty()) return std::nullopt;
  safetensors::Metadata ordered;
  for (const std::string& key : metadata_keys(true)) {
    if (auto value = file.label(key)) ordered.emplace_back(key, *std::move(value));
  }
  return ordered;
}

/// The first byte in which the file's header is not `expected`, or nothing.
std::optional<std::size_t> different_byte(const Shard& shard, const std::string& expected) {
  std::string header(std::min<std::uint64_t>(shard.header.data_offset(), expected.size()), '\0');
  shard.source->read_at(0, std::as_writable_bytes(std::span(header)));
  const auto [mine, other] = std::ranges::mismatch(header, expected);
  if (mine == header.end() && shard.header.data_offset() == expected.size()) return std::nullopt;
  return static_cast<std::size_t>(mine - header.begin());
}

}  // namespace

std::optional<std::string> SetFile::label(std::string_view key) const {
  if (!shard) return std::nullopt;
  return shard->header.metadata(key);
}

void add_check(std::vector<Verification::Check>& checks, std::string name, const Faults& faults,
               std::string what_holds) {
  const bool passed = faults.empty();
  checks.push_back(
      {.name = std::move(name),
       .passed = passed,
       .detail = passed ? std::move(what_holds) : fmt::format("{}", fmt::join(faults, "; "))});
}

SetFiles::SetFiles(const std::filesystem::path& directory, const std::string& slug) {
  for (const File file : all_files) {
    files_.at(file).file = file;
    files_.at(file).name = file_name(file, slug);
    open(directory, files_.at(file));
  }
}

void SetFiles::open(const std::filesystem::path& directory, SetFile& file) {
  const std::filesystem::path path = directory / file.name;
  try {
    file.shard = std::make_unique<const Shard>(std::make_unique<FileSource>(path));
  } catch (const Error& error) {
    if (error.fault() == Fault::file_missing || error.fault() == Fault::file_not_regular) {
      missing_.push_back(fault_text(error, path, file.name));
    } else if (is_format_fault(error.fault())) {
      invalid_.push_back(fault_text(error, path, file.name));
    } else {
      throw;
    }
    return;
  }
  const safetensors::Header& header = file.shard->header;
  if (!key_fault(header, key(file.file))) file.tensor = header.tensor(0);
}

bool SetFiles::has_metadata() const {
  return std::ranges::any_of(files_, &SetFile::has_metadata);
}

std::optional<std::string> SetFiles::model() const {
  for (const SetFile& file : files_) {
    if (auto model = file.label("model")) return model;
  }
  return std::nullopt;
}

std::vector<Verification::Check> SetFiles::check_headers() const {
  std::vector<Verification::Check> checks;
  add_check(checks, "files", missing_, "all three are there");
  const auto valid = [](const SetFile& file) { return file.shard != nullptr; };
  const bool any_valid = std::ranges::any_of(files_, valid);
  if (any_valid || !invalid_.empty()) {
    add_check(checks, "format", invalid_, "valid safetensors");
  }
  if (any_valid) add_check(checks, "keys", key_faults(), "gamma, mu, gamma_centered");
  if (std::ranges::any_of(files_, [](const SetFile& file) { return file.tensor.has_value(); })) {
    add_check(checks, "dtypes", dtype_faults(), list(dtype_text));
    add_check(checks, "shapes", shape_faults(), list(shape_text));
  }
  if (any_valid) {
    add_check(checks, "metadata", metadata_faults(),
              has_metadata() ? "complete, and of one run" : "none in any of them");
  }
  if (has_metadata()) add_check(checks, "headers", header_faults(), "as the program writes them");
  return checks;
}

Faults SetFiles::key_faults() const {
  Faults faults;
  for (const SetFile& file : files_) {
    if (!file.shard) continue;
    if (const auto fault = key_fault(file.shard->header, key(file.file))) {
      faults.push_back(fmt::format("{}: {}", file.name, *fault));
    }
  }
  return faults;
}

Faults SetFiles::dtype_faults() const {
  Faults faults;
  for (const SetFile& file : files_) {
    if (!file.tensor) continue;
    const std::string dtype = dtype_text(*file.tensor);
    std::vector<std::string> possible{"F32"};
    if (file.file == gamma_file) {
      const std::optional<std::string> stored = file.label("source_dtype");
      if (!stored) {
        possible.clear();
        for (const auto type : float_types()) possible.emplace_back(type);
      } else if (*stored != "F32" && is_float(*stored)) {
        possible.push_back(*stored);
      }
    }
    if (std::ranges::find(possible, dtype) != possible.end()) continue;
    faults.push_back(fmt::format("{}: {} is {} instead of {}", file.name, key(file.file), dtype,
                                 fmt::join(possible, " or ")));
  }
  return faults;
}

/// All against the first of gamma and gamma_centered that is a matrix.
Faults SetFiles::shape_faults() const {
  Faults faults;
  const safetensors::Tensor* reference = nullptr;
  for (const File file : {centered_file, gamma_file}) {
    const SetFile& matrix = (*this)[file];
    if (!matrix.tensor) continue;
    if (is_matrix(*matrix.tensor)) {
      reference = &*matrix.tensor;
    } else {
      faults.push_back(fmt::format("{}: {} is {}, which is no matrix with rows and columns",
                                   matrix.name, key(file), shape_text(*matrix.tensor)));
    }
  }
  if (reference == nullptr) return faults;
  const std::vector<std::uint64_t>& shape = reference->shape;
  for (const SetFile& file : files_) {
    if (!file.tensor || (file.file != centroid_file && !is_matrix(*file.tensor))) continue;
    const auto expected = file.file == centroid_file ? std::vector{shape[1]} : shape;
    if (file.tensor->shape == expected) continue;
    faults.push_back(fmt::format("{}: {} is {} instead of [{}], since {} is {}", file.name,
                                 key(file.file), shape_text(*file.tensor),
                                 fmt::join(expected, ", "), reference->name,
                                 shape_text(*reference)));
  }
  return faults;
}

Faults SetFiles::metadata_faults() const {
  Faults faults;
  const SetFile* first = nullptr;
  for (const SetFile& file : files_) {
    if (!file.shard) continue;
    if (!file.has_metadata()) {
      if (has_metadata()) faults.push_back(fmt::format("{}: it has no metadata", file.name));
      continue;
    }
    add_key_faults(file, faults);
    add_value_faults(file, faults);
    if (first != nullptr) add_contradictions(*first, file, faults);
    if (first == nullptr) first = &file;
  }
  return faults;
}

/// A bit may flip where JSON does not mind, or in a name that nothing is compared with.
Faults SetFiles::header_faults() const {
  Faults faults;
  for (const SetFile& file : files_) {
    if (!file.has_metadata() || !file.tensor) continue;
    const auto metadata = ordered_metadata(file);
    if (!metadata) continue;
    const std::string expected =
        safetensors::make_header(key(file.file), file.tensor->dtype, file.tensor->shape, *metadata);
    if (const auto byte = different_byte(*file.shard, expected)) {
      faults.push_back(
          fmt::format("{}: the program writes the same header with other bytes, from "
                      "byte {} on",
                      file.name, *byte));
    }
  }
  return faults;
}

/// A text of each tensor that is there, in the order of the files.
std::string SetFiles::list(std::string (*text)(const safetensors::Tensor&)) const {
  std::vector<std::string> texts;
  for (const SetFile& file : files_) {
    if (file.tensor) texts.push_back(text(*file.tensor));
  }
  return fmt::format("{}", fmt::join(texts, ", "));
}

const safetensors::Tensor* SetFiles::gamma() const {
  const auto& tensor = files_.at(gamma_file).tensor;
  return tensor && is_matrix(*tensor) && is_float(safetensors::name(tensor->dtype)) ? &*tensor
                                                                                    : nullptr;
}

const safetensors::Tensor* SetFiles::mu() const {
  const auto& tensor = files_.at(centroid_file).tensor;
  if (!tensor || gamma() == nullptr || tensor->dtype != safetensors::Dtype::F32) return nullptr;
  return tensor->shape == std::vector{gamma()->shape[1]} ? &*tensor : nullptr;
}

const safetensors::Tensor* SetFiles::centered() const {
  const auto& tensor = files_.at(centered_file).tensor;
  if (!tensor || mu() == nullptr || tensor->dtype != safetensors::Dtype::F32) return nullptr;
  return tensor->shape == gamma()->shape ? &*tensor : nullptr;
}

void SetFiles::require_unchanged() const {
  for (const SetFile& file : files_) {
    if (file.shard) file.shard->source->require_unchanged();
  }
}

}  // namespace gamma_extract
