// The dendrogram of hierarchical segments: how groups of users were joined, the nearest first.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "sartor/pipeline/report_parts.h"

namespace sartor::report {
namespace {

constexpr std::size_t kMostLeaves = 256;
constexpr double kTreeWidth = 640;
constexpr double kTreeHeight = 260;
constexpr double kTreeMargin = 12;
constexpr double kLeaves = kTreeHeight - 24;  // where their marks stand

struct Node {
  std::string segment;  // of a leaf; of a branch if all its leaves are of one
  std::size_t parts[2] = {0, 0};
  double height = 0;
  std::optional<double> users;
  double x = 0;
  bool joined = false;  // into a later one
};

struct Tree {
  std::vector<Node> nodes;  // leaves first
  std::size_t leaves = 0;
};

// Nothing where the JSON is no dendrogram.
std::optional<Tree> read_tree(const Json& json) {
  const Json& leaves = at(json, "leaves");
  const Json& merges = at(json, "merges");
  if (!leaves.is_array() || !merges.is_array() || leaves.size() < 2 ||
      leaves.size() > kMostLeaves || merges.size() + 1 != leaves.size()) {
    return std::nullopt;
  }
  Tree tree{.leaves = leaves.size()};
  for (const Json& leaf : leaves)
    tree.nodes.push_back({.segment = words(leaf, "segment"), .users = number(leaf, "users")});
  for (const Json& merge : merges) {
    if (!merge.is_array() || merge.size() != 4 || !number(merge[2]) || *number(merge[2]) < 0)
      return std::nullopt;
    Node node{.height = *number(merge[2]), .users = number(merge[3])};
    for (std::size_t side = 0; side < 2; ++side) {
      const auto part = number(merge[side]);
      if (!part || *part < 0 || *part >= static_cast<double>(tree.nodes.size()))
        return std::nullopt;
      node.parts[side] = static_cast<std::size_t>(*part);
      if (std::exchange(tree.nodes[node.parts[side]].joined, true)) return std::nullopt;
    }
    const std::string& one = tree.nodes[node.parts[0]].segment;
    if (one == tree.nodes[node.parts[1]].segment) node.segment = one;
    tree.nodes.push_back(std::move(node));
  }
  return tree;
}

// Puts the leaves beside each other so that no branches cross, and each branch over its middle.
void place(Tree& tree) {
  std::vector<std::size_t> open = {tree.nodes.size() - 1};
  const double step = (kTreeWidth - 2 * kTreeMargin) / static_cast<double>(tree.leaves - 1);
  for (double next = kTreeMargin; !open.empty();) {
    const std::size_t node = open.back();
    open.pop_back();
    if (node < tree.leaves) {
      tree.nodes[node].x = next;
      next += step;
    } else {
      open.push_back(tree.nodes[node].parts[1]);
      open.push_back(tree.nodes[node].parts[0]);
    }
  }
  for (std::size_t n = tree.leaves; n < tree.nodes.size(); ++n) {
    Node& node = tree.nodes[n];
    node.x = (tree.nodes[node.parts[0]].x + tree.nodes[node.parts[1]].x) / 2;
  }
}

Markup draw(const Report& report, const Tree& tree) {
  const double highest = std::max(tree.nodes.back().height, 1e-300);
  const auto y = [&](double height) {
    return kLeaves - 8 - height / highest * (kLeaves - 8 - kTreeMargin);
  };
  std::string path;
  for (std::size_t n = tree.leaves; n < tree.nodes.size(); ++n) {
    const Node& node = tree.nodes[n];
    const Node& a = tree.nodes[node.parts[0]];
    const Node& b = tree.nodes[node.parts[1]];
    path += fmt::format("M{:.1f} {:.1f}V{:.1f}H{:.1f}V{:.1f}", a.x, y(a.height), y(node.height),
                        b.x, y(b.height));
  }
  Markup marks;
  for (std::size_t n = 0; n < tree.leaves; ++n) {
    const Node& leaf = tree.nodes[n];
    const Look look = look_of(report, leaf.segment);
    marks += html("<path class=\"point c{}\" d=\"{}\"/>\n", look.colour,
                  Markup::trusted(mark_path(look.shape, leaf.x, kLeaves, 4)));
  }
  return html(
      "<svg class=\"map\" role=\"img\" aria-labelledby=\"tree-t tree-d\" viewBox=\"0 0 {} {}\">"
      "<title id=\"tree-t\">How the segments were joined</title><desc id=\"tree-d\">Each mark is a "
      "group of users; the higher two branches meet, the less alike they are. The table below has "
      "the last steps.</desc><path class=\"zero\" d=\"{}\"/>{}</svg>\n",
      kTreeWidth, kTreeHeight, Markup::trusted(path), marks);
}

// What a branch holds, in words.
std::string branch(const Node& node) {
  const std::string users = counted(node.users, "user");
  return node.segment.empty() ? users + " of several segments"
                              : users + " of " + shorten(node.segment, 60);
}

Markup last_steps(const Tree& tree) {
  Table table("What was joined, the least alike first");
  table.column("One branch", Table::Kind::text).column("The other", Table::Kind::text);
  table.column("Height").column("Users together");
  for (std::size_t n = tree.nodes.size(); n-- > tree.leaves;) {
    const Node& node = tree.nodes[n];
    table.row({text(branch(tree.nodes[node.parts[0]])), text(branch(tree.nodes[node.parts[1]])),
               text(significant(node.height)), text(count(node.users))});
  }
  return table.done();
}

}  // namespace

Markup segment_tree(const Report& report) {
  auto tree = read_tree(at(report.details, "dendrogram"));
  if (!tree) return {};
  place(*tree);
  return html(
      "<h3>How the clusters were joined</h3>\n<figure class=\"users\">\n{}<figcaption>Each mark is "
      "a group of users, in the colour of its segment. The higher two branches meet, the less "
      "alike they are: Ward's distance.</figcaption>\n</figure>\n{}",
      draw(report, *tree), folded("The branches in numbers", last_steps(*tree)));
}

}  // namespace sartor::report
