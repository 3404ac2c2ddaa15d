#ifndef GAMMA_EXTRACT_QUIET_THREAD_H_
#define GAMMA_EXTRACT_QUIET_THREAD_H_

#include <functional>
#include <thread>

namespace gamma_extract {

/// A thread that takes no signals: it is the others that wait in system calls, and are to be
/// interrupted. Throws std::system_error where there is no thread to be had.
std::thread quiet_thread(std::function<void()> work);

}  // namespace gamma_extract

#endif  // GAMMA_EXTRACT_QUIET_THREAD_H_
