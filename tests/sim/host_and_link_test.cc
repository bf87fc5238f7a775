// What hosts and links of a world do to the programs on them: crashes, pauses, clocks, latency, bandwidth, silence. What a
// connection does while nothing is wrong is in the conformance suite and in tcp_like_kernel_test.cc.

#include <gtest/gtest.h>

#include <numeric>
#include <optional>

#include "sim/world.h"
#include "tests/support/streams.h"

namespace razor::test {
namespace {

using namespace std::chrono_literals;
using base::Duration;
using base::TimePoint;

class HostAndLinkTest : public testing::Test {
 protected:
  HostAndLinkTest() {
    sim::LinkConfig link;
    link.latency = {10ms, 0ms};
    link.split_one_in = 0;
    world_.fabric().set_link_config(link);
  }

  /// A connection from `client_` to `server_`, both of whose ends are here.
  void connect() {
    server_.runtime().executor().spawn("accept", accept_all(server_.runtime()));
    world_.run_for(1ms);
    client_.runtime().executor().spawn("connect", connect_one(client_.runtime()));
    ASSERT_TRUE(world_.run_until([this] { return near_ && !accepted_.empty(); }, 1s));
    far_ = std::move(accepted_.back());
  }

  runtime::Task<void> accept_all(sim::SimRuntime& runtime, int backlog = 1024) {
    auto listener = runtime.network().listen(Address::tcp("0.0.0.0", 7000), {.backlog = backlog});
    if (backlog < 2) co_await runtime.clock().sleep_for(10s);  // accepts nothing for a while
    while (true) {
      auto stream = co_await (*listener)->accept();
      if (stream) accepted_.push_back(std::move(*stream));
    }
  }
  runtime::Task<void> connect_one(sim::SimRuntime& runtime) {
    auto stream = co_await runtime.network().connect(server_.address(7000));
    connect_ended_at_ = world_.elapsed();
    if (stream) {
      near_ = std::move(*stream);
    } else {
      connect_error_ = stream.error();
    }
  }
  runtime::Task<void> write_once(runtime::ByteStream& stream, std::size_t count) {
    const base::Bytes bytes = Pattern::bytes(count);
    const base::ByteView view(bytes);
    auto written = co_await stream.write({&view, 1});
    if (!written) write_error_ = written.error();
  }
  runtime::Task<void> write_for_ever(runtime::ByteStream& stream) {
    const base::Bytes bytes(10'000);
    const base::ByteView view(bytes);
    while (true) {
      auto written = co_await stream.write({&view, 1});
      if (!written) co_return;
      written_ += *written;
    }
  }
  runtime::Task<void> read_for_ever(runtime::ByteStream& stream) {
    base::Bytes buffer(65'536);
    while (true) {
      auto count = co_await stream.read(buffer);
      last_read_at_ = world_.elapsed();
      if (!count) read_error_ = count.error();
      if (!count || *count == 0) co_return;
      read_ += *count;
    }
  }
  void spawn(sim::Host& host, runtime::Task<void> task) { host.runtime().executor().spawn("test", std::move(task)); }

  sim::World world_{1};
  sim::Host& client_ = world_.host("client");
  sim::Host& server_ = world_.host("server");
  std::vector<std::unique_ptr<runtime::ByteStream>> accepted_;
  std::unique_ptr<runtime::ByteStream> near_;
  std::unique_ptr<runtime::ByteStream> far_;
  std::optional<std::error_code> connect_error_;
  std::optional<std::error_code> write_error_;
  std::optional<std::error_code> read_error_;
  Duration connect_ended_at_{};
  Duration last_read_at_{};
  std::size_t written_ = 0;
  std::size_t read_ = 0;
};

// --- Links -----------------------------------------------------------------------------------------------------------

TEST_F(HostAndLinkTest, BytesTakeTheLatencyOfTheirLink) {
  connect();
  spawn(server_, read_for_ever(*far_));
  const Duration sent_at = world_.elapsed();
  spawn(client_, write_once(*near_, 100));
  world_.run_for(1s);
  EXPECT_EQ(read_, 100u);
  EXPECT_EQ(last_read_at_ - sent_at, 10ms);
}

TEST_F(HostAndLinkTest, BandwidthIsSharedByWhatIsSent) {
  connect();
  sim::LinkConfig slow;
  slow.latency = {10ms, 0ms};
  slow.bytes_per_second = 100'000;
  world_.fabric().set_link_config(slow);
  spawn(server_, read_for_ever(*far_));
  spawn(client_, write_for_ever(*near_));
  world_.run_for(10s);
  EXPECT_NEAR(static_cast<double>(read_), 1'000'000, 70'000);
}

TEST(Latency, IsDrawnAsItsShapeSays) {
  sim::RandomStream random(1);
  const auto mean_of = [&random](const sim::Latency& latency, Duration least, Duration most) {
    Duration sum{};
    for (int i = 0; i < 100'000; ++i) {
      const Duration drawn = latency.draw(random);
      EXPECT_GE(drawn, least);
      EXPECT_LE(drawn, most);
      sum += drawn;
    }
    return static_cast<double>((sum / 100'000).count()) / 1e6;
  };
  using Shape = sim::Latency::Shape;
  EXPECT_NEAR(mean_of({2ms, 4ms, Shape::uniform}, 2ms, 6ms), 4, 0.05);
  EXPECT_NEAR(mean_of({2ms, 4ms, Shape::exponential}, 2ms, 82ms), 6, 0.15);
  EXPECT_NEAR(mean_of({2ms, 4ms, Shape::long_tail}, 2ms, 122ms), 4 + 0.01 * 60, 0.1);
  EXPECT_EQ(mean_of({2ms, 0ms}, 2ms, 2ms), 2);
}

TEST_F(HostAndLinkTest, WhatACutLinkSwallowedIsSentAgainOnceItIsHealed) {
  connect();
  spawn(server_, read_for_ever(*far_));
  world_.cut_one_way(client_, server_);
  spawn(client_, write_once(*near_, 100));
  world_.run_for(1s);
  EXPECT_EQ(read_, 0u);
  world_.heal(client_, server_);
  world_.run_for(1s);  // its system tries after 0.2, 0.6, 1.4 s ...
  EXPECT_EQ(read_, 100u);
}

TEST_F(HostAndLinkTest, ALinkThatIsCutOneWayCarriesTheOther) {
  connect();
  spawn(client_, read_for_ever(*near_));
  world_.cut_one_way(client_, server_);
  spawn(server_, write_once(*far_, 100));
  world_.run_for(1s);
  EXPECT_EQ(read_, 100u);
}

TEST_F(HostAndLinkTest, WhatIsOnItsWayWhenALinkIsCutIsLostToo) {
  connect();
  spawn(server_, read_for_ever(*far_));
  spawn(client_, write_once(*near_, 100));
  world_.run_for(5ms);
  world_.cut(client_, server_);
  world_.run_for(1ms);
  world_.heal(client_, server_);
  world_.run_for(50ms);
  EXPECT_EQ(read_, 0u);
  world_.run_for(1s);
  EXPECT_EQ(read_, 100u);
}

TEST_F(HostAndLinkTest, SilenceWithoutEndTimesOut) {
  connect();
  spawn(client_, read_for_ever(*near_));
  world_.cut(client_, server_);
  spawn(client_, write_once(*near_, 100));
  world_.run_for(5min);
  EXPECT_FALSE(read_error_);
  world_.run_for(20min);
  EXPECT_EQ(read_error_, std::make_error_code(std::errc::timed_out));
}

TEST_F(HostAndLinkTest, AReaderThatReadsNothingStopsItsWriter) {
  connect();
  spawn(client_, write_for_ever(*near_));
  world_.run_for(10s);
  const sim::SocketConfig sockets;
  EXPECT_EQ(written_, sockets.send_buffer + sockets.receive_buffer);
  EXPECT_TRUE(far_->input_pending());
  spawn(server_, read_for_ever(*far_));
  world_.run_for(1s);
  EXPECT_GT(written_, 2 * (sockets.send_buffer + sockets.receive_buffer));
}

// --- Connecting ------------------------------------------------------------------------------------------------------

TEST_F(HostAndLinkTest, ConnectingTakesAWayThereAndBack) {
  connect();
  EXPECT_EQ(connect_ended_at_, 1ms + 20ms);
}

TEST_F(HostAndLinkTest, WhereNobodyListensConnectingIsRefused) {
  spawn(client_, connect_one(client_.runtime()));
  world_.run_for(1s);
  EXPECT_EQ(connect_error_, std::make_error_code(std::errc::connection_refused));
  EXPECT_EQ(connect_ended_at_, 20ms);
}

TEST_F(HostAndLinkTest, AHostThatIsDownIsAskedForTwoMinutes) {
  server_.crash();
  spawn(client_, connect_one(client_.runtime()));
  world_.run_for(1h);
  EXPECT_EQ(connect_error_, std::make_error_code(std::errc::timed_out));
  EXPECT_EQ(connect_ended_at_, 127s);
}

TEST_F(HostAndLinkTest, AFullBacklogIsAskedAgain) {
  spawn(server_, accept_all(server_.runtime(), 1));
  world_.run_for(1ms);
  std::vector<sim::Host*> others;
  for (const char* name : {"a", "b"}) spawn(world_.host(name), connect_one(world_.host(name).runtime()));
  world_.run_for(100ms);  // they fill it
  spawn(client_, connect_one(client_.runtime()));
  world_.run_for(9s);
  EXPECT_LT(connect_ended_at_, 100ms) << "that was the last of the two others";
  world_.run_for(20s);
  EXPECT_EQ(accepted_.size(), 3u);
  EXPECT_EQ(connect_ended_at_, 101ms + 15s + 20ms) << "0, 1, 3, 7, 15 s after the first try";
}

// --- Hosts -----------------------------------------------------------------------------------------------------------

TEST_F(HostAndLinkTest, ACrashSaysNothingAndARestartedHostKnowsNobody) {
  connect();
  spawn(client_, read_for_ever(*near_));
  server_.crash();
  world_.run_for(10min);
  EXPECT_EQ(last_read_at_, 0s) << "nothing came";
  server_.restart();
  world_.run_for(10min);
  EXPECT_EQ(last_read_at_, 0s) << "the client owes nothing, so it hears nothing";
  spawn(client_, write_once(*near_, 1));
  world_.run_for(1s);
  EXPECT_EQ(read_error_, std::make_error_code(std::errc::connection_reset));
}

TEST_F(HostAndLinkTest, ProgramsStartAgainWithTheirHost) {
  int starts = 0;
  int ends = 0;
  struct Guard {
    int& ends;
    ~Guard() { ++ends; }
  };
  struct Program {
    static runtime::Task<void> run(runtime::Runtime& runtime, int& starts, int& ends) {
      ++starts;
      const Guard guard{ends};
      co_await runtime.clock().sleep_for(1h);
    }
  };
  server_.start([&](runtime::Runtime& runtime) { return Program::run(runtime, starts, ends); });
  world_.run_for(1s);
  EXPECT_EQ(starts, 1);
  server_.crash();
  EXPECT_EQ(ends, 1) << "destroyed with its host, at once";
  world_.run_for(1s);
  EXPECT_EQ(starts, 1);
  server_.restart();
  world_.run_for(1s);
  EXPECT_EQ(starts, 2);
  world_.run_for(2h);
  EXPECT_EQ(ends, 2);
}

TEST_F(HostAndLinkTest, APausedHostStandsStillWhileItsSystemGoesOn) {
  connect();
  spawn(server_, read_for_ever(*far_));
  world_.run_for(1ms);
  server_.pause();
  spawn(client_, write_once(*near_, 100));
  world_.run_for(10s);
  EXPECT_EQ(read_, 0u);
  EXPECT_TRUE(far_->input_pending()) << "its system took them";
  server_.resume();
  world_.run_for(1ms);
  EXPECT_EQ(read_, 100u);
}

TEST_F(HostAndLinkTest, TimersOfAPausedHostFireWhenItGoesOn) {
  struct Sleeper {
    static runtime::Task<void> run(runtime::Runtime& runtime, sim::World& world, Duration& woke_at) {
      co_await runtime.clock().sleep_for(1s);
      woke_at = world.elapsed();
    }
  };
  Duration woke_at{};
  spawn(server_, Sleeper::run(server_.runtime(), world_, woke_at));
  world_.run_for(500ms);
  server_.pause();
  world_.run_for(5s);
  EXPECT_EQ(woke_at, 0s);
  server_.resume();
  world_.run_for(1ms);
  EXPECT_EQ(woke_at, 5500ms);
}

TEST_F(HostAndLinkTest, AClockThatDriftsMeasuresOtherSeconds) {
  const runtime::Clock& clock = server_.runtime().clock();
  server_.set_drift_ppm(1000);
  const TimePoint before = clock.now();
  world_.run_for(1000s);
  EXPECT_EQ(clock.now() - before, 1001s);
  server_.set_drift_ppm(-1000);
  const TimePoint then = clock.now();
  world_.run_for(1000s);
  EXPECT_EQ(clock.now() - then, 999s);
}

TEST_F(HostAndLinkTest, TimersGoByTheClockOfTheirHost) {
  struct Sleeper {
    static runtime::Task<void> run(runtime::Runtime& runtime, sim::World& world, Duration& woke_at) {
      co_await runtime.clock().sleep_for(1001s);
      woke_at = world.elapsed();
    }
  };
  Duration woke_at{};
  server_.set_drift_ppm(1000);
  spawn(server_, Sleeper::run(server_.runtime(), world_, woke_at));
  world_.run_for(2000s);
  EXPECT_GE(woke_at, 1000s);
  EXPECT_LE(woke_at, 1000s + 10ns);
}

TEST_F(HostAndLinkTest, TheTimeOfDayIsSetApartFromTheMonotonicClock) {
  const runtime::Clock& clock = server_.runtime().clock();
  const TimePoint monotonic = clock.now();
  const std::int64_t wall = server_.wall_clock_ns();
  server_.step_wall_clock(-1h);
  EXPECT_EQ(clock.now(), monotonic);
  EXPECT_EQ(server_.wall_clock_ns() - wall, Duration(-1h).count());
}

TEST_F(HostAndLinkTest, HostsDoNotShareTheirTime) {
  EXPECT_NE(server_.runtime().clock().now(), client_.runtime().clock().now());
}

TEST_F(HostAndLinkTest, ACodeThatNeverWaitsDoesNotStopTime) {
  struct Spinner {
    static runtime::Task<void> run(runtime::Runtime& runtime, sim::World& world) {
      const Duration until = world.elapsed() + 1ms;
      runtime::Event again(runtime.executor());
      while (world.elapsed() < until) co_await runtime.clock().sleep_until(TimePoint::min());
    }
  };
  spawn(server_, Spinner::run(server_.runtime(), world_));
  EXPECT_TRUE(world_.run_until_idle(1s));
}

}  // namespace
}  // namespace razor::test
