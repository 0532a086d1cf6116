#include "sartor/models/item2vec.h"

#include <gmock/gmock.h>

#include <cmath>
#include <map>

#include "sartor/base/random.h"
#include "sartor/models/test_numbers.h"
#include "sartor/models/test_world.h"

namespace sartor {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatNear;
using ::testing::HasSubstr;

// `times` sequences "a b" for each {a, b, times}.
Sequences pairs(std::size_t items, const std::vector<std::array<std::uint32_t, 3>>& rows) {
  Sequences out{.items = items, .begin = {0}};
  for (const auto& [a, b, times] : rows) {
    for (std::uint32_t n = 0; n < times; ++n) {
      out.item.insert(out.item.end(), {a, b});
      out.begin.push_back(out.item.size());
    }
  }
  return out;
}

// Walks of 30 steps along a ring of items, to the next or the one after it.
Sequences ring(std::size_t walks, std::uint32_t items) {
  Sequences out{.items = items, .begin = {0}};
  Random random(4);
  for (std::size_t w = 0; w < walks; ++w) {
    auto at = static_cast<std::uint32_t>(random.below(items));
    for (int step = 0; step < 30; ++step) {
      out.item.push_back(at);
      at = (at + 1 + static_cast<std::uint32_t>(random.below(2))) % items;
    }
    out.begin.push_back(out.item.size());
  }
  return out;
}

// Where the gradient is zero: the pair c, t is met n(c, t) times as a truth, and drawn as a lie
// negatives * q(t) times for each meeting of c with somebody else, so that
//     u_c . v_t = ln( n(c, t) / (negatives q(t) (n(c) - n(c, t))) )
// (Levy and Goldberg, NIPS 2014, but for the truths, which are never drawn as lies here).
TEST(SkipGram, EndsAtTheLogarithmOfPointwiseMutualInformation) {
  const Sequences sequences = pairs(4, {{0, 1, 1200}, {0, 2, 400}, {3, 1, 600}, {3, 2, 1800}});
  // n(0, 1) = 1200, n(0, 2) = 400; counts 1600, 1800, 2200, 2400 of 8000.
  const double q[] = {0.2, 0.225, 0.275, 0.3};
  const int negatives = 3;
  const auto expected = [&](double with, double others, int item) {
    return std::log(with / (negatives * q[item] * others));
  };
  for (const int dimensions : {8, 13, 16, 32, 64, 128}) {
    const auto fitted = fit_skip_gram(sequences,
                                      {.dimensions = dimensions,
                                       .window = 1,
                                       .negatives = negatives,
                                       .epochs = 40,
                                       .negative_power = 1},
                                      {});
    ASSERT_TRUE(fitted) << fitted.error().message;
    const auto value = [&](std::size_t c, std::size_t t) {
      return dot(fitted->input.row(c), fitted->output.row(t));
    };
    EXPECT_NEAR(value(0, 1), expected(1200, 400, 1), 0.1) << dimensions;
    EXPECT_NEAR(value(0, 2), expected(400, 1200, 2), 0.1) << dimensions;
    EXPECT_NEAR(value(3, 1), expected(600, 1800, 1), 0.1) << dimensions;
    EXPECT_NEAR(value(1, 0), expected(1200, 600, 0), 0.1) << dimensions;
    EXPECT_NEAR(value(2, 3), expected(1800, 400, 3), 0.1) << dimensions;
  }
}

TEST(SkipGram, HasTheSameBitsAtAnyThreadCount) {
  const Sequences sequences = ring(300, 90);  // 9,000 events: several rounds
  const Item2vecConfig config{.dimensions = 24, .epochs = 2, .subsample = 0.01};
  const auto one = fit_skip_gram(sequences, config, {.threads = 1});
  for (const int threads : {2, 8}) {
    const auto more = fit_skip_gram(sequences, config, {.threads = threads});
    EXPECT_EQ(more->input.values(), one->input.values());
    EXPECT_EQ(more->output.values(), one->output.values());
  }
  const auto other =
      fit_skip_gram(sequences, {.dimensions = 24, .epochs = 2, .subsample = 0.01, .seed = 2}, {});
  EXPECT_NE(other->input.values(), one->input.values());
}

TEST(SkipGram, ForetellsWhoIsNearOnARing) {
  const std::uint32_t n = 60;
  const auto fitted =
      fit_skip_gram(ring(400, n), {.dimensions = 32, .window = 3, .epochs = 20}, {.threads = 2});
  ASSERT_TRUE(fitted);
  for (std::size_t i = 0; i < n; ++i) {
    const auto odds = [&](std::size_t other) {
      return dot(fitted->input.row(i), fitted->output.row(other));
    };
    std::size_t best = (i + n / 2) % n;
    for (std::size_t other = 0; other < n; ++other) {
      if (other != i && odds(other) > odds(best)) best = other;
    }
    const std::size_t apart = (best + n - i) % n;
    EXPECT_LE(std::min(apart, n - apart), 4u) << i;  // three steps of one or two, most often
    EXPECT_LT(odds((i + n / 2) % n), odds(best) - 2) << i;
  }
}

TEST(SkipGram, SubsamplesNothingThatIsNotTooFrequent) {
  const Sequences sequences = ring(20, 10);
  const auto all = fit_skip_gram(sequences, {.dimensions = 8}, {});
  // No item has more than all events; a tenth of them each is far above .001.
  EXPECT_EQ(fit_skip_gram(sequences, {.dimensions = 8, .subsample = 1}, {})->input.values(),
            all->input.values());
  EXPECT_NE(fit_skip_gram(sequences, {.dimensions = 8, .subsample = 0.001}, {})->input.values(),
            all->input.values());
}

// 20 events of one moment, in ascending order of their items: with a window of 1 and a fixed order
// only neighbours would meet.
TEST(SkipGram, LetsEventsOfOneMomentMeetInAnyOrder) {
  Sequences sequences{.items = 20, .begin = {0}};
  for (int s = 0; s < 100; ++s) {
    for (std::uint32_t i = 0; i < 20; ++i) {
      sequences.item.push_back(i);
      sequences.together.push_back(i > 0);
    }
    sequences.begin.push_back(sequences.item.size());
  }
  const Item2vecConfig config{.dimensions = 8, .window = 1, .epochs = 30, .negative_power = 0};
  // How much better than its farthest companion an item foretells the next number.
  const auto preference = [&](const Sequences& of) {
    const auto fitted = fit_skip_gram(of, config, {});
    double sum = 0;
    for (std::size_t i = 0; i < 10; ++i) {
      sum += dot(fitted->input.row(i), fitted->output.row(i + 1)) -
             dot(fitted->input.row(i), fitted->output.row(i + 10));
    }
    return sum / 10;
  };
  EXPECT_NEAR(preference(sequences), 0, 0.3);
  sequences.together.clear();
  EXPECT_GT(preference(sequences), 2);
}

TEST(SkipGram, LeavesItemsOfNoSequenceAtZero) {
  const auto fitted = fit_skip_gram(pairs(5, {{0, 1, 10}, {1, 3, 10}}), {.dimensions = 4}, {});
  for (const std::size_t item : {2, 4}) {
    EXPECT_THAT(fitted->input.row(item), ElementsAre(0, 0, 0, 0));
    EXPECT_THAT(fitted->output.row(item), ElementsAre(0, 0, 0, 0));
  }
  // Somebody who took one item only has nobody to learn from, and does no harm.
  EXPECT_TRUE(fit_skip_gram({.items = 1, .begin = {0, 1}, .item = {0}}, {}, {}));
  EXPECT_TRUE(fit_skip_gram(pairs(1, {{0, 0, 3}}), {}, {}));
}

TEST(SkipGram, RefusesWhatItCannotDo) {
  const auto message = [](const Sequences& sequences, const Item2vecConfig& config) {
    return fit_skip_gram(sequences, config, {}).error().message;
  };
  EXPECT_THAT(message({.items = 3, .begin = {0, 0}}, {}), HasSubstr("no sequence holds an item"));
  EXPECT_THAT(message(ring(1, 9), {.window = 0}), HasSubstr("item2vec.window"));
}

TEST(Item2vec, OffersEachUserTheWithheldDiagonalOfACheckerboard) {
  const InteractionLog log = checkerboard(30);
  const History history(log, 2 * kDay);
  const auto model =
      fit_item2vec({.history = &history}, {.dimensions = 8, .epochs = 200, .learning_rate = 0.05},
                   {.threads = 2});
  ASSERT_TRUE(model) << model.error().message;
  for (std::uint32_t u = 0; u < 30; ++u) EXPECT_EQ(best_unseen(**model, history, UserId{u}), u);
}

TEST(Item2vec, ReadsHistoriesInOrderAndSeesWhatBelongsTogether) {
  const InteractionLog log = make_log(
      2, 9, {{0, 8, 5 * kDay}, {0, 2, kDay}, {0, 5, 5 * kDay}, {1, 2, kDay}, {1, 7, 2 * kDay}});
  const History history(log, 9 * kDay);
  const KeptItems kept(9, {ItemId{2}, ItemId{5}, ItemId{7}, ItemId{8}}, {1, 1, 1, 1});
  const Sequences sequences = sequences_of(history, kept);
  EXPECT_EQ(sequences.items, 4u);
  EXPECT_THAT(sequences.begin, ElementsAre(0, 3, 5));
  EXPECT_THAT(sequences.item, ElementsAre(0, 3, 1, 0, 2));
  EXPECT_THAT(sequences.together, ElementsAre(0, 0, 1, 0, 0));
}

// Three items of a catalogue of five with vectors made by hand, in directions (1, 0), (0, 1) and
// (.6, .8).
TensorFile by_hand(const std::vector<float>& prior = {0, 0.5f, 0.25f}) {
  TensorFile file;
  file.set_meta("family", "item2vec");
  file.set_meta("config", R"({"dimensions": 2, "half_life_days": 10})");
  const std::vector<float> input = {2, 0, 0, 1, 3, 4};
  const std::vector<float> output = {1, 2, 0, -1, 0.5f, 0.5f};
  KeptItems(5, {ItemId{1}, ItemId{2}, ItemId{4}}, {0.5f, 1, 0.25f}).save(file);
  file.add("input", std::span<const float>(input), {3, 2});
  file.add("output", std::span<const float>(output), {3, 2});
  file.add("prior", std::span<const float>(prior));
  return file;
}

TEST(Item2vec, FindsTheNearestItems) {
  const ItemVectors vectors = ItemVectors::load(by_hand()).value();
  const auto near_1 = vectors.nearest(ItemId{1}, 5);
  ASSERT_EQ(near_1.size(), 2u);  // itself is left out
  EXPECT_EQ(near_1[0].item, 4u);
  EXPECT_FLOAT_EQ(near_1[0].similarity, 0.6f);
  EXPECT_EQ(near_1[1].item, 2u);
  EXPECT_EQ(near_1[1].similarity, 0);
  EXPECT_EQ(vectors.nearest(ItemId{4}, 1)[0].item, 2u);
  EXPECT_TRUE(vectors.nearest(ItemId{0}, 3).empty());  // nobody took it
  EXPECT_TRUE(vectors.nearest(ItemId{9}, 3).empty());
}

TEST(Item2vec, AUsersVectorIsTheDecayedMeanOfItsItems) {
  const ItemVectors vectors = ItemVectors::load(by_hand()).value();
  const std::vector<Interaction> rows = {
      {ItemId{0}, 1, 0}, {ItemId{1}, 1, 0}, {ItemId{2}, 3, 10 * kDay}};
  const Query query{.as_of = 10 * kDay, .history = rows};
  std::vector<float> user(2);
  vectors.user_vector(query, 0, user);
  EXPECT_THAT(user,
              ElementsAre(FloatNear(std::sqrt(0.5f), 1e-6f), FloatNear(std::sqrt(0.5f), 1e-6f)));
  vectors.user_vector(query, 10, user);  // (.5, 1)
  EXPECT_THAT(user, ElementsAre(FloatNear(1 / std::sqrt(5.0f), 1e-6f),
                                FloatNear(2 / std::sqrt(5.0f), 1e-6f)));
  vectors.user_vector({.history = std::span(rows).first(1)}, 0, user);
  EXPECT_THAT(user, ElementsAre(0, 0));
}

TEST(Item2vec, ScoresWhatMayComeNext) {
  const ModelPtr model = load_item2vec(by_hand()).value();
  const std::vector<Interaction> rows = {{ItemId{1}, 1, 0}, {ItemId{2}, 3, 10 * kDay}};
  const auto near = [](float value) { return FloatNear(value, 1e-6f); };
  // The mean of (2, 0), half as heavy, and (0, 1) is (2/3, 2/3), however long ago that was.
  for (const Time as_of : {10 * kDay, 90'000 * kDay}) {
    EXPECT_THAT(scores_of(*model, {.as_of = as_of, .history = rows}, 5),
                ElementsAre(0, near(2), near(0.5f - 2.0f / 3), 0, near(0.25f + 2.0f / 3)));
  }
  EXPECT_THAT(scores_of(*model, {.as_of = 10 * kDay}, 5), ElementsAre(0, 0.5f, 1, 0, 0.25f));
}

TEST(Item2vec, RefusesAFileWithANumberThatIsNone) {
  EXPECT_THAT(ItemVectors::load(by_hand({0, std::nanf(""), 1})).error().message,
              HasSubstr("not finite"));
}

}  // namespace
}  // namespace sartor
