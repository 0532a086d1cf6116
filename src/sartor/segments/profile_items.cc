// What a segment takes more often than others.
#include <algorithm>
#include <cmath>

#include "sartor/base/text.h"
#include "sartor/segments/profile.h"
#include "sartor/segments/profile_words.h"

namespace sartor {
namespace {

constexpr std::size_t kMostItems = 3;
constexpr std::uint32_t kFewestUsers = 5;
constexpr double kFewestShare = 0.02;
constexpr double kItemWorthSaying = 0.1;  // standard deviations

// Users of each item: one row per segment, the last row all users.
std::vector<std::vector<std::uint32_t>> count_users(const History& history,
                                                    std::span<const std::uint32_t> rows,
                                                    std::span<const std::uint32_t> assigned,
                                                    std::size_t segments) {
  std::vector<std::vector<std::uint32_t>> users(segments + 1,
                                                std::vector<std::uint32_t>(history.items()));
  std::vector<std::uint32_t> last(history.items(), Vocabulary::kNone);
  for (const std::uint32_t row : rows) {
    for (const Interaction& interaction : history.of({row})) {
      const std::size_t item = interaction.item.index();
      if (last[item] == row) continue;  // taken before
      last[item] = row;
      ++users[assigned[row]][item];
      ++users[segments][item];
    }
  }
  return users;
}

std::vector<Contrast> strongest(const std::vector<std::uint32_t>& here, double size,
                                const std::vector<std::uint32_t>& everywhere, double n,
                                std::span<const std::string> labels) {
  std::vector<Contrast> found;
  for (std::size_t item = 0; item < here.size(); ++item) {
    if (here[item] < kFewestUsers || here[item] < kFewestShare * size) continue;
    const double share = here[item] / size, all = everywhere[item] / n;
    const double sd = std::sqrt(all * (1 - all));
    if (!(sd > 0) || (share - all) / sd < kItemWorthSaying) continue;
    found.push_back({"took", labels[item], share, all, (share - all) / sd});
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const Contrast& a, const Contrast& b) { return a.z > b.z; });
  if (found.size() > kMostItems) found.resize(kMostItems);
  return found;
}

}  // namespace

void add_items_taken(const History& history, std::span<const std::uint32_t> rows,
                     std::span<const std::uint32_t> assigned, std::span<const std::string> labels,
                     std::vector<SegmentProfile>& profiles) {
  const auto users = count_users(history, rows, assigned, profiles.size());
  for (std::size_t s = 0; s < profiles.size(); ++s) {
    SegmentProfile& profile = profiles[s];
    if (profile.users == 0) continue;
    const auto taken = strongest(users[s], static_cast<double>(profile.users), users.back(),
                                 static_cast<double>(rows.size()), labels);
    if (taken.empty()) continue;
    std::vector<std::string> words;
    for (const Contrast& contrast : taken) words.push_back(in_words(contrast));
    if (profile.sentence.ends_with(kLikeEverybody)) {
      profile.sentence.resize(profile.sentence.size() - kLikeEverybody.size());
    }
    profile.sentence += "; more often take " + join(words, ", ");
    profile.contrasts.insert(profile.contrasts.end(), taken.begin(), taken.end());
  }
}

std::vector<std::string> item_labels(const Dataset& data) {
  std::vector<std::string> labels;
  const Column* text = data.item_attributes.find("text");
  for (std::size_t item = 0; item < data.items.size(); ++item) {
    const bool has = text != nullptr && text->is_text && text->codes[item] != Column::kMissing;
    labels.push_back(printable(has ? text->words[text->codes[item]] : data.items.name(item), 40));
  }
  return labels;
}

}  // namespace sartor
