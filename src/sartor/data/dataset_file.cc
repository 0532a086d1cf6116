#include "sartor/data/dataset_file.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include "sartor/base/checksum.h"

namespace sartor {
namespace {

template <class T>
std::span<const T> view(const std::vector<T>& values) {
  return {values.data(), values.size()};
}

// All values, or the one that all are, bit by bit: what a log does not have takes no place.
template <class T>
void add_values(TensorFile& file, const std::string& name, const std::vector<T>& values) {
  const auto is_first = [&](const T& value) {
    return std::memcmp(&value, values.data(), sizeof(T)) == 0;
  };
  const bool one = values.size() > 1 && std::all_of(values.begin(), values.end(), is_first);
  file.add<T>(name, view(values).first(one ? 1 : values.size()));
}

void add_column(TensorFile& file, const std::string& name, const Column& column) {
  if (column.is_text) {
    add_values(file, name + ".codes", column.codes);
    file.add_texts(name + ".words", view(column.words));
  } else {
    add_values(file, name + ".numbers", column.numbers);
  }
}

// Names and kinds of the columns, for the header; the values are tensors called prefix.0, …
Json add_columns(TensorFile& file, const std::string& prefix, const std::vector<Column>& columns) {
  Json list = Json::array();
  for (std::size_t c = 0; c < columns.size(); ++c) {
    list.push_back({columns[c].name, columns[c].is_text});
    add_column(file, fmt::format("{}.{}", prefix, c), columns[c]);
  }
  return list;
}

template <class T>
Status read(const TensorFile& file, const std::string& name, std::size_t rows,
            std::vector<T>& out) {
  SARTOR_ASSIGN(const auto values, file.get<T>(name));
  if (values.size() == 1) {
    out.assign(rows, values.front());
    return {};
  }
  if (values.size() != rows) {
    return Error{ErrorCode::bad_data,
                 fmt::format("{}: expected {} values, found {}", name, rows, values.size())};
  }
  out.assign(values.begin(), values.end());
  return {};
}

Status read_columns(const TensorFile& file, const std::string& prefix, const Json& list,
                    std::size_t rows, std::vector<Column>& columns) {
  for (std::size_t c = 0; c < list.size(); ++c) {
    const std::string name = fmt::format("{}.{}", prefix, c);
    Column column{.name = list[c].at(0), .is_text = list[c].at(1)};
    if (column.is_text) {
      SARTOR_TRY(read(file, name + ".codes", rows, column.codes));
      SARTOR_ASSIGN(column.words, file.get_texts(name + ".words"));
      for (const std::uint32_t code : column.codes) {
        if (code < column.words.size() || code == Column::kMissing) continue;
        return Error{ErrorCode::bad_data, name + ": a code without a word"};
      }
    } else {
      SARTOR_TRY(read(file, name + ".numbers", rows, column.numbers));
    }
    columns.push_back(std::move(column));
  }
  return {};
}

Result<Vocabulary> read_vocabulary(const TensorFile& file, const std::string& name) {
  SARTOR_ASSIGN(auto names, file.get_texts(name));
  if (std::adjacent_find(names.begin(), names.end(), std::greater_equal<>()) != names.end()) {
    return Error{ErrorCode::bad_data, name + ": names are not sorted"};
  }
  return Vocabulary(std::move(names));
}

Status check_ids(const Dataset& data) {
  const Events& events = data.events;
  for (std::size_t e = 0; e < events.size(); ++e) {
    if (events.user[e].index() >= data.users.size() ||
        events.item[e].index() >= data.items.size() || events.type[e] >= data.types.size()) {
      return Error{ErrorCode::bad_data, fmt::format("event {}: a number without a name", e)};
    }
  }
  return {};
}

void add_columns(Fingerprint& fingerprint, const std::vector<Column>& columns) {
  for (const Column& column : columns) {
    fingerprint.add(std::string_view(column.name)).add(std::int64_t{column.is_text});
    fingerprint.add_values(view(column.numbers)).add_values(view(column.codes));
    for (const std::string& word : column.words) fingerprint.add(std::string_view(word));
  }
}

Status read_events(const TensorFile& file, const Json& columns, Events& events) {
  SARTOR_ASSIGN(const auto users, file.get<UserId>("events.user"));
  const std::size_t rows = users.size();
  events.user.assign(users.begin(), users.end());
  SARTOR_TRY(read(file, "events.item", rows, events.item));
  SARTOR_TRY(read(file, "events.time", rows, events.time));
  SARTOR_TRY(read(file, "events.type", rows, events.type));
  SARTOR_TRY(read(file, "events.value", rows, events.value));
  SARTOR_TRY(read(file, "events.dwell_seconds", rows, events.dwell_seconds));
  SARTOR_TRY(read(file, "events.group", rows, events.group));
  SARTOR_TRY(read(file, "events.weight", rows, events.weight));
  return read_columns(file, "events.context", columns, rows, events.context);
}

Result<LoadedDataset> read_all(const TensorFile& file) {
  LoadedDataset out;
  Dataset& data = out.data;
  SARTOR_ASSIGN(const std::string text, file.meta("dataset"));
  const Json meta = parse_json(text);
  if (meta.is_discarded()) return Error{ErrorCode::bad_data, "cannot read the header"};
  try {
    SARTOR_ASSIGN(data.users, read_vocabulary(file, "users"));
    SARTOR_ASSIGN(data.items, read_vocabulary(file, "items"));
    SARTOR_ASSIGN(data.types, file.get_texts("types"));
    SARTOR_TRY(read_events(file, meta.at("context"), data.events));
    data.user_attributes.rows = data.users.size();
    data.item_attributes.rows = data.items.size();
    SARTOR_TRY(read_columns(file, "users.attributes", meta.at("users"), data.users.size(),
                            data.user_attributes.columns));
    SARTOR_TRY(read_columns(file, "items.attributes", meta.at("items"), data.items.size(),
                            data.item_attributes.columns));
    data.fingerprint = meta.at("fingerprint");
    SARTOR_ASSIGN(out.report, ingest_report_from_json(meta.at("report")));
  } catch (const Json::exception& error) {
    return Error{ErrorCode::bad_data, error.what()};
  }
  SARTOR_TRY(check_ids(data));
  return out;
}

}  // namespace

std::string fingerprint_of(const Dataset& data) {
  Fingerprint fingerprint;
  const auto add_names = [&](const std::vector<std::string>& names) {
    fingerprint.add(static_cast<std::int64_t>(names.size()));
    for (const std::string& name : names) fingerprint.add(std::string_view(name));
  };
  add_names(data.users.names());
  add_names(data.items.names());
  add_names(data.types);
  const Events& events = data.events;
  fingerprint.add_values(view(events.user)).add_values(view(events.item));
  fingerprint.add_values(view(events.time)).add_values(view(events.type));
  fingerprint.add_values(view(events.value)).add_values(view(events.dwell_seconds));
  fingerprint.add_values(view(events.group)).add_values(view(events.weight));
  add_columns(fingerprint, events.context);
  add_columns(fingerprint, data.user_attributes.columns);
  add_columns(fingerprint, data.item_attributes.columns);
  return fingerprint.text();
}

TensorFile dataset_file(const Dataset& data, const IngestReport& report) {
  TensorFile file;
  const Events& events = data.events;
  file.add_texts("users", view(data.users.names()));
  file.add_texts("items", view(data.items.names()));
  file.add_texts("types", view(data.types));
  file.add<UserId>("events.user", view(events.user));
  file.add<ItemId>("events.item", view(events.item));
  add_values(file, "events.time", events.time);
  add_values(file, "events.type", events.type);
  add_values(file, "events.value", events.value);
  add_values(file, "events.dwell_seconds", events.dwell_seconds);
  add_values(file, "events.group", events.group);
  add_values(file, "events.weight", events.weight);
  Json meta;
  meta["fingerprint"] = data.fingerprint;
  meta["context"] = add_columns(file, "events.context", events.context);
  meta["users"] = add_columns(file, "users.attributes", data.user_attributes.columns);
  meta["items"] = add_columns(file, "items.attributes", data.item_attributes.columns);
  meta["report"] = to_json(report);
  file.set_meta("dataset", json_text(meta));
  return file;
}

Status save_dataset(const Dataset& data, const IngestReport& report, const std::string& path) {
  return dataset_file(data, report).write(path);
}

Result<LoadedDataset> load_dataset(const std::string& path) {
  SARTOR_ASSIGN(const TensorFile file, TensorFile::map(path));
  auto loaded = read_all(file);
  if (!loaded) return within(path, loaded.error());
  return loaded;
}

}  // namespace sartor
