// Replay names the first thing that two runs do not share. Planted here is what makes runs differ in practice: data that
// outlives a run, an address that is taken for data, and one run that goes on where the other has ended.

#include "sim/replay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

namespace razor::sim {
namespace {

using namespace std::chrono_literals;
using runtime::Runtime;
using runtime::Task;
using testing::EndsWith;
using testing::HasSubstr;

Task<void> send(Runtime& runtime, runtime::Address to, std::string text) {
  auto stream = co_await runtime.network().connect(to);
  co_await runtime.clock().sleep_for(1s);
  const base::ByteView greeting = base::as_bytes("the same in every run");
  (void)co_await (*stream)->write({&greeting, 1});
  co_await runtime.clock().sleep_for(1s);
  const base::ByteView bytes = base::as_bytes(text);
  (void)co_await (*stream)->write({&bytes, 1});
  co_await runtime.clock().sleep_for(1s);
}

Task<void> take(Runtime& runtime) {
  auto listener = runtime.network().listen(runtime::Address::tcp("0.0.0.0", 80));
  auto stream = co_await (*listener)->accept();
  std::array<std::byte, 100> buffer;
  while (true) {
    const auto count = co_await (*stream)->read(buffer);
    if (!count || *count == 0) co_return;
  }
}

void talk(World& world, const std::string& text) {
  world.host("server").start(take);
  const runtime::Address address = world.host("server").address(80);
  world.host("client").start([address, text](Runtime& runtime) { return send(runtime, address, text); });
  world.run_for(1min);
}

TEST(Replay, FindsNothingWhereNothingDiffers) {
  const ReplayResult result = replay_scenario([](World& world) { talk(world, "the same"); }, 1);
  EXPECT_TRUE(result.ok());
  EXPECT_FALSE(result.divergence);
  EXPECT_EQ(result.first.digest, result.second.digest);
  EXPECT_EQ(result.first.digest, run_scenario([](World& world) { talk(world, "the same"); }, 1).digest);
}

TEST(Replay, NamesTheWriteThatDiffers) {
  int runs = 0;
  const ReplayResult result = replay_scenario([&runs](World& world) { talk(world, fmt::format("run {}", ++runs)); }, 1);
  EXPECT_FALSE(result.ok());
  EXPECT_NE(result.first.digest, result.second.digest);
  ASSERT_TRUE(result.divergence);
  const Divergence& found = *result.divergence;
  ASSERT_TRUE(found.first && found.second);
  EXPECT_EQ(found.first->occurrence.kind, EventKind::written);
  EXPECT_EQ(found.first->occurrence.at, found.second->occurrence.at);
  EXPECT_NE(found.first->occurrence.value, found.second->occurrence.value);
  EXPECT_THAT(found.first->where, EndsWith(", client to server"));
  EXPECT_EQ(found.first->where, found.second->where);
  EXPECT_GT(found.index, 0u);
  EXPECT_EQ(found.before.size(), 4u);
  EXPECT_THAT(found.text(), HasSubstr(fmt::format("differ from event {} on", found.index)));
}

TEST(Replay, FindsAnAddressThatIsTakenForData) {
  const ReplayResult result = replay_scenario(
      [](World& world) {
        const auto where = std::make_unique<int>();
        world.run_for(1s);
        world.note(fmt::format("{}", static_cast<void*>(where.get())));
      },
      1);
  ASSERT_TRUE(result.divergence);
  EXPECT_EQ(result.divergence->first->occurrence.kind, EventKind::noted);
  EXPECT_EQ(result.divergence->first->occurrence.at, base::TimePoint(1s));
}

TEST(Replay, FindsAnAddressOfTheStack) {
  const ReplayResult result = replay_scenario(
      [](World& world) {
        int here = 0;
        world.note(fmt::format("{}", static_cast<void*>(&here)));
      },
      1);
  EXPECT_TRUE(result.divergence);
}

TEST(Replay, FindsThatARunEndsEarlier) {
  for (const bool second_ends_earlier : {false, true}) {
    int runs = 0;
    const ReplayResult result = replay_scenario(
        [&](World& world) {
          world.note("both");
          if ((++runs == 1) == second_ends_earlier) world.note("one of them");
        },
        1);
    ASSERT_TRUE(result.divergence);
    EXPECT_EQ(result.divergence->index, 1u);
    EXPECT_EQ(result.divergence->first.has_value(), second_ends_earlier);
    EXPECT_EQ(result.divergence->second.has_value(), !second_ends_earlier);
    EXPECT_THAT(result.divergence->text(), HasSubstr("had ended"));
  }
}

TEST(Replay, FindsAnotherOutcomeOfTheSameEvents) {
  std::vector<ScenarioFailure> told;
  ScenarioOptions options;
  options.on_failure = [&told](const ScenarioFailure& failure) { told.push_back(failure); };
  int runs = 0;
  const ReplayResult result =
      replay_scenario([&runs](World&) { RAZOR_EXPECT(++runs == 1, "a static counter"); }, 1, options);
  EXPECT_FALSE(result.ok());
  EXPECT_FALSE(result.divergence);
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].kind, ScenarioFailure::Kind::divergence);
  EXPECT_THAT(told[0].message, HasSubstr("first   passes"));
  EXPECT_THAT(told[0].message, HasSubstr("second  fails: "));
  EXPECT_THAT(told[0].message, HasSubstr("a static counter"));
}

TEST(Replay, FindsAnotherReport) {
  int runs = 0;
  const ReplayResult counts =
      replay_scenario([&runs](World&) { report_count("calls", static_cast<std::uint64_t>(++runs)); }, 1);
  EXPECT_THAT(counts.other_outcome, HasSubstr("the count 'calls'\n    first   1\n    second  2"));
  const ReplayResult texts = replay_scenario(
      [&runs](World&) {
        if (++runs == 4) report_text("story", "once");
      },
      1);
  EXPECT_THAT(texts.other_outcome, HasSubstr("the text 'story'\n    first   not reported\n    second  once"));
}

TEST(Replay, TheSameFailureTwiceIsNoDivergence) {
  std::vector<ScenarioFailure::Kind> told;
  ScenarioOptions options;
  options.on_failure = [&told](const ScenarioFailure& failure) { told.push_back(failure.kind); };
  const ReplayResult result = replay_scenario([](World&) { RAZOR_EXPECT(false, "always"); }, 1, options);
  EXPECT_EQ(told, (std::vector{ScenarioFailure::Kind::expectation}));
  EXPECT_EQ(result.other_outcome, "");
}

TEST(Replay, TellsOfTheDivergenceBeforeWhatItLeadsTo) {
  std::vector<ScenarioFailure::Kind> told;
  ScenarioOptions options;
  options.on_failure = [&told](const ScenarioFailure& failure) { told.push_back(failure.kind); };
  int runs = 0;
  replay_scenario(
      [&runs](World& world) {
        world.note(fmt::format("{}", ++runs));
        RAZOR_EXPECT(runs == 1);
      },
      1, options);
  EXPECT_EQ(told, (std::vector{ScenarioFailure::Kind::divergence, ScenarioFailure::Kind::expectation}));
}

}  // namespace
}  // namespace razor::sim
