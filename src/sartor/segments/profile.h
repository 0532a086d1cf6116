// What a segment is like, in numbers and in one sentence.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "sartor/base/json.h"
#include "sartor/base/parallel.h"
#include "sartor/base/result.h"
#include "sartor/data/dataset.h"

namespace sartor {

// A feature that sets a segment apart.
struct Contrast {
  std::string feature;
  std::string word;    // of a text feature: the value whose share is compared; "" of a number
  double segment = 0;  // mean, or share of the word, among those who have a value
  double all = 0;
  double z = 0;  // (segment - all) / sd over all users
};

// A feature of a segment: its mean over those who have a value, or its commonest word and the share
// of those who have it among them.
struct SegmentFeature {
  std::string feature;
  std::string word;  // "" of a number
  double value = 0;
  double known = 0;  // share of the segment's users who have a value; 0: `value` says nothing
};

struct SegmentProfile {
  std::string segment;
  std::size_t users = 0;
  double share = 0;
  std::string sentence;
  std::vector<Contrast> contrasts;       // the strongest first
  std::vector<SegmentFeature> features;  // in the table's order, but those nobody has a value of
};

// One profile per name, of the users in `rows` of `features`; columns named embedding.N are left
// out. `assigned` has the segment of every row of the table. The sentence says the three strongest
// contrasts that are not about the same: "loyal: 412 users (9.6%); 11 groups (baskets, visits) on
// average against 4.2; last seen 12 days ago against 90; more often country Germany (12% against
// 3.0%)".
std::vector<SegmentProfile> segment_profiles(const Table& features,
                                             std::span<const std::uint32_t> rows,
                                             std::span<const std::uint32_t> assigned,
                                             const std::vector<std::string>& names);
// Of all rows.
std::vector<SegmentProfile> segment_profiles(const Table& features,
                                             std::span<const std::uint32_t> assigned,
                                             const std::vector<std::string>& names);

// Adds what each segment takes more often than all users in `rows`: at most three items each, of at
// least five of its users, as contrasts of the feature "took", and to the sentence. `labels` are
// the items' names for people.
void add_items_taken(const History& history, std::span<const std::uint32_t> rows,
                     std::span<const std::uint32_t> assigned, std::span<const std::string> labels,
                     std::vector<SegmentProfile>& profiles);

// Names for people: the items' `text` where they have one, cut after 40 bytes, else their id.
std::vector<std::string> item_labels(const Dataset& data);

Json profiles_json(const std::vector<SegmentProfile>& profiles);

// A plane of users: the first two principal components of the standardised number columns,
// embedding included.
struct UserMap {
  std::vector<double> x, y;
  std::vector<std::uint32_t> row;  // of `features`
  double explained[2] = {0, 0};    // share of the variance
};

// At most `most` of `rows`, evenly spread. The largest loading of each component is positive.
UserMap map_users(const Table& features, std::span<const std::uint32_t> rows, std::size_t most);

}  // namespace sartor
