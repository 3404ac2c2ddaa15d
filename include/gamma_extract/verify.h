#ifndef GAMMA_EXTRACT_VERIFY_H_
#define GAMMA_EXTRACT_VERIFY_H_

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "gamma_extract/observer.h"

/// Whether the files in a directory are whole and belong together.
///
/// A set is gamma, its centroid mu, and gamma - mu; the sets are found by their file names. Each
/// file is read once, in constant memory and without libtorch: while a block of gamma is in the
/// cache it is hashed, its columns are summed, exactly, and it is subtracted from and compared.
/// What mu should be is known only at the end, so that gamma_centered is compared with gamma - mu
/// as mu is stored.
///
/// A directory has only one centroid, whose name says nothing of a model. Where several sets share
/// the directory it can be right for one matrix alone; the others fail, and say whose mu is there.
///
/// Files that the notebooks wrote can be verified, too: what has no metadata is checked without it.
/// There mu is torch's mean, a sum rounded in float32, which is not the exact one: that fails, with
/// a detail that says how far off it is and whether such a sum explains it.
namespace gamma_extract {

struct VerifyOptions {
  std::filesystem::path directory;
  unsigned threads = 0;  ///< 0: as many as the process may use
};

/// What was found, in the words of the JSON report.
struct Verification {
  /// One statement about a set. The names are an interface; these are all, in their order:
  ///
  ///   files           the three are there, and are files
  ///   format          each is a valid safetensors file
  ///   keys            each holds one tensor, of the right name
  ///   dtypes          mu and gamma_centered are F32, gamma too, or of source_dtype
  ///   shapes          [V, D], [D] and [V, D], neither of them 0
  ///   metadata        no key is missing or unknown; but for space and data_xxh3 all three say the
  ///                   same; or none has any
  ///   headers         each is, byte for byte, the one that the program writes
  ///   data_xxh3       the hash of each file's data is what its metadata says
  ///   mu_sha256       so is that of mu's data, in each file's metadata
  ///   mu              is the exact mean of gamma, rounded once
  ///   gamma_centered  is gamma - mu, with mu as it is stored, bit for bit
  ///
  /// A check that cannot be made is left out: because another failed that it needs, or, of the
  /// three before mu, because there is no metadata.
  struct Check {
    std::string name;
    bool passed = false;
    /// One line, never empty: what was found or, of a failed check, all faults.
    std::string detail;
  };

  struct Set {
    std::string slug;
    std::optional<std::string> model;  ///< as the metadata says, gamma's before that of the others
    std::vector<Check> checks;
    [[nodiscard]] bool passed() const;
  };

  std::vector<Set> sets;  ///< sorted by slug, one at least
  [[nodiscard]] bool passed() const;
};

/// Verifies all sets in the directory. What is false, invalid or missing in a set is a failed
/// check; thrown is what leaves that open: set_directory_missing, set_missing (no set is there),
/// file_unreadable, file_truncated or file_changed (a file changed while it was read), or Stopped.
Verification verify(const VerifyOptions& options, const Observer& observer);

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_VERIFY_H_
