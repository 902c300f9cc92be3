// SPDX-License-Identifier: Apache-2.0
// What is remembered, what is forgotten, and in which order.
#include "cell/network/answered_queries.h"

#include <gtest/gtest.h>

#include <string>

namespace cell {
namespace {

event::LinkedQuery Query(std::string name) { return {.query_id = "q-" + name, .name = std::move(name)}; }

TEST(AnsweredQueries, TheOneRememberedFirstMakesRoom) {
  AnsweredQueries queries(3);
  for (std::uint64_t id = 1; id <= 5; ++id) queries.Remember(id, Query(std::to_string(id)));
  EXPECT_EQ(queries.size(), 3u);
  EXPECT_EQ(queries.Find(1), nullptr);
  EXPECT_EQ(queries.Find(2), nullptr);
  for (std::uint64_t id = 3; id <= 5; ++id) {
    ASSERT_NE(queries.Find(id), nullptr) << id;
    EXPECT_EQ(queries.Find(id)->query.name, std::to_string(id));
    EXPECT_EQ(queries.Find(id)->query.query_id, "q-" + std::to_string(id));
  }
}

TEST(AnsweredQueries, AnIdToldAgainIsReplacedAndKeepsItsTurn) {
  AnsweredQueries queries(2);
  queries.Remember(1, Query("a"));
  queries.Remember(2, Query("b"));
  ASSERT_NE(queries.Find(1), nullptr);
  EXPECT_EQ(queries.Find(1)->json, event::ToJson(Query("a")));
  queries.Remember(1, Query("c"));
  ASSERT_NE(queries.Find(1), nullptr);
  EXPECT_EQ(queries.Find(1)->query.name, "c");
  EXPECT_EQ(queries.Find(1)->json, event::ToJson(Query("c")));
  queries.Remember(3, Query("d"));
  EXPECT_EQ(queries.Find(1), nullptr);
  EXPECT_NE(queries.Find(2), nullptr);
}

TEST(AnsweredQueries, NothingOfAForgottenQueryStaysInItsSlot) {
  AnsweredQueries queries(1);
  event::LinkedQuery full = Query("long-name-of-a-host.example");
  full.leaf = 7;
  full.ttl_seconds = 60;
  full.cnames = {"cdn.example"};
  queries.Remember(1, full);
  ASSERT_NE(queries.Find(1), nullptr);
  EXPECT_EQ(queries.Find(1)->json, event::ToJson(full));
  queries.Remember(2, Query("b"));
  ASSERT_NE(queries.Find(2), nullptr);
  EXPECT_FALSE(queries.Find(2)->query.leaf);
  EXPECT_EQ(queries.Find(2)->query.ttl_seconds, 0u);
  EXPECT_TRUE(queries.Find(2)->query.cnames.empty());
  EXPECT_EQ(queries.Find(2)->json, event::ToJson(Query("b")));
}

}  // namespace
}  // namespace cell
