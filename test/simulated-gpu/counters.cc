#include "counters.h"

#include <array>
#include <cstdlib>
#include <fstream>
#include <map>
#include <mutex>
#include <ostream>

#include "device.h"

namespace simulated {

namespace {

struct KernelCount {
  int64_t launches = 0;
  int64_t bytes_read = 0;
  int64_t bytes_written = 0;
};

struct CopyCount {
  int64_t copies = 0;
  int64_t bytes = 0;
};

struct DeviceCounts {
  std::map<std::string, KernelCount> kernels;
  std::map<std::string, int64_t> waits;
  std::map<std::string, CopyCount> copies;
};

struct Counts {
  std::mutex mutex;
  std::map<int, DeviceCounts> devices;
  CopyCount page_locked;

  Counts() {
    // When the process ends by `exit`; `_exit` writes none.
    if (std::getenv("SIMULATED_GPU_REPORT") != nullptr) std::atexit([] { write(); });
  }
  static void write();
};

Counts& counts() {
  static auto* all = new Counts();
  return *all;
}

const char* name_of(Direction direction, bool is_pinned) {
  switch (direction) {
    case Direction::kToDevice:
      return is_pinned ? "toDevicePinned" : "toDevicePageable";
    case Direction::kToHost:
      return is_pinned ? "toHostPinned" : "toHostPageable";
    case Direction::kOnDevice:
      return "onDevice";
  }
  return "";
}

// Names are those of operators and kernels, which need no escapes.
template <typename Map, typename Write>
void write_object(std::ostream& out, const Map& map, const Write& write_value) {
  out << "{";
  const char* separator = "";
  for (const auto& [name, value] : map) {
    out << separator << "\"" << name << "\":";
    write_value(value);
    separator = ",";
  }
  out << "}";
}

void write_copies(std::ostream& out, const CopyCount& count) {
  out << "{\"copies\":" << count.copies << ",\"bytes\":" << count.bytes << "}";
}

void write_device(std::ostream& out, Device& device, const DeviceCounts& counted) {
  const auto memory = device.memory().figures();
  out << "{\"device\":" << device.index() << ",\"gpu\":" << device.gpu().number << ",\"streams\":" << device.streams()
      << ",\"peakAllocated\":" << memory.peak_allocated << ",\"peakReserved\":" << memory.peak_reserved
      << ",\"kernels\":";
  write_object(out, counted.kernels, [&](const KernelCount& count) {
    out << "{\"launches\":" << count.launches << ",\"bytesRead\":" << count.bytes_read
        << ",\"bytesWritten\":" << count.bytes_written << "}";
  });
  out << ",\"waits\":";
  write_object(out, counted.waits, [&](int64_t count) { out << count; });
  out << ",\"copies\":";
  write_object(out, counted.copies, [&](const CopyCount& count) { write_copies(out, count); });
  out << "}";
}

void Counts::write() {
  auto& all = counts();
  const std::lock_guard<std::mutex> lock(all.mutex);
  std::ofstream out(std::getenv("SIMULATED_GPU_REPORT"));
  out << "{\"pageLocked\":";
  write_copies(out, all.page_locked);
  out << ",\"devices\":[";
  for (int index = 0; index < device_count(); ++index) {
    if (index > 0) out << ",";
    write_device(out, device(index), all.devices[index]);
  }
  out << "]}\n";
}

}  // namespace

void count_kernel(int device, const std::string& name, int64_t bytes_read, int64_t bytes_written) {
  auto& all = counts();
  const std::lock_guard<std::mutex> lock(all.mutex);
  auto& count = all.devices[device].kernels[name];
  ++count.launches;
  count.bytes_read += bytes_read;
  count.bytes_written += bytes_written;
}

void count_wait(int device, const std::string& name) {
  auto& all = counts();
  const std::lock_guard<std::mutex> lock(all.mutex);
  ++all.devices[device].waits[name];
}

void count_copy(int device, Direction direction, int64_t bytes, bool is_pinned) {
  auto& all = counts();
  const std::lock_guard<std::mutex> lock(all.mutex);
  auto& count = all.devices[device].copies[name_of(direction, is_pinned)];
  ++count.copies;
  count.bytes += bytes;
}

void count_page_locked(int64_t bytes) {
  auto& all = counts();
  const std::lock_guard<std::mutex> lock(all.mutex);
  ++all.page_locked.copies;
  all.page_locked.bytes += bytes;
}

}  // namespace simulated
