#include "model/shared_encoder.h"

#include <sys/stat.h>

#include <sstream>
#include <utility>

#include "archive/archive_reader.h"
#include "leaked.h"
#include "model/shared_values.h"
#include "model/torchscript_encoder.h"

namespace virnucpro {

namespace {

void write(std::ostream& text, const Esm2Architecture& sizes) {
  text << "esm2 " << sizes.layers << ' ' << sizes.width << ' ' << sizes.heads << ' ' << sizes.feed_forward << ' '
       << sizes.vocabulary;
}

void write(std::ostream& text, const DnabertArchitecture& sizes) {
  text << "dnabert2 " << sizes.layers << ' ' << sizes.width << ' ' << sizes.heads << ' ' << sizes.feed_forward << ' '
       << sizes.vocabulary << ' ' << sizes.token_types << ' ' << std::hexfloat << sizes.layer_norm_epsilon;
}

void write(std::ostream& text, const ClassifierArchitecture&) { text << "classifier"; }

// Equal for the same file, whatever its path, but different once the file is rewritten.
std::string identity_of(const std::string& path, const Architecture& architecture) {
  std::ostringstream text;
  struct stat file{};
  if (stat(path.c_str(), &file) == 0) {
    text << file.st_dev << ' ' << file.st_ino << ' ' << file.st_size << ' ' << file.st_mtim.tv_sec << ' '
         << file.st_mtim.tv_nsec << ' ';
  } else {
    text << path << ' ';
  }
  std::visit([&](const auto& sizes) { write(text, sizes); }, architecture);
  return text.str();
}

SharedValues<Encoder>& encoders() {
  static Leaked<SharedValues<Encoder>> shared;
  return *shared;
}

SharedValues<ParameterMap>& archives() {
  static Leaked<SharedValues<ParameterMap>> shared;
  return *shared;
}

}  // namespace

std::shared_ptr<const Encoder> shared_encoder(const std::string& path, const Architecture& architecture,
                                              const Placement& placement, EngineKind engine,
                                              LoadingProgress& progress) {
  if (engine == EngineKind::kTorchScript) return make_torchscript_encoder(path, architecture, placement, progress);
  const auto identity = identity_of(path, architecture);
  const auto read = [&] { return read_parameters(path, architecture, progress); };
  if (placement.device.is_cpu()) {
    return encoders().get(
        identity + ' ' + c10::toString(placement.dtype),
        [&]() -> std::shared_ptr<const Encoder> {
          return make_packed_encoder(read(), architecture, placement, progress);
        },
        progress.cancellation());
  }
  const auto parameters =
      archives().get(identity, [&] { return std::make_shared<const ParameterMap>(read()); }, progress.cancellation());
  return make_packed_encoder(*parameters, architecture, placement, progress);
}

}  // namespace virnucpro
