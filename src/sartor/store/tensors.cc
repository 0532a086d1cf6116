// The safetensors format (huggingface/safetensors, format 0.3): u64 little-endian N, N bytes of
// JSON
// {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [begin, end]}, …, "__metadata__":
// {…}}, then the data, to which the offsets are relative. Its readers refuse gaps and overlaps.
#include "sartor/store/tensors.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>
#include <type_traits>

#include "sartor/base/files.h"
#include "sartor/base/ids.h"
#include "sartor/base/json.h"
#include "sartor/base/text.h"

namespace sartor {
namespace {

static_assert(std::endian::native == std::endian::little, "tensors are little-endian on disk");

constexpr std::size_t kLengthBytes = 8;             // bytes of the header's length
constexpr std::size_t kAlign = 64;                  // of the first tensor in the file
constexpr std::uint64_t kMostHeader = 100'000'000;  // the format's own limit
constexpr const char* kMetadata = "__metadata__";

struct DtypeName {
  Dtype dtype;
  const char* name;
  std::size_t size;
};

constexpr DtypeName kDtypes[] = {
    {Dtype::f32, "F32", 4}, {Dtype::f64, "F64", 8}, {Dtype::u8, "U8", 1},   {Dtype::u16, "U16", 2},
    {Dtype::u32, "U32", 4}, {Dtype::u64, "U64", 8}, {Dtype::i64, "I64", 8},
};

const DtypeName& described(Dtype dtype) {
  for (const DtypeName& row : kDtypes) {
    if (row.dtype == dtype) return row;
  }
  return kDtypes[0];
}

template <class T>
constexpr Dtype dtype_of() {
  if constexpr (std::is_same_v<T, float>) return Dtype::f32;
  if constexpr (std::is_same_v<T, double>) return Dtype::f64;
  if constexpr (std::is_same_v<T, std::uint8_t>) return Dtype::u8;
  if constexpr (std::is_same_v<T, std::uint16_t>) return Dtype::u16;
  if constexpr (std::is_same_v<T, std::uint64_t>) return Dtype::u64;
  if constexpr (std::is_same_v<T, std::int64_t>) return Dtype::i64;
  return Dtype::u32;  // uint32_t, UserId, ItemId
}

// A read-only mapping of a whole file.
struct Mapping {
  void* data = nullptr;
  std::size_t size = 0;
  ~Mapping() {
    if (data != nullptr) ::munmap(data, size);
  }
};

Result<std::shared_ptr<Mapping>> map_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    return Error{errno == ENOENT ? ErrorCode::not_found : ErrorCode::io,
                 fmt::format("{}: cannot open: {}", path, std::strerror(errno))};
  }
  struct stat info {};
  const bool known = ::fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
  auto mapping = std::make_shared<Mapping>();
  if (known && info.st_size > 0) {
    void* data =
        ::mmap(nullptr, static_cast<std::size_t>(info.st_size), PROT_READ, MAP_PRIVATE, fd, 0);
    if (data != MAP_FAILED) {
      mapping->data = data;
      mapping->size = static_cast<std::size_t>(info.st_size);
    }
  }
  const int reason = errno;
  ::close(fd);
  if (!known) return Error{ErrorCode::io, path + ": is not a regular file"};
  if (info.st_size > 0 && mapping->data == nullptr) {
    return Error{ErrorCode::io, fmt::format("{}: cannot map: {}", path, std::strerror(reason))};
  }
  return mapping;
}

Error broken(const std::string& message) { return {ErrorCode::bad_data, message}; }

std::optional<std::size_t> as_size(const Json& json) {
  if (!json.is_number_unsigned()) return std::nullopt;
  return json.get<std::size_t>();
}

// The bytes that `shape` needs, or nothing if that does not fit a size_t.
std::optional<std::size_t> bytes_of(const std::vector<std::size_t>& shape, std::size_t element) {
  std::size_t bytes = element;
  for (const std::size_t n : shape) {
    if (__builtin_mul_overflow(bytes, n, &bytes)) return std::nullopt;
  }
  return bytes;
}

struct Described {
  std::string name;
  Dtype dtype = Dtype::f32;
  std::vector<std::size_t> shape;
  std::size_t begin = 0;
  std::size_t end = 0;
};

Result<Described> read_entry(const std::string& name, const Json& json) {
  const std::string where = fmt::format("tensor '{}'", printable(name));
  Described out{.name = name};
  if (!json.is_object()) return broken(where + ": expected an object in the header");
  const auto dtype = json.find("dtype");
  const auto shape = json.find("shape");
  const auto offsets = json.find("data_offsets");
  if (dtype == json.end() || shape == json.end() || offsets == json.end()) {
    return broken(where + ": the header lacks dtype, shape or data_offsets");
  }
  const std::string type = dtype->is_string() ? dtype->get<std::string>() : json_text(*dtype);
  const auto* row = std::find_if(std::begin(kDtypes), std::end(kDtypes),
                                 [&](const DtypeName& d) { return type == d.name; });
  if (row == std::end(kDtypes)) {
    return broken(fmt::format("{}: type {} is not one of F32, F64, U8, U16, U32, U64, I64", where,
                              printable(type)));
  }
  out.dtype = row->dtype;
  if (!shape->is_array()) return broken(where + ": shape is not a list");
  for (const Json& n : *shape) {
    const auto size = as_size(n);
    if (!size) return broken(where + ": shape is not a list of whole numbers");
    out.shape.push_back(*size);
  }
  const bool pair = offsets->is_array() && offsets->size() == 2;
  const auto begin = pair ? as_size((*offsets)[0]) : std::nullopt;
  const auto end = pair ? as_size((*offsets)[1]) : std::nullopt;
  if (!begin || !end || *begin > *end) return broken(where + ": bad data_offsets");
  out.begin = *begin;
  out.end = *end;
  if (bytes_of(out.shape, row->size) != out.end - out.begin) {
    return broken(
        fmt::format("{}: its shape does not fit its {} bytes", where, out.end - out.begin));
  }
  return out;
}

// Every byte of the data belongs to exactly one tensor.
Status check_tiling(std::vector<Described> entries, std::size_t data_size) {
  std::sort(entries.begin(), entries.end(), [](const Described& a, const Described& b) {
    return std::tie(a.begin, a.end) < std::tie(b.begin, b.end);
  });
  std::size_t reached = 0;
  for (const Described& entry : entries) {
    if (entry.begin != reached) {
      return broken(fmt::format("tensor '{}' starts at byte {} where {} was expected ({})",
                                printable(entry.name), entry.begin, reached,
                                entry.begin < reached ? "it overlaps another" : "a gap"));
    }
    reached = entry.end;
  }
  if (reached != data_size) {
    return broken(fmt::format("{} bytes of data where the header promises {} ({})", data_size,
                              reached, data_size < reached ? "the file is cut short" : "a tail"));
  }
  return {};
}

struct Header {
  std::vector<Described> entries;
  std::vector<std::pair<std::string, std::string>> meta;
  std::size_t data_begin = 0;
};

Result<Header> read_header(std::string_view file) {
  if (file.size() < kLengthBytes) {
    return broken(fmt::format("{} bytes is too short for a safetensors file", file.size()));
  }
  std::uint64_t length = 0;
  std::memcpy(&length, file.data(), kLengthBytes);
  if (length > kMostHeader || length > file.size() - kLengthBytes) {
    return broken(fmt::format("the header claims {} bytes in a file of {}", length, file.size()));
  }
  Header header;
  header.data_begin = kLengthBytes + static_cast<std::size_t>(length);
  const std::string_view text = file.substr(kLengthBytes, static_cast<std::size_t>(length));
  const Json json = parse_json(text);
  if (!json.is_object()) return broken("the header is not a JSON object");
  for (const auto& [name, value] : json.items()) {
    if (name != kMetadata) {
      SARTOR_ASSIGN(Described entry, read_entry(name, value));
      header.entries.push_back(std::move(entry));
      continue;
    }
    if (!value.is_object()) return broken("__metadata__ is not an object");
    for (const auto& [key, word] : value.items()) {
      if (!word.is_string()) return broken("__metadata__ holds something that is not a text");
      header.meta.emplace_back(key, word.get<std::string>());
    }
  }
  SARTOR_TRY(check_tiling(header.entries, file.size() - header.data_begin));
  return header;
}

// Points into the mapping, or copies what another writer left unaligned.
Tensor view_of(const Described& entry, const std::shared_ptr<Mapping>& mapping,
               std::size_t data_begin) {
  const auto* bytes = static_cast<const std::byte*>(mapping->data) + data_begin + entry.begin;
  const std::size_t size = entry.end - entry.begin;
  Tensor tensor{entry.dtype, entry.shape, {bytes, size}, mapping};
  if (reinterpret_cast<std::uintptr_t>(bytes) % described(entry.dtype).size != 0) {
    auto copy = std::make_shared<std::vector<std::byte>>(bytes, bytes + size);
    tensor.bytes = *copy;
    tensor.owner = std::move(copy);
  }
  return tensor;
}

}  // namespace

void TensorFile::add_bytes(const std::string& name, Dtype dtype, std::span<const std::byte> bytes,
                           std::vector<std::size_t> shape) {
  assert(name != kMetadata);
  assert(bytes_of(shape, described(dtype).size) == bytes.size());
  auto copy = std::make_shared<std::vector<std::byte>>(bytes.begin(), bytes.end());
  Tensor tensor{dtype, std::move(shape), *copy, copy};
  const auto place =
      std::lower_bound(entries_.begin(), entries_.end(), name,
                       [](const Entry& e, const std::string& n) { return e.name < n; });
  if (place != entries_.end() && place->name == name) {
    place->tensor = std::move(tensor);
  } else {
    entries_.insert(place, Entry{name, std::move(tensor)});
  }
}

template <class T>
void TensorFile::add(const std::string& name, std::span<const T> values,
                     std::vector<std::size_t> shape) {
  if (shape.empty()) shape = {values.size()};
  add_bytes(name, dtype_of<T>(), std::as_bytes(values), std::move(shape));
}

void TensorFile::add_texts(const std::string& name, std::span<const std::string> texts) {
  std::string bytes;
  std::vector<std::uint64_t> ends;
  ends.reserve(texts.size());
  for (const std::string& text : texts) {
    bytes += text;
    ends.push_back(bytes.size());
  }
  const auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data());
  add(name + ".bytes", std::span<const std::uint8_t>(data, bytes.size()));
  add(name + ".ends", std::span<const std::uint64_t>(ends));
}

void TensorFile::set_meta(const std::string& key, std::string value) {
  const auto place =
      std::lower_bound(meta_.begin(), meta_.end(), key,
                       [](const auto& m, const std::string& k) { return m.first < k; });
  if (place != meta_.end() && place->first == key) {
    place->second = std::move(value);
  } else {
    meta_.insert(place, {key, std::move(value)});
  }
}

const Tensor* TensorFile::find(const std::string& name) const {
  const auto place =
      std::lower_bound(entries_.begin(), entries_.end(), name,
                       [](const Entry& e, const std::string& n) { return e.name < n; });
  return place != entries_.end() && place->name == name ? &place->tensor : nullptr;
}

bool TensorFile::has(const std::string& name) const { return find(name) != nullptr; }

template <class T>
Result<std::span<const T>> TensorFile::get(const std::string& name) const {
  const Tensor* tensor = find(name);
  if (tensor == nullptr) return broken(fmt::format("no tensor '{}'", name));
  if (tensor->dtype != dtype_of<T>()) {
    return broken(fmt::format("tensor '{}' is {} where {} was expected", name,
                              described(tensor->dtype).name, described(dtype_of<T>()).name));
  }
  return std::span<const T>(reinterpret_cast<const T*>(tensor->bytes.data()),
                            tensor->bytes.size() / sizeof(T));
}

Result<std::vector<std::string>> TensorFile::get_texts(const std::string& name) const {
  SARTOR_ASSIGN(const auto bytes, get<std::uint8_t>(name + ".bytes"));
  SARTOR_ASSIGN(const auto ends, get<std::uint64_t>(name + ".ends"));
  const auto* data = reinterpret_cast<const char*>(bytes.data());
  std::vector<std::string> texts;
  texts.reserve(ends.size());
  std::uint64_t begin = 0;
  for (const std::uint64_t end : ends) {
    if (end < begin || end > bytes.size()) return broken(fmt::format("texts '{}': bad ends", name));
    texts.emplace_back(data + begin, data + end);
    begin = end;
  }
  if (begin != bytes.size()) return broken(fmt::format("texts '{}': bytes after the last", name));
  return texts;
}

Result<std::string> TensorFile::meta(const std::string& key) const {
  for (const auto& [k, value] : meta_) {
    if (k == key) return value;
  }
  return broken(fmt::format("no '{}' in the metadata", key));
}

std::vector<std::string_view> TensorFile::pieces(std::string& header) const {
  std::vector<const Entry*> order;
  for (const Entry& entry : entries_) order.push_back(&entry);
  std::stable_sort(order.begin(), order.end(), [](const Entry* a, const Entry* b) {
    return described(a->tensor.dtype).size > described(b->tensor.dtype).size;
  });
  Json json = Json::object();
  for (const auto& [key, value] : meta_) json[kMetadata][key] = value;
  std::size_t begin = 0;
  for (const Entry* entry : order) {
    const Tensor& tensor = entry->tensor;
    const std::size_t end = begin + tensor.bytes.size();
    json[entry->name] = {{"dtype", described(tensor.dtype).name},
                         {"shape", tensor.shape},
                         {"data_offsets", {begin, end}}};
    begin = end;
  }
  std::string text = json_text(json);
  text.resize((kLengthBytes + text.size() + kAlign - 1) / kAlign * kAlign - kLengthBytes, ' ');
  const std::uint64_t length = text.size();
  header.assign(reinterpret_cast<const char*>(&length), kLengthBytes);
  header += text;
  std::vector<std::string_view> out{header};
  for (const Entry* entry : order) {
    const auto bytes = entry->tensor.bytes;
    out.emplace_back(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  return out;
}

std::string TensorFile::to_bytes() const {
  std::string header;
  std::string image;
  for (const std::string_view piece : pieces(header)) image += piece;
  return image;
}

Status TensorFile::write(const std::string& path) const {
  std::string header;
  return write_file(path, pieces(header));
}

Result<TensorFile> TensorFile::map(const std::string& path) {
  SARTOR_ASSIGN(const auto mapping, map_file(path));
  const auto header = read_header({static_cast<const char*>(mapping->data), mapping->size});
  if (!header) return within(path, header.error());
  TensorFile file;
  for (const Described& entry : header->entries) {
    file.entries_.push_back({entry.name, view_of(entry, mapping, header->data_begin)});
  }
  std::sort(file.entries_.begin(), file.entries_.end(),
            [](const Entry& a, const Entry& b) { return a.name < b.name; });
  file.meta_ = header->meta;
  std::sort(file.meta_.begin(), file.meta_.end());
  return file;
}

#define SARTOR_TENSOR_TYPE(T)                                              \
  template void TensorFile::add<T>(const std::string&, std::span<const T>, \
                                   std::vector<std::size_t>);              \
  template Result<std::span<const T>> TensorFile::get<T>(const std::string&) const;

SARTOR_TENSOR_TYPE(float)
SARTOR_TENSOR_TYPE(double)
SARTOR_TENSOR_TYPE(std::uint8_t)
SARTOR_TENSOR_TYPE(std::uint16_t)
SARTOR_TENSOR_TYPE(std::uint32_t)
SARTOR_TENSOR_TYPE(std::uint64_t)
SARTOR_TENSOR_TYPE(std::int64_t)
SARTOR_TENSOR_TYPE(UserId)
SARTOR_TENSOR_TYPE(ItemId)

#undef SARTOR_TENSOR_TYPE

}  // namespace sartor
