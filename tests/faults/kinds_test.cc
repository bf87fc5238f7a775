// Each kind of fault: that it acts, that `effects` counts what it really changed (0 where there was nothing), and that it
// heals. A kind that forgot its work would count nothing and leave the talk as it is; one that forgot to heal would leave
// the talk broken behind it.

#include <gtest/gtest.h>

#include <set>

#include "faults/allocation.h"
#include "faults/conditions.h"
#include "faults/fault_kind.h"
#include "tests/support/talking_hosts.h"

namespace razor::test {
namespace {

using namespace std::chrono_literals;
using base::Duration;

faults::Fault fault_of(const std::string& line) {
  std::string error;
  const auto plan = faults::Plan::parse("at 0s " + line, error);
  EXPECT_TRUE(plan) << error;
  return plan->faults.at(0);
}

std::string wrong_with(const std::string& line) {
  const faults::Fault fault = fault_of(line);
  return faults::find_kind(fault.what)->check(fault);
}

class FaultKinds : public TalkingHosts {
 protected:
  /// Begins it: "cut client server for 1s". Whoever ends it says when.
  std::unique_ptr<faults::ActiveFault> begin(const std::string& line, std::uint64_t seed = 7) {
    const faults::Fault fault = fault_of(line);
    const faults::FaultKind* kind = faults::find_kind(fault.what);
    EXPECT_NE(kind, nullptr) << line;
    EXPECT_EQ(kind->check(fault), "") << line;
    return kind->begin(fault, {world_, conditions_, base::RandomStream(seed)});
  }
  /// Ends it: how often it acted.
  static std::uint64_t end(std::unique_ptr<faults::ActiveFault> fault) {
    fault->end();
    return fault->effects();
  }
  /// How often it acts while nothing happens.
  std::uint64_t acted_on_nothing(const std::string& line) {
    auto fault = begin(line);
    world_.run_for(1s);
    return end(std::move(fault));
  }
  /// How long ten bytes need to the server.
  Duration time_to_arrive() {
    const Duration written_at = world_.elapsed();
    const std::size_t before = received_.size();
    write(10);
    EXPECT_TRUE(world_.run_until([&] { return received_.size() == before + 10; }, 10min));
    return received_at_ - written_at;
  }

  faults::Conditions conditions_{world_};
};

// --- Ways ------------------------------------------------------------------------------------------------------------

TEST_F(FaultKinds, CutLosesWhatIsSent) {
  connect();
  EXPECT_EQ(acted_on_nothing("cut client server for 1s"), 0u);
  auto cut = begin("cut client server for 1s");
  write(10);
  world_.run_for(1s);
  EXPECT_TRUE(received_.empty());
  EXPECT_EQ(end(std::move(cut)), 3u) << "at once, after 200 ms, after 600 ms";
  world_.run_for(2s);
  EXPECT_EQ(received_.size(), 10u);
  EXPECT_EQ(time_to_arrive(), kLatency);
}

TEST_F(FaultKinds, CutCountsWhatIsStillUnderWayWhenItEnds) {
  connect();
  write(10);
  world_.run_for(1ms);
  auto cut = begin("cut client server for 1ms");
  world_.run_for(1ms);
  EXPECT_EQ(end(std::move(cut)), 1u);
  world_.run_for(100ms);
  EXPECT_TRUE(received_.empty());
  world_.run_for(1s);
  EXPECT_EQ(received_.size(), 10u);
}

TEST_F(FaultKinds, CutOneWayLeavesTheOther) {
  connect();
  auto back = begin("cut client server for 1s way=back");
  EXPECT_EQ(time_to_arrive(), kLatency);
  EXPECT_EQ(end(std::move(back)), 0u);
  auto there = begin("cut client for 1s way=there");
  write(10);
  world_.run_for(100ms);
  EXPECT_EQ(received_.size(), 10u);
  EXPECT_GT(end(std::move(there)), 0u);
}

TEST_F(FaultKinds, CutLosesHandshakes) {
  auto cut = begin("cut server for 2s");
  start_connect();
  world_.run_for(2s);
  EXPECT_EQ(end(std::move(cut)), 2u);
  world_.run_for(10s);
  EXPECT_EQ(streams_.size(), 1u);
}

TEST_F(FaultKinds, OverlappingCutsDoNotHealEachOther) {
  connect();
  auto first = begin("cut client server for 2s");
  auto second = begin("cut client for 4s");
  write(10);
  world_.run_for(1s);
  EXPECT_GT(end(std::move(first)), 0u);
  world_.run_for(10s);
  EXPECT_TRUE(received_.empty());
  EXPECT_GT(end(std::move(second)), 0u);
  world_.run_for(1min);
  EXPECT_EQ(received_.size(), 10u);
}

TEST_F(FaultKinds, PartitionSeparatesItsHostsFromAllOthers) {
  connect();
  EXPECT_EQ(acted_on_nothing("partition client server for 1s"), 0u);
  auto together = begin("partition client server for 1s");
  EXPECT_EQ(time_to_arrive(), kLatency);
  EXPECT_EQ(end(std::move(together)), 0u);
  for (const char* line : {"partition server for 1s", "partition client server other for 1s first=1"}) {
    const std::size_t before = received_.size();
    auto apart = begin(line);
    write(10);
    world_.run_for(100ms);
    EXPECT_EQ(received_.size(), before) << line;
    EXPECT_GT(end(std::move(apart)), 0u) << line;
    world_.run_for(1s);
    EXPECT_EQ(received_.size(), before + 10) << line;
  }
}

TEST_F(FaultKinds, SwizzleStallsHostsOneByOneAndReleasesThemAll) {
  connect();
  auto swizzle = begin("swizzle client server other for 3s stall=hosts");
  world_.run_for(1400ms);
  int paused = 0;
  for (const auto& host : world_.fabric().hosts()) paused += host->is_paused() ? 1 : 0;
  EXPECT_GE(paused, 2);
  write(10);
  world_.run_for(1600ms);
  for (const auto& host : world_.fabric().hosts()) EXPECT_FALSE(host->is_paused());
  EXPECT_GT(end(std::move(swizzle)), 0u);
  world_.run_for(1s);
  EXPECT_EQ(received_.size(), 10u);
}

TEST_F(FaultKinds, SwizzleCutsHostsOffOneByOneAndBringsThemBack) {
  connect();
  EXPECT_EQ(acted_on_nothing("swizzle client server for 1s stall=links"), 0u);
  auto swizzle = begin("swizzle client server for 4s stall=links");
  world_.run_for(1900ms);
  write(10);
  world_.run_for(100ms);
  EXPECT_TRUE(received_.empty());
  world_.run_for(2s);
  EXPECT_FALSE(world_.fabric().link(client_, server_).is_cut());
  EXPECT_FALSE(world_.fabric().link(server_, client_).is_cut());
  EXPECT_GT(end(std::move(swizzle)), 0u);
  world_.run_for(1min);
  EXPECT_EQ(received_.size(), 10u);
}

TEST_F(FaultKinds, ASwizzleThatEndsEarlyReleasesAll) {
  for (const char* line : {"swizzle client server for 4s stall=links", "swizzle client server for 4s stall=hosts"}) {
    auto swizzle = begin(line);
    world_.run_for(1900ms);
    end(std::move(swizzle));
    world_.run_for(1min);
    EXPECT_FALSE(world_.fabric().link(client_, server_).is_cut());
    EXPECT_FALSE(client_.is_paused() || server_.is_paused());
  }
}

TEST_F(FaultKinds, SlowLinkAddsToTheLatency) {
  connect();
  EXPECT_EQ(acted_on_nothing("slow_link client server for 1s latency=1s"), 0u);
  auto slow = begin("slow_link client server for 1s latency=1s way=there");
  auto slower = begin("slow_link client for 1s latency=2s way=there");
  EXPECT_EQ(time_to_arrive(), 3s + kLatency);
  EXPECT_EQ(end(std::move(slow)), 1u);
  EXPECT_EQ(time_to_arrive(), 2s + kLatency);
  EXPECT_EQ(end(std::move(slower)), 2u);
  EXPECT_EQ(time_to_arrive(), kLatency);
}

TEST_F(FaultKinds, SlowLinkOneWayLeavesTheOther) {
  connect();
  auto back = begin("slow_link client server for 1s latency=1s way=back");
  EXPECT_EQ(time_to_arrive(), kLatency);
  EXPECT_EQ(end(std::move(back)), 0u);
}

TEST_F(FaultKinds, JitterDelaysEachTimeByAnotherTime) {
  connect();
  EXPECT_EQ(acted_on_nothing("jitter server for 1s spread=1s"), 0u);
  for (const char* shape : {"uniform", "exponential", "long_tail"}) {
    auto jitter = begin(std::string("jitter client server for 1s spread=1s shape=") + shape);
    std::set<Duration> times;
    for (int i = 0; i < 5; ++i) times.insert(time_to_arrive());
    EXPECT_EQ(times.size(), 5u) << shape;
    EXPECT_EQ(end(std::move(jitter)), 5u) << shape;
  }
  EXPECT_EQ(time_to_arrive(), kLatency);
}

TEST_F(FaultKinds, BandwidthLimitsWhatFits) {
  connect();
  EXPECT_EQ(acted_on_nothing("bandwidth client server for 1s bytes_per_second=1000"), 0u);
  auto narrow = begin("bandwidth client server for 1min bytes_per_second=1000");
  const Duration written_at = world_.elapsed();
  for (int i = 0; i < 10; ++i) {
    write(500);
    world_.run_for(0s);
  }
  world_.run_for(10s);
  EXPECT_EQ(received_at_ - written_at, 5s + kLatency);
  EXPECT_EQ(end(std::move(narrow)), 10u);
  EXPECT_EQ(time_to_arrive(), kLatency);
}

TEST_F(FaultKinds, WhatWaitsForBandwidthGoesWhenTheFaultEnds) {
  connect();
  auto narrow = begin("bandwidth client server for 2s bytes_per_second=1");
  const Duration written_at = world_.elapsed();
  write(500);
  world_.run_for(2s);
  EXPECT_EQ(end(std::move(narrow)), 1u);
  world_.run_for(1s);
  EXPECT_EQ(received_at_ - written_at, 2s + kLatency);
}

TEST_F(FaultKinds, SegmentationDownToSingleBytes) {
  connect();
  EXPECT_EQ(acted_on_nothing("segmentation client server for 1s"), 0u);
  auto segmentation = begin("segmentation client server for 1s bytes=1");
  auto jitter = begin("jitter client server for 1s spread=1ms");  // else the reader finds all of them at once
  write(10);
  world_.run_for(1s);
  EXPECT_EQ(received_, Pattern::bytes(10));
  EXPECT_EQ(reads_, std::vector<std::size_t>(10, 1));
  EXPECT_EQ(end(std::move(segmentation)), 9u) << "the last byte would have come alone anyhow";
  end(std::move(jitter));
  write(10);
  world_.run_for(1s);
  EXPECT_EQ(reads_.back(), 10u);
}

TEST_F(FaultKinds, LossMakesSegmentsComeLate) {
  connect();
  EXPECT_EQ(acted_on_nothing("loss client server for 1s"), 0u);
  auto loss = begin("loss client server for 1s");
  EXPECT_EQ(time_to_arrive(), 200ms + 2 * kLatency);
  EXPECT_EQ(end(std::move(loss)), 1u);
  EXPECT_EQ(time_to_arrive(), kLatency);
}

// --- Connections -----------------------------------------------------------------------------------------------------

TEST_F(FaultKinds, ResetAtOnce) {
  EXPECT_EQ(end(begin("reset client server")), 0u) << "there is no connection";
  connect();
  connect();
  read(0);
  read(1);
  EXPECT_EQ(end(begin("reset client server connections=one")), 1u);
  EXPECT_EQ(world_.fabric().connections_between(client_, server_).size(), 1u);
  EXPECT_EQ(end(begin("reset server client")), 1u) << "the other one";
  world_.run_for(1s);
  EXPECT_EQ(client_read_error_, std::make_error_code(std::errc::connection_reset));
  EXPECT_EQ(server_read_error_, std::make_error_code(std::errc::connection_reset));
  connect();
  write(10, 2);
  world_.run_for(1s);
  EXPECT_EQ(received_.size(), 10u);
}

TEST_F(FaultKinds, ResetWithinABytesCount) {
  connect();
  connect();
  write(5, 0);
  world_.run_for(1s);
  auto reset = begin("reset client server for 10s byte=7 connections=one");
  write(6, 0);
  world_.run_for(1s);
  EXPECT_EQ(reset->effects(), 0u);
  write(6, 0);
  world_.run_for(1s);
  EXPECT_EQ(received_.size(), 12u) << "the 7th byte arrives, and no more";
  EXPECT_EQ(server_read_error_, std::make_error_code(std::errc::connection_reset));
  write(100, 1);
  world_.run_for(1s);
  EXPECT_EQ(received_.size(), 112u) << "it was to be one";
  EXPECT_EQ(end(std::move(reset)), 2u) << "the segment that came in two, and the connection";
}

TEST_F(FaultKinds, ResetWithinABytesCountOfEachConnection) {
  connect();
  connect();
  EXPECT_EQ(acted_on_nothing("reset client server for 10s byte=7"), 0u);
  auto reset = begin("reset client server for 10s byte=7");
  write(100, 0);
  write(100, 1);
  world_.run_for(1s);
  EXPECT_EQ(received_.size(), 14u);
  EXPECT_EQ(end(std::move(reset)), 4u);
}

TEST_F(FaultKinds, SeverIsSilent) {
  EXPECT_EQ(end(begin("sever client server")), 0u) << "there is no connection";
  connect();
  connect();
  read(0);
  EXPECT_EQ(end(begin("sever client server")), 2u);
  write(10, 0);
  write(10, 1);
  world_.run_for(1min);
  EXPECT_TRUE(received_.empty());
  EXPECT_FALSE(client_read_error_);
  EXPECT_EQ(end(begin("sever client server")), 0u) << "they are";
  connect();
  write(10, 2);
  world_.run_for(1s);
  EXPECT_EQ(received_.size(), 10u);
}

TEST_F(FaultKinds, SeverInTheMiddleOfAWrite) {
  connect();
  auto sever = begin("sever client server for 1s byte=4");
  write(10);
  world_.run_for(1min);
  EXPECT_EQ(received_, Pattern::bytes(4));
  EXPECT_EQ(end(std::move(sever)), 2u);
}

TEST_F(FaultKinds, CorruptChangesBytesOfOneHostsConnections) {
  connect();
  EXPECT_EQ(acted_on_nothing("corrupt client for 1s"), 0u);
  auto of_others = begin("corrupt other for 1s");
  auto flip = begin("corrupt client server for 1s");
  write(100);
  world_.run_for(1s);
  EXPECT_EQ(end(std::move(of_others)), 0u);
  EXPECT_EQ(end(std::move(flip)), 1u);
  const base::Bytes sent = Pattern::bytes(100);
  ASSERT_EQ(received_.size(), 100u);
  int bits = 0;
  for (std::size_t i = 0; i < 100; ++i) bits += std::popcount(static_cast<unsigned>(sent[i] ^ received_[i]));
  EXPECT_EQ(bits, 1);

  auto overwrite = begin("corrupt client for 1s how=overwrite bytes=1000");
  received_.clear();
  write(100);
  world_.run_for(1s);
  EXPECT_EQ(end(std::move(overwrite)), 1u);
  EXPECT_NE(received_, sent);
  received_.clear();
  write(100);
  world_.run_for(1s);
  EXPECT_EQ(received_, sent);
}

TEST_F(FaultKinds, SmallBuffersMakeWritersWait) {
  EXPECT_EQ(acted_on_nothing("small_buffers server for 1s bytes=10"), 0u);
  auto small = begin("small_buffers server for 1s bytes=10");
  auto larger = begin("small_buffers client server for 1s bytes=20");
  connect();
  EXPECT_EQ(end(std::move(small)), 1u);
  EXPECT_EQ(end(std::move(larger)), 0u) << "they were small enough";
  connect();
  const Duration written_at = world_.elapsed();
  write(100, 1);
  world_.run_for(1min);
  EXPECT_EQ(received_at_ - written_at, kLatency) << "made behind the fault";
  const Duration written_again_at = world_.elapsed();
  write(100, 0);
  world_.run_for(1min);
  EXPECT_EQ(received_.size(), 200u);
  EXPECT_GT(received_at_ - written_again_at, 10 * kLatency) << "which lasts as long as the connection";
}

// --- Connecting ------------------------------------------------------------------------------------------------------

TEST_F(FaultKinds, RefuseConnects) {
  EXPECT_EQ(acted_on_nothing("refuse_connects server for 1s"), 0u);
  auto refuse = begin("refuse_connects server other client for 1s");
  start_connect();
  world_.run_for(1s);
  ASSERT_EQ(connect_errors_.size(), 1u);
  EXPECT_EQ(connect_errors_[0], std::errc::connection_refused);
  EXPECT_EQ(end(std::move(refuse)), 1u);
  auto of_others = begin("refuse_connects server other for 1s");
  connect();
  EXPECT_EQ(end(std::move(of_others)), 0u);
}

TEST_F(FaultKinds, RefusingWhereNobodyListensChangesNothing) {
  server_.kill();
  auto refuse = begin("refuse_connects server for 1s");
  start_connect();
  world_.run_for(1s);
  EXPECT_EQ(connect_errors_.size(), 1u);
  EXPECT_EQ(end(std::move(refuse)), 0u);
}

TEST_F(FaultKinds, HangConnects) {
  EXPECT_EQ(acted_on_nothing("hang_connects server for 1s"), 0u);
  auto hang = begin("hang_connects server for 5s");
  start_connect();
  world_.run_for(5s);
  EXPECT_TRUE(streams_.empty());
  EXPECT_EQ(end(std::move(hang)), 3u) << "at once, after 1 s, after 3 s";
  world_.run_for(5s);
  EXPECT_EQ(streams_.size(), 1u) << "after 7 s";
}

TEST_F(FaultKinds, AcceptErrors) {
  EXPECT_EQ(acted_on_nothing("accept_errors server for 1s"), 0u);
  auto errors = begin("accept_errors server for 1s error=no_buffer_space");
  start_connect();
  world_.run_for(20ms);
  EXPECT_EQ(streams_.size(), 1u);
  EXPECT_EQ(accepts_, 0);
  ASSERT_FALSE(accept_errors_.empty());
  EXPECT_EQ(accept_errors_[0], std::errc::no_buffer_space);
  const std::uint64_t effects = end(std::move(errors));
  world_.run_for(1s);
  EXPECT_EQ(effects, accept_errors_.size());
  EXPECT_EQ(accepts_, 1);
}

TEST_F(FaultKinds, SlowAccept) {
  EXPECT_EQ(acted_on_nothing("slow_accept server for 1s delay=2s"), 0u);
  auto slow = begin("slow_accept server for 1s delay=2s");
  connect();
  EXPECT_EQ(accepts_, 0);
  world_.run_for(2s);
  EXPECT_EQ(accepts_, 1);
  EXPECT_EQ(end(std::move(slow)), 1u);
  connect();
  EXPECT_EQ(accepts_, 2);
}

// --- Hosts -----------------------------------------------------------------------------------------------------------

TEST_F(FaultKinds, CrashAtOnce) {
  connect();
  auto crash = begin("crash server for 1s");
  EXPECT_FALSE(server_.is_up());
  EXPECT_EQ(acted_on_nothing("crash server for 1s"), 0u) << "it is down already";
  EXPECT_FALSE(server_.is_up()) << "the first goes on";
  EXPECT_EQ(end(std::move(crash)), 1u);
  EXPECT_TRUE(server_.is_up());
  connect();
  EXPECT_EQ(starts_, 2);
}

TEST_F(FaultKinds, CrashWhenItIsConnectedTo) {
  EXPECT_EQ(acted_on_nothing("crash server for 1s when=handshake"), 0u);
  auto crash = begin("crash server for 10s when=handshake");
  world_.run_for(1s);
  EXPECT_TRUE(server_.is_up());
  connect();
  EXPECT_FALSE(server_.is_up());
  EXPECT_EQ(end(std::move(crash)), 1u);
  EXPECT_TRUE(server_.is_up());
}

TEST_F(FaultKinds, CrashInTheMiddleOfAWriteToIt) {
  connect();
  EXPECT_EQ(acted_on_nothing("crash server for 1s when=mid_write"), 0u);
  auto crash = begin("crash server for 10s when=mid_write");
  write(100);
  world_.run_for(1s);
  EXPECT_FALSE(server_.is_up());
  EXPECT_GT(received_.size(), 0u);
  EXPECT_LT(received_.size(), 100u);
  EXPECT_EQ(end(std::move(crash)), 2u) << "the half that was lost, and the machine";
  EXPECT_TRUE(server_.is_up());
}

TEST_F(FaultKinds, CrashInTheMiddleOfItsOwnWrite) {
  echoes_ = true;
  connect();
  read();
  write(100);
  world_.run_for(1ms);
  auto crash = begin("crash server for 1s when=mid_write");
  world_.run_for(1s);
  EXPECT_FALSE(server_.is_up());
  EXPECT_EQ(received_.size(), 100u);
  EXPECT_GT(echoed_, 0u);
  EXPECT_LT(echoed_, 100u);
  EXPECT_EQ(end(std::move(crash)), 2u);
  EXPECT_TRUE(server_.is_up());
}

TEST_F(FaultKinds, KillEndsTheProgramsOnly) {
  connect();
  read();
  auto kill = begin("kill server for 1s");
  auto second = begin("kill server for 2s");
  world_.run_for(1s);
  EXPECT_TRUE(server_.is_up());
  start_connect();
  world_.run_for(1s);
  ASSERT_EQ(connect_errors_.size(), 1u);
  EXPECT_EQ(connect_errors_[0], std::errc::connection_refused);
  EXPECT_EQ(end(std::move(kill)), 1u);
  EXPECT_EQ(starts_, 1) << "the second holds it";
  EXPECT_EQ(end(std::move(second)), 0u) << "there was nothing to kill";
  connect();
  EXPECT_EQ(starts_, 2);
}

TEST_F(FaultKinds, PauseHoldsBackWhatIsDue) {
  connect();
  EXPECT_EQ(acted_on_nothing("pause server for 1s"), 0u);
  auto pause = begin("pause server for 3s");
  auto second = begin("pause server for 4s");
  write(10);
  world_.run_for(3s);
  EXPECT_TRUE(received_.empty());
  EXPECT_EQ(end(std::move(pause)), 1u);
  world_.run_for(1s);
  EXPECT_TRUE(received_.empty());
  EXPECT_EQ(end(std::move(second)), 1u);
  world_.run_for(0s);
  EXPECT_EQ(received_.size(), 10u);
}

TEST_F(FaultKinds, APauseThatACrashEndsCountsWhatItHeldBack) {
  connect();
  auto pause = begin("pause server for 3s");
  write(10);
  world_.run_for(1s);
  auto crash = begin("crash server for 1s");
  world_.run_for(1s);
  end(std::move(crash));
  world_.run_for(1s);
  EXPECT_TRUE(server_.is_paused()) << "also behind its restart";
  EXPECT_EQ(starts_, 1);
  EXPECT_GE(end(std::move(pause)), 1u);
  world_.run_for(1s);
  EXPECT_EQ(starts_, 2);
}

TEST_F(FaultKinds, CrashAndKillOfOneHostOverlapInAnyOrder) {
  connect();
  auto kill = begin("kill server for 1s");
  auto crash = begin("crash server for 2s");
  end(std::move(kill));
  world_.run_for(1s);
  EXPECT_FALSE(server_.is_up());
  end(std::move(crash));
  connect();

  crash = begin("crash server for 1s");
  kill = begin("kill server for 2s");
  end(std::move(crash));
  world_.run_for(1s);
  EXPECT_TRUE(server_.is_up());
  EXPECT_FALSE(server_.runs());
  end(std::move(kill));
  connect();
  EXPECT_TRUE(server_.runs());
}

TEST_F(FaultKinds, WhatTheScenarioCrashedStaysDown) {
  server_.crash();
  EXPECT_EQ(acted_on_nothing("crash server for 1s"), 0u);
  EXPECT_EQ(acted_on_nothing("kill server for 1s"), 0u);
  EXPECT_FALSE(server_.is_up());
}

TEST_F(FaultKinds, ClockDriftsAddUp) {
  const auto gained = [this](Duration span) {
    const base::TimePoint before = server_.clock_now();
    world_.run_for(span);
    return server_.clock_now() - before - span;
  };
  EXPECT_EQ(gained(10s), 0s);
  auto fast = begin("clock_drift server for 10s ppm=100000");
  EXPECT_EQ(gained(10s), 1s);
  auto slow = begin("clock_drift server for 10s ppm=-300000");
  EXPECT_EQ(gained(10s), -2s);
  EXPECT_EQ(end(std::move(fast)), 1u);
  EXPECT_EQ(gained(10s), -3s);
  EXPECT_EQ(end(std::move(slow)), 1u);
  EXPECT_EQ(gained(10s), 0s);
  EXPECT_EQ(end(begin("clock_drift server for 10s ppm=100000")), 0u) << "no time passed";
}

TEST_F(FaultKinds, ClockStepIsSeenByWhoReadsTheTimeOfDay) {
  EXPECT_EQ(acted_on_nothing("clock_step server for 1s by=1h"), 0u);
  const std::int64_t before = server_.wall_clock_ns();
  const base::TimePoint monotonic = server_.clock_now();
  auto step = begin("clock_step server for 1s by=1h way=back");
  EXPECT_EQ(server_.wall_clock_ns() - before, -3'600'000'000'000);
  EXPECT_EQ(server_.clock_now(), monotonic);
  EXPECT_EQ(end(std::move(step)), 1u);
  EXPECT_EQ(server_.wall_clock_ns(), before);
}

// --- The user's code -------------------------------------------------------------------------------------------------

// What a server on this host is told for its next request.
runtime::RequestTrouble trouble_at(sim::Host& host) { return host.runtime().trouble()->next_request(); }

TEST_F(FaultKinds, HandlersAreTroubledOnOneHost) {
  EXPECT_EQ(acted_on_nothing("handler_delay server for 1s delay=1s"), 0u);
  EXPECT_EQ(acted_on_nothing("handler_throw server for 1s"), 0u);
  EXPECT_EQ(acted_on_nothing("handler_drop server for 1s"), 0u);
  auto delay = begin("handler_delay server for 1s delay=1s");
  auto more_delay = begin("handler_delay server for 1s delay=2s");
  auto throws = begin("handler_throw server for 1s");
  auto drops = begin("handler_drop server for 1s");
  const runtime::RequestTrouble trouble = trouble_at(server_);
  EXPECT_EQ(trouble.delay, 3s);
  EXPECT_TRUE(trouble.throws);
  EXPECT_TRUE(trouble.drops);
  const runtime::RequestTrouble elsewhere = trouble_at(client_);
  EXPECT_EQ(elsewhere.delay, 0s);
  EXPECT_FALSE(elsewhere.throws || elsewhere.drops);
  for (auto* fault : {&delay, &more_delay, &throws, &drops}) EXPECT_EQ(end(std::move(*fault)), 1u);
  const runtime::RequestTrouble healed = trouble_at(server_);
  EXPECT_EQ(healed.delay, 0s);
  EXPECT_FALSE(healed.throws || healed.drops);
}

TEST_F(FaultKinds, HandlersAreTroubledOneInSoMany) {
  auto drops = begin("handler_drop server for 1s one_in=4");
  std::uint64_t dropped = 0;
  for (int i = 0; i < 1'000; ++i) dropped += trouble_at(server_).drops ? 1 : 0;
  EXPECT_GT(dropped, 200u);
  EXPECT_LT(dropped, 300u);
  EXPECT_EQ(end(std::move(drops)), dropped);
}

class Allocations : public FaultKinds {
 protected:
  void SetUp() override {
    ASSERT_TRUE(faults::allocations_are_watched());
    if (!faults::allocations_are_counted()) GTEST_SKIP() << "a sanitizer stands in front of malloc";
  }
  void allocate(sim::Host& host, std::vector<std::size_t> sizes) {
    host.runtime().spawner().spawn("allocate", allocate_all(std::move(sizes)));
    world_.run_for(1ms);
  }

  static runtime::Task<void> write_ours(runtime::ByteStream& stream, const base::Bytes& bytes) {
    (void)co_await write_all(stream, bytes);
  }

  std::vector<std::size_t> refused_;

 private:
  runtime::Task<void> allocate_all(std::vector<std::size_t> sizes) {
    for (const std::size_t size : sizes) {
      try {
        ::operator delete(::operator new(size));
      } catch (const std::bad_alloc&) {
        refused_.push_back(size);
      }
    }
    co_return;
  }
};

TEST_F(Allocations, OfAHostsProgramsAreRefusedOnce) {
  EXPECT_EQ(acted_on_nothing("allocation_failure server for 1s"), 0u);
  auto failure = begin("allocation_failure server for 1s nth=2 bytes=1000");
  allocate(client_, {2'000, 3'000, 4'000});
  EXPECT_TRUE(refused_.empty()) << "another host";
  allocate(server_, {999, 1'000, 500, 1'001, 1'002});
  EXPECT_EQ(refused_, std::vector<std::size_t>{1'001});
  EXPECT_EQ(end(std::move(failure)), 1u);
}

TEST_F(Allocations, AreRefusedAgainAndAgain) {
  auto failure = begin("allocation_failure server for 1s count=3");
  allocate(server_, {2'000, 3'000, 10, 4'000, 5'000});
  EXPECT_EQ(refused_, (std::vector<std::size_t>{2'000, 3'000, 4'000}));
  EXPECT_EQ(end(std::move(failure)), 3u);
  allocate(server_, {2'000});
  EXPECT_EQ(refused_.size(), 3u);
}

TEST_F(Allocations, OfTheSimulatorAreNotRefused) {
  connect();
  auto failure = begin("allocation_failure client for 1s count=1000 bytes=8193");
  const base::Bytes bytes(200'000);
  client_.runtime().spawner().spawn("write", write_ours(*streams_[0], bytes));
  world_.run_for(1s);
  EXPECT_EQ(received_.size(), 200'000u) << "which its system kept, on their way";
  EXPECT_EQ(end(std::move(failure)), 0u);
}

TEST_F(Allocations, AreCounted) {
  const faults::AllocationCount before = faults::allocations();
  std::vector<std::unique_ptr<char[]>> blocks;
  blocks.reserve(10);
  for (int i = 0; i < 10; ++i) blocks.push_back(std::make_unique<char[]>(100'000));
  const faults::AllocationCount held = faults::allocations();
  EXPECT_EQ(held.live_blocks - before.live_blocks, 11u);
  EXPECT_GE(held.live_bytes - before.live_bytes, 1'000'000u);
  EXPECT_LE(held.live_bytes - before.live_bytes, 1'010'000u);
  blocks.clear();
  blocks.shrink_to_fit();
  EXPECT_EQ(faults::allocations().live_bytes, before.live_bytes);
  EXPECT_EQ(faults::allocations().live_blocks, before.live_blocks);
}

TEST_F(Allocations, TheLargestOfProgramsIsKnown) {
  faults::forget_largest_allocation();
  const auto of_the_scenario = std::make_unique<char[]>(5'000'000);
  allocate(client_, {100, 70'000, 200});
  EXPECT_EQ(faults::allocations().largest, 70'000u);
  faults::forget_largest_allocation();
  EXPECT_EQ(faults::allocations().largest, 0u);
}

// --- All kinds -------------------------------------------------------------------------------------------------------

TEST_F(FaultKinds, HaveNamesOfTheirOwnAndHelp) {
  std::set<std::string_view> names;
  for (const faults::FaultKind* kind : faults::catalogue()) {
    EXPECT_TRUE(names.insert(kind->name()).second) << kind->name();
    EXPECT_TRUE(kind->help().starts_with(kind->name())) << kind->name();
    EXPECT_EQ(faults::find_kind(kind->name()), kind);
  }
  EXPECT_EQ(faults::find_kind("nonsense"), nullptr);
}

TEST_F(FaultKinds, DrawWhatTheyCheckAndPrintsAndParses) {
  const faults::Roles roles{{"server", "other"}, {"client"}, {"stranger"}};
  const faults::Roles nobody;
  for (const faults::FaultKind* kind : faults::catalogue()) {
    for (int hardness = 1; hardness <= 100; hardness += 3) {
      base::RandomStream random(static_cast<std::uint64_t>(hardness));
      for (int i = 0; i < 50; ++i) {
        faults::Draw draw{roles, random, hardness, 1min};
        faults::Fault fault;
        fault.number = 1;
        fault.what = kind->name();
        ASSERT_TRUE(kind->draw(fault, draw)) << kind->name();
        EXPECT_EQ(kind->check(fault), "") << fault.to_string();
        std::string error;
        const auto plan = faults::Plan::parse(fault.to_string(), error);
        ASSERT_TRUE(plan) << error;
        EXPECT_EQ(plan->faults.at(0), fault) << fault.to_string();
      }
      faults::Draw draw{nobody, random, hardness, 1min};
      faults::Fault fault;
      EXPECT_FALSE(kind->draw(fault, draw)) << kind->name();
    }
  }
}

/// Hundreds of faults of all kinds, on a talk that goes on under them.
class Mess : public FaultKinds {
 public:
  void TestBody() override {}
  /// How often they acted.
  std::uint64_t play() {
    const faults::Roles roles{{"server", "other"}, {"client"}, {"client"}};
    echoes_ = true;
    base::RandomStream random(11);
    std::vector<std::unique_ptr<faults::ActiveFault>> active;
    std::uint64_t effects = 0;
    for (std::uint64_t i = 0; i < 300; ++i) {
      const faults::FaultKind* kind = faults::catalogue()[random.below(faults::catalogue().size())];
      if (kind->name() == "allocation_failure") continue;  // these programs do not bear it
      faults::Draw draw{roles, random, 50, 10s};
      faults::Fault fault;
      fault.what = kind->name();
      EXPECT_TRUE(kind->draw(fault, draw));
      active.push_back(kind->begin(fault, {world_, conditions_, base::RandomStream(i)}));
      start_connect();
      for (std::size_t stream = 0; stream < streams_.size(); stream += 7) write(100, stream);
      world_.run_for(random.between(1ms, 1s));
      if (active.size() <= 10) continue;
      const auto ended = active.begin() + static_cast<std::ptrdiff_t>(random.below(active.size()));
      effects += end(std::move(*ended));
      active.erase(ended);
    }
    for (auto& fault : active) effects += end(std::move(fault));
    return effects;
  }
  std::uint64_t digest() const { return world_.digest(); }
};

TEST_F(Mess, LeavesNothingBehind) {
  EXPECT_GT(play(), 100u);
  EXPECT_TRUE(world_.fabric().rules().empty());
  for (const auto& host : world_.fabric().hosts()) {
    EXPECT_TRUE(host->is_up());
    EXPECT_FALSE(host->is_paused());
    EXPECT_EQ(host->drift_ppm(), 0);
    for (const auto& other : world_.fabric().hosts()) EXPECT_FALSE(world_.fabric().link(*host, *other).is_cut());
  }
  world_.run_for(5min);
  const int accepts = accepts_;
  connect();
  world_.run_for(1s);
  EXPECT_EQ(accepts_, accepts + 1);
}

TEST(FaultKindsTwice, DoTheSame) {
  Mess once;
  Mess again;
  EXPECT_EQ(once.play(), again.play());
  EXPECT_EQ(once.digest(), again.digest());
}

TEST_F(FaultKinds, SayWhatIsWrong) {
  EXPECT_EQ(wrong_with("cut for 1s"), "want hosts: 1 .. 2, not 0");
  EXPECT_EQ(wrong_with("cut a a for 1s"), "host a is named twice");
  EXPECT_EQ(wrong_with("cut a b"), "want how long it lasts: for TIME");
  EXPECT_EQ(wrong_with("cut a b for 1s way=up"), "way=up: want one of both, there, back");
  EXPECT_EQ(wrong_with("cut a b for 1s speed=3"), "cut has no parameter speed");
  EXPECT_EQ(wrong_with("partition for 1s"), "want hosts: 1 or more, not 0");
  EXPECT_EQ(wrong_with("slow_link a b for 1s"), "want latency=...");
  EXPECT_EQ(wrong_with("slow_link a b for 1s latency=1h"), "latency=1h: want a time, 1ns .. 10min");
  EXPECT_EQ(wrong_with("bandwidth a b for 1s bytes_per_second=0"),
            "bytes_per_second=0: want a whole number, 1 .. 1000000000000");
  EXPECT_EQ(wrong_with("reset a b for 1s"), "is over at once: want no `for`");
  EXPECT_EQ(wrong_with("reset a b byte=3"), "want how long it lasts: for TIME");
  EXPECT_EQ(wrong_with("crash a b for 1s when=handshake"), "want hosts: 1, not 2");
  EXPECT_EQ(wrong_with("accept_errors a for 1s error=sun"),
            "error=sun: want one of too_many_files_open, too_many_files_open_in_system, no_buffer_space, not_enough_memory, "
            "connection_aborted, protocol_error");
  EXPECT_EQ(wrong_with("clock_drift a for 1s ppm=600000"), "ppm=600000: want a whole number, -499999 .. 499999");
}

TEST_F(FaultKinds, DrawMoreOfEverythingTheHarderTheyAre) {
  const faults::Roles roles{{"server"}, {"client"}, {}};
  const auto longest = [&roles](int hardness) {
    base::RandomStream random(5);
    Duration longest{};
    for (int i = 0; i < 300; ++i) {
      faults::Draw draw{roles, random, hardness, 1min};
      longest = std::max(longest, draw.duration(10ms, 1min));
    }
    return longest;
  };
  EXPECT_LT(longest(1), 20ms);
  EXPECT_GT(longest(50), 5s);
  EXPECT_LE(longest(50), 15s);
  EXPECT_GT(longest(100), 30s);
  EXPECT_LE(longest(100), 1min);
}

// --- Conditions ------------------------------------------------------------------------------------------------------

TEST_F(FaultKinds, ConditionsEndWithTheirOwnerOrThemselves) {
  auto own = std::make_unique<faults::Conditions>(world_);
  faults::Conditions::Hold held = own->down(server_);
  faults::Conditions::Hold paused = own->paused(client_);
  EXPECT_EQ(own->troubles(server_), 1u);
  EXPECT_FALSE(server_.is_up());
  own.reset();
  EXPECT_TRUE(server_.is_up());
  EXPECT_FALSE(client_.is_paused());
  held.end();
  EXPECT_TRUE(server_.is_up());
}

}  // namespace
}  // namespace razor::test
