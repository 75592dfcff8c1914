// Reports when the host reads or writes a device's memory: nothing is mapped at those addresses.
#include <signal.h>
#include <unistd.h>

#include "memory.h"

namespace simulated {

namespace {

struct sigaction before{};

void on_fault(int signal, siginfo_t* info, void* context) {
  if (device_of(info->si_addr) >= 0) {
    constexpr char kWords[] = "simulated GPU: the host accessed the memory of a device\n";
    [[maybe_unused]] const auto written = write(STDERR_FILENO, kWords, sizeof(kWords) - 1);
  }
  // The previous handler then takes over: Node's compiler, or the system, which ends the process.
  if ((before.sa_flags & SA_SIGINFO) != 0 && before.sa_sigaction != nullptr) {
    before.sa_sigaction(signal, info, context);
  } else {
    sigaction(signal, &before, nullptr);
  }
}

const bool is_installed = [] {
  struct sigaction action{};
  action.sa_sigaction = &on_fault;
  action.sa_flags = SA_SIGINFO;
  return sigaction(SIGSEGV, &action, &before) == 0;
}();

}  // namespace

}  // namespace simulated
