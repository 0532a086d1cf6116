// The format (NumPy's NEP 1): "\x93NUMPY", version, the header's length (2 bytes in version 1, 4 in
// later ones), a Python dict as text, the data.
#include "sartor/models/npy.h"

#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <string_view>

#include "sartor/base/files.h"

namespace sartor {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::size_t kAlign = 64;

struct Header {
  std::string type;  // "<f4"
  std::vector<std::size_t> shape;
  std::size_t data_begin = 0;
};

// What follows `'key':` in the header's dict.
std::string_view value_of(std::string_view dict, std::string_view key) {
  const auto at = dict.find(fmt::format("'{}':", key));
  if (at == std::string_view::npos) return {};
  std::string_view rest = dict.substr(at + key.size() + 3);
  rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
  return rest;
}

std::vector<std::size_t> numbers_in(std::string_view tuple) {
  std::vector<std::size_t> out;
  bool inside = false;
  for (const char c : tuple.substr(0, tuple.find(')'))) {
    const bool digit = c >= '0' && c <= '9';
    if (digit && !inside) out.push_back(0);
    if (digit) out.back() = out.back() * 10 + static_cast<std::size_t>(c - '0');
    inside = digit;
  }
  return out;
}

Result<Header> read_header(std::string_view file, const std::string& path) {
  const auto fail = [&](const char* what) {
    return Error{ErrorCode::bad_data, fmt::format("{}: {}", path, what)};
  };
  if (!file.starts_with(kMagic) || file.size() < 12) return fail("not a .npy file");
  const bool wide = file[6] != 1;
  std::uint32_t length = 0;
  std::memcpy(&length, file.data() + 8, wide ? 4 : 2);
  const std::size_t begin = wide ? 12 : 10;
  if (length > file.size() - begin) return fail("the header is cut short");
  const std::string_view dict = file.substr(begin, length);
  const std::string_view type = value_of(dict, "descr");
  const std::string_view shape = value_of(dict, "shape");
  if (!type.starts_with('\'') || !shape.starts_with('('))
    return fail("a header without descr or shape");
  if (!value_of(dict, "fortran_order").starts_with("False")) return fail("expected C order");
  return Header{std::string(type.substr(1, type.find('\'', 1) - 1)), numbers_in(shape),
                begin + length};
}

template <class T, class Stored>
Status convert(std::string_view data, std::vector<T>& out, const std::string& path) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    Stored stored;
    std::memcpy(&stored, data.data() + i * sizeof(Stored), sizeof(Stored));
    if constexpr (std::is_floating_point_v<Stored>) {
      if (!std::isfinite(stored)) {
        return Error{ErrorCode::bad_data, fmt::format("{}: entry {} is {}", path, i, stored)};
      }
    }
    out[i] = static_cast<T>(stored);
  }
  return {};
}

template <class T>
constexpr const char* kTypeName = "";
template <>
constexpr const char* kTypeName<float> = "<f4";
template <>
constexpr const char* kTypeName<double> = "<f8";
template <>
constexpr const char* kTypeName<std::int64_t> = "<i8";

template <class T>
struct Conversion {
  const char* type;
  std::size_t size;
  Status (*convert)(std::string_view, std::vector<T>&, const std::string&);
};

template <class T>
constexpr Conversion<T> kConversions[] = {
    {"<f4", 4, convert<T, float>},         {"<f8", 8, convert<T, double>},
    {"<i4", 4, convert<T, std::int32_t>},  {"<i8", 8, convert<T, std::int64_t>},
    {"<u4", 4, convert<T, std::uint32_t>}, {"<u8", 8, convert<T, std::uint64_t>}};

}  // namespace

template <class T>
Result<NpyArray<T>> read_npy(const std::string& path) {
  SARTOR_ASSIGN(const std::string file, read_file(path));
  SARTOR_ASSIGN(const Header header, read_header(file, path));
  std::size_t n = 1;
  for (const std::size_t extent : header.shape) n *= extent;
  const std::string_view data = std::string_view(file).substr(header.data_begin);
  for (const Conversion<T>& row : kConversions<T>) {
    if (header.type != row.type) continue;
    if (data.size() / row.size != n || data.size() % row.size != 0) {
      return Error{ErrorCode::bad_data, fmt::format("{}: {} bytes of data for {} entries of {}",
                                                    path, data.size(), n, header.type)};
    }
    NpyArray<T> array{header.shape, std::vector<T>(n)};
    SARTOR_TRY(row.convert(data, array.values, path));
    return array;
  }
  return Error{ErrorCode::bad_data,
               fmt::format("{}: type '{}'; expected f4, f8, i4, i8, u4 or u8, little-endian", path,
                           header.type)};
}

template <class T>
Status write_npy(const std::string& path, std::span<const T> values,
                 std::span<const std::size_t> shape) {
  std::string dict = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({},), }}",
                                 kTypeName<T>, fmt::join(shape, ", "));
  const std::size_t unpadded = 10 + dict.size() + 1;
  dict.append((unpadded + kAlign - 1) / kAlign * kAlign - unpadded, ' ');
  dict += '\n';
  std::string file(kMagic);
  file += std::string_view("\x01\x00", 2);
  const auto length = static_cast<std::uint16_t>(dict.size());
  file.append(reinterpret_cast<const char*>(&length), 2);
  file += dict;
  file.append(reinterpret_cast<const char*>(values.data()), values.size_bytes());
  return write_file(path, file);
}

#define SARTOR_NPY_TYPE(T)                                             \
  template Result<NpyArray<T>> read_npy<T>(const std::string&);        \
  template Status write_npy<T>(const std::string&, std::span<const T>, \
                               std::span<const std::size_t>);

SARTOR_NPY_TYPE(float)
SARTOR_NPY_TYPE(double)
SARTOR_NPY_TYPE(std::int64_t)

#undef SARTOR_NPY_TYPE

}  // namespace sartor
