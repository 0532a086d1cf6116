// Filters and boosts against the bundle's item table.
#pragma once

#include <string>
#include <vector>

#include "sartor/base/result.h"
#include "sartor/serving/bundle.h"
#include "sartor/serving/wishes.h"

namespace sartor {

// Per item of the catalogue, whether it fits. Costs a look at each item per condition. Fails with
// `invalid_argument` if a column is unknown, of the other kind, or does not have a word that is
// asked for; the message begins with a JSON pointer below `place` and names the nearest word.
Result<std::vector<bool>> items_that_fit(const Bundle& bundle, const ItemFilter& filter,
                                         const std::string& place);

// The column `name` of the item table; fails likewise.
Result<const Column*> item_column(const Bundle& bundle, const std::string& name,
                                  const std::string& place);

}  // namespace sartor
