// SPDX-License-Identifier: Apache-2.0
// A tree whose leaves are hashed some at a time, against one of leaves one by one.
#include "event/leaf_tree.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace event {
namespace {

class LeafTreeTest : public testing::Test {
 protected:
  void Add(const std::string& leaf) {
    tree_.room().append(leaf).push_back('\n');
    ASSERT_EQ(tree_.line(), leaf + "\n");
    tree_.Keep();
    expected_.AppendHash(LeafHash(leaf));
  }

  LeafTree tree_;
  MerkleTree expected_;
};

TEST_F(LeafTreeTest, HasTheRootOfOneByOneWheneverItIsAsked) {
  std::mt19937 random(2);
  for (int i = 0; i < 2000; ++i) {
    Add(std::string(random() % 50 == 0 ? random() % 40'000 : random() % 900, static_cast<char>('a' + i % 26)));
    ASSERT_EQ(tree_.size(), expected_.size());
    if (i > 70 && random() % 23 != 0) continue;
    ASSERT_EQ(tree_.Root(), expected_.Root()) << "of " << expected_.size() << " leaves";
  }
  EXPECT_EQ(tree_.Root(), expected_.Root());
}

TEST_F(LeafTreeTest, ForgetsALeafThatDidNotComeToBe) {
  Add("first");
  tree_.room().append("half of a le");
  tree_.Drop();
  tree_.room().append("refused\n");
  tree_.Drop();
  EXPECT_EQ(tree_.size(), 1u);
  Add("second");
  EXPECT_EQ(tree_.Root(), expected_.Root());
}

TEST(MerkleTree, TakesAnyNumberOfLeavesAtOnce) {
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < MerkleTree::kMaxLeavesAtOnce; ++i) texts.push_back(std::string(40 * i, 'x'));
  const std::vector<std::string_view> leaves(texts.begin(), texts.end());
  for (std::size_t before = 0; before <= 40; ++before) {
    for (std::size_t count = 0; count <= leaves.size(); ++count) {
      MerkleTree one_by_one, at_once;
      for (std::size_t i = 0; i < before; ++i) {
        one_by_one.AppendHash(LeafHash(leaves[i % leaves.size()]));
        at_once.Append(leaves[i % leaves.size()]);
      }
      for (std::size_t i = 0; i < count; ++i) one_by_one.AppendHash(LeafHash(leaves[i]));
      at_once.Append({leaves.data(), count});
      ASSERT_EQ(at_once.size(), one_by_one.size());
      ASSERT_EQ(at_once.Root(), one_by_one.Root()) << count << " leaves behind " << before;
      one_by_one.AppendHash(LeafHash("next"));
      at_once.Append("next");
      ASSERT_EQ(at_once.Root(), one_by_one.Root());
    }
  }
}

}  // namespace
}  // namespace event
