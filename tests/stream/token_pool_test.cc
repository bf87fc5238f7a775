// TokenPool and LeastLoaded against models: a limit is never exceeded, nothing of it is lost, and connections are balanced.

#include "razor/stream/token_pool.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <deque>
#include <memory>
#include <numeric>
#include <thread>
#include <vector>

#include "razor/stream/least_loaded.h"

namespace razor::stream {
namespace {

std::uint32_t used_by_all(const std::vector<std::unique_ptr<TokenShare>>& shares) {
  return std::accumulate(shares.begin(), shares.end(), 0u,
                         [](std::uint32_t sum, const auto& share) { return sum + share->used(); });
}

RC_GTEST_PROP(TokenPool, TheLimitHoldsOverAllSharesAndNoTokenIsLost, ()) {
  const auto limit = *rc::gen::inRange<std::uint32_t>(1, 300);
  const auto count = *rc::gen::inRange<std::uint32_t>(1, 6);
  TokenPool pool(limit, count);
  std::vector<std::unique_ptr<TokenShare>> shares;
  for (std::uint32_t i = 0; i < count; ++i) shares.push_back(std::make_unique<TokenShare>(pool));
  for (const auto& [place, begins] : *rc::gen::container<std::vector<std::pair<std::uint32_t, bool>>>(
           rc::gen::pair(rc::gen::inRange<std::uint32_t>(0, 6), rc::gen::weightedElement<bool>({{3, true}, {2, false}})))) {
    TokenShare& share = *shares[place % count];
    if (begins && share.has_one()) share.use();
    if (!begins && share.used() > 0) share.release();
    RC_ASSERT(used_by_all(shares) <= limit);
    RC_ASSERT(share.held() - share.used() <= 2 * pool.batch());
  }
  for (const auto& share : shares) {
    while (share->used() > 0) share->release();
  }
  shares.clear();
  RC_ASSERT(pool.take(limit + 1) == limit);
}

RC_GTEST_PROP(TokenPool, OneShareMayUseNearlyAllWhileOthersAreIdle, ()) {
  const auto limit = *rc::gen::inRange<std::uint32_t>(1, 5000);
  const auto count = *rc::gen::inRange<std::uint32_t>(1, 9);
  TokenPool pool(limit, count);
  std::vector<std::unique_ptr<TokenShare>> shares;
  for (std::uint32_t i = 0; i < count; ++i) shares.push_back(std::make_unique<TokenShare>(pool));
  // Each of the others has done something, and keeps what it may.
  for (std::uint32_t i = 1; i < count; ++i) {
    for (std::uint32_t n = 0; n < 10 * pool.batch() && shares[i]->has_one(); ++n) shares[i]->use();
    while (shares[i]->used() > 0) shares[i]->release();
  }
  while (shares[0]->has_one()) shares[0]->use();
  RC_ASSERT(shares[0]->used() + 2 * pool.batch() * (count - 1) >= limit);
  if (limit >= 16 * count) RC_ASSERT(shares[0]->used() >= limit - limit / 8);
}

TEST(TokenPool, ThreadsThatTakeAndGiveBackNeverHoldMoreThanThereIs) {
  constexpr std::uint32_t kLimit = 100;
  constexpr int kThreads = 4;
  TokenPool pool(kLimit, kThreads);
  std::atomic<std::uint32_t> used{0};
  std::atomic<bool> is_exceeded{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      TokenShare share(pool);
      for (int round = 0; round < 2000; ++round) {
        for (int n = 0; n < 40 && share.has_one(); ++n) {
          share.use();
          if (used.fetch_add(1) + 1 > kLimit) is_exceeded = true;
        }
        while (share.used() > 0) {
          used.fetch_sub(1);
          share.release();
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(is_exceeded);
  EXPECT_EQ(pool.take(kLimit + 1), kLimit);
}

// --- LeastLoaded -----------------------------------------------------------------------------------------------------

TEST(LeastLoaded, OfThoseWithFewestConnectionsTheOneWithFewestHandlersIsNext) {
  LeastLoaded choice;
  EXPECT_EQ(choice.choose(std::vector<MemberLoad>{{2, 0}, {1, 9}, {1, 3}, {5, 0}}), 2u);
  EXPECT_EQ(choice.choose(std::vector<MemberLoad>{{0, 0}}), 0u);
}

TEST(LeastLoaded, EqualOnesTakeTurns) {
  LeastLoaded choice;
  std::vector<int> chosen(3);
  for (int i = 0; i < 30; ++i) ++chosen[choice.choose(std::vector<MemberLoad>(3))];
  EXPECT_EQ(chosen, (std::vector<int>{10, 10, 10}));
}

RC_GTEST_PROP(LeastLoaded, ConnectionsThatStayDifferByOneAtMost, ()) {
  const auto count = *rc::gen::inRange<std::size_t>(1, 9);
  const auto connections = *rc::gen::inRange(0, 100);
  LeastLoaded choice;
  std::vector<MemberLoad> loads(count);
  for (int i = 0; i < connections; ++i) {
    ++loads[choice.choose(loads)].connections;
    loads[*rc::gen::inRange<std::size_t>(0, count)].handlers = *rc::gen::inRange(0u, 5u);
  }
  const auto [least, most] = std::ranges::minmax(loads, {}, &MemberLoad::connections);
  RC_ASSERT(most.connections - least.connections <= 1);
}

// Short ones that last equally long, of which a few are there at a time: each server gets about as many.
RC_GTEST_PROP(LeastLoaded, ShortConnectionsAreSpreadEvenly, ()) {
  constexpr std::size_t kServers = 4;
  const auto at_a_time = *rc::gen::inRange<std::size_t>(1, 40);
  LeastLoaded choice;
  std::vector<MemberLoad> loads(kServers);
  std::vector<int> got(kServers);
  std::deque<std::size_t> open;
  for (int i = 0; i < 1000; ++i) {
    if (open.size() == at_a_time) {
      --loads[open.front()].connections;
      open.pop_front();
    }
    open.push_back(choice.choose(loads));
    ++loads[open.back()].connections;
    ++got[open.back()];
  }
  const auto [least, most] = std::ranges::minmax(got);
  RC_ASSERT(most <= 1.2 * least);
}

}  // namespace
}  // namespace razor::stream
