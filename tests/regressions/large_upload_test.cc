// A large message over a real link outlived the keepalive: a 12 MB argument at 2 MB/s was lost after 3 s, was sent again, and
// was lost again, for ever. The ping lay behind the message, and its answer was awaited from the moment it was queued; that
// the transport took bytes all the time was no sign of life. Without acknowledgements as signs of life these calls end with
// connection_lost.

#include "tests/pool/pool_fixture.h"

namespace razor::test {
namespace {

class LargeUpload : public ClientPoolTest {
 protected:
  struct Sent {
    bool ended = false;
    bool ok = false;
    std::size_t blob_bytes = 0;
    std::string error;
    base::TimePoint at{};
  };

  void set_speed(std::uint64_t bytes_per_second) {
    world.fabric().set_link_config({.latency = {1ms, 0ms}, .bytes_per_second = bytes_per_second, .split_one_in = 0});
  }
  // The server gives the blob back: it crosses the link twice.
  std::shared_ptr<Sent> echo(std::size_t blob_bytes, base::Duration timeout) {
    auto sent = std::make_shared<Sent>();
    ClientTask task(wire::Action(kEcho), std::string("large"), [this, sent](const Response& answer) {
      sent->ended = true;
      sent->at = world.now();
      sent->ok = answer.kind() == Response::Kind::success;
      sent->blob_bytes = answer.blob().size();
      if (answer.kind() == Response::Kind::failed) sent->error = answer.error().message();
    });
    CallOptions options;
    options.timeout = timeout;
    pool().submit(std::move(task).with_blob(base::Bytes(blob_bytes)).with_options(options));
    return sent;
  }
};

TEST_F(LargeUpload, TwelveMegabytesAtTwoMegabytesASecondArriveAndComeBack) {
  set_speed(2'000'000);
  const auto sent = echo(12'000'000, 60s);
  EXPECT_TRUE(run_until([&] { return sent->ended; }, 70s));
  EXPECT_TRUE(sent->ok) << sent->error;
  EXPECT_EQ(sent->blob_bytes, 12'000'000u);
  EXPECT_EQ(stats().connects, 1u);
  EXPECT_EQ(stats().silences, 0u);
}

TEST_F(LargeUpload, TheLargestBlobCrossesAHundredMegabits) {
  set_speed(12'500'000);
  const auto sent = echo(64 * base::kMiB, 60s);
  EXPECT_TRUE(run_until([&] { return sent->ended; }, 70s));
  EXPECT_TRUE(sent->ok) << sent->error;
  EXPECT_EQ(stats().connects, 1u);
}

// They share the link with the large one, and not its connection.
TEST_F(LargeUpload, SmallCallsBesideItGoByAnotherConnection) {
  set_speed(2'000'000);
  finish(once());
  const auto sent = echo(12'000'000, 60s);
  run_for(1s);
  for (int i = 0; i < 20; ++i) {
    const Asked small = once();
    finish(small);
    EXPECT_EQ(small.text(), "done by server 0");
    EXPECT_LE(small.took(), 1s);
  }
  EXPECT_TRUE(run_until([&] { return sent->ended; }, 70s));
  EXPECT_TRUE(sent->ok) << sent->error;
  EXPECT_LE(stats().connects, 2u);
}

// Bytes that a full reader does not take wait on this side: its machine is alive.
TEST_F(LargeUpload, AServerThatStandsStillInTheMiddleLosesNothing) {
  set_speed(2'000'000);
  finish(once());
  const auto sent = echo(12'000'000, 60s);
  run_for(2s);
  server().pause();
  run_for(8s);
  EXPECT_FALSE(sent->ended) << sent->error;
  server().resume();
  EXPECT_TRUE(run_until([&] { return sent->ended; }, 70s));
  EXPECT_TRUE(sent->ok) << sent->error;
  EXPECT_EQ(stats().attempts, 2u);
}

}  // namespace
}  // namespace razor::test
