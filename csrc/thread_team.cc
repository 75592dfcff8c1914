#include "thread_team.h"

#include <ATen/Parallel.h>
#include <dlfcn.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cfenv>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "error.h"

// Set by GCC's own flag (csrc/CMakeLists.txt); with other compilers the addon's own loops run on one thread.
#if defined(_OPENMP)
#include <omp.h>
#endif

namespace virnucpro {

namespace {

[[noreturn]] void short_team(int wanted, int got) {
  throw Error(code::kThreads, "OpenMP formed a team of " + std::to_string(got) + " threads instead of " +
                                  std::to_string(wanted) +
                                  ", which would make libtorch's matrix products wrong. Unset the variables that "
                                  "limit it (OMP_*, KMP_*), or pass `threads: " +
                                  std::to_string(got) + "`");
}

// The system still counts a joined thread as the process's until the kernel has released it, a little later.
void await_release(pid_t thread) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  while (syscall(SYS_tgkill, getpid(), thread, 0) == 0 && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
}

// Threads that wait until all of them have started, or one cannot be started.
class WaitingThreads {
 public:
  WaitingThreads() = default;
  WaitingThreads(const WaitingThreads&) = delete;
  WaitingThreads& operator=(const WaitingThreads&) = delete;
  ~WaitingThreads() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      released_ = true;
    }
    changed_.notify_all();
    for (auto& thread : threads_) thread.join();
    for (const auto thread : ids_) await_release(thread);
  }

  // Whether the system granted one more.
  bool add() {
    try {
      threads_.emplace_back([this] {
        std::unique_lock<std::mutex> lock(mutex_);
        ids_.push_back(static_cast<pid_t>(syscall(SYS_gettid)));
        changed_.wait(lock, [this] { return released_; });
      });
      return true;
    } catch (const std::system_error&) {
      return false;
    }
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool released_ = false;
  std::vector<pid_t> ids_;
  std::vector<std::thread> threads_;
};

// OpenMP ends the process if the system refuses it a thread, and libtorch's own pool waits for the thread for ever.
// GCC's OpenMP releases threads when a team is smaller than the one before (oneDNN asks for as many as a product has
// work for), and starts new ones for the next team while the old ones may still exist: hence room for each thread's
// successor.
void expect_startable(int threads) {
  const int room = 2 * threads;
  WaitingThreads waiting;
  for (int started = 0; started < room; ++started) {
    if (waiting.add()) continue;
    throw Error(code::kThreads, "The CPU's work needs room for " + std::to_string(room + 1) + " threads (" +
                                    std::to_string(threads + 1) +
                                    " plus the ones OpenMP replaces), but the system allows this process only " +
                                    std::to_string(started + 1) +
                                    ". Raise the limit (`ulimit -u`, pids.max of its control group, `ulimit -v`), "
                                    "or ask for fewer with `threads`");
  }
}

#if defined(_OPENMP)

// Like at::set_num_threads, but without its second pool of as many threads, which serves kernels that are not used
// here.
void use_threads(int threads) {
  omp_set_num_threads(threads);
  // libtorch's copy of MKL, or the one that it is linked to.
  using SetNumber = int(int);
  auto* const mkl_threads = reinterpret_cast<SetNumber*>(dlsym(RTLD_DEFAULT, "MKL_Set_Num_Threads_Local"));
  if (mkl_threads != nullptr) mkl_threads(threads);
  // Otherwise MKL takes fewer threads for some sizes, and the team would be formed anew at every change.
  using SetDynamic = void(int);
  auto* const mkl_dynamic = reinterpret_cast<SetDynamic*>(dlsym(RTLD_DEFAULT, "MKL_Set_Dynamic"));
  if (mkl_dynamic != nullptr) mkl_dynamic(0);
}

int permitted(int threads) { return std::max(1, std::min(threads, omp_get_thread_limit())); }

int expected_team() { return omp_get_max_threads(); }

void set_team(int threads) { omp_set_num_threads(threads); }

void forbid_shorter_teams() {
  omp_set_dynamic(0);
  omp_set_max_active_levels(1);
}

#else

void use_threads(int threads) { at::set_num_threads(threads); }
int permitted(int threads) { return threads; }
int expected_team() { return 1; }
void set_team(int) {}
void forbid_shorter_teams() {}

#endif

}  // namespace

OneThread::OneThread() {
  // On its first call libtorch adopts a number of threads, which would replace the 1 set below.
  at::get_num_threads();
  before_ = expected_team();
  set_team(1);
}

OneThread::~OneThread() { set_team(before_); }

int form_thread_team(int threads) {
  // A new thread inherits the floating-point environment of the one that made it: a host may round differently, or
  // flush small numbers to zero.
  std::fesetenv(FE_DFL_ENV);
  // On its first call libtorch adopts a number of threads from MKL or from whoever set it last, which must not happen
  // in the middle of the work. Both copies of that code are called: the one compiled into libtorch, and the one that
  // its headers compile into this addon.
  at::get_num_threads();
  at::internal::lazy_init_num_threads();
  forbid_shorter_teams();
  use_threads(permitted(threads));
  // Other vendors' runtimes apply limits of their own to the number that is set.
  const int team = std::max(1, std::min(threads, expected_team()));
  // One worker at a time: the threads that one has tried must be taken before the next one tries.
  static std::mutex forming;
  const std::lock_guard<std::mutex> lock(forming);
  expect_startable(team - 1);
  expect_whole_team();
  return team;
}

void expect_whole_team() {
  on_every_thread([](int, int) {});
}

void on_every_thread(const std::function<void(int, int)>& work) {
  const int wanted = expected_team();
  if (wanted == 1) {
    work(0, 1);
    return;
  }
  int got = 1;
  std::exception_ptr failure;
#if defined(_OPENMP)
#pragma omp parallel
  {
    const int thread = omp_get_thread_num();
    const int threads = omp_get_num_threads();
    if (thread == 0) got = threads;
    try {
      work(thread, threads);
    } catch (...) {
#pragma omp critical(virnucpro_failure)
      failure = std::current_exception();
    }
  }
#endif
  if (failure) std::rethrow_exception(failure);
  if (got != wanted) short_team(wanted, got);
}

}  // namespace virnucpro
