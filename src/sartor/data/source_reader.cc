#include "sartor/data/source_reader.h"

#include <fmt/core.h>

#include <algorithm>

#include "sartor/base/text.h"

namespace sartor {
namespace {

bool names(const UserSql& sql, const std::string& column) {
  return std::any_of(sql.columns.begin(), sql.columns.end(),
                     [&](const auto& name) { return lower_case(name) == lower_case(column); });
}

Status set_time_zone(DuckDb& db, const SourceSetup& setup) {
  const Status set = db.run("SET TimeZone = " + sql_text(setup.time_zone));
  if (set || set.error().code == ErrorCode::cancelled) return set;
  std::vector<std::string> known;
  auto rows = db.query("SELECT name FROM pg_timezone_names() ORDER BY name");
  while (rows) {
    const auto more = rows->next();
    if (!more || !*more) break;
    for (std::size_t r = 0; r < rows->size(); ++r) known.emplace_back(rows->text(0, r));
  }
  return Error{ErrorCode::config,
               fmt::format("{}.time_zone: unknown time zone '{}'{}", setup.block,
                           printable(setup.time_zone), did_you_mean(setup.time_zone, known))};
}

Status check_load(const SourceTable& table, double most, const IngestReport& report) {
  for (const SourceFile& file : table.files) {
    const auto in_file = [&](std::int64_t row) { return &table.file_of(row) == &file; };
    const auto bad = static_cast<std::uint64_t>(
        std::count_if(table.bad_rows.begin(), table.bad_rows.end(), in_file));
    SARTOR_TRY(check_bad_share(file.path, bad + file.skipped.size(), file.read, most, report));
  }
  return {};
}

}  // namespace

std::string column_label(const UserSql& sql) {
  const std::string key = sql.key.substr(sql.key.find('.') + 1);
  return sql.columns.empty() ? key : fmt::format("{} ({})", key, join(sql.columns, ", "));
}

Status check_bad_share(const std::string& file, std::uint64_t bad, std::uint64_t rows, double most,
                       const IngestReport& report) {
  if (static_cast<double>(bad) <= most * static_cast<double>(rows)) return {};
  std::string message = fmt::format(
      "{}: {} of {} rows are bad ({:.3g}%; data.max_bad_share allows {:.3g}%)", file,
      with_thousands(static_cast<long long>(bad)), with_thousands(static_cast<long long>(rows)),
      100.0 * static_cast<double>(bad) / static_cast<double>(rows), 100.0 * most);
  int shown = 0;
  for (const QuarantineEntry& entry : report.quarantine) {
    if (entry.source != file) continue;
    message += fmt::format("{} line {}{}{}: {}", shown == 0 ? ":" : ";", entry.line,
                           entry.column.empty() ? "" : ", " + entry.column,
                           entry.value.empty() ? "" : " '" + printable(entry.value, 60) + "'",
                           entry.reason);
    if (++shown == 3) break;
  }
  return Error{ErrorCode::bad_data, message};
}

Result<OpenSource> open_source(const SourceSetup& setup, const std::vector<KeyedSql>& wanted,
                               bool other_columns, const IngestPlace& place, IngestReport& report) {
  SARTOR_ASSIGN(DuckDb db, DuckDb::open(place.resources, place.scratch));
  std::vector<RoleSql> expressions;
  for (const KeyedSql& keyed : wanted) {
    SARTOR_ASSIGN(UserSql sql, check_user_sql(db, setup.block + "." + keyed.key, keyed.text));
    expressions.push_back({std::move(sql), keyed.role});
  }
  SourceRequest request{.block = setup.block,
                        .patterns = setup.patterns,
                        .folder = place.folder,
                        .format = setup.format,
                        .header = setup.header,
                        .layout = setup.layout,
                        .all_columns = other_columns};
  for (const RoleSql& expression : expressions) request.expressions.push_back(&expression.sql);
  SARTOR_TRY(set_time_zone(db, setup));
  SARTOR_ASSIGN(SourceTable table,
                load_source(db, request, place.scratch, place.resources, report));
  SARTOR_TRY(check_load(table, setup.max_bad_share, report));
  if (other_columns) {
    for (const SourceColumn& column : table.columns) {
      const bool nested = column.type.find_first_of("[(") != std::string::npos &&
                          !column.type.starts_with("DECIMAL");
      if (nested || std::any_of(expressions.begin(), expressions.end(),
                                [&](const auto& known) { return names(known.sql, column.name); })) {
        continue;
      }
      expressions.push_back({{.key = setup.block + "." + column.name,
                              .text = sql_name(column.name),
                              .columns = {column.name},
                              .is_column = true},
                             SqlRole::fact});
    }
  }
  SARTOR_TRY(db.lock());
  SARTOR_ASSIGN(TypedSource typed,
                type_source(db, table, setup.types, setup.time_zone, expressions));
  place.resources.begin_step("reading " + setup.block, static_cast<std::size_t>(table.rows()));
  return OpenSource{std::move(db), std::move(table), std::move(typed), std::move(expressions)};
}

RowLedger::RowLedger(const OpenSource& source, IngestReport& report)
    : table_(source.table),
      cells_(source.typed.bad_cells),
      report_(report),
      known_(source.table.bad_rows),
      bad_(table_.files.size()),
      bad_admitted_(table_.files.size()),
      kept_(table_.files.size()) {
  for (std::size_t f = 0; f < bad_.size(); ++f) bad_[f] = table_.files[f].skipped.size();
  for (const std::int64_t row : known_) ++bad_[file_index(row)];
  file_ = 0;
  // Where `keep` itself cannot be told, the row is bad, not unwanted.
  for (const RoleSql& expression : source.expressions) {
    if (expression.role != SqlRole::condition) continue;
    std::int64_t last = -1;
    for (const BadCell& cell : cells_) {
      if (!names(expression.sql, cell.column)) continue;
      enter(cell);
      if (cell.row == last) continue;
      last = cell.row;
      known_.push_back(cell.row);
      ++report_.quarantined;
      ++bad_[file_index(cell.row)];
    }
  }
  std::sort(known_.begin(), known_.end());
  file_ = 0;
}

std::size_t RowLedger::file_index(std::int64_t row) {
  const auto first = [&](std::size_t f) {
    return static_cast<std::int64_t>(table_.files[f].first_row);
  };
  while (file_ + 1 < table_.files.size() && first(file_ + 1) <= row) ++file_;
  return file_;
}

void RowLedger::enter(const BadCell& cell) {
  const SourceFile& file = table_.file_of(cell.row);
  report_.add({file.path, table_.line_of(cell.row), cell.column, cell.value, cell.reason});
}

bool RowLedger::admit(std::int64_t row) {
  if (row == row_) return usable_;
  row_ = row;
  rejected_ = false;
  const std::size_t file = file_index(row);
  while (next_known_ < known_.size() && known_[next_known_] < row) ++next_known_;
  while (next_cell_ < cells_.size() && cells_[next_cell_].row < row) ++next_cell_;
  usable_ = next_known_ == known_.size() || known_[next_known_] != row;
  if (!usable_) return false;
  if (next_cell_ < cells_.size() && cells_[next_cell_].row == row) {
    usable_ = false;
    for (; next_cell_ < cells_.size() && cells_[next_cell_].row == row; ++next_cell_) {
      enter(cells_[next_cell_]);
    }
    ++report_.quarantined;
    ++bad_[file];
    ++bad_admitted_[file];
    return false;
  }
  ++kept_[file];
  return true;
}

void RowLedger::reject(std::int64_t row, std::string column, std::string value,
                       std::string reason) {
  report_.add({table_.file_of(row).path, table_.line_of(row), std::move(column), std::move(value),
               std::move(reason)});
  if (rejected_) return;
  rejected_ = true;
  ++report_.quarantined;
  ++bad_[file_];
  ++bad_admitted_[file_];
  --kept_[file_];
}

Status RowLedger::finish(OpenSource& source, double max_bad_share) {
  Status status;
  const bool unnests =
      std::any_of(source.expressions.begin(), source.expressions.end(),
                  [](const RoleSql& expression) { return expression.sql.unnests; });
  for (std::size_t f = 0; f < table_.files.size(); ++f) {
    const SourceFile& file = table_.files[f];
    if (unnests && file.rows > 0) {  // a row with an empty list is kept and gives no event
      SARTOR_ASSIGN(const std::int64_t rows,
                    source.db.number(fmt::format("{} BETWEEN {} AND {}", source.typed.count_kept,
                                                 file.first_row, file.first_row + file.rows - 1)));
      kept_[f] = static_cast<std::uint64_t>(rows) - bad_admitted_[f];
    }
    report_.files.push_back(
        {table_.block, file.path, file.read, bad_[f], file.read - bad_[f] - kept_[f], kept_[f]});
    if (status) status = check_bad_share(file.path, bad_[f], file.read, max_bad_share, report_);
  }
  return status;
}

}  // namespace sartor
