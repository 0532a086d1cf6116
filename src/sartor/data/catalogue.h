// What a bundle knows about users and items: names, histories, features as of its moment, and which
// items may be listed. The pipeline writes it, the server reads it: two safetensors files, mapped.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "sartor/base/ids.h"
#include "sartor/base/result.h"
#include "sartor/data/dataset.h"
#include "sartor/store/tensors.h"

namespace sartor {

// What is written. Views: nothing is owned.
struct CatalogueParts {
  const Vocabulary* users = nullptr;
  const Vocabulary* items = nullptr;
  const History* history = nullptr;        // its as_of is the catalogue's
  const Table* user_features = nullptr;    // one row per user; null: no columns
  const Table* item_attributes = nullptr;  // one row per item; null: no columns
};

// Equal parts give equal bytes.
Status write_catalogue(const CatalogueParts& parts, const std::string& users_path,
                       const std::string& items_path);

// What is read. Immutable; safe to use from any number of threads.
class Catalogue {
 public:
  // Checks everything that is used later: lengths, order, ranges. Fails with `bad_data`, naming the
  // file and what is wrong.
  static Result<Catalogue> open(const std::string& users_path, const std::string& items_path);

  Time as_of() const { return as_of_; }
  const Vocabulary& users() const { return users_; }
  const Vocabulary& items() const { return items_; }
  const Table& user_features() const { return user_features_; }
  const Table& item_attributes() const { return item_attributes_; }

  // The user's positives before as_of, oldest first.
  std::vector<Interaction> history_of(UserId user) const;
  // Their context, as History::context_of; the codes are those of context_keys().
  std::span<const std::uint32_t> context_of(UserId user) const {
    const std::size_t keys = context_keys_.size();
    const std::size_t from = begin_[user.index()] * keys;
    return context_.subspan(from, begin_[user.index() + 1] * keys - from);
  }
  const std::vector<ContextKey>& context_keys() const { return context_keys_; }
  // The items seen before as_of, ascending.
  const std::vector<ItemId>& eligible() const { return eligible_; }

 private:
  Time as_of_ = 0;
  Vocabulary users_;
  Vocabulary items_;
  Table user_features_;
  Table item_attributes_;
  std::vector<ItemId> eligible_;
  TensorFile users_file_;  // keeps what the spans show
  std::span<const std::uint64_t> begin_;
  std::span<const ItemId> item_;
  std::span<const float> weight_;
  std::span<const Time> time_;
  std::vector<ContextKey> context_keys_;
  std::span<const std::uint32_t> context_;
};

}  // namespace sartor
