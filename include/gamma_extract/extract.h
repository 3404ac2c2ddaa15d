#ifndef GAMMA_EXTRACT_EXTRACT_H_
#define GAMMA_EXTRACT_EXTRACT_H_

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gamma_extract/statistics.h"
#include "gamma_extract/stop.h"

/// The main job: from a checkpoint to three files and a report.
///
/// Two passes over the stored rows, both in constant memory. The first sums the columns, exactly,
/// on all threads, and gives the centroid mu. The second reads the rows again, writes gamma and
/// gamma - mu, one thread a file, and measures and hashes what it writes. What the second pass
/// reads must be what the first one read: each block's checksum is compared.
namespace gamma_extract {

enum class OutputDtype : std::uint8_t { float32, source };

struct ExtractOptions {
  std::filesystem::path model;               ///< a directory, or with `tensor` a file
  std::optional<std::filesystem::path> out;  ///< nothing: compute and report, write no files
  std::optional<std::string> tensor;         ///< nothing: by the rules
  std::optional<std::string> slug;           ///< nothing: from the model's name
  OutputDtype dtype = OutputDtype::float32;  ///< of the gamma file
  unsigned threads = 0;                      ///< 0: as many as the process may use
  bool force = false;    ///< replace files of another model, or without metadata
  bool metadata = true;  ///< label the files
  bool allow_nonfinite = false;
  bool fsync = false;
};

/// What the run did, in the words of the JSON report.
struct Report {
  std::string model;
  std::optional<std::string> revision;
  std::string tensor;
  bool tied = false;
  std::string reason;
  std::string shard;
  std::string source_dtype;
  std::uint64_t vocab_size = 0;   ///< rows of the matrix
  std::uint64_t hidden_size = 0;  ///< columns of the matrix
  std::uint64_t nonfinite = 0;    ///< values that are NaN or infinite
  std::string device;             ///< "cpu"
  unsigned threads = 0;
  double seconds = 0;
  std::uint64_t bytes_read =
      0;  ///< of the matrix and the headers, each byte as often as it was read
  std::uint64_t bytes_written = 0;  ///< of the three files, headers included

  struct MatrixFile {
    std::optional<std::string> path;  ///< nothing where nothing was written
    std::string dtype;
    std::uint64_t bytes = 0;  ///< of the data
    std::string data_xxh3;
    NormSummary norms;
  };
  struct CentroidFile {
    std::optional<std::string> path;
    std::string sha256;
    std::string data_xxh3;
    CentroidSummary summary;
  };
  MatrixFile gamma;
  CentroidFile centroid;
  MatrixFile centered;
  std::optional<double> residual_norm;  ///< norm of the mean row of gamma_centered
  std::vector<std::string> warnings;
};

/// How far a run has come, for a progress bar. Written by the run, read at any time.
struct Progress {
  std::atomic<std::uint64_t> total{0};  ///< bytes to read and write in all; 0 until it is known
  std::atomic<std::uint64_t> done{0};   ///< bytes read and written so far
};

/// Whoever watches a run.
struct Observer {
  const StopFlag& stop;
  Progress& progress;
  /// Called as a warning comes up, from the calling thread. The report holds it too.
  std::function<void(const std::string&)> warn;
};

/// Does the main job. Throws Error or Stopped; then everything is as it was before.
Report extract(const ExtractOptions& options, const Observer& observer);

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_EXTRACT_H_
