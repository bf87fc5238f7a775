// A server that closed while it had stopped reading from a slow peer shut the connection as soon as that peer had taken its
// answers. The requests that waited in the reader meanwhile were dropped without a word, where the peer should have heard
// that they did not run.

#include "razor/wire/frame_reader.h"
#include "tests/stream/server_fixture.h"

namespace razor::stream {
namespace {

using test::joined;
using test::ping;
using test::request;
using test::Running;

constexpr std::size_t kFirst = wire::ReadBufferSizes::kFirst;
constexpr std::size_t kMax = wire::ReadBufferSizes::kMax;

class DroppedWhilePaused : public ServerFixture {};

TEST_F(DroppedWhilePaused, APausedPeersRequestsAreRefusedNotDropped) {
  ServerConfig config;
  config.write_queue_max = 1000;
  serve(config);
  ScriptedClient& client = connect();
  client.reads = false;
  client.peer().in().set_room(100);
  base::Bytes frames;
  for (std::uint64_t seq = 1; seq <= 15; ++seq) test::put_bytes(frames, request(seq, kEcho, std::string(200, 'x')));
  send(client, frames);
  ASSERT_TRUE(server_->connections().at(0).paused);
  const std::size_t dispatched = dispatch_.seen.size();
  EXPECT_LT(dispatched, 10u);
  Running<void> closing(server_->close(60s));
  client.peer().in().set_room(1'000'000);
  client.reads = true;
  run();
  ASSERT_EQ(client.answers.size(), 15u);
  for (std::uint64_t seq = 1; seq <= 15; ++seq) {
    if (seq <= dispatched) {
      EXPECT_EQ(client.answer(seq).msg.size(), 200u);
    } else {
      expect_framework_error(client, seq, "rpc_draining");
    }
  }
  EXPECT_TRUE(client.sees_end());
}

TEST_F(DroppedWhilePaused, WhatFillsTheReadBufferOfAPausedPeerIsRefused) {
  ServerConfig config;
  config.write_queue_max = 1;
  serve(config);
  ScriptedClient& client = connect();
  for (std::size_t count = kFirst; count < kMax; count *= 2) {  // the buffer grows to its full size
    base::Bytes pings;
    while (pings.size() < count) test::put_bytes(pings, ping(1));
    send(client, pings);
  }
  client.answers.clear();
  client.reads = false;
  client.peer().in().set_room(0);
  send(client, ping(1));
  base::Bytes frames;
  std::uint64_t last = 1;
  while (frames.size() < kMax) test::put_bytes(frames, request(++last, kEcho));
  ASSERT_EQ(frames.size(), kMax);
  send(client, frames);
  Running<void> closing(server_->close(60s));
  client.reads = true;
  client.peer().in().set_room(1'000'000);
  run();
  EXPECT_EQ(client.answers.size(), last);
  expect_framework_error(client, last, "rpc_draining");
  EXPECT_TRUE(client.sees_end());
}

TEST_F(DroppedWhilePaused, ALargeRequestThatBecameWholeDuringAPauseIsRefused) {
  ServerConfig config;
  config.write_queue_max = 1;
  serve(config);
  ScriptedClient& client = connect();
  const base::Bytes large = request(2, kEcho, std::string(200'000, 'x'));
  send(client, joined(request(1, kHold), base::Bytes(large.begin(), large.begin() + 150'000)));
  client.reads = false;
  client.peer().in().set_room(0);
  answer_held("first");
  send(client, base::Bytes(large.begin() + 150'000, large.end()));
  EXPECT_TRUE(server_->connections().at(0).paused);
  Running<void> closing(server_->close(60s));
  client.reads = true;
  client.peer().in().set_room(1'000'000);
  run();
  EXPECT_EQ(client.answer(1).msg, "first");
  expect_framework_error(client, 2, "rpc_draining");
  EXPECT_TRUE(client.sees_end());
}

}  // namespace
}  // namespace razor::stream
