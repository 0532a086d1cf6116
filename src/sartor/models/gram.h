// Item by item co-occurrence: G = sum over users of w_u x_u x_u', what EASE and item k-NN are made
// of.
#pragma once

#include <string>
#include <vector>

#include "sartor/base/matrix.h"
#include "sartor/models/model.h"
#include "sartor/models/user_items.h"

namespace sartor {

struct GramConfig {
  double weight_power = 0;  // x_ui = (sum of the signal weights)^weight_power; 0: binary
  int max_items = 20000;    // the matrix holds at most so many items, the most popular ones
  // Nor more than fit into so many bytes by head_bytes() of the next two; 0: no limit.
  double max_bytes = 0;
  int matrices = 2;
  int neighbours = 0;
};

// What models of `n` items need: 4 n^2 bytes for each matrix of n x n that is held at once (the
// Gram, the one that is inverted, and every fitted EASE beside them), and 16 n bytes for each
// neighbour of a k-NN (8 while they are found, 8 as they are kept).
double head_bytes(double n, int matrices, int neighbours);
// The largest n, at least 1, with head_bytes() <= max_bytes.
std::size_t head_that_fits(double max_bytes, int matrices, int neighbours);

struct Gram {
  std::size_t catalogue = 0;     // items of the whole catalogue
  std::vector<ItemId> items;     // the rows' and columns' items, ascending; taken by somebody
  Matrix<float> values;          // items x items, symmetric, both triangles
  std::vector<float> strangers;  // per kept item, popularity between 0 and 1: a stranger's scores
  double users = 0;              // who took any of the items
  double weight_power = 0;
  FitNotes notes;
};

// Items with at least one user; where there are more than max_items or than fit into max_bytes,
// which is worked out before anything is made, those with the most users, and a note says so.
// Sums run over the users in ascending order: the same bits at any thread count. Costs the sum over
// users of (items of the user)^2 / 2. Fails like check_fit_input, with `name` in front.
Result<Gram> item_gram(const FitInput& input, const GramConfig& config, std::string_view name,
                       const Resources& resources);

// The Gram of `users` alone (ascending, distinct), on the items of `like`.
Result<Gram> item_gram_of(const FitInput& input, std::span<const UserId> users, const Gram& like,
                          const Resources& resources);

// The same of rows that are at hand, all of them, with `user_weights` as in FitInput; `binary`:
// every value is 1, and without weights the busiest users are counted by bits (bit_gram.h).
Result<Matrix<float>> gram_of_rows(const UserItems& rows, std::span<const float> user_weights,
                                   bool binary, const Resources& resources);

// general + strength * (general.users / segment.users) * segment: as if each of the segment's users
// were counted 1 + strength * general.users / segment.users times. The general one where the
// segment has no users. `segment` must be on the items of `general`.
Gram pulled_gram(const Gram& general, const Gram& segment, double strength);

// One row of a Gram at a time, added to `row` (rows.items floats).
class GramRows {
 public:
  GramRows(const UserItems& rows, const ItemUsers& columns, std::span<const float> user_weights,
           bool binary)
      : rows_(rows), columns_(columns), user_weights_(user_weights), binary_(binary) {}

  // Columns 0 to i.
  void add_lower(std::size_t i, std::span<float> row) const;

 private:
  float weight_of(std::size_t user) const {
    return user_weights_.empty() ? 1.0f : user_weights_[user];
  }

  const UserItems& rows_;
  const ItemUsers& columns_;
  std::span<const float> user_weights_;
  bool binary_;
};

}  // namespace sartor
