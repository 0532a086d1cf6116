// Byte 0 is the version.
#include "sartor/live/exposure.h"

#include "sartor/live/record_bytes.h"

namespace sartor {
namespace {

constexpr char kExposureVersion = 1;

}  // namespace

bool is_on_general(const Exposure& exposure) {
  return exposure.route == "general" && exposure.arm != Arm::model;
}

std::string encode_exposure(const Exposure& exposure) {
  std::string out(1, kExposureVersion);
  put_record(out, exposure.number);
  put_record(out, exposure.time);
  put_record(out, static_cast<std::uint8_t>(exposure.arm));
  for (const std::string* text : {&exposure.id, &exposure.user, &exposure.segment, &exposure.route,
                                  &exposure.version, &exposure.fallback}) {
    put_record(out, *text);
  }
  put_record(out, static_cast<std::uint32_t>(exposure.items.size()));
  for (const ExposedItem& item : exposure.items) {
    put_record(out, item.item);
    put_record(out, item.score);
  }
  return out;
}

Result<Exposure> decode_exposure(std::string_view bytes) {
  const Error bad{ErrorCode::bad_data, "is not an exposure of this version"};
  char version = 0;
  if (!take_record(bytes, version) || version != kExposureVersion) return bad;
  Exposure exposure;
  std::uint8_t arm = 0;
  if (!take_record(bytes, exposure.number) || !take_record(bytes, exposure.time) ||
      !take_record(bytes, arm) || arm > static_cast<std::uint8_t>(Arm::holdback)) {
    return bad;
  }
  exposure.arm = static_cast<Arm>(arm);
  for (std::string* text : {&exposure.id, &exposure.user, &exposure.segment, &exposure.route,
                            &exposure.version, &exposure.fallback}) {
    if (!take_record(bytes, *text)) return bad;
  }
  std::uint32_t items = 0;
  if (!take_record(bytes, items)) return bad;
  for (std::uint32_t i = 0; i < items; ++i) {
    ExposedItem item;
    if (!take_record(bytes, item.item) || !take_record(bytes, item.score)) return bad;
    exposure.items.push_back(std::move(item));
  }
  return bytes.empty() ? Result<Exposure>(std::move(exposure)) : Result<Exposure>(bad);
}

}  // namespace sartor
