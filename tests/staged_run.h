#ifndef GAMMA_EXTRACT_STAGED_RUN_H_
#define GAMMA_EXTRACT_STAGED_RUN_H_

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "run_program.h"

namespace gamma_extract::testing {

/// The staging directory of a run under way, if there is one.
inline std::optional<std::filesystem::path> staging_in(const std::filesystem::path& directory) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(directory, ignored)) {
    if (entry.path().filename().string().starts_with(".gamma-extract-")) return entry.path();
  }
  return std::nullopt;
}

/// How far a run is: its staging directory is there, and so much of its largest file is written.
inline bool has_staged(const std::filesystem::path& out, double fraction) {
  const auto staging = staging_in(out);
  if (!staging || fraction == 0) return staging.has_value();
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(*staging, ignored)) {
    if (!entry.path().filename().string().starts_with("gamma_centered")) continue;
    const auto size = static_cast<double>(entry.file_size(ignored));
    std::ifstream file(entry.path(), std::ios::binary);
    file.seekg(static_cast<std::streamoff>(fraction * size) / 64 * 64);
    std::string bytes(64, '\0');
    file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    // What is reserved and not written reads as zeros.
    return file && bytes.find_first_not_of('\0') != std::string::npos;
  }
  return false;
}

/// Waits until the process stops, or has ended. Returns whether it stopped.
inline bool wait_until_stopped(pid_t process) {
  siginfo_t information{};
  if (::waitid(P_PID, static_cast<id_t>(process), &information, WSTOPPED | WEXITED | WNOWAIT) !=
      0) {
    throw std::runtime_error("cannot wait");
  }
  return information.si_code == CLD_STOPPED;
}

inline bool has_ended(pid_t process) {
  siginfo_t information{};
  ::waitid(P_PID, static_cast<id_t>(process), &information, WEXITED | WNOHANG | WNOWAIT);
  return information.si_pid == process;
}

/// The number of the file of that name, or 0.
inline ino_t inode_of(const std::filesystem::path& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0 ? status.st_ino : 0;
}

/// Starts runs until one is caught in the act: it is stopped (SIGSTOP), has staged `fraction` of
/// its files, and has renamed none. No clock decides that; a run which was too fast goes on to its
/// end, and `reset` is called before the next. The model's directory is called `model`. `in_child`
/// is as Program's.
inline std::unique_ptr<Program> catch_run(const std::vector<std::string>& arguments,
                                          const std::filesystem::path& out, double fraction,
                                          const std::function<void()>& reset,
                                          const std::function<void()>& in_child = {}) {
  constexpr int max_attempts = 20;
  const std::filesystem::path first = out / "gamma_model.safetensors";  // the first to be renamed
  for (int attempt = 0; attempt < max_attempts; ++attempt) {
    const ino_t before = inode_of(first);
    auto program = std::make_unique<Program>(program_path, arguments, in_child);
    while (!has_staged(out, fraction) && !has_ended(program->process())) ::usleep(200);
    program->kill(SIGSTOP);
    if (wait_until_stopped(program->process()) && has_staged(out, fraction) &&
        inode_of(first) == before) {
      return program;
    }
    program->kill(SIGCONT);
    program->wait();
    reset();
  }
  throw std::runtime_error("no run could be caught while it staged its files");
}

}  // namespace gamma_extract::testing

#endif  // GAMMA_EXTRACT_STAGED_RUN_H_
