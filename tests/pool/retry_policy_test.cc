// RetryPolicy against its table. One that retries what ran, or what may have run and is not idempotent, runs a request
// twice; one that does not move what never ran loses calls that any other connection would have served.

#include "razor/pool/internal/retry_policy.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "tests/support/pick.h"

namespace razor::pool {
namespace {

using base::Ran;
using Verdict = RetryPolicy::Verdict;

constexpr std::uint32_t kMost = std::numeric_limits<std::uint32_t>::max();

TEST(RetryPolicy, FollowsItsTable) {
  const auto move = Verdict::move;
  const auto retry = Verdict::retry;
  const auto give_up = Verdict::give_up;
  struct Row {
    Ran ran;
    bool idempotent;
    std::vector<Verdict> after;  // 0, 1, 2 ... attempts
  };
  const std::vector<Row> table{
      {Ran::no, false, {move, move, move, move, move}},
      {Ran::no, true, {move, move, move, move, move}},
      {Ran::maybe, false, {give_up, give_up, give_up, give_up, give_up}},
      {Ran::maybe, true, {retry, retry, retry, give_up, give_up}},
      {Ran::yes, false, {give_up, give_up, give_up, give_up, give_up}},
      {Ran::yes, true, {give_up, give_up, give_up, give_up, give_up}},
  };
  const RetryPolicy policy(2);
  for (const Row& row : table) {
    for (std::uint32_t attempts = 0; attempts < row.after.size(); ++attempts) {
      EXPECT_EQ(policy.after(row.ran, row.idempotent, attempts), row.after[attempts])
          << name_of(row.ran) << (row.idempotent ? ", idempotent, " : ", ") << attempts << " attempts";
    }
  }
}

TEST(RetryPolicy, HoldsForEveryLimitAndNumberOfAttempts) {
  for (const std::uint32_t limit : {0u, 1u, 2u, 3u, 10u, 1000u, kMost - 1}) {
    const RetryPolicy policy(limit);
    EXPECT_EQ(policy.retry_limit(), limit);
    for (const std::uint32_t attempts : {0u, 1u, 2u, 3u, 4u, 10u, 11u, 1000u, 1001u, kMost - 1, kMost}) {
      const bool one_more = attempts < std::uint64_t{1} + limit;
      EXPECT_EQ(policy.may_attempt(attempts), one_more) << limit << ' ' << attempts;
      EXPECT_EQ(policy.after(Ran::maybe, true, attempts), one_more ? Verdict::retry : Verdict::give_up);
      for (const bool idempotent : {false, true}) {
        EXPECT_EQ(policy.after(Ran::no, idempotent, attempts), Verdict::move);
        EXPECT_EQ(policy.after(Ran::yes, idempotent, attempts), Verdict::give_up);
      }
      EXPECT_EQ(policy.after(Ran::maybe, false, attempts), Verdict::give_up);
    }
  }
}

TEST(RetryPolicy, ACallThatNeverSucceedsIsSentOncePlusTheLimit) {
  for (std::uint32_t limit = 0; limit < 20; ++limit) {
    std::uint32_t attempts = 1;
    while (attempts < 100 && RetryPolicy(limit).after(Ran::maybe, true, attempts) == Verdict::retry) ++attempts;
    EXPECT_EQ(attempts, 1 + limit);
  }
}

// A call meets one failure after the other, some of them before it was sent, until the policy gives up.
RC_GTEST_PROP(RetryPolicy, NoCallMayRunMoreOftenThanItsLimitSays, ()) {
  const auto limit = test::pick<std::uint32_t>(0, 6);
  const bool idempotent = test::one_in(2);
  const RetryPolicy policy(limit);
  std::uint32_t sent = 0;
  std::uint32_t may_have_run = 0;
  std::uint32_t moves = 0;
  for (int i = 0; i < 100; ++i) {
    const Ran ran = test::pick_of({Ran::no, Ran::no, Ran::maybe, Ran::maybe, Ran::maybe, Ran::yes});
    if (ran != Ran::no || test::one_in(2)) ++sent;  // what did not run may have been sent: a server that drains says so
    if (ran != Ran::no) ++may_have_run;
    const Verdict verdict = policy.after(ran, idempotent, sent);
    RC_ASSERT((verdict == Verdict::move) == (ran == Ran::no));
    if (verdict == Verdict::give_up) break;
    if (verdict == Verdict::move) ++moves;
  }
  RC_ASSERT(may_have_run <= (idempotent ? 1 + limit : 1));
  RC_ASSERT(sent <= 1 + limit + moves);
}

}  // namespace
}  // namespace razor::pool
