#ifndef GAMMA_EXTRACT_EXTRACT_H_
#define GAMMA_EXTRACT_EXTRACT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gamma_extract/check.h"
#include "gamma_extract/extract_options.h"
#include "gamma_extract/observer.h"
#include "gamma_extract/output_scaling.h"
#include "gamma_extract/statistics.h"

/// The main job: from a checkpoint to three files and a report.
///
/// Two passes over the stored rows, both in constant memory. The first sums the columns, exactly,
/// on all threads, and gives the centroid mu. The second reads the rows again, writes gamma and
/// gamma - mu, block by block on all threads, and measures and hashes what it writes. What the
/// second pass reads must be what the first one read: each block's checksum is compared.
namespace gamma_extract {

/// What the run did, in the words of the JSON report.
struct Report {
  std::string model;
  std::optional<std::string> revision;
  std::string tensor;
  bool tied = false;
  std::string reason;
  std::string shard;
  OutputScaling output_scaling;  ///< what the model applies outside the matrix
  std::string source_dtype;
  std::uint64_t vocab_size = 0;   ///< rows of the matrix
  std::uint64_t hidden_size = 0;  ///< columns of the matrix
  std::uint64_t nonfinite = 0;    ///< values that are NaN or infinite
  std::string device;             ///< "cpu" or "cuda:0"
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
  std::optional<Check> check;           ///< against the reference, where one was given
  std::vector<std::string> warnings;
};

/// Does the main job. Throws Error or Stopped; then everything is as it was before. A check that
/// fails is no error: the files are written, and the report says what differs.
Report extract(const ExtractOptions& options, const Observer& observer);

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_EXTRACT_H_
