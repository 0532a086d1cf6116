#include "sartor/data/attribute_reader.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "sartor/base/text.h"

namespace sartor {
namespace {

struct Reader {
  OpenSource& source;
  FactTable& facts;
  RowLedger ledger;
  std::vector<std::size_t> columns;  // of the facts: place in the table, by place in the query

  std::size_t column_of(const std::string& name) const {
    const auto found = std::find_if(facts.columns.begin(), facts.columns.end(),
                                    [&](const FactColumn& known) { return known.name() == name; });
    if (found != facts.columns.end()) {
      return static_cast<std::size_t>(found - facts.columns.begin());
    }
    facts.columns.emplace_back(name).resize(facts.names.size());
    return facts.columns.size() - 1;
  }

  // The block's name, or nothing if the row cannot be used.
  bool is_name(const DuckRows& rows, std::size_t r, std::int64_t row) {
    const std::string label = column_label(source.expressions.front().sql);
    if (rows.missing(1, r) || rows.text(1, r).empty()) {
      ledger.reject(row, label, "", "is missing");
      return false;
    }
    const std::string_view text = rows.text(1, r);
    if (text.size() <= 1000 && text.find('\0') == std::string_view::npos) return true;
    ledger.reject(row, label, printable(text, 200),
                  text.size() > 1000 ? "is longer than 1,000 bytes" : "holds a NUL byte");
    return false;
  }

  void take(const DuckRows& rows, std::size_t r) {
    const std::uint32_t at = facts.names.code(rows.text(1, r));
    for (std::size_t k = 0; k < columns.size(); ++k) {
      FactColumn& column = facts.columns[columns[k]];
      if (column.rows() <= at) column.resize(at + 1);
      if (rows.missing(k + 2, r) || !column.is_missing(at)) continue;
      if (source.expressions[k + 1].is_number) {
        const double value = rows.values<double>(k + 2)[r];
        if (std::isfinite(value)) column.set(at, value);
      } else if (const std::string_view text = rows.text(k + 2, r);
                 text.find('\0') == std::string_view::npos) {
        column.set(at, text);
      }
    }
  }

  Status read() {
    auto rows = source.db.query(source.typed.select);
    if (!rows) return blame(source.db, source.expressions, rows.error());
    while (true) {
      const auto more = rows->next();
      if (!more) return blame(source.db, source.expressions, more.error());
      if (!*more) break;
      const auto row = rows->values<std::int64_t>(0);
      for (std::size_t r = 0; r < rows->size(); ++r) {
        if (ledger.admit(row[r]) && is_name(*rows, r, row[r])) take(*rows, r);
      }
    }
    for (FactColumn& column : facts.columns) column.resize(facts.names.size());
    return {};
  }
};

Status read_block(const SourceSetup& setup, const std::vector<KeyedSql>& wanted, bool other_columns,
                  const IngestPlace& place, FactTable& facts, IngestReport& report) {
  const KeyedSql& name = wanted.front();
  if (name.text.empty()) {
    return Error{ErrorCode::config,
                 fmt::format("{}.{}: is missing: which column says it?", setup.block, name.key)};
  }
  SARTOR_ASSIGN(OpenSource source, open_source(setup, wanted, other_columns, place, report));
  Reader reader{source, facts, RowLedger(source, report), {}};
  for (std::size_t e = 1; e < source.expressions.size(); ++e) {
    const std::string& key = source.expressions[e].sql.key;
    std::string column = key.substr(key.find('.') + 1);
    if (column.starts_with("attributes.")) column = column.substr(column.find('.') + 1);
    reader.columns.push_back(reader.column_of(column));
  }
  SARTOR_TRY(reader.read());
  return reader.ledger.finish(source, setup.max_bad_share);
}

void add_facts(const std::map<std::string, std::string>& attributes,
               std::vector<KeyedSql>& wanted) {
  for (const auto& [name, text] : attributes) {
    wanted.push_back({"attributes." + name, text, SqlRole::fact});
  }
}

}  // namespace

Status read_users(const UserSource& source, std::size_t index, double max_bad_share,
                  const IngestPlace& place, FactTable& facts, IngestReport& report) {
  const SourceSetup setup{.block = fmt::format("users[{}]", index),
                          .patterns = source.files,
                          .format = source.format,
                          .layout = layout_of(source),
                          .types = source.types,
                          .max_bad_share = max_bad_share};
  std::vector<KeyedSql> wanted = {{"user", source.user, SqlRole::name}};
  add_facts(source.attributes, wanted);
  return read_block(setup, wanted, source.attributes.empty(), place, facts, report);
}

Status read_items(const ItemSource& source, std::size_t index, double max_bad_share,
                  const IngestPlace& place, FactTable& facts, IngestReport& report) {
  const SourceSetup setup{.block = fmt::format("items[{}]", index),
                          .patterns = source.files,
                          .format = source.format,
                          .layout = layout_of(source),
                          .types = source.types,
                          .max_bad_share = max_bad_share};
  std::vector<KeyedSql> wanted = {{"item", source.item, SqlRole::name}};
  if (!source.text.empty()) wanted.push_back({"text", source.text, SqlRole::name});
  if (!source.category.empty()) wanted.push_back({"category", source.category, SqlRole::name});
  if (!source.price.empty()) wanted.push_back({"price", source.price, SqlRole::number});
  add_facts(source.attributes, wanted);
  return read_block(setup, wanted, false, place, facts, report);
}

}  // namespace sartor
