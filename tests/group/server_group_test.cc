// ServerGroup in a simulated world: connections are balanced over its Runtimes, limits hold for the whole group, and a Runtime that
// stands still holds up nobody else.

#include <algorithm>
#include <map>
#include <ranges>
#include <set>

#include "tests/group/server_group_world.h"

namespace razor::test {
namespace {

class ServerGroupTest : public testing::TestWithParam<std::uint64_t> {};
INSTANTIATE_TEST_SUITE_P(Seeds, ServerGroupTest, testing::Range<std::uint64_t>(1, 21));

TEST_P(ServerGroupTest, EightLongConnectionsOnFourRuntimesAreTwoEach) {
  GroupWorld world(GetParam());
  std::map<int, int> served;
  for (int i = 0; i < 8; ++i) ++served[world.result_of(world.placed(world.connect()).where)];
  EXPECT_EQ(served, (std::map<int, int>{{0, 2}, {1, 2}, {2, 2}, {3, 2}}));
  EXPECT_EQ(world.connections(), (std::vector<std::uint32_t>{2, 2, 2, 2}));
  // Those that go make room where they were.
  world.streams[0].reset();
  world.streams[4].reset();
  world.world.run_for(1s);
  for (int i = 0; i < 2; ++i) world.result_of(world.placed(world.connect()).where);
  EXPECT_EQ(world.connections(), (std::vector<std::uint32_t>{2, 2, 2, 2}));
}

TEST_P(ServerGroupTest, AThousandShortConnectionsAreSpreadEvenly) {
  GroupWorld world(GetParam());
  std::map<int, int> served;
  for (int i = 0; i < 1000; ++i) {
    ++served[world.result_of(world.placed(world.connect()).where)];
    if (i >= 5) world.streams[static_cast<std::size_t>(i - 5)].reset();
  }
  ASSERT_EQ(served.size(), 4u);
  const auto [least, most] = std::ranges::minmax(served | std::views::values);
  EXPECT_LE(most, 1.2 * least);
}

TEST_P(ServerGroupTest, AnAcceptorThatDoesNotServeGetsNoConnection) {
  ServerGroupConfig config;
  config.acceptor_serves = false;
  GroupWorld world(GetParam(), 3, config);
  std::map<int, int> served;
  for (int i = 0; i < 6; ++i) ++served[world.result_of(world.placed(world.connect()).where)];
  EXPECT_EQ(served, (std::map<int, int>{{1, 3}, {2, 3}}));
}

TEST_P(ServerGroupTest, TheLimitOfConnectionsIsTheGroups) {
  ServerGroupConfig config;
  config.server.connections_max = 5;
  GroupWorld world(GetParam(), 3, config);
  for (int i = 0; i < 5; ++i) EXPECT_GE(world.result_of(world.placed(world.connect()).where), 0);
  // The sixth is connected by the system, and waits to be accepted until another goes, of whichever Runtime.
  int sixth = -2;
  const Client<Placed> placed = world.placed(world.connect());
  placed.where.start([&sixth](const Reply<int>& reply) { sixth = reply.ok() ? *reply : -1; });
  world.world.run_for(1s);
  EXPECT_EQ(sixth, -2);
  world.streams[GetParam() % 5].reset();
  world.world.run_for(1s);
  EXPECT_GE(sixth, 0);
}

TEST_P(ServerGroupTest, TheLimitOfHandlersIsTheGroups) {
  ServerGroupConfig config;
  config.server.handlers_max = 40;
  GroupWorld world(GetParam(), 4, config);
  int done = 0;
  std::map<base::Errc, int> failed;
  for (int i = 0; i < 8; ++i) {
    const Client<Placed> placed = world.placed(world.connect());
    for (int n = 0; n < 10; ++n) {
      placed.work.start(
          [&](const Reply<int>& reply) {
            ++done;
            if (!reply.ok()) ++failed[reply.call_error().errc()];
          },
          1000);
    }
  }
  ASSERT_TRUE(world.world.run_until([&] { return done == 80; }, 20s));
  EXPECT_EQ(failed.size(), 1u);
  EXPECT_GE(failed[base::Errc::overloaded], 40);
  EXPECT_LE(failed[base::Errc::overloaded], 40 + 40 / 8);
  for (const MemberLoad& load : world.group->loads()) EXPECT_EQ(load.handlers, 0u);
}

// A thread that hangs, or is not scheduled: its own callers wait, all others are served as before, new connections go elsewhere as soon
// as it has more of them, and its server is cut off at the limit of close.
TEST_P(ServerGroupTest, ARuntimeThatStandsStillHoldsUpNobodyElse) {
  GroupWorld world(GetParam());
  for (int i = 0; i < 8; ++i) world.connect();
  const int stalled = static_cast<int>(1 + GetParam() % 3);
  std::vector<int> place_of;
  for (auto& stream : world.streams) place_of.push_back(world.result_of(world.placed(*stream).where));
  const auto longest_wait = [&] {
    base::Duration longest{};
    for (std::size_t i = 0; i < 8; ++i) {
      if (place_of[i] == stalled) continue;
      const base::TimePoint begun = world.world.now();
      EXPECT_EQ(world.result_of(world.placed(*world.streams[i]).work, 5), place_of[i]);
      longest = std::max(longest, world.world.now() - begun);
    }
    return longest;
  };
  const base::Duration before = longest_wait();
  world.runtimes[static_cast<std::size_t>(stalled)]->pause();
  EXPECT_LE(longest_wait(), before + 1ms);
  for (int i = 0; i < 4; ++i) {
    const int place = world.result_of(world.placed(world.connect()).where);
    EXPECT_TRUE(place != stalled) << "a connection that it was given is one that it does not serve: the call fails";
  }
  world.close(2s);
  ASSERT_TRUE(world.world.run_until([&] { return world.close_took.has_value(); }, 10s));
  EXPECT_LE(*world.close_took, 2s + 1ms);
  world.runtimes[static_cast<std::size_t>(stalled)]->resume();
}

TEST_P(ServerGroupTest, ClosingAnswersWhatHasBegunOnEveryRuntime) {
  GroupWorld world(GetParam());
  std::multiset<int> places;
  for (int i = 0; i < 8; ++i) {
    const Client<Placed> placed = world.placed(world.connect());
    placed.work.start([&](const Reply<int>& reply) { places.insert(reply.ok() ? *reply : -1); }, 500);
  }
  world.world.run_for(100ms);
  world.close(5s);
  ASSERT_TRUE(world.world.run_until([&] { return world.close_took.has_value() && places.size() == 8; }, 10s));
  EXPECT_EQ(places, (std::multiset<int>{0, 0, 1, 1, 2, 2, 3, 3}));
  EXPECT_LE(*world.close_took, 1s);
  world.world.run_for(1s);
  EXPECT_EQ(world.stats_at_end.connections_accepted, 8u);
  EXPECT_EQ(world.stats_at_end.connections, 0u);
  EXPECT_EQ(world.stats_at_end.dispatched, 8u);
}

// Whenever its host is killed, also with connections on their way between Runtimes: everybody hears of it, and the next one serves.
TEST_P(ServerGroupTest, KilledAtAnyMomentItServesAgain) {
  GroupWorld world(GetParam());
  base::RandomStream random(GetParam());
  for (int round = 0; round < 10; ++round) {
    std::vector<int> ends(6, -2);
    for (int& end : ends) {
      const Client<Placed> placed = world.placed(world.connect());
      placed.work.start([&end](const Reply<int>& reply) { end = reply.ok() ? *reply : -1; }, 2);
    }
    world.world.run_for(random.between(0ns, base::Duration(3ms)));
    world.server.kill();
    world.server.start_again();
    EXPECT_TRUE(world.world.run_until([&] { return std::ranges::count(ends, -2) == 0; }, 10s));
    world.streams.clear();
    world.world.run_for(10ms);
    EXPECT_GE(world.result_of(world.placed(world.connect()).where), 0);
  }
}

}  // namespace
}  // namespace razor::test
