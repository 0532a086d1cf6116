#include "sartor/pipeline/leads.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "sartor/evaluation/gate.h"
#include "sartor/stats/paired.h"

namespace sartor {
namespace {

std::vector<double> picked(std::span<const double> values, std::span<const std::size_t> rows) {
  std::vector<double> out;
  out.reserve(rows.size());
  for (const std::size_t row : rows) out.push_back(values[row]);
  return out;
}

Json components_json(const RunFacts& facts, std::span<const double> general,
                     std::span<const std::size_t> rows) {
  const std::vector<double> of_general = picked(general, rows);
  Json json = Json::object();
  for (const ComponentScore& score : facts.backtest->components) {
    const std::vector<double> alone = picked(score.of_user, rows);
    json[score.variant.slot] = {{"test", mean(alone)}, {"lead", lead_json(of_general, alone)}};
  }
  return json;
}

}  // namespace

Json lead_json(std::span<const double> general, std::span<const double> alone) {
  ArmComparison compared = compare_arms(alone, general);
  if (!std::isfinite(compared.low) || !std::isfinite(compared.high))
    compared.low = compared.high = compared.difference;
  return {{"difference", compared.difference}, {"low", compared.low}, {"high", compared.high}};
}

Json leads_by_segment(const RunFacts& facts) {
  const JudgedWindow& test = facts.backtest->test;
  const std::vector<double>& general = test.general.at(facts.config->gate.metric);
  Json json = Json::array();
  for (const FittedSegmentation& segmentation : facts.segments->segmentations) {
    const Partition partition = segmentation.partition.at(Origin::test);
    std::vector<std::vector<std::size_t>> rows(partition.segments.size());
    for (std::size_t u = 0; u < test.users.size(); ++u) {
      const std::uint32_t segment = partition.of_user[test.users[u].index()];
      if (segment < rows.size()) rows[segment].push_back(u);
    }
    for (std::size_t s = 0; s < rows.size(); ++s) {
      if (rows[s].empty()) continue;
      json.push_back({{"segmentation", partition.name},
                      {"name", partition.segments[s]},
                      {"users", rows[s].size()},
                      {"test", mean(picked(general, rows[s]))},
                      {"components", components_json(facts, general, rows[s])}});
    }
  }
  return json;
}

}  // namespace sartor
