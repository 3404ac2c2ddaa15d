#include "gamma_extract/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <utility>

#include "gamma_extract/error.h"
#include "gamma_extract/hash.h"
#include "gamma_extract/unembedding.h"
#include "header_builder.h"
#include "output_files.h"
#include "set_files.h"
#include "verify_pass.h"
#include "workers.h"

namespace gamma_extract {
namespace {

/// A NaN with its bits, which may be what differs.
std::string text_of(float value) {
  if (!std::isnan(value)) return fmt::format("{}", value);
  return fmt::format("nan ({:#010x})", std::bit_cast<std::uint32_t>(value));
}

std::string place_text(const ValuePlace& place) {
  return fmt::format("row {}, column {}", place.row, place.column);
}

// mu.

/// How far a stored mu is from the exact one.
struct MeanDistance {
  std::size_t different = 0;  ///< components whose bits differ
  std::size_t farthest = 0;   ///< of these, the component that is off most
  double off = 0;             ///< by so much; infinite where one of the two is not finite
};

MeanDistance distance(std::span<const float> mu, std::span<const float> exact) {
  MeanDistance distance;
  for (std::size_t i = 0; i < mu.size(); ++i) {
    if (std::bit_cast<std::uint32_t>(mu[i]) == std::bit_cast<std::uint32_t>(exact[i])) continue;
    double off = std::abs(static_cast<double>(mu[i]) - exact[i]);
    if (!std::isfinite(off)) off = std::numeric_limits<double>::infinity();
    if (distance.different++ == 0 || off > distance.off) {
      distance.farthest = i;
      distance.off = off;
    }
  }
  return distance;
}

/// What a float32 sum of so many rows may well miss of the mean: each addition rounds by 2^-24 of a
/// partial sum, and errors of independent signs grow with the square root of their number (Higham
/// and Mary, "A new approach to probabilistic rounding error analysis", 2019, theorem 2.8).
double float32_sum_error(std::uint64_t rows, float largest) {
  return std::sqrt(static_cast<double>(rows)) * 0x1p-24 * static_cast<double>(largest);
}

/// Whose mean mu is.
enum class Mean : std::uint8_t {
  unknown,  ///< it could not be computed
  exact,    ///< of this gamma
  rounded,  ///< of this gamma, as a sum in float32 gives it
  other,    ///< not of this gamma
};

// One set.

class SetVerifier {
 public:
  SetVerifier(const std::filesystem::path& directory, const std::string& slug, unsigned threads,
              const Observer& observer)
      : files_(directory, slug), threads_(threads), observer_(observer) {
    set_.slug = slug;
    set_.model = files_.model();
    set_.checks = files_.check_headers();
  }

  Verification::Set verify() {
    read_mu();
    read_matrices();
    hash_the_rest();
    check_hashes();
    if (files_.mu() != nullptr) check_mu();
    if (files_.centered() != nullptr) check_centered();
    files_.require_unchanged();
    return std::move(set_);
  }

  [[nodiscard]] Mean mean() const { return mean_; }

 private:
  void read_mu() {
    const safetensors::Tensor* tensor = files_.mu();
    if (tensor == nullptr) return;
    mu_.resize(tensor->shape[0]);
    const auto bytes = std::as_writable_bytes(std::span(mu_));
    files_[centroid_file].shard->source->read_at(tensor->offset, bytes);
    hashes_.at(centroid_file) = xxh3_hex(bytes);
    mu_sha256_ = sha256_hex(bytes);
  }

  void read_matrices() {
    if (files_.gamma() == nullptr) return;
    const StoredMatrix gamma{*files_.gamma()};
    StoredMatrix centered;
    std::optional<CenteredSource> beside;
    if (files_.centered() != nullptr) {
      centered.tensor = *files_.centered();
      beside = {.matrix = {.shard = files_[centered_file].shard->source.get(), .matrix = &centered},
                .mu = mu_};
    }
    pass_ = verify_pass({.shard = files_[gamma_file].shard->source.get(), .matrix = &gamma},
                        BlockLayout(gamma.rows(), gamma.columns()), beside, threads_, observer_);
    hashes_.at(gamma_file) = pass_.gamma_xxh3;
    if (beside) hashes_.at(centered_file) = pass_.centered_xxh3;
  }

  /// What fits nothing can still be whole.
  void hash_the_rest() {
    for (const SetFile& file : files_.all()) {
      if (!hashes_.at(file.file).empty() || !file.label("data_xxh3")) continue;
      const Source& source = *file.shard->source;
      Xxh3Stream hash;
      std::vector<std::byte> block(std::size_t{1} << 19U);
      for (std::uint64_t at = file.shard->header.data_offset(); at < source.size();) {
        observer_.stop.check();
        const auto count = std::min<std::uint64_t>(block.size(), source.size() - at);
        const auto bytes = std::span(block).first(count);
        source.read_at(at, bytes);
        hash.update(bytes);
        observer_.progress.done += count;
        at += count;
      }
      hashes_.at(file.file) = hash.hex();
    }
  }

  void check_hashes() {
    if (!files_.has_metadata()) return;
    const Faults faults =
        label_faults("data_xxh3", [this](const SetFile& file) { return hashes_.at(file.file); });
    is_damaged_ = !faults.empty();
    add_check(set_.checks, "data_xxh3", faults, "as the metadata says");
    if (mu_sha256_.empty()) return;
    add_check(set_.checks, "mu_sha256",
              label_faults("mu_sha256", [this](const SetFile&) { return mu_sha256_; }), mu_sha256_);
  }

  /// Where the label `key` of a file is not what `actual` finds.
  template <class Actual>
  [[nodiscard]] Faults label_faults(std::string_view key, const Actual& actual) const {
    Faults faults;
    for (const SetFile& file : files_.all()) {
      const std::optional<std::string> label = file.label(key);
      if (!label || *label == actual(file)) continue;
      faults.push_back(fmt::format("{}: its metadata says {}, the data has {}", file.name,
                                   safetensors::quoted(*label), actual(file)));
    }
    return faults;
  }

  void check_mu() {
    Faults faults;
    const ColumnPass& columns = pass_.columns;
    if (columns.first_overflow) {
      faults.push_back(
          fmt::format("gamma's value in {} is finite as F64 but beyond the range of "
                      "float32",
                      place_text(*columns.first_overflow)));
    }
    const MeanDistance distance = gamma_extract::distance(mu_, columns.mu);
    mean_ = Mean::exact;
    if (distance.different != 0) {
      const bool rounded =
          distance.off <= float32_sum_error(files_.gamma()->shape[0], pass_.largest);
      mean_ = rounded ? Mean::rounded : Mean::other;
      faults.push_back(mean_fault(distance));
    }
    std::string what_holds = "the exact mean of gamma, rounded once";
    if (columns.nonfinite != 0) {
      what_holds +=
          fmt::format("; values of gamma that are NaN or infinite: {}", columns.nonfinite);
    }
    add_check(set_.checks, "mu", faults, std::move(what_holds));
  }

  [[nodiscard]] std::string mean_fault(const MeanDistance& distance) const {
    std::string text = fmt::format(
        "{} of {} components are not the exact mean of gamma, rounded once; component {}, the "
        "farthest, is {} instead of {}, off by {:.1e}",
        distance.different, mu_.size(), distance.farthest, text_of(mu_[distance.farthest]),
        text_of(pass_.columns.mu[distance.farthest]), distance.off);
    if (is_damaged_) return text;  // which explains it
    if (mean_ == Mean::rounded) {
      return text + ": float32 summation, such as torch's mean, explains it";
    }
    text += ": more than float32 summation explains";
    const std::optional<std::string> model = files_[gamma_file].label("model");
    const std::optional<std::string> other = files_[centroid_file].label("model");
    if (other && other != model) {
      text += fmt::format("; {} is of the model {}", files_[centroid_file].name,
                          safetensors::quoted(*other));
    }
    return text;
  }

  void check_centered() {
    Faults faults;
    const Differences& found = pass_.differences;
    if (found.first_overflow) {
      faults.push_back(fmt::format("gamma - mu in {} is beyond the range of float32",
                                   place_text(*found.first_overflow)));
    }
    if (found.first) {
      const auto& shape = files_.gamma()->shape;
      faults.push_back(
          fmt::format("{} of {} values are not gamma - mu; the first, in {}, is {} instead of {}",
                      found.count, shape[0] * shape[1], place_text(found.first->place),
                      text_of(found.first->found), text_of(found.first->expected)));
    }
    add_check(set_.checks, "gamma_centered", faults, "gamma - mu in float32, bit for bit");
  }

  SetFiles files_;
  unsigned threads_;
  const Observer& observer_;
  Verification::Set set_;
  std::vector<float> mu_;
  std::string mu_sha256_;
  VerifyPass pass_;
  std::array<std::string, all_files.size()> hashes_;
  Mean mean_ = Mean::unknown;
  bool is_damaged_ = false;  // some data is not what its hash says
};

// All sets.

std::uint64_t bytes_of(const std::filesystem::path& directory, const std::string& slug) {
  std::uint64_t bytes = 0;
  for (const File file : all_files) {
    std::error_code error;
    const std::uintmax_t size =
        std::filesystem::file_size(directory / file_name(file, slug), error);
    if (!error) bytes += size;
  }
  return bytes;
}

/// Where mu is another set's, its check says whose. (A mean and its rounding are one set's alone.)
void name_owner_of_mu(Verification& verification, std::span<const Mean> means) {
  const auto owner = std::ranges::find_if(
      means, [](Mean mean) { return mean == Mean::exact || mean == Mean::rounded; });
  if (owner == means.end()) return;
  const std::string& slug =
      verification.sets.at(static_cast<std::size_t>(owner - means.begin())).slug;
  for (std::size_t i = 0; i < means.size(); ++i) {
    if (means[i] != Mean::other) continue;
    const auto check =
        std::ranges::find(verification.sets[i].checks, "mu", &Verification::Check::name);
    check->detail += fmt::format("; it is the mean of {}", file_name(gamma_file, slug));
  }
}

template <class List>
bool all_passed(const List& list) {
  return std::ranges::all_of(list, [](const auto& one) -> bool {
    if constexpr (requires { one.passed(); }) {
      return one.passed();
    } else {
      return one.passed;
    }
  });
}

}  // namespace

bool Verification::Set::passed() const {
  return all_passed(checks);
}

bool Verification::passed() const {
  return all_passed(sets);
}

Verification verify(const VerifyOptions& options, const Observer& observer) {
  const std::vector<std::string> slugs = find_slugs(options.directory);
  if (slugs.empty()) {
    fail(Fault::set_missing,
         "{}: no set of files is there (gamma_<slug>.safetensors, {}, "
         "gamma_centered_<slug>.safetensors); name the directory given to --out",
         options.directory.string(), file_name(centroid_file, ""));
  }
  std::uint64_t total = 0;
  for (const std::string& slug : slugs) total += bytes_of(options.directory, slug);
  observer.progress.total = total;

  Verification verification;
  std::vector<Mean> means;
  std::uint64_t done = 0;
  for (const std::string& slug : slugs) {
    SetVerifier verifier(options.directory, slug, usable_threads(options.threads), observer);
    verification.sets.push_back(verifier.verify());
    means.push_back(verifier.mean());
    observer.progress.done = done += bytes_of(options.directory, slug);
  }
  name_owner_of_mu(verification, means);
  return verification;
}

}  // namespace gamma_extract
