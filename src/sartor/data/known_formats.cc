#include "sartor/data/known_formats.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

namespace sartor {
namespace {

struct KnownFile {
  const char* file;
  const char* what;
  const char* delimiter;
  std::vector<std::string> columns;
  bool latin1;
};

const std::vector<KnownFile>& movielens() {
  static const std::vector<KnownFile> kFiles = {
      {"u.data", "MovieLens 100K", "\t", {"user_id", "item_id", "rating", "timestamp"}, false},
      {"u.user",
       "MovieLens 100K",
       "|",
       {"user_id", "age", "gender", "occupation", "zip_code"},
       true},
      {"u.item",
       "MovieLens 100K",
       "|",
       {"item_id",     "title",     "release_date", "video_release_date", "url",    "unknown",
        "Action",      "Adventure", "Animation",    "Children",           "Comedy", "Crime",
        "Documentary", "Drama",     "Fantasy",      "FilmNoir",           "Horror", "Musical",
        "Mystery",     "Romance",   "SciFi",        "Thriller",           "War",    "Western"},
       true},
      {"ratings.dat", "MovieLens 1M", "::", {"user_id", "item_id", "rating", "timestamp"}, false},
      {"users.dat",
       "MovieLens 1M",
       "::",
       {"user_id", "gender", "age", "occupation", "zip_code"},
       true},
      {"movies.dat", "MovieLens 1M", "::", {"item_id", "title", "genres"}, true},
  };
  return kFiles;
}

// Whole numbers with single blanks between them, two at least: a user and items.
bool is_list_of_numbers(const std::string& line) {
  const bool digits = std::all_of(line.begin(), line.end(),
                                  [](char c) { return (c >= '0' && c <= '9') || c == ' '; });
  return digits && !line.empty() && line.front() != ' ' && line.find("  ") == std::string::npos &&
         line.find(' ') != std::string::npos;
}

}  // namespace

std::optional<KnownFormat> known_format(const std::string& path) {
  const std::filesystem::path file(path);
  for (const KnownFile& known : movielens()) {
    if (file.filename() != known.file) continue;
    return KnownFormat{.what = std::string(known.what) +
                               ": a file without a header line, its columns by their place",
                       .layout = {known.delimiter, known.columns, known.latin1}};
  }
  if (file.extension() != ".txt") return std::nullopt;
  std::ifstream in(path);
  std::string line;
  if (!std::getline(in, line)) return std::nullopt;
  while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
  if (!is_list_of_numbers(line)) return std::nullopt;
  return KnownFormat{.what = "a list of items behind each user, as LightGCN has them",
                     .layout = {"none", {"line"}, false},
                     .user = "split_part(line, ' ', 1)",
                     .item = "unnest(array_slice(string_split(trim(line), ' '), 2, -1))"};
}

std::string without_type(const std::string& name) {
  for (const char* type : {":token", ":token_seq", ":float", ":float_seq"}) {
    if (name.ends_with(type)) return name.substr(0, name.rfind(':'));
  }
  return name;
}

}  // namespace sartor
