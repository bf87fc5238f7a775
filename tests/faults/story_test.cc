// What a story keeps of a run: both sides of calls find each other, hosts come and go, and its memory is bounded. It leaves
// the process that it is about record by record, so the tests send everything through records.

#include "faults/story.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace razor::faults {
namespace {

using namespace std::chrono_literals;
using Kind = Story::Moment::Kind;
using Side = runtime::SpanStart::Side;

class StoryTest : public testing::Test {
 protected:
  StoryTest() { world.watch(writer); }
  ~StoryTest() override { world.unwatch(writer); }

  runtime::SpanId begin(sim::Host& host, Side side, std::string_view name, std::uint16_t port = 1024) {
    return host.runtime().trace()->begin_span(
        {side, name, runtime::Address::tcp("client", port), runtime::Address::tcp("server", 80)});
  }
  runtime::SpanId ask(std::uint64_t number, std::string_view name = "Desk.add") {
    const runtime::SpanId span = begin(client, Side::asks, name);
    if (number > 0) client.runtime().trace()->number_span(span, number);
    return span;
  }
  runtime::SpanId dispatch(std::uint64_t number, std::string_view name = "Desk.add") {
    const runtime::SpanId span = begin(server, Side::answers, name);
    server.runtime().trace()->number_span(span, number);
    return span;
  }
  static void end(sim::Host& host, runtime::SpanId span, std::string_view outcome, std::string_view detail = {}) {
    host.runtime().trace()->end_span(span, {true, outcome, detail});
  }

  StoryReader reader;
  sim::World world{1};
  StoryWriter writer{world, [this](std::string_view record) { reader.take(record); }};
  sim::Host& client = world.host("client");
  sim::Host& server = world.host("server");
};

TEST_F(StoryTest, BringsBothSidesOfACallTogether) {
  const runtime::SpanId asked = ask(1);
  world.run_for(1ms);
  const runtime::SpanId dispatched = dispatch(1);
  world.run_for(1ms);
  end(server, dispatched, "ok");
  world.run_for(1ms);
  end(client, asked, "ok");
  const Story story = reader.story();
  EXPECT_THAT(story.hosts, testing::ElementsAre("client", "server"));
  ASSERT_EQ(story.calls.size(), 1u);
  const Story::Call& call = story.calls.front();
  EXPECT_EQ(call.name, "Desk.add");
  EXPECT_EQ(call.client, "client");
  EXPECT_EQ(call.server, "server");
  EXPECT_EQ(call.connection, "client:1024 > server:80");
  EXPECT_EQ(call.number, 1u);
  EXPECT_EQ(call.began, 0ms);
  EXPECT_EQ(call.sent, 0ms);
  EXPECT_EQ(call.dispatched, 1ms);
  EXPECT_EQ(call.answered, 2ms);
  EXPECT_EQ(call.ended, 3ms);
  EXPECT_EQ(call.outcome, "ok");
  EXPECT_EQ(call.first(), 0ms);
  EXPECT_EQ(call.last(), 3ms);
}

TEST_F(StoryTest, FindsTheOtherSideOfACallThatEndedLongBefore) {
  end(client, ask(1), "deadline_exceeded (ran: maybe)", "2 s are over");
  for (std::uint64_t number = 2; number < 1000; ++number) end(client, ask(number), "ok");
  world.run_for(10s);
  (void)dispatch(1);
  const Story story = reader.story();
  ASSERT_EQ(story.calls.size(), 999u);
  EXPECT_EQ(story.calls.front().dispatched, 10s);
  EXPECT_EQ(story.calls.front().outcome, "deadline_exceeded (ran: maybe)");
  EXPECT_EQ(story.calls.front().detail, "2 s are over");
}

TEST_F(StoryTest, KnowsWhatAStrangerSent) {
  (void)dispatch(7);
  const Story story = reader.story();
  ASSERT_EQ(story.calls.size(), 1u);
  EXPECT_FALSE(story.calls.front().began);
  EXPECT_EQ(story.calls.front().dispatched, 0ms);
}

TEST_F(StoryTest, TellsWhatBecameOfHostsAndTheirCalls) {
  (void)ask(1);
  (void)dispatch(1);
  world.run_for(1s);
  server.crash();
  world.run_for(1s);
  server.restart();
  client.pause();
  client.resume();
  client.kill();
  world.cut_one_way(server, client);
  world.heal_all();
  const Story story = reader.story();
  std::vector<std::pair<Kind, std::string>> moments;
  for (const Story::Moment& moment : story.moments) moments.emplace_back(moment.kind, moment.host);
  EXPECT_THAT(moments, testing::ElementsAre(testing::Pair(Kind::crashed, "server"), testing::Pair(Kind::restarted, "server"),
                                            testing::Pair(Kind::paused, "client"), testing::Pair(Kind::resumed, "client"),
                                            testing::Pair(Kind::killed, "client"), testing::Pair(Kind::cut, "server"),
                                            testing::Pair(Kind::healed, "server")));
  EXPECT_EQ(story.moments[5].other, "client");
  EXPECT_EQ(story.moments[0].at, 1s);
  ASSERT_EQ(story.calls.size(), 1u);
  EXPECT_TRUE(story.calls.front().server_is_gone);
  EXPECT_TRUE(story.calls.front().caller_is_gone);
}

TEST_F(StoryTest, TakesFaultsFromTheirNotes) {
  world.run_for(1s);
  world.note("fault #3 at 1s cut client server for 2s");
  world.run_for(2s);
  world.note("fault #3 ends");
  world.note("fault #4 at 3s act server");
  world.note("a note of the scenario's own");
  const Story story = reader.story();
  ASSERT_EQ(story.faults.size(), 2u);
  EXPECT_EQ(story.faults[0].number, 3u);
  EXPECT_EQ(story.faults[0].began, 1s);
  EXPECT_EQ(story.faults[0].ended, 3s);
  EXPECT_EQ(story.faults[1].number, 4u);
  EXPECT_FALSE(story.faults[1].ended);
  ASSERT_EQ(story.moments.size(), 1u);
  EXPECT_EQ(story.moments.front().text, "a note of the scenario's own");
}

TEST_F(StoryTest, KeepsNamesOfAnyBytes) {
  (void)ask(1, "a\tb\\t\n\"<\x01>");
  ASSERT_EQ(reader.story().calls.size(), 1u);
  EXPECT_EQ(reader.story().calls.front().name, "a\tb\\t\n\"<\x01>");
}

TEST_F(StoryTest, ChangesNothingInTheRun) {
  const auto digest_of = [](bool watched) {
    sim::World other(5);
    StoryWriter other_writer(other, [](std::string_view) {});
    if (watched) other.watch(other_writer);
    other.host("a").crash();
    other.note("x");
    other.run_for(1s);
    const std::uint64_t digest = other.digest();
    if (watched) other.unwatch(other_writer);
    return digest;
  };
  EXPECT_EQ(digest_of(true), digest_of(false));
}

TEST(StoryReader, PassesOverWhatIsNoRecord) {
  StoryReader reader;
  for (const char* record : {"", "\t", "host", "moment\t1\t99\ta\tb\tc", "moment\tx\ty\tz\tz\tz", "begin\t1\t2",
                             "end\t1\t2\tok\t", "number\t1\t2\t3", "begin\t\t\t\t\t\t\t", "what\t1\t2\t3\t4\t5\t6\t7"}) {
    reader.take(record);
  }
  EXPECT_TRUE(reader.story().hosts.empty());
}

TEST(StoryReader, IsBoundedAndKeepsWhatIsInItsWindows) {
  StoryFocus focus;
  focus.windows.push_back({100ms, 110ms});
  focus.calls_max = 50;
  focus.moments_max = 20;
  StoryReader reader(focus);
  for (std::uint64_t i = 0; i < 20'000; ++i) {
    const std::uint64_t at = i * 1'000'000;
    reader.take(fmt::format("begin\t{}\t{}\tasks\tx\tclient\tserver\tc", at, i + 1));
    reader.take(fmt::format("number\t{}\t{}\t{}", at, i + 1, i + 1));
    reader.take(fmt::format("end\t{}\t{}\tok\t", at, i + 1));
    reader.take(fmt::format("moment\t{}\t11\t\t\tnote", at));
  }
  const Story story = reader.story();
  EXPECT_LT(story.calls.size(), 2200u);
  EXPECT_EQ(story.calls.size() + story.calls_left_out, 20'000u);
  EXPECT_LE(story.moments.size(), 40u);
  EXPECT_EQ(story.moments.size() + story.moments_left_out, 20'000u);
  const auto in_window =
      std::ranges::count_if(story.calls, [](const auto& call) { return call.first() >= 100ms && call.first() <= 110ms; });
  EXPECT_EQ(in_window, 11);
  EXPECT_EQ(story.calls.back().began, 19'999ms);
}

}  // namespace
}  // namespace razor::faults
