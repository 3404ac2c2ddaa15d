#ifndef GAMMA_EXTRACT_HUB_SETTINGS_H_
#define GAMMA_EXTRACT_HUB_SETTINGS_H_

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "gamma_extract/hub_environment.h"

/// How the Hub is reached: the variables that Hugging Face's own client knows, and one of ours. An
/// empty variable counts as unset.
namespace gamma_extract {

struct HubSettings {
  /// HF_ENDPOINT, without a slash at its end; https://huggingface.co.
  std::string endpoint = "https://huggingface.co";

  /// HF_TOKEN, else HUGGING_FACE_HUB_TOKEN, else the token file; white space around it, and
  /// newlines in it, removed. Nothing where HF_HUB_DISABLE_IMPLICIT_TOKEN is true.
  std::optional<std::string> token{};

  /// HF_HUB_ETAG_TIMEOUT and HF_HUB_DOWNLOAD_TIMEOUT: how long nothing may come, of an answer to a
  /// question and of a file.
  std::chrono::milliseconds question_timeout{10'000};
  std::chrono::milliseconds download_timeout{10'000};

  /// Less than this, for so long, is as good as nothing.
  std::uint64_t stall_bytes_per_second = 1024;
  std::chrono::milliseconds stall_time{60'000};

  /// Whom to trust instead of what the system does: SSL_CERT_FILE, else SSL_CERT_DIR, else
  /// REQUESTS_CA_BUNDLE, else CURL_CA_BUNDLE. At most one of the two is set.
  std::optional<std::filesystem::path> certificate_file{};
  std::optional<std::filesystem::path> certificate_directory{};

  /// The name of the variable that names a proxy, for a message. libcurl reads it.
  std::optional<std::string> proxy_variable{};

  /// GAMMA_EXTRACT_CONNECTIONS: how many fetch a matrix together, 1 to 64.
  unsigned connections = 8;
};

/// Throws endpoint_invalid; token_refused, where no header may hold the token; usage, naming a
/// variable that is no number in its range; home_unknown.
HubSettings hub_settings(const Environment& environment);

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_HUB_SETTINGS_H_
