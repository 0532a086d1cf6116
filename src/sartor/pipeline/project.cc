#include "sartor/pipeline/project.h"

#include <limits>

namespace sartor {
namespace {

Cases all_cases(const InteractionLog& log, const Window& window, const Config& config,
                bool count_new_items) {
  return config.split.cases == "next"
             ? next_cases(log, window, config.signal.repeat, count_new_items)
             : window_cases(log, window, config.signal.repeat, count_new_items);
}

// With `gate.users = "disjoint"` a user counts in validate or in confirm, never in both.
Cases cases_of(const InteractionLog& log, const Window& window, Origin origin, const Dataset& data,
               const Config& config) {
  Cases cases = all_cases(log, window, config, config.evaluation.count_new_items);
  if (config.gate.users != "disjoint" || origin == Origin::test) return cases;
  std::vector<std::size_t> kept;
  for (std::size_t c = 0; c < cases.size(); ++c) {
    const bool validates =
        is_validate_user(data.users.name(cases.users[c].index()), config.tuning.seed);
    if (validates == (origin == Origin::validate)) kept.push_back(c);
  }
  Cases part = subset(cases, kept);
  part.left_out_targets = cases.left_out_targets;
  part.left_out_users = cases.left_out_users;
  return part;
}

}  // namespace

Result<std::shared_ptr<const Project>> Project::make(Dataset data, const Config& config) {
  auto project = std::make_shared<Project>();
  project->data_ = std::move(data);
  project->log_ = interaction_log(project->data_);
  project->events_by_user_ = sartor::events_by_user(project->data_);
  SARTOR_ASSIGN(project->split_, make_split(project->log_, config.split));
  const Split& split = project->split_;
  const std::array<Window, 4> windows = {split.validate, split.confirm, split.test,
                                         Window{split.test.until, split.test.until}};
  for (std::size_t o = 0; o < windows.size(); ++o) {
    OriginView& view = project->origins_[o];
    view.window = windows[o];
    view.history = History(project->log_, windows[o].from);
    if (o == kWindows) continue;
    view.cases =
        cases_of(project->log_, windows[o], static_cast<Origin>(o), project->data_, config);
    if (config.split.cases == "next") {
      view.cases = thinned(view.cases, static_cast<std::size_t>(config.evaluation.max_cases));
    }
    if (view.cases.size() == 0) {
      return Error{
          ErrorCode::config,
          fmt::format("split: nobody took an item in {} ({} to {}) that was known before it",
                      kOriginNames[o], format_time(windows[o].from),
                      format_time(windows[o].until))};
    }
    for (const UserId user : distinct_users(view.cases)) {
      view.fold.push_back(static_cast<std::uint8_t>(
          fold_of(project->data_.users.name(user.index()), config.tuning.seed)));
    }
  }
  for (const Window& window : split.earlier) {
    OriginView view{.window = window, .history = History(project->log_, window.from)};
    view.cases = thinned(all_cases(project->log_, window, config, false),
                         static_cast<std::size_t>(config.models.rerank_cases));
    // Without a history there is nothing to fit.
    if (view.cases.size() > 0 && view.history.size() > 0)
      project->earlier_.push_back(std::move(view));
  }
  return std::shared_ptr<const Project>(std::move(project));
}

Cases thinned(const Cases& cases, std::size_t most) {
  if (cases.size() <= most) return cases;
  std::vector<std::size_t> kept;
  for (std::size_t i = 0; i < most; ++i) kept.push_back(i * cases.size() / most);
  Cases thin = subset(cases, kept);
  thin.left_out_targets = cases.left_out_targets;
  thin.left_out_users = cases.left_out_users;
  thin.thinned_from = cases.size();
  return thin;
}

OriginView thinned(const OriginView& view, std::size_t most) {
  OriginView thin{.window = view.window, .history = view.history};
  thin.cases = thinned(view.cases, most);
  const std::vector<UserId> users = distinct_users(view.cases);
  std::size_t u = 0;
  for (const UserId user : distinct_users(thin.cases)) {
    while (users[u] < user) ++u;
    thin.fold.push_back(view.fold[u]);
  }
  return thin;
}

bool Project::timed() const {
  // A model that needs times finds some in train.
  for (const Interaction& row : log_.rows) {
    if (row.time != kUntimed && row.time < split_.validate.from) return true;
  }
  return false;
}

FeatureRequest feature_request(const Config& config, std::vector<std::string> left_out) {
  FeatureRequest request{.normalise_ctr = config.clean.normalise_ctr,
                         .left_out = std::move(left_out)};
  for (const SegmentationConfig& one : config.segments) {
    if (!one.cluster.empty())
      request.names.insert(request.names.end(), one.features.begin(), one.features.end());
    for (const RuleConfig& rule : one.rules) {
      const auto parsed = SqlExpression::parse(rule.where);
      if (!parsed) continue;  // whoever fits the segmentation says so
      request.names.insert(request.names.end(), parsed->columns().begin(), parsed->columns().end());
    }
  }
  return request;
}

Result<Table> Project::features(Origin origin, const Config& config, const FeatureRequest& request,
                                const Embedding* embedding, const Resources& resources) const {
  const History& history = at(origin).history;
  SARTOR_ASSIGN(const FeatureSpace space,
                feature_space(data_, config.features, request, history.as_of()));
  SARTOR_ASSIGN(Table table,
                user_features(data_, events_by_user_, space, history.as_of(), resources));
  if (embedding != nullptr) SARTOR_TRY(add_embedding(*embedding, history, table, resources));
  return table;
}

Status add_embedding(const Embedding& embedding, const History& history, Table& table,
                     const Resources& resources) {
  const std::size_t first = table.columns.size();
  for (std::size_t d = 0; d < embedding.dimensions(); ++d) {
    table.columns.push_back(
        {.name = fmt::format("embedding.{}", d), .numbers = std::vector<double>(table.rows)});
  }
  constexpr std::size_t kUsersPerBlock = 256;
  return parallel_for(
      resources, table.rows, kUsersPerBlock, [&](std::size_t begin, std::size_t end) -> Status {
        std::vector<float> vector(embedding.dimensions());
        for (std::size_t u = begin; u < end; ++u) {
          embedding.user_vector(history.of(UserId{static_cast<std::uint32_t>(u)}), vector);
          for (std::size_t d = 0; d < vector.size(); ++d)
            table.columns[first + d].numbers[u] = vector[d];
        }
        return {};
      });
}

}  // namespace sartor
