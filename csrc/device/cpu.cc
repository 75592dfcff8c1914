#include "device/cpu.h"

#include <unistd.h>

#include <fstream>
#include <string>

namespace virnucpro {

namespace {

// The text after the colon of the first line of a /proc file that starts with `key`.
std::string proc_field(const char* path, const std::string& key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.compare(0, key.size(), key) != 0) continue;
    const auto colon = line.find(':');
    const auto first = colon == std::string::npos ? colon : line.find_first_not_of(" \t", colon + 1);
    return first == std::string::npos ? "" : line.substr(first);
  }
  return "";
}

bool multiplies_bf16() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512bf16") != 0;
#else
  return proc_field("/proc/cpuinfo", "Features").find(" bf16") != std::string::npos;
#endif
}

}  // namespace

DeviceDescription describe_cpu() {
  DeviceDescription cpu;
  cpu.id = "cpu";
  cpu.name = proc_field("/proc/cpuinfo", "model name");
  if (cpu.name.empty()) cpu.name = "CPU";
  cpu.memory_total = static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
  const auto available = proc_field("/proc/meminfo", "MemAvailable");
  if (!available.empty()) cpu.memory_free = std::stoll(available) * 1024;
  cpu.bf16 = multiplies_bf16();
  return cpu;
}

}  // namespace virnucpro
