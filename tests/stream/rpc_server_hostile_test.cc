// A server against clients that break the protocol. What they send ends their own connection, with a word where one helps,
// and costs no memory that they only announced.

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "razor/wire/frame_reader.h"
#include "tests/stream/server_fixture.h"
#include "tests/support/pick.h"

namespace razor::stream {
namespace {

using test::joined;
using test::ping;
using test::request;
using test::RequestBytes;

class RpcServerHostileTest : public ServerFixture {
 protected:
  static ServerConfig with_small_limits() {
    ServerConfig config;
    config.limits.action_bytes_max = 10;
    config.limits.msg_bytes_max = 1000;
    config.limits.blob_bytes_max = 2000;
    return config;
  }
  // A good request, this one, and another good one: the first is answered, this one so, and then the connection ends.
  void expect_refused(const RequestBytes& frame, std::optional<std::string_view> text) {
    ScriptedClient& client = connect();
    ScriptedClient& neighbour = connect();
    const std::size_t dispatched = dispatch_.seen.size();
    send(client, joined(request(1, kEcho, "good"), frame.bytes(), request(9, kEcho, "never")));
    EXPECT_EQ(dispatch_.seen.size(), dispatched + 1);
    EXPECT_EQ(client.answer(1).msg, "good");
    if (text) {
      EXPECT_EQ(client.answers.size(), 2u);
      expect_framework_error(client, frame.seq, *text);
    } else {
      EXPECT_EQ(client.answers.size(), 1u);
    }
    EXPECT_TRUE(client.sees_end()) << "it reads all of this, then the end";
    client.peer().close();
    send(neighbour, request(1, kEcho, "fine"));
    EXPECT_EQ(neighbour.answer(1).msg, "fine");
    neighbour.peer().close();
    run();
    EXPECT_EQ(server_->stats().connections, 0u);
  }
};

TEST_F(RpcServerHostileTest, WrongMagicClosesWithoutAWord) {
  for (const std::uint16_t magic : {0, 19748, 0x254d, 0xffff}) expect_refused({.magic = magic, .seq = 2}, std::nullopt);
  EXPECT_EQ(server_->stats().connections_faulty, 4u);
}

TEST_F(RpcServerHostileTest, AnUnknownVersionIsToldSo) {
  for (const std::uint8_t version : {0, 2, 255}) expect_refused({.version = version, .seq = 2}, "rpc_invalid_ver");
}

TEST_F(RpcServerHostileTest, LengthsAboveTheirLimitsAreToldSo) {
  serve(with_small_limits());
  for (const std::uint32_t length : {11u, 0x7fff'ffffu}) {
    expect_refused({.action = 0x8000'0000u | length, .seq = 2}, "rpc_too_large");
  }
  for (const std::uint32_t length : {1001u, 0x7fff'ffffu, 0x8000'0000u, 0xffff'ffffu}) {
    expect_refused({.seq = 2, .msg_length = length}, "rpc_too_large");
  }
  for (const std::uint32_t length : {2001u, 0x7fff'ffffu, 0x8000'0000u, 0xffff'ffffu}) {
    expect_refused({.seq = 2, .blob_length = length}, "rpc_too_large");
  }
  expect_refused({.action = 0xffff'ffff, .seq = 2, .msg_length = 0xffff'ffff, .blob_length = 0xffff'ffff}, "rpc_too_large");
}

TEST_F(RpcServerHostileTest, LengthsAtTheirLimitsPass) {
  serve(with_small_limits());
  ScriptedClient& client = connect();
  RequestBytes frame;
  frame.action = 0x8000'0000u + 10;
  frame.msg_length = 1000;
  frame.blob_length = 2000;
  frame.body = base::Bytes(3010, std::byte{'x'});
  send(client, joined(frame.bytes(), request(2, kEcho, std::string(1000, 'm'), std::string(2000, 'b'))));
  ASSERT_EQ(dispatch_.seen.size(), 2u);
  EXPECT_EQ(dispatch_.seen[0].name.size(), 10u);
  EXPECT_EQ(dispatch_.seen[0].blob.size(), 2000u);
  EXPECT_EQ(client.answer(2).blob.size(), 2000u);
}

TEST_F(RpcServerHostileTest, OddButLegalFramesAreServed) {
  ScriptedClient& client = connect();
  send(client, joined(request(0, kEcho, "seq zero"), request(5, kEcho, "backwards"), request(5, kEcho, "twice"),
                      test::named_request(6, ""), request(~std::uint64_t{0}, kEcho, "the last")));
  EXPECT_EQ(client.answers.size(), 5u);
  EXPECT_EQ(client.answer(0).msg, "seq zero");
  EXPECT_EQ(client.answer(~std::uint64_t{0}).msg, "the last");
  EXPECT_TRUE(client.sees_open());
}

TEST_F(RpcServerHostileTest, CutAtEveryByteNothingHappensToOthers) {
  const base::Bytes whole = joined(request(1, kEcho, "message", "blob"), test::named_request(2, "name", "message"));
  ScriptedClient& neighbour = connect();
  for (std::size_t count = 0; count <= whole.size(); ++count) {
    for (const bool reset : {false, true}) {
      ScriptedClient& client = connect();
      send(client, base::Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(count)));
      reset ? client.peer().reset() : client.peer().shut();
      run();
      EXPECT_EQ(server_->stats().connections, 1u);
      EXPECT_TRUE(reset || client.sees_end());
    }
  }
  send(neighbour, request(1, kEcho));
  EXPECT_EQ(neighbour.answer(1).flag, 0);
}

TEST_F(RpcServerHostileTest, MemoryFollowsTheBytesThatCameNotTheLengthsThatWereSaid) {
  ServerConfig config;
  config.limits.msg_bytes_max = config.limits.blob_bytes_max = 0xffff'ffff;
  serve(config);
  ScriptedClient& client = connect();
  RequestBytes promise;
  promise.msg_length = promise.blob_length = 0xffff'ffff;
  send(client, promise.bytes());
  for (int i = 0; i < 100; ++i) send(client, base::Bytes(10'000));
  EXPECT_EQ(dispatch_.seen.size(), 0u);
  // Beyond what has come, the reader has room for 64 KiB.
  EXPECT_LE(client.peer().out().read_buffer_peak(), 64u * 1024);
}

TEST_F(RpcServerHostileTest, WhoGoesOnSendingAfterABrokenFrameStillReadsTheReason) {
  ScriptedClient& client = connect();
  client.reads = false;
  send(client, RequestBytes{.version = 3, .seq = 1}.bytes());
  for (int i = 0; i < 50; ++i) send(client, base::Bytes(50'000));
  EXPECT_FALSE(client.sees_reset());
  client.look();
  expect_framework_error(client, 1, "rpc_invalid_ver");
  EXPECT_TRUE(client.sees_end());
}

TEST_F(RpcServerHostileTest, ABrokenFrameAtTheFrontOfAFullBuffer) {
  ScriptedClient& client = connect();
  std::size_t sent = 0;
  for (std::size_t count = wire::ReadBufferSizes::kFirst; count < wire::ReadBufferSizes::kMax; count *= 2) {
    sent += count;
    base::Bytes pings;
    while (pings.size() < count) test::put_bytes(pings, ping(1));
    send(client, pings);
  }
  send(client, base::Bytes(wire::ReadBufferSizes::kMax + 10, std::byte{0}));
  EXPECT_EQ(client.answers.size(), sent / wire::kRequestHeadBytes);
  EXPECT_TRUE(client.sees_end());
  EXPECT_EQ(server_->stats().connections_faulty, 1u);
}

RC_GTEST_FIXTURE_PROP(RpcServerHostileTest, WhateverComesEndsItsOwnConnectionAtMost, ()) {
  clients_.clear();
  dispatch_.seen.clear();
  dispatch_.held.clear();
  ServerConfig config = with_small_limits();
  config.write_queue_max = test::pick_of<base::ByteCount>({1, 1000, 1'000'000});
  serve(config);
  ScriptedClient& neighbour = connect();
  ScriptedClient& client = connect();
  client.peer().in().set_room(test::pick_of<std::size_t>({10, 1000, 1'000'000}));
  base::Bytes bytes;
  for (int frames = test::pick(0, 60); frames > 0; --frames) {
    const auto seq = test::pick<std::uint64_t>(0, 100);
    switch (test::pick(0, 6)) {
      case 0: test::put_bytes(bytes, ping(seq)); break;
      case 1: test::put_bytes(bytes, request(seq, kHold, std::string(test::pick<std::size_t>(0, 1100), 'h'))); break;
      case 2: test::put_bytes(bytes, test::named_request(seq, std::string(test::pick<std::size_t>(0, 12), 'n'))); break;
      default: test::put_bytes(bytes, request(seq, kEcho, std::string(test::pick<std::size_t>(0, 500), 'e'))); break;
    }
  }
  for (int changes = test::pick(0, 5); changes > 0 && !bytes.empty(); --changes) {
    const auto at = test::pick<std::size_t>(0, bytes.size());
    const auto value = static_cast<std::byte>(test::pick(0, 256));
    switch (test::pick(0, 3)) {
      case 0: bytes[at] = value; break;
      case 1: bytes.erase(bytes.begin() + static_cast<std::ptrdiff_t>(at)); break;
      case 2: bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(at), value); break;
    }
  }
  for (std::size_t sent = 0; sent < bytes.size();) {
    const std::size_t count = std::min(bytes.size() - sent, test::pick<std::size_t>(1, 5000));
    const auto begin = bytes.begin() + static_cast<std::ptrdiff_t>(sent);
    client.send(base::Bytes(begin, begin + static_cast<std::ptrdiff_t>(count)));
    sent += count;
    if (test::one_in(2)) run();
    if (test::one_in(10) && !dispatch_.held.empty()) answer_held();
  }
  if (test::one_in(2)) client.peer().shut();
  run();
  while (!dispatch_.held.empty()) answer_held();
  // Nobody is answered more often than it asked; all is answered unless the connection ended.
  RC_ASSERT(client.answers.size() <= server_->stats().requests + server_->stats().pings + 1);
  RC_ASSERT(server_->stats().handlers == 0u);
  send(neighbour, request(1, kEcho, "fine"));
  RC_ASSERT(neighbour.answers.size() == 1u);
  RC_ASSERT(neighbour.answers[0].msg == "fine");
  advance(300s);
  RC_ASSERT(server_->stats().connections == 0u);
  clients_.clear();
}

}  // namespace
}  // namespace razor::stream
