// [[users]] and [[items]] blocks: facts about who and what, one row per name.
#pragma once

#include <vector>

#include "sartor/data/config.h"
#include "sartor/data/fact_column.h"
#include "sartor/data/source_reader.h"
#include "sartor/data/text_encoder.h"

namespace sartor {

// All blocks of one kind so far. Every column has one entry per name.
struct FactTable {
  TextEncoder names;
  std::vector<FactColumn> columns;
};

// Append. Where several rows have one name, the first value that is not missing counts.
Status read_users(const UserSource& source, std::size_t index, double max_bad_share,
                  const IngestPlace& place, FactTable& facts, IngestReport& report);
Status read_items(const ItemSource& source, std::size_t index, double max_bad_share,
                  const IngestPlace& place, FactTable& facts, IngestReport& report);

}  // namespace sartor
