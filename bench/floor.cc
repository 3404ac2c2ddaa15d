// The physical floor of an extraction: the same bytes read and written, and nothing computed.
//
//     floor [-v] [-w WRITE_SIZE] FILE OFFSET BYTES DIR SIZE...
//
// One thread for each SIZE reads its share of FILE's BYTES at OFFSET into a small buffer, by pread,
// and then writes SIZE bytes from that buffer into DIR/floor-N, preallocated. The files stay:
// whoever measures removes them afterwards, untimed, as with the program's own.
#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <future>
#include <string>
#include <system_error>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* usage = "usage: floor [-v] [-w WRITE_SIZE] FILE OFFSET BYTES DIR SIZE...\n";

struct Options {
  bool verbose = false;
  std::size_t write_size = 262144;
  std::string input;
  off_t offset = 0;
  off_t bytes = 0;
  std::string directory;
  std::vector<off_t> sizes;  // of the outputs
};

// One thread's share.
struct Work {
  std::string input;
  off_t offset = 0;
  off_t bytes = 0;
  std::string output;
  off_t size = 0;
  std::size_t write_size = 0;
};

struct Seconds {
  double reading = 0;
  double allocating = 0;
  double writing = 0;
};

void require(bool done, const std::string& path) {
  if (!done) {
    throw std::system_error(errno, std::generic_category(), path);
  }
}

class Descriptor {
 public:
  Descriptor(const std::string& path, int flags, mode_t mode = 0)
      : number_(open(path.c_str(), flags | O_CLOEXEC, mode)) {
    require(number_ >= 0, path);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  Descriptor(Descriptor&&) = delete;
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() { close(number_); }

  [[nodiscard]] int number() const { return number_; }

 private:
  int number_;
};

// Seconds since start, which becomes now.
double lap(Clock::time_point& start) {
  const auto now = Clock::now();
  const std::chrono::duration<double> passed = now - start;
  start = now;
  return passed.count();
}

std::size_t at_most(const std::vector<char>& buffer, off_t left) {
  return std::min(buffer.size(), static_cast<std::size_t>(left));
}

void read_all(const Work& work, std::vector<char>& buffer) {
  const Descriptor file(work.input, O_RDONLY);
  for (off_t done = 0; done < work.bytes;) {
    const auto wanted = at_most(buffer, work.bytes - done);
    errno = EIO;  // stays where the file is shorter than was said
    const auto got = pread(file.number(), buffer.data(), wanted, work.offset + done);
    require(got > 0, work.input);
    done += got;
  }
}

void write_all(const Work& work, const std::vector<char>& buffer, int file) {
  for (off_t done = 0; done < work.size;) {
    const auto put = write(file, buffer.data(), at_most(buffer, work.size - done));
    require(put >= 0, work.output);
    done += put;
  }
}

Seconds do_work(const Work& work) {
  Seconds seconds;
  std::vector<char> buffer(work.write_size);
  auto start = Clock::now();
  read_all(work, buffer);
  seconds.reading = lap(start);
  constexpr mode_t mode = 0666;
  const Descriptor file(work.output, O_WRONLY | O_CREAT | O_EXCL, mode);
  const int allocated = fallocate(file.number(), 0, 0, work.size);
  require(allocated == 0 || errno == EOPNOTSUPP, work.output);
  seconds.allocating = lap(start);
  write_all(work, buffer, file.number());
  seconds.writing = lap(start);
  return seconds;
}

// Throws std::out_of_range or std::invalid_argument for what is no command line of floor's.
Options parse(const std::vector<std::string>& words) {
  Options options;
  std::size_t next = 0;
  for (; words.at(next).starts_with('-'); ++next) {
    if (words[next] == "-w") {
      options.write_size = std::stoul(words.at(++next));
    } else {
      options.verbose = true;
    }
  }
  options.input = words.at(next++);
  options.offset = std::stol(words.at(next++));
  options.bytes = std::stol(words.at(next++));
  options.directory = words.at(next++);
  do {
    options.sizes.push_back(std::stol(words.at(next++)));
  } while (next < words.size());
  return options;
}

std::vector<Work> shares(const Options& options) {
  std::vector<Work> shares;
  const auto count = static_cast<off_t>(options.sizes.size());
  for (off_t i = 0; i < count; ++i) {
    const off_t first = (options.bytes * i) / count;
    const off_t last = (options.bytes * (i + 1)) / count;
    shares.push_back({.input = options.input,
                      .offset = options.offset + first,
                      .bytes = last - first,
                      .output = fmt::format("{}/floor-{}", options.directory, i),
                      .size = options.sizes[static_cast<std::size_t>(i)],
                      .write_size = options.write_size});
  }
  return shares;
}

void run(const Options& options) {
  std::vector<std::future<Seconds>> threads;
  for (const Work& work : shares(options)) {
    threads.push_back(std::async(std::launch::async, do_work, work));
  }
  for (auto& thread : threads) {
    const Seconds seconds = thread.get();
    if (options.verbose) {
      fmt::print("read {:.3f} s, allocate {:.3f} s, write {:.3f} s\n", seconds.reading,
                 seconds.allocating, seconds.writing);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    run(parse({argv + 1, argv + argc}));
    return 0;
  } catch (const std::system_error& error) {
    fmt::print(stderr, "floor: error: {}\n", error.what());
    return 1;
  } catch (const std::exception&) {
    fmt::print(stderr, usage);
    return 2;
  }
}
