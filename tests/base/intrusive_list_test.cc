// A list whose links live in its elements. The model test compares it, after every step, with lists of numbers; a link
// left behind by an element that died would make the walk disagree, or a sanitizer stop.

#include "razor/base/intrusive_list.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <memory>
#include <vector>

namespace razor::base {
namespace {

struct FirstTag {};
struct SecondTag {};

struct Node : ListLink<FirstTag>, ListLink<SecondTag> {
  explicit Node(int node_id) : id(node_id) {}
  Node(Node&&) = default;
  int id;
};

using FirstList = IntrusiveList<Node, FirstTag>;
using SecondList = IntrusiveList<Node, SecondTag>;

template <class List>
std::vector<int> ids_in(List& list) {
  std::vector<int> ids;
  list.for_each([&ids](Node& node) { ids.push_back(node.id); });
  return ids;
}

TEST(IntrusiveList, StartsEmpty) {
  FirstList list;
  EXPECT_TRUE(list.empty());
  EXPECT_EQ(list.size(), 0u);
  EXPECT_EQ(list.pop_front(), nullptr);
}

TEST(IntrusiveList, AnElementIsInTwoListsOfTwoTagsAtATime) {
  FirstList first;
  SecondList second;
  Node a(1), b(2);
  first.push_back(a);
  first.push_back(b);
  second.push_front(a);
  second.push_front(b);
  EXPECT_EQ(ids_in(first), (std::vector{1, 2}));
  EXPECT_EQ(ids_in(second), (std::vector{2, 1}));
  first.pop_front();
  EXPECT_EQ(ids_in(first), (std::vector{2}));
  EXPECT_EQ(ids_in(second), (std::vector{2, 1}));
}

TEST(IntrusiveList, AnElementLeavesItsListsWhenItDies) {
  FirstList list;
  Node a(1), c(3);
  list.push_back(a);
  {
    Node b(2);
    list.push_back(b);
    list.push_back(c);
    EXPECT_EQ(list.size(), 3u);
  }
  EXPECT_EQ(ids_in(list), (std::vector{1, 3}));
}

TEST(IntrusiveList, AMovedElementTakesThePlaceOfTheOld) {
  FirstList list;
  Node a(1), b(2), c(3);
  for (Node* node : {&a, &b, &c}) list.push_back(*node);
  Node moved(std::move(b));
  moved.id = 20;
  EXPECT_FALSE(b.ListLink<FirstTag>::is_linked());
  EXPECT_EQ(ids_in(list), (std::vector{1, 20, 3}));
  Node unlinked(4);
  Node moved_from_nowhere(std::move(unlinked));
  EXPECT_FALSE(moved_from_nowhere.ListLink<FirstTag>::is_linked());
}

TEST(IntrusiveList, ElementsOutliveTheirList) {
  Node a(1);
  {
    FirstList list;
    list.push_back(a);
  }
  EXPECT_FALSE(a.ListLink<FirstTag>::is_linked());
  FirstList other;
  other.push_back(a);
  EXPECT_EQ(&other.front(), &a);
}

TEST(IntrusiveList, AVisitMayRemoveTheElementItIsGiven) {
  FirstList list;
  std::vector<std::unique_ptr<Node>> nodes;
  for (int id = 0; id < 6; ++id) list.push_back(*nodes.emplace_back(std::make_unique<Node>(id)));
  list.for_each([&nodes](Node& node) {
    if (node.id % 2 == 0) nodes[static_cast<std::size_t>(node.id)].reset();
  });
  EXPECT_EQ(ids_in(list), (std::vector{1, 3, 5}));
}

// Two lists and a few elements, beside a model: the same as vectors of ids.
class ListsAndModel {
 public:
  static constexpr int kNodes = 8;

  ListsAndModel() {
    for (int id = 0; id < kNodes; ++id) nodes_[id] = std::make_unique<Node>(id);
  }

  void step() {
    const int id = *rc::gen::inRange(0, kNodes);
    const int which = *rc::gen::inRange(0, 2);
    switch (*rc::gen::inRange(0, 10)) {
      case 0: push_back(id, which); break;
      case 1: push_front(id, which); break;
      case 2: pop_front(which); break;
      case 3: unlink(id); break;
      case 4: replace_by_a_new_one(id); break;
      case 5: move(id); break;
      case 6: splice_back(which); break;
      case 7: remove_some(which, id); break;
      case 8: clear(which); break;
      case 9: pop_back(which); break;
    }
  }

  void check() {
    for (int which : {0, 1}) {
      RC_ASSERT(ids_in(lists_[which]) == model_[which]);
      RC_ASSERT(lists_[which].size() == model_[which].size());
      RC_ASSERT(lists_[which].empty() == model_[which].empty());
      if (!model_[which].empty()) RC_ASSERT(lists_[which].front().id == model_[which].front());
      if (!model_[which].empty()) RC_ASSERT(lists_[which].back().id == model_[which].back());
    }
    for (int id = 0; id < kNodes; ++id) RC_ASSERT(link(id).is_linked() == is_in_a_list(id));
  }

 private:
  ListLink<FirstTag>& link(int id) { return *nodes_[id]; }
  bool is_in_a_list(int id) { return std::ranges::count(model_[0], id) + std::ranges::count(model_[1], id) > 0; }

  void push_back(int id, int which) {
    if (is_in_a_list(id)) return;
    lists_[which].push_back(*nodes_[id]);
    model_[which].push_back(id);
  }
  void push_front(int id, int which) {
    if (is_in_a_list(id)) return;
    lists_[which].push_front(*nodes_[id]);
    model_[which].insert(model_[which].begin(), id);
  }
  void pop_front(int which) {
    Node* popped = lists_[which].pop_front();
    RC_ASSERT((popped == nullptr) == model_[which].empty());
    if (popped == nullptr) return;
    RC_ASSERT(popped->id == model_[which].front());
    model_[which].erase(model_[which].begin());
  }
  void pop_back(int which) {
    Node* popped = lists_[which].pop_back();
    RC_ASSERT((popped == nullptr) == model_[which].empty());
    if (popped == nullptr) return;
    RC_ASSERT(popped->id == model_[which].back());
    model_[which].pop_back();
  }
  void unlink(int id) {
    link(id).unlink();
    for (auto& ids : model_) std::erase(ids, id);
  }
  void replace_by_a_new_one(int id) {
    nodes_[id] = std::make_unique<Node>(id);
    for (auto& ids : model_) std::erase(ids, id);
  }
  void move(int id) { nodes_[id] = std::make_unique<Node>(std::move(*nodes_[id])); }
  void splice_back(int which) {
    lists_[which].splice_back(lists_[1 - which]);
    model_[which].insert(model_[which].end(), model_[1 - which].begin(), model_[1 - which].end());
    model_[1 - which].clear();
  }
  void remove_some(int which, int bits) {
    const auto remove = [bits](int id) { return ((id ^ bits) & 1) != 0; };
    lists_[which].for_each([&](Node& node) {
      if (remove(node.id)) link(node.id).unlink();
    });
    std::erase_if(model_[which], remove);
  }
  void clear(int which) {
    lists_[which].clear();
    model_[which].clear();
  }

  std::unique_ptr<Node> nodes_[kNodes];
  FirstList lists_[2];
  std::vector<int> model_[2];
};

RC_GTEST_PROP(IntrusiveList, AgreesWithListsOfNumbers, ()) {
  const int steps = *rc::gen::inRange(0, 200);
  ListsAndModel both;
  for (int i = 0; i < steps; ++i) {
    both.step();
    both.check();
  }
}

}  // namespace
}  // namespace razor::base
