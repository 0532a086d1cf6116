// The rolling origin: train | validate | confirm | test, in time.
#pragma once

#include <vector>

#include "sartor/base/result.h"
#include "sartor/data/config.h"
#include "sartor/data/dataset.h"

namespace sartor {

// [from, until)
struct Window {
  Time from = 0;
  Time until = 0;
};

struct Split {
  Window validate;
  Window confirm;
  Window test;
  std::vector<Window> earlier;  // before validate and as long, in time order
};

// Dates where they are given, else shares of the timed positives, latest last. Fails with `config`
// if the windows are not in order or one holds no positive, naming the window and the log's own
// span.
Result<Split> make_split(const InteractionLog& log, const SplitConfig& config);

}  // namespace sartor
