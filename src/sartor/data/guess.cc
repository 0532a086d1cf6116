#include "sartor/data/guess.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "sartor/base/text.h"
#include "sartor/data/guess_roles.h"

namespace sartor {
namespace {

std::string toml_text(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<int>(c));
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string toml_key(const std::string& key) {
  const bool bare = !key.empty() && std::all_of(key.begin(), key.end(), [](char c) {
    return c == '_' || c == '-' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
           (c >= 'A' && c <= 'Z');
  });
  return bare ? key : toml_text(key);
}

std::string toml_list(const std::vector<std::string>& texts) {
  std::string out = "[";
  for (const std::string& text : texts) out += (out.size() > 1 ? ", " : "") + toml_text(text);
  return out + "]";
}

// Writes lines `key = value   # why`, the comments under each other.
class TomlWriter {
 public:
  void blank() { text_ += '\n'; }
  void comment(const std::string& words) { text_ += "# " + printable(words, 400) + "\n"; }
  void table(const std::string& name) { text_ += "\n" + name + "\n"; }
  void raw(const std::string& line, const std::string& why = "") {
    text_ += why.empty() ? line + "\n" : fmt::format("{:<46} # {}\n", line, printable(why, 300));
  }
  void entry(const std::string& key, const GuessedSql& guess) {
    if (guess) raw(fmt::format("{} = {}", key, toml_text(guess.sql)), guess.why);
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

class Guesser {
 public:
  Guesser(const GuessRequest& request, const IngestPlace& place)
      : request_(request), place_(place) {}

  Result<Guess> guess() {
    SARTOR_TRY(look());
    header();
    for (const GuessedEvents& events : events_) write_events(events);
    for (const TableProfile& table : users_) SARTOR_TRY(write_users(table));
    for (const TableProfile& table : items_) SARTOR_TRY(write_items(table));
    if (items_.empty()) write_items_of_events();
    write_rest();
    return Guess{toml_.text(), notes_};
  }

 private:
  Status look() {
    for (const std::string& pattern : request_.events) {
      SARTOR_ASSIGN(TableProfile table, profile_files("events", {pattern}, place_));
      const auto same = std::find_if(tables_.begin(), tables_.end(), [&](const auto& known) {
        return std::equal(known.columns.begin(), known.columns.end(), table.columns.begin(),
                          table.columns.end(),
                          [](const auto& a, const auto& b) { return a.name == b.name; });
      });
      if (same != tables_.end()) {
        same->files.push_back(pattern);
      } else {
        tables_.push_back(std::move(table));
      }
    }
    if (tables_.empty()) {
      return Error{ErrorCode::config, "init: name at least one file of events"};
    }
    for (TableProfile& table : tables_) {
      SARTOR_ASSIGN(GuessedEvents events, guess_events(table));
      events_.push_back(std::move(events));
    }
    type_lists();
    for (const std::string& pattern : request_.users) {
      SARTOR_ASSIGN(TableProfile table, profile_files("users", {pattern}, place_));
      users_.push_back(std::move(table));
    }
    for (const std::string& pattern : request_.items) {
      SARTOR_ASSIGN(TableProfile table, profile_files("items", {pattern}, place_));
      items_.push_back(std::move(table));
    }
    return {};
  }

  // Lists without times say what was taken, so they count as successes do elsewhere.
  void type_lists() {
    const std::string prefix = "type = ";
    for (GuessedEvents& events : events_) {
      const std::string& positive = main_events().positive;
      if (events.time || !main_events().time || !positive.starts_with(prefix)) continue;
      events.type = {positive.substr(prefix.size()), "taken to be what counts as a success",
                     nullptr};
    }
  }

  const GuessedEvents& main_events() const {
    const auto timed = std::find_if(events_.begin(), events_.end(),
                                    [](const GuessedEvents& events) { return bool{events.time}; });
    return timed == events_.end() ? events_.front() : *timed;
  }

  void header() {
    toml_.comment(
        "Written by `sartor init` from looking at the files. Read the guesses, mend what is");
    toml_.comment("wrong, then: sartor check, sartor run.");
    toml_.raw("name = " + toml_text(request_.name.empty() ? "my project" : request_.name));
  }

  void note(const std::string& key, const GuessedSql& guess) {
    if (guess) notes_.push_back(fmt::format("{} = {}: {}", key, guess.sql, guess.why));
  }

  // How the files are cut, where their own line 1 does not say it.
  void write_layout(const TableProfile& table, const std::string& block) {
    if (!table.known) return;
    const TextLayout& layout = table.known->layout;
    toml_.raw("delimiter = " + toml_text(layout.delimiter), table.known->what);
    toml_.raw("columns = " + toml_list(layout.columns));
    if (layout.latin1) toml_.raw("encoding = \"latin-1\"");
    notes_.push_back(block + ": " + table.known->what);
  }

  void write_events(const GuessedEvents& events) {
    toml_.table("[[events]]");
    toml_.raw("files = " + toml_list(events.files));
    write_layout(tables_[static_cast<std::size_t>(&events - events_.data())], "events");
    const std::string block =
        events_.size() == 1 ? "events" : fmt::format("events[{}]", &events - events_.data());
    const auto entry = [&](const std::string& key, const GuessedSql& guess) {
      toml_.entry(key, guess);
      note(block + "." + key, guess);
    };
    entry("user", events.user);
    entry("item", events.item);
    if (events.time) {
      entry("time", events.time);
      toml_.raw("time_zone = \"UTC\"",
                "of times that do not say theirs: yours? e.g. Europe/Berlin");
    } else {
      toml_.raw("untimed = true", "no column holds the time of each event");
      notes_.push_back(block + ".untimed = true: no column holds the time of each event");
    }
    entry("type", events.type);
    entry("value", events.value);
    entry("dwell_seconds", events.dwell);
    entry("group", events.group);
    entry("keep", events.keep);
    for (const std::string& remark : events.remarks) {
      toml_.comment(remark);
      notes_.push_back(block + ": " + remark);
    }
    if (!events.context.empty()) {
      std::string list;
      for (const auto& [key, guess] : events.context) {
        list +=
            fmt::format("{}{} = {}", list.empty() ? "" : ", ", toml_key(key), toml_text(guess.sql));
        note(block + ".context." + key, guess);
      }
      toml_.raw("context = { " + list + " }");
    }
  }

  static std::string name_of(const GuessedSql& guess) {
    return guess.column == nullptr ? "" : guess.column->name;
  }

  static Error no_column(const char* kind, const char* what, const TableProfile& table) {
    std::vector<std::string> names;
    for (const ColumnProfile& column : table.columns) names.push_back(column.name);
    return {ErrorCode::config,
            fmt::format("{}: {}: no column looks like {}; there are {}", kind,
                        join(table.files, ", "), what, printable(join(names, ", "), 400))};
  }

  Status write_users(const TableProfile& table) {
    const GuessedSql user = guess_user(table, name_of(events_.front().user));
    if (!user) return no_column("users", "the user", table);
    toml_.table("[[users]]");
    toml_.raw("files = " + toml_list(table.files));
    write_layout(table, "users");
    toml_.entry("user", user);
    toml_.comment("Every other column is an attribute; to choose: attributes = { name = \"SQL\" }");
    note("users.user", user);
    return {};
  }

  void write_item_facts(const GuessedItems& facts) {
    toml_.entry("text", facts.text);
    toml_.entry("category", facts.category);
    toml_.entry("price", facts.price);
    note("items.text", facts.text);
    note("items.category", facts.category);
    note("items.price", facts.price);
    if (facts.attributes.empty()) return;
    std::string list;
    for (const auto& [name, sql] : facts.attributes) {
      list += fmt::format("{}{} = {}", list.empty() ? "" : ", ", toml_key(name), toml_text(sql));
    }
    toml_.raw("attributes = { " + list + " }");
  }

  Status write_items(const TableProfile& table) {
    const GuessedSql item = guess_item(table, name_of(events_.front().item));
    if (!item) return no_column("items", "the item", table);
    toml_.table("[[items]]");
    toml_.raw("files = " + toml_list(table.files));
    write_layout(table, "items");
    toml_.entry("item", item);
    note("items.item", item);
    write_item_facts(guess_items(table, item.column, false));
    return {};
  }

  // Where the log itself says what its items are called.
  void write_items_of_events() {
    const GuessedEvents& events = events_.front();
    const GuessedItems facts = guess_items(tables_.front(), events.item.column, true);
    if (!facts.text && !facts.category) return;
    toml_.table("[[items]]");
    toml_.comment("The log names its items itself.");
    toml_.raw("files = " + toml_list(events.files));
    toml_.raw("item = " + toml_text(events.item.sql));
    write_item_facts(facts);
  }

  void write_rest() {
    const GuessedEvents& events = main_events();
    toml_.table("[signal]");
    toml_.raw("positive = " + toml_text(events.positive), events.positive_why);
    const bool repeats = events.repeats > 0.2;
    toml_.raw(fmt::format("repeat = {}", repeats),
              fmt::format("{:.0f}% of the events repeat a user and an item", 100 * events.repeats));
    notes_.push_back(fmt::format("signal.positive = {}: {}", events.positive, events.positive_why));
    notes_.push_back(
        fmt::format("signal.repeat = {}: {:.0f}% of the events repeat a user and an item", repeats,
                    100 * events.repeats));
    toml_.table("[split]");
    toml_.comment("Shares of the successes, latest last. Dates are better once you know them:");
    toml_.comment("validate_from = 2024-09-01, confirm_from = …, test_from = …");
    toml_.raw("validate = 0.1");
    toml_.raw("confirm = 0.2");
    toml_.raw("test = 0.1");
    toml_.blank();
    toml_.comment("Two ways to see the users; the better one on validate is confirmed and served.");
    toml_.raw("[[segments]]");
    toml_.raw("name = \"activity\"");
    toml_.raw("rules = [ { name = \"newcomers\", where = \"events = 0\" },");
    toml_.raw(fmt::format("          {{ name = \"regulars\", where = \"events >= {}\" }} ]",
                          shortest(events.active_events)),
              "a quarter of the users have as many");
    toml_.table("[[segments]]");
    toml_.raw("name = \"tastes\"");
    toml_.raw("cluster = \"kmeans\"");
    toml_.raw("features = [\"embedding\"]");
    toml_.raw("k = [3, 8]");
  }

  const GuessRequest& request_;
  const IngestPlace& place_;
  std::vector<TableProfile> tables_;
  std::vector<GuessedEvents> events_;
  std::vector<TableProfile> users_;
  std::vector<TableProfile> items_;
  TomlWriter toml_;
  std::vector<std::string> notes_;
};

}  // namespace

Result<Guess> guess_config(const GuessRequest& request, const Resources& resources,
                           const std::string& scratch) {
  std::string own = scratch + "/sartor-XXXXXX";
  if (::mkdtemp(own.data()) == nullptr) {
    return Error{ErrorCode::io, scratch + ": cannot make a folder for temporary files"};
  }
  const IngestPlace place{request.folder, own, resources};
  auto guess = Guesser(request, place).guess();
  std::error_code ignored;
  std::filesystem::remove_all(own, ignored);
  return guess;
}

}  // namespace sartor
