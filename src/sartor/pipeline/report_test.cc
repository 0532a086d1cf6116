#include "sartor/pipeline/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "sartor/base/test_place.h"
#include "sartor/pipeline/report_parts.h"

namespace sartor {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kAttack = "<script>alert(\"x\")</script>'&<img src=x onerror=y>";

Json sample(const std::string& name) {
  std::ifstream in(std::string(kSourceDir) + "/tests/data/report/" + name + ".json");
  return Json::parse(in);
}

std::string page_of(const Json& run) { return render_report(run["summary"], run["details"]); }

void add_points(Json& run, int n_points) {
  Json& points = run["details"]["map"]["points"];
  const Json& segments = run["summary"]["segments"];
  for (int i = 0; i < n_points; ++i) {
    points.push_back(
        {{"x", std::sin(i * 1.7) * 3},
         {"y", std::cos(i * 0.9)},
         {"segment", segments[static_cast<std::size_t>(i) % segments.size()]["name"]}});
  }
}

// Four groups of users in two segments: 0 + 1, 2 + 3, both.
void add_tree(Json& run) {
  const Json& segments = run["summary"]["segments"];
  Json& tree = run["details"]["dendrogram"];
  for (std::size_t leaf = 0; leaf < 4; ++leaf)
    tree["leaves"].push_back({{"users", 10 + leaf}, {"segment", segments[leaf / 2]["name"]}});
  tree["merges"] = {{0, 1, 1.5, 21}, {2, 3, 2.5, 25}, {4, 5, 12.25, 46}};
}

// Calls `visit` with the inside of every tag, in order: "td class=\"n\"", "/td".
void for_each_tag(const std::string& page, auto&& visit) {
  for (std::size_t at = page.find('<'); at != std::string::npos; at = page.find('<', at + 1)) {
    const std::size_t end = page.find('>', at);
    ASSERT_NE(end, std::string::npos);
    visit(page.substr(at + 1, end - at - 1));
  }
}

std::string attribute(const std::string& tag, const std::string& name) {
  const std::size_t at = tag.find(" " + name + "=\"");
  if (at == std::string::npos) return "";
  const std::size_t from = at + name.size() + 3;
  return tag.substr(from, tag.find('"', from) - from);
}

// "" if every element is closed where it should be; else what is wrong.
std::string unbalanced(const std::string& page) {
  static const std::set<std::string> kVoid = {"!doctype", "meta", "link", "br", "wbr"};
  std::vector<std::string> open;
  std::string problem;
  for_each_tag(page, [&](const std::string& tag) {
    const std::string name = tag.substr(0, tag.find_first_of(" />", 1));
    if (!problem.empty() || kVoid.count(name) > 0 || tag.back() == '/') return;
    if (tag.front() != '/') {
      open.push_back(name);
    } else if (open.empty() || "/" + open.back() != name) {
      problem = tag + " closes " + (open.empty() ? "nothing" : open.back());
    } else {
      open.pop_back();
    }
  });
  if (problem.empty() && !open.empty()) problem = open.back() + " is never closed";
  return problem;
}

// What every page promises, whatever it was made from.
void expect_sound(const std::string& page) {
  EXPECT_EQ(unbalanced(page), "");
  std::set<std::string> ids;
  std::vector<std::string> wanted;
  bool in_drawing = false;
  int described = 0;
  for_each_tag(page, [&](const std::string& tag) {
    const std::string id = attribute(tag, "id");
    EXPECT_TRUE(id.empty() || ids.insert(id).second) << id << " is there twice";
    const std::string to = attribute(tag, "href");
    EXPECT_TRUE(to.empty() || to.front() == '#' || to == "data:,") << to;
    if (to.size() > 1 && to.front() == '#') wanted.push_back(to.substr(1));
    if (tag.rfind("svg", 0) == 0) {
      in_drawing = attribute(tag, "aria-hidden").empty();
      described = 0;
      EXPECT_TRUE(!in_drawing || attribute(tag, "role") == "img") << tag;
    }
    if (tag.rfind("title id", 0) == 0 || tag.rfind("desc id", 0) == 0) ++described;
    EXPECT_TRUE(tag != "/svg" || !in_drawing || described == 2);
    EXPECT_NE(tag.rfind("script", 0), 0U);
    EXPECT_TRUE(attribute(tag, "src").empty()) << tag;
  });
  for (const std::string& id : wanted) EXPECT_TRUE(ids.count(id)) << "#" << id << " leads nowhere";
  EXPECT_THAT(page, Not(HasSubstr("url(")));
  EXPECT_THAT(page, Not(HasSubstr("nan%")));
  EXPECT_LT(page.size(), 1000000U);
}

TEST(Report, SaysWhichSegmentsAreBetterOffAndByHowMuch) {
  Json run = sample("adapted");
  add_points(run, 900);
  const std::string page = page_of(run);
  expect_sound(page);
  EXPECT_THAT(page, HasSubstr("2 of 6 segments are better off"));
  EXPECT_THAT(page, HasSubstr("<strong>loyal</strong> and <strong>big baskets</strong>"));
  EXPECT_THAT(page, HasSubstr("rose from 0.307 to 0.314"));
  EXPECT_THAT(page, HasSubstr("<strong>+2.3%</strong> (95% interval +1.4% to +3.3%)"));
  EXPECT_THAT(page, HasSubstr("<b>+2.1%</b>"));  // .273 x .041 + .234 x .043
  EXPECT_THAT(page, HasSubstr("0 of 5"));
  EXPECT_THAT(page,
              HasSubstr("<p>171 events on average against 90.3; 31.2 per event against 18.9.</p>"));
  EXPECT_THAT(page, HasSubstr("Not proved, but worth a live experiment: <strong>lapsed</strong>"));
}

TEST(Report, FlagsAnAdaptedSegmentWhoseTestPointsTheOtherWay) {
  const std::string page = page_of(sample("adapted"));
  EXPECT_THAT(page, HasSubstr("<strong>Contradiction.</strong> <strong>big baskets</strong>: +5.2% "
                              "on confirm, −0.8% on test (−4.6% to +3.1%)."));
  EXPECT_THAT(page, Not(HasSubstr("<strong>Contradiction.</strong> <strong>loyal")));
}

TEST(Report, SaysWhatCouldHaveBeenSeenWhereNothingWasProved) {
  const std::string page = page_of(sample("general"));
  expect_sound(page);
  EXPECT_THAT(page, HasSubstr("Kept general"));
  EXPECT_THAT(page, Not(HasSubstr("better off")));
  EXPECT_THAT(page, HasSubstr("could have been seen is <strong>+3.4%</strong>, in the segment "
                              "<strong>no demographics</strong> (1,256 held-out users)"));
  EXPECT_THAT(page, HasSubstr("To prove a gain of +2.0% it would need about 4,695 held-out users"));
  EXPECT_THAT(page, Not(HasSubstr("Expected live gain</dt><dd><b>")));
}

TEST(Report, PromisesNothingOfSegmentsThatAreTooThinToBeTested) {
  Json run = sample("general");
  for (const char* reason : {"too_few_differences", "too_few_users", "identical", "no_variation"}) {
    run["summary"]["segments"][4]["reason"] = reason;  // could have proved the least
    EXPECT_THAT(page_of(run), HasSubstr("could have been seen is <strong>+6.1%</strong>, in the "
                                        "segment <strong>age 45-54</strong>"))
        << reason;
  }
}

TEST(Report, SaysOfAnEmptySegmentThatNobodyWasInIt) {
  Json run = sample("adapted");
  const std::string nobody = "Nobody was in it when users were described";
  Json& profiles = run["details"]["profiles"];
  ASSERT_FALSE(profiles.empty());
  EXPECT_THAT(page_of(run), Not(HasSubstr(nobody)));
  profiles[0]["users"] = 0;
  profiles[0]["sentence"] = "";
  EXPECT_THAT(page_of(run), HasSubstr(nobody));
}

TEST(Report, SaysWhenTheOverallTestContradictsTheGain) {
  Json run = sample("adapted");
  run["summary"]["overall"]["test"]["difference"] = -0.002;
  EXPECT_THAT(page_of(run), HasSubstr("That contradicts the confirm window"));
  EXPECT_THAT(page_of(sample("adapted")), Not(HasSubstr("That contradicts the confirm window")));
}

TEST(Report, TellsTooFewUsersForAControlFromNoPromotion) {
  Json run = sample("general");
  run["summary"]["negative_control"] = {{"segments", 0}, {"tested", 0}, {"promoted", nullptr}};
  const std::string page = page_of(run);
  EXPECT_THAT(page, HasSubstr("too few users for random segments"));
  EXPECT_THAT(page, Not(HasSubstr("0 of 0")));
}

TEST(Report, PutsTheWarningsOfARunIntoWordsBesideTheHeadline) {
  Json run = sample("adapted");
  run["summary"]["warnings"] = {{{"code", "general_undertuned"}, {"segment", nullptr}},
                                {{"code", "a_new_code"}, {"segment", "loyal"}}};
  const std::string page = page_of(run);
  EXPECT_LT(page.find("Even random segments gained"), page.find("id=\"segments\""));
  EXPECT_THAT(page, HasSubstr("a_new_code <span class=\"soft\">(<strong>loyal</strong>)</span>"));
}

TEST(Report, SaysWhenNoThresholdWasPassed) {
  Json run = sample("general");
  for (Json& segment : run["summary"]["segments"]) segment["threshold"] = 0.0;
  const std::string page = page_of(run);
  EXPECT_THAT(page, HasSubstr("none passed"));
  EXPECT_THAT(page, Not(HasSubstr("&lt;0.0001")));
}

TEST(Report, FlagsATestThatSpeaksAgainstConfirm) {
  report::Segment segment;
  const auto window = [](double gain, double half) {
    report::Comparison c;
    c.difference = c.gain = gain;
    c.low = gain - half;
    c.high = gain + half;
    return c;
  };
  segment.confirm = window(0.01, 0.02);
  segment.test = window(-0.01, 0.02);  // both are noise
  EXPECT_EQ(report::agreement(segment), report::Agreement::unknown);
  segment.adapted = true;
  EXPECT_EQ(report::agreement(segment), report::Agreement::opposite);
  segment.adapted = false;
  segment.test = window(-0.1, 0.02);
  EXPECT_EQ(report::agreement(segment), report::Agreement::contradicts);
  segment.confirm = window(0.1, 0.02);
  segment.test = window(0.03, 0.02);
  EXPECT_EQ(report::agreement(segment), report::Agreement::weaker);
  segment.test = window(0.09, 0.02);
  EXPECT_EQ(report::agreement(segment), report::Agreement::agrees);
}

// Puts the attack in the place of every string, and of the keys that come from the user.
Json attacked(const Json& json) {
  static const std::set<std::string> kOwnKeys = {"removed",    "missing",    "jaccard",
                                                 "components", "parameters", "changed"};
  if (json.is_string()) return json == "adapted" ? json : Json(kAttack);
  Json out = json;
  if (json.is_array()) {
    for (Json& child : out) child = attacked(child);
  } else if (json.is_object()) {
    for (const auto& [key, child] : json.items()) {
      out[key] = attacked(child);
      if (kOwnKeys.count(key) == 0 || !child.is_object()) continue;
      Json renamed = Json::object();
      int i = 0;
      for (const auto& entry : child.items()) {
        renamed[kAttack + std::to_string(i++)] = attacked(entry.value());
      }
      out[key] = renamed;
    }
  }
  return out;
}

TEST(Report, EscapesEveryTextOfTheRun) {
  for (const char* name : {"adapted", "general"}) {
    Json run = sample(name);
    add_points(run, 50);
    const std::string page = page_of(attacked(run));
    expect_sound(page);
    EXPECT_THAT(page, Not(HasSubstr("<script")));
    EXPECT_THAT(page, Not(HasSubstr("<img")));
    EXPECT_THAT(page, HasSubstr("&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;&#39;&amp;"));
  }
}

TEST(Report, IsWholeWhateverIsMissing) {
  expect_sound(render_report(Json(), Json()));
  expect_sound(render_report(Json::object(), Json::object()));
  EXPECT_THAT(render_report(Json(), Json()), HasSubstr("One general model for everybody"));
  const Json run = sample("adapted");
  expect_sound(render_report(run["summary"], Json()));
  expect_sound(render_report(Json(), run["details"]));
}

// Every place of the document in turn is null, or of a kind that nobody expects there.
TEST(Report, IsWholeWhateverStandsWhere) {
  Json run = sample("adapted");
  add_points(run, 3);
  add_tree(run);
  std::set<std::string> places;
  const Json flat = run.flatten();
  for (const auto& [path, value] : flat.items()) {
    for (std::size_t end = path.size(); end > 10 && end != std::string::npos;
         end = path.rfind('/', end - 1)) {
      places.insert(path.substr(0, end));
    }
  }
  const Json strange[] = {Json(), Json("x"), Json(-7e300), Json::array({1, "x"}), Json::object()};
  std::size_t i = 0;
  for (const std::string& place : places) {
    if (i++ % 7 != 0 && kSanitized) continue;
    Json broken = run;
    broken[Json::json_pointer(place)] = strange[i % 5];
    ASSERT_EQ(unbalanced(page_of(broken)), "") << place;
  }
  EXPECT_GT(i, 400U);
}

TEST(Report, DrawsTheDendrogramOfHierarchicalSegments) {
  Json run = sample("adapted");
  EXPECT_THAT(page_of(run), Not(HasSubstr("How the clusters were joined")));
  add_tree(run);
  const std::string page = page_of(run);
  expect_sound(page);
  EXPECT_THAT(page, HasSubstr("How the clusters were joined"));
  // Leaves stand at 12, 217.3, 422.7 and 628; the last branch is from 114.7 to 525.3 at the top.
  EXPECT_THAT(page, HasSubstr("M12.0 228.0V201.6H217.3V228.0"));
  EXPECT_THAT(page, HasSubstr("M114.7 201.6V12.0H525.3V183.9"));
  EXPECT_THAT(page, HasSubstr("10 users of "));
  run["details"]["dendrogram"]["merges"][2][1] = 4;  // twice the same
  EXPECT_THAT(page_of(run), Not(HasSubstr("How the clusters were joined")));
}

TEST(Report, StaysUnderAMegabyteWhateverTheDataHolds) {
  Json run = sample("adapted");
  const std::string endless(20000, '"');  // six bytes each, once escaped
  const Json segment = run["summary"]["segments"][1];
  const Json profile = run["details"]["profiles"][1];
  for (int i = 0; i < 600; ++i) {
    run["summary"]["segments"].push_back(segment);
    run["summary"]["segments"].back()["name"] = std::to_string(i) + endless;
    run["summary"]["warnings"].push_back({{"code", "unstable"}, {"detail", endless}});
    run["details"]["profiles"].push_back(profile);
    run["details"]["profiles"].back()["segment"] = std::to_string(i) + endless;
    run["details"]["data"]["quarantine"].push_back({{"source", endless}, {"value", endless}});
  }
  run["details"]["profiles"][1]["sentence"] = endless;
  add_points(run, 20000);
  for (int i = 0; i < 50000; ++i) {
    run["details"]["tuning"]["curve"].push_back(
        {{"segment", std::to_string(i % 100)}, {"trial", i}, {"best", i * 1e-6}});
  }
  expect_sound(page_of(run));
}

TEST(Report, ShowsBadBytesInsteadOfPassingThemOn) {
  EXPECT_EQ(report::escape_html("caf\xc3\xa9"), "café");
  EXPECT_EQ(report::escape_html("a\xff"), "a\\xff");
  EXPECT_EQ(report::escape_html(std::string("a\0b", 3)),
            "a\xef\xbf\xbd"
            "b");
  EXPECT_EQ(report::shorten("äöü", 2), "äö…");
  EXPECT_EQ(report::shorten("äö", 2), "äö");
}

TEST(Report, WritesNumbersForPeople) {
  using namespace report;
  EXPECT_EQ(significant(0.31279), "0.313");
  EXPECT_EQ(significant(0.04321), "0.0432");
  EXPECT_EQ(significant(-12.34), "−12.3");
  EXPECT_EQ(significant(1893.4), "1,893");
  EXPECT_EQ(significant(300), "300");
  EXPECT_EQ(significant(std::nullopt), "–");
  EXPECT_EQ(gain(0.0238), "+2.4%");
  EXPECT_EQ(gain(-0.00012), "−0.01%");
  EXPECT_EQ(gain(-0.0), "0.0%");
  EXPECT_EQ(gain(12.5), "+1,250%");
  EXPECT_EQ(percent(0.186), "18.6%");
  EXPECT_EQ(probability(0.00003), "<0.0001");
  EXPECT_EQ(probability(0.00091), "0.0009");
  EXPECT_EQ(probability(0.26), "0.26");
  EXPECT_EQ(counted(1, "user"), "1 user");
  EXPECT_EQ(counted(1782, "user"), "1,782 users");
  EXPECT_EQ(duration(72.2), "1 min 12 s");
  EXPECT_EQ(duration(7270), "2 h 1 min");
  EXPECT_EQ(moment("2011-09-05T00:00:00Z"), "2011-09-05");
  EXPECT_EQ(moment("2011-12-09T12:50:00Z"), "2011-12-09 12:50 UTC");
}

// PROOF 7: MDE = (z + z) r / sqrt(n) + min_gain and n(x) = ((z + z) r / (x - min_gain))^2.
TEST(Report, KnowsHowManyUsersAnEffectNeeds) {
  const double z = 1.6448536269 + 0.8416212336;
  const Json details = {{"gate", {{"min_gain", 0.005}}}};
  const Json summary;
  const report::Report r = report::read_report(summary, details);
  report::Segment segment;
  segment.confirm.users = 1000;
  segment.smallest = z * 0.4 / std::sqrt(1000.0) + 0.005;
  EXPECT_EQ(report::users_needed(r, segment, 0.02), std::ceil(z * 0.4 / 0.015 * (z * 0.4 / 0.015)));
  EXPECT_EQ(report::users_needed(r, segment, 0.005), std::nullopt);
}

// The colours of the page by name, first for light, then for dark.
std::map<std::string, std::string> colours(bool dark) {
  const std::string css(report::style());
  const std::size_t from = css.find(dark ? "dark){:root{" : ":root{");
  const std::string block = css.substr(from, css.find("}", css.find("--paper", from)) - from);
  std::map<std::string, std::string> out;
  for (std::size_t at = block.find("--"); at != std::string::npos; at = block.find("--", at + 2)) {
    const std::size_t colon = block.find(':', at);
    if (block[colon + 1] == '#')
      out[block.substr(at + 2, colon - at - 2)] = block.substr(colon + 2, 6);
  }
  return out;
}

double luminance(const std::string& colour) {
  double sum = 0;
  const double weights[] = {0.2126, 0.7152, 0.0722};
  for (std::size_t i = 0; i < 3; ++i) {
    const double c = std::stoi(colour.substr(2 * i, 2), nullptr, 16) / 255.0;
    sum += weights[i] * (c <= 0.04045 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4));
  }
  return sum;
}

double contrast(const std::string& a, const std::string& b) {
  const double x = luminance(a);
  const double y = luminance(b);
  return (std::max(x, y) + 0.05) / (std::min(x, y) + 0.05);
}

TEST(Report, HasTheContrastOfWcagAa) {
  EXPECT_NEAR(contrast("000000", "ffffff"), 21, 1e-9);
  for (const bool dark : {false, true}) {
    auto c = colours(dark);
    const std::pair<const char*, const char*> texts[] = {
        {"ink", "paper"},      {"soft", "paper"},     {"accent", "paper"},  {"yes", "paper"},
        {"warn", "paper"},     {"ink", "panel"},      {"soft", "panel"},    {"yes", "yes-tint"},
        {"soft", "no-tint"},   {"warn", "warn-tint"}, {"ink", "warn-tint"}, {"soft", "warn-tint"},
        {"soft", "note-tint"}, {"ink", "note-tint"}};
    for (const auto& [front, back] : texts) {
      ASSERT_EQ(c.count(front) + c.count(back), 2U) << front << back;
      EXPECT_GE(contrast(c[front], c[back]), 4.5) << front << " on " << back << " dark " << dark;
    }
    for (char k = '0'; k < '8'; ++k) {
      EXPECT_GE(contrast(c[std::string("k") + k], c["panel"]), 3) << k << " dark " << dark;
    }
  }
}

}  // namespace
}  // namespace sartor
