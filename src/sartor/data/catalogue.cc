#include "sartor/data/catalogue.h"

#include <fmt/core.h>

#include <algorithm>
#include <cassert>
#include <cmath>
#include <nlohmann/json.hpp>

namespace sartor {
namespace {

constexpr const char* kFormat = "sartor catalogue 2";

Error bad(std::string message) { return {ErrorCode::bad_data, std::move(message)}; }

// Column c of `table` is "<prefix>.<c>" (f64), or "<prefix>.<c>" (u32) and its words; the names
// stand in "<prefix>.columns".
void add_table(TensorFile& file, const std::string& prefix, const Table& table) {
  std::vector<std::string> names;
  for (const Column& column : table.columns) {
    const std::string place = fmt::format("{}.{}", prefix, names.size());
    names.push_back(column.name);
    assert(column.rows() == table.rows);
    if (column.is_text) {
      file.add(place, std::span<const std::uint32_t>(column.codes));
      file.add_texts(place + ".words", column.words);
    } else {
      file.add(place, std::span<const double>(column.numbers));
    }
  }
  file.add_texts(prefix + ".columns", names);
}

Result<Column> read_column(const TensorFile& file, const std::string& place, std::string name,
                           std::size_t rows) {
  Column column{.name = std::move(name)};
  const Tensor* tensor = file.find(place);
  column.is_text = tensor != nullptr && tensor->dtype == Dtype::u32;
  if (column.is_text) {
    SARTOR_ASSIGN(const auto codes, file.get<std::uint32_t>(place));
    SARTOR_ASSIGN(column.words, file.get_texts(place + ".words"));
    const bool fits = std::all_of(codes.begin(), codes.end(), [&](std::uint32_t code) {
      return code == Column::kMissing || code < column.words.size();
    });
    if (!fits) return bad(fmt::format("tensor '{}': a code without a word", place));
    column.codes.assign(codes.begin(), codes.end());
  } else {
    SARTOR_ASSIGN(const auto numbers, file.get<double>(place));
    column.numbers.assign(numbers.begin(), numbers.end());
  }
  if (column.rows() != rows) {
    return bad(fmt::format("tensor '{}': {} rows, expected {}", place, column.rows(), rows));
  }
  return column;
}

Result<Table> read_table(const TensorFile& file, const std::string& prefix, std::size_t rows) {
  SARTOR_ASSIGN(auto names, file.get_texts(prefix + ".columns"));
  Table table{.rows = rows};
  for (std::size_t c = 0; c < names.size(); ++c) {
    SARTOR_ASSIGN(Column column,
                  read_column(file, fmt::format("{}.{}", prefix, c), std::move(names[c]), rows));
    table.columns.push_back(std::move(column));
  }
  return table;
}

void add_history(TensorFile& file, const History& history) {
  std::vector<std::uint64_t> begin{0};
  std::vector<ItemId> item;
  std::vector<float> weight;
  std::vector<Time> time;
  for (std::uint32_t u = 0; u < history.users(); ++u) {
    for (const Interaction& interaction : history.of(UserId{u})) {
      item.push_back(interaction.item);
      weight.push_back(interaction.weight);
      time.push_back(interaction.time);
    }
    begin.push_back(item.size());
  }
  file.add("history.begin", std::span<const std::uint64_t>(begin));
  file.add("history.item", std::span<const ItemId>(item));
  file.add("history.weight", std::span<const float>(weight));
  file.add("history.time", std::span<const Time>(time));
}

// "history.context": as History::context_of, user after user; the words of key k in "context.<k>".
void add_context(TensorFile& file, const History& history) {
  std::vector<std::uint32_t> codes;
  for (std::uint32_t u = 0; u < history.users(); ++u) {
    const auto rows = history.context_of(UserId{u});
    codes.insert(codes.end(), rows.begin(), rows.end());
  }
  std::vector<std::string> names;
  for (const ContextKey& key : history.context_keys()) {
    file.add_texts(fmt::format("context.{}", names.size()), key.words);
    names.push_back(key.name);
  }
  file.add_texts("context.keys", names);
  file.add("history.context", std::span<const std::uint32_t>(codes));
}

Result<std::vector<ContextKey>> read_context_keys(const TensorFile& file) {
  SARTOR_ASSIGN(auto names, file.get_texts("context.keys"));
  std::vector<ContextKey> keys;
  for (std::size_t k = 0; k < names.size(); ++k) {
    SARTOR_ASSIGN(auto words, file.get_texts(fmt::format("context.{}", k)));
    keys.push_back({std::move(names[k]), std::move(words)});
  }
  return keys;
}

Status check_context(std::span<const std::uint32_t> codes, std::span<const ContextKey> keys,
                     std::size_t rows) {
  if (codes.size() != rows * keys.size()) return bad("history.context does not fit");
  for (std::size_t at = 0; at < codes.size(); ++at) {
    if (codes[at] != Column::kMissing && codes[at] >= keys[at % keys.size()].words.size()) {
      return bad("history.context: a code without a word");
    }
  }
  return {};
}

Result<Vocabulary> read_names(const TensorFile& file) {
  SARTOR_ASSIGN(auto names, file.get_texts("names"));
  const auto disorder = std::adjacent_find(names.begin(), names.end(), std::greater_equal<>());
  if (disorder != names.end()) return bad("names are not sorted and distinct");
  return Vocabulary(std::move(names));
}

Result<TensorFile> open_file(const std::string& path) {
  SARTOR_ASSIGN(TensorFile file, TensorFile::map(path));
  const auto format = file.meta("format");
  if (!format || *format != kFormat) return bad(fmt::format("{}: is not a {}", path, kFormat));
  return file;
}

Status check_history(std::span<const std::uint64_t> begin, std::span<const ItemId> item,
                     std::span<const float> weight, std::size_t users, std::size_t items) {
  if (begin.size() != users + 1 || begin.front() != 0 || begin.back() != item.size() ||
      !std::is_sorted(begin.begin(), begin.end())) {
    return bad("history.begin does not fit");
  }
  const bool known =
      std::all_of(item.begin(), item.end(), [&](ItemId id) { return id.index() < items; });
  if (!known) return bad("history.item names an item that is not there");
  const bool positive =
      std::all_of(weight.begin(), weight.end(), [](float w) { return w > 0 && std::isfinite(w); });
  return positive ? Status() : bad("history.weight holds something that is not above 0");
}

}  // namespace

Status write_catalogue(const CatalogueParts& parts, const std::string& users_path,
                       const std::string& items_path) {
  assert(parts.users->size() == parts.history->users());
  assert(parts.items->size() == parts.history->items());
  TensorFile users;
  users.set_meta("format", kFormat);
  users.add_texts("names", parts.users->names());
  add_history(users, *parts.history);
  add_context(users, *parts.history);
  add_table(users, "features", parts.user_features ? *parts.user_features : Table{});
  SARTOR_TRY(users.write(users_path));

  TensorFile items;
  items.set_meta("format", kFormat);
  items.add_texts("names", parts.items->names());
  std::vector<std::uint8_t> eligible(parts.items->size());
  for (std::uint32_t i = 0; i < eligible.size(); ++i) eligible[i] = parts.history->seen(ItemId{i});
  items.add("eligible", std::span<const std::uint8_t>(eligible));
  const Time as_of = parts.history->as_of();
  items.add("as_of", std::span<const Time>(&as_of, 1));
  add_table(items, "attributes", parts.item_attributes ? *parts.item_attributes : Table{});
  return items.write(items_path);
}

namespace {

struct Items {
  Time as_of = 0;
  Vocabulary names;
  Table attributes;
  std::vector<ItemId> eligible;
};

Result<Items> read_items(const TensorFile& file) {
  Items items;
  SARTOR_ASSIGN(items.names, read_names(file));
  SARTOR_ASSIGN(items.attributes, read_table(file, "attributes", items.names.size()));
  SARTOR_ASSIGN(const auto as_of, file.get<Time>("as_of"));
  SARTOR_ASSIGN(const auto eligible, file.get<std::uint8_t>("eligible"));
  if (as_of.size() != 1) return bad("tensor 'as_of': expected one value");
  if (eligible.size() != items.names.size()) return bad("tensor 'eligible': one flag per item");
  items.as_of = as_of[0];
  for (std::uint32_t i = 0; i < eligible.size(); ++i) {
    if (eligible[i] != 0) items.eligible.push_back(ItemId{i});
  }
  return items;
}

}  // namespace

Result<Catalogue> Catalogue::open(const std::string& users_path, const std::string& items_path) {
  SARTOR_ASSIGN(const TensorFile items_file, open_file(items_path));
  auto items = read_items(items_file);
  if (!items) return within(items_path, items.error());
  SARTOR_ASSIGN(TensorFile users_file, open_file(users_path));

  Catalogue catalogue;
  catalogue.as_of_ = items->as_of;
  catalogue.items_ = std::move(items->names);
  catalogue.item_attributes_ = std::move(items->attributes);
  catalogue.eligible_ = std::move(items->eligible);
  const auto read_users = [&]() -> Status {
    SARTOR_ASSIGN(catalogue.users_, read_names(users_file));
    const std::size_t users = catalogue.users_.size();
    SARTOR_ASSIGN(catalogue.user_features_, read_table(users_file, "features", users));
    SARTOR_ASSIGN(catalogue.begin_, users_file.get<std::uint64_t>("history.begin"));
    SARTOR_ASSIGN(catalogue.item_, users_file.get<ItemId>("history.item"));
    SARTOR_ASSIGN(catalogue.weight_, users_file.get<float>("history.weight"));
    SARTOR_ASSIGN(catalogue.time_, users_file.get<Time>("history.time"));
    const std::size_t n = catalogue.item_.size();
    if (catalogue.weight_.size() != n || catalogue.time_.size() != n) {
      return bad("history: tensors of different lengths");
    }
    SARTOR_ASSIGN(catalogue.context_keys_, read_context_keys(users_file));
    SARTOR_ASSIGN(catalogue.context_, users_file.get<std::uint32_t>("history.context"));
    SARTOR_TRY(check_context(catalogue.context_, catalogue.context_keys_, n));
    return check_history(catalogue.begin_, catalogue.item_, catalogue.weight_, users,
                         catalogue.items_.size());
  };
  if (const Status status = read_users(); !status) return within(users_path, status.error());
  catalogue.users_file_ = std::move(users_file);
  return catalogue;
}

std::vector<Interaction> Catalogue::history_of(UserId user) const {
  std::vector<Interaction> rows;
  rows.reserve(begin_[user.index() + 1] - begin_[user.index()]);
  for (std::size_t i = begin_[user.index()]; i < begin_[user.index() + 1]; ++i) {
    rows.push_back({item_[i], weight_[i], time_[i]});
  }
  return rows;
}

}  // namespace sartor
