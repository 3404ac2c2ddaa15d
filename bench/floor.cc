// The physical floor of an extraction: the same bytes read and written, and nothing computed.
//
//     floor [-v] [-w WRITE_SIZE] FILE OFFSET BYTES DIR SIZE...
//
// One thread for each SIZE reads its share of FILE's BYTES at OFFSET into a small buffer, by pread,
// and then writes SIZE bytes from that buffer into DIR/floor-N, preallocated. The files stay:
// whoever measures removes them afterwards, untimed, as with the program's own.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <future>
#include <string>
#include <system_error>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

struct Work {
  std::string input;
  off_t offset = 0;
  off_t bytes = 0;
  std::string output;
  off_t size = 0;
};

struct Seconds {
  double reading = 0;
  double allocating = 0;
  double writing = 0;
};

[[noreturn]] void fail(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

class Descriptor {
 public:
  Descriptor(const std::string& path, int flags)
      : number_(open(path.c_str(), flags | O_CLOEXEC, 0666)) {
    if (number_ < 0) fail(path);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { close(number_); }

  [[nodiscard]] int number() const { return number_; }

 private:
  int number_;
};

double since(Clock::time_point& start) {
  const auto now = Clock::now();
  const std::chrono::duration<double> passed = now - start;
  start = now;
  return passed.count();
}

void read_all(const Work& work, std::vector<char>& buffer) {
  const Descriptor file(work.input, O_RDONLY);
  for (off_t done = 0; done < work.bytes;) {
    const auto wanted = std::min(static_cast<off_t>(buffer.size()), work.bytes - done);
    const auto got =
        pread(file.number(), buffer.data(), static_cast<std::size_t>(wanted), work.offset + done);
    if (got == 0) errno = EIO;  // the file is shorter than was said
    if (got <= 0) fail(work.input);
    done += got;
  }
}

void write_all(const Work& work, const std::vector<char>& buffer, int file) {
  for (off_t done = 0; done < work.size;) {
    const auto wanted = std::min(static_cast<off_t>(buffer.size()), work.size - done);
    const auto put = write(file, buffer.data(), static_cast<std::size_t>(wanted));
    if (put < 0) fail(work.output);
    done += put;
  }
}

Seconds do_work(const Work& work, std::size_t write_size) {
  Seconds seconds;
  std::vector<char> buffer(write_size);
  auto start = Clock::now();
  read_all(work, buffer);
  seconds.reading = since(start);
  const Descriptor file(work.output, O_WRONLY | O_CREAT | O_EXCL);
  if (fallocate(file.number(), 0, 0, work.size) != 0 && errno != EOPNOTSUPP) fail(work.output);
  seconds.allocating = since(start);
  write_all(work, buffer, file.number());
  seconds.writing = since(start);
  return seconds;
}

int run(int argc, char** argv) {
  bool verbose = false;
  std::size_t write_size = std::size_t{256} << 10U;
  for (int option = 0; (option = getopt(argc, argv, "vw:")) != -1;) {
    if (option == 'v') verbose = true;
    if (option == 'w') write_size = std::stoul(optarg);
    if (option == '?') return 2;
  }
  const std::vector<std::string> words(argv + optind, argv + argc);
  if (words.size() < 5 || write_size == 0) {
    std::fputs("usage: floor [-v] [-w WRITE_SIZE] FILE OFFSET BYTES DIR SIZE...\n", stderr);
    return 2;
  }
  const off_t offset = std::stol(words[1]);
  const off_t bytes = std::stol(words[2]);
  const auto count = static_cast<off_t>(words.size()) - 4;
  std::vector<std::future<Seconds>> threads;
  for (off_t i = 0; i < count; ++i) {
    const off_t first = bytes * i / count;
    const auto index = static_cast<std::size_t>(i);
    const Work work{words[0], offset + first, bytes * (i + 1) / count - first,
                    words[3] + "/floor-" + std::to_string(i), std::stol(words[4 + index])};
    threads.push_back(std::async(std::launch::async, do_work, work, write_size));
  }
  for (auto& thread : threads) {
    const Seconds seconds = thread.get();
    if (verbose) {
      std::printf("read %.3f s, allocate %.3f s, write %.3f s\n", seconds.reading,
                  seconds.allocating, seconds.writing);
    }
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "floor: error: %s\n", error.what());
    return 1;
  }
}
