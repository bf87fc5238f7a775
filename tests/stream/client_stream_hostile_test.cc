// A client against a server that breaks the protocol, on purpose or because bytes were lost. Whatever it sends, the calls of
// that connection end, each with what is known of it, and nothing else happens: no crash, no memory that the peer only had
// to announce.

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tests/stream/client_fixture.h"
#include "tests/support/pick.h"
#include "tests/support/plain_config.h"

namespace razor::stream {
namespace {

using test::answer;
using test::AnswerBytes;
using test::joined;

class ClientStreamHostileTest : public ClientStreamFixture {
 protected:
  // One call is sent, one waits; then the server sends this.
  void expect_bad_frame_of(const AnswerBytes& frame) {
    ClientStreamConfig config = test::plain_config();
    config.window = 1;
    config.limits.msg_bytes_max = 1000;
    config.limits.blob_bytes_max = 2000;
    connect(config);
    Outcome& sent = submit("sent");
    Outcome& queued = submit("queued");
    server_->send(frame.bytes());
    run();
    EXPECT_TRUE(sent.failed_with(Errc::bad_frame, Ran::maybe)) << sent;
    EXPECT_TRUE(queued.failed_with(Errc::bad_frame, Ran::no)) << queued;
    EXPECT_FALSE(stream_->is_open());
    EXPECT_NE(stream_->end_reason(), "");
  }
};

TEST_F(ClientStreamHostileTest, BrokenHeadsEndTheConnection) {
  expect_bad_frame_of({.magic = 0});
  expect_bad_frame_of({.magic = 19748});
  expect_bad_frame_of({.magic = 0x4d25 + 0x100});
  expect_bad_frame_of({.version = 0});
  expect_bad_frame_of({.version = 2});
  expect_bad_frame_of({.version = 255});
  expect_bad_frame_of({.flag = 3});
  expect_bad_frame_of({.flag = 255});
  for (const std::uint32_t length : {1001u, 0x7fff'ffffu, 0x8000'0000u, 0xffff'ffffu}) {
    expect_bad_frame_of({.msg_length = length});
    expect_bad_frame_of({.flag = 2, .msg_length = length});
  }
  for (const std::uint32_t length : {2001u, 0x7fff'ffffu, 0x8000'0000u, 0xffff'ffffu}) {
    expect_bad_frame_of({.blob_length = length});
    expect_bad_frame_of({.flag = 1, .blob_length = length});
    expect_bad_frame_of({.flag = 2, .blob_length = length});
  }
}

TEST_F(ClientStreamHostileTest, SeqsThatWereNeverSentEndTheConnection) {
  for (const std::uint64_t seq : {std::uint64_t{2}, std::uint64_t{3}, std::uint64_t{1} << 32, ~std::uint64_t{0}}) {
    expect_bad_frame_of({.seq = seq});
    expect_bad_frame_of({.flag = 2, .seq = seq});
  }
}

TEST_F(ClientStreamHostileTest, AnAnswerToWhatWasNotSentYetEndsTheConnection) {
  server_takes_nothing(32);
  Outcome& sent = submit();
  Outcome& unsent = submit();
  server_->send(answer(2));
  run();
  EXPECT_TRUE(sent.failed_with(Errc::bad_frame, Ran::maybe)) << sent;
  EXPECT_TRUE(unsent.failed_with(Errc::bad_frame, Ran::no)) << unsent;
}

TEST_F(ClientStreamHostileTest, LengthsAtTheirLimitsPass) {
  ClientStreamConfig config = test::plain_config();
  config.limits.msg_bytes_max = 1000;
  config.limits.blob_bytes_max = 2000;
  connect(config);
  submit();
  server_->answer(0, std::string(1000, 'm'), std::string(2000, 'b'));
  run();
  EXPECT_TRUE(outcomes_[0].succeeded_with(std::string(1000, 'm'))) << outcomes_[0];
  EXPECT_EQ(outcomes_[0].blob, std::string(2000, 'b'));
  submit();
  server_->send(test::error_number(2, 0xffff'ffff));  // no length at all
  run();
  EXPECT_EQ(outcomes_[1].number, 0xffff'ffff);
}

TEST_F(ClientStreamHostileTest, CutAtEveryByteACallIsLostAndMayHaveRun) {
  const base::Bytes whole = answer(1, "message", "blob");
  for (std::size_t count = 0; count <= whole.size(); ++count) {
    connect(test::plain_config());
    Outcome& outcome = submit();
    server_->send(base::Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(count)));
    run();
    server_->peer().shut();
    run();
    if (count == whole.size()) {
      EXPECT_TRUE(outcome.succeeded_with("message"));
    } else {
      EXPECT_TRUE(outcome.failed_with(Errc::connection_lost, Ran::maybe)) << outcome;
    }
    EXPECT_FALSE(stream_->is_open());
  }
}

TEST_F(ClientStreamHostileTest, BytesMayComeOneByOne) {
  for (int i = 0; i < 3; ++i) submit();
  for (const std::byte byte : joined(answer(3, "c"), answer(1, "a", "blob"), answer(2, "b"))) {
    server_->send(base::Bytes(1, byte));
    run();
  }
  EXPECT_TRUE(outcomes_[0].succeeded_with("a"));
  EXPECT_EQ(outcomes_[0].blob, "blob");
  EXPECT_TRUE(outcomes_[1].succeeded_with("b"));
  EXPECT_TRUE(outcomes_[2].succeeded_with("c"));
}

TEST_F(ClientStreamHostileTest, FramesBehindABrokenOneDoNotCount) {
  submit("a");
  submit("b");
  AnswerBytes broken;
  broken.magic = 1;
  server_->send(joined(answer(1, "good"), broken.bytes(), answer(2, "never")));
  run();
  EXPECT_TRUE(outcomes_[0].succeeded_with("good"));
  EXPECT_TRUE(outcomes_[1].failed_with(Errc::bad_frame, Ran::maybe)) << outcomes_[1];
}

TEST_F(ClientStreamHostileTest, MemoryFollowsTheBytesThatCameNotTheLengthsThatWereSaid) {
  ClientStreamConfig config = test::plain_config();
  config.limits.msg_bytes_max = config.limits.blob_bytes_max = 0x7fff'ffff;
  connect(config);
  submit("", {.timeout = 1h});
  AnswerBytes promise;
  promise.msg_length = 0x7fff'ffff;
  promise.blob_length = 0x7fff'ffff;
  promise.body = base::Bytes(1000);
  server_->send(promise.bytes());
  run();
  for (int i = 0; i < 100; ++i) {
    server_->send(base::Bytes(10'000));
    run();
  }
  EXPECT_FALSE(outcomes_[0].ended());
  // Beyond what has come, the reader has room for 64 KiB.
  EXPECT_LE(server_->peer().out().read_buffer_peak(), 64u * 1024);
}

TEST_F(ClientStreamHostileTest, AFloodOfAnswersThatNobodyAskedForChangesNothing) {
  submit("answered");
  server_->answer(0);
  run();
  submit("waits", {.timeout = 1h});
  for (int i = 0; i < 1000; ++i) {
    base::Bytes flood;
    for (int j = 0; j < 100; ++j) {
      test::put_bytes(flood, joined(answer(1, "again"), test::error_text(0, "rpc_control")));
    }
    server_->send(flood);
    run();
  }
  EXPECT_TRUE(stream_->is_open());
  EXPECT_EQ(stream_->stats().responses_late, 100'000u);
  EXPECT_EQ(stream_->stats().responses_control, 100'000u);
  server_->answer(1, "fine");
  run();
  EXPECT_TRUE(outcomes_[1].succeeded_with("fine"));
}

// Honest answers with a few bytes changed, dropped or added.
struct Scrambled {
  base::Bytes bytes;
  void change_somewhere() {
    if (bytes.empty()) return;
    const auto at = static_cast<std::ptrdiff_t>(test::pick<std::size_t>(0, bytes.size()));
    const auto value = static_cast<std::byte>(test::pick(0, 256));
    switch (test::pick(0, 3)) {
      case 0: bytes[static_cast<std::size_t>(at)] = value; break;
      case 1: bytes.erase(bytes.begin() + at); break;
      case 2: bytes.insert(bytes.begin() + at, value); break;
    }
  }
};

RC_GTEST_FIXTURE_PROP(ClientStreamHostileTest, WhateverComesEveryCallEndsOnce, ()) {
  outcomes_.clear();
  ClientStreamConfig config = test::plain_config();
  config.window = 16;
  connect(config);
  const int calls = test::pick(1, 30);
  for (int i = 0; i < calls; ++i) submit_only("", {.timeout = 5s});
  run();
  Scrambled scrambled;
  for (const test::SeenRequest& call : server_->calls) {
    test::put_bytes(scrambled.bytes, answer(call.seq, std::string(test::pick<std::size_t>(0, 200), 'x')));
  }
  for (int changes = test::pick(0, 4); changes > 0; --changes) scrambled.change_somewhere();
  for (std::size_t sent = 0; sent < scrambled.bytes.size();) {
    const std::size_t count = std::min(scrambled.bytes.size() - sent, test::pick<std::size_t>(1, 500));
    const auto begin = scrambled.bytes.begin() + static_cast<std::ptrdiff_t>(sent);
    server_->send(base::Bytes(begin, begin + static_cast<std::ptrdiff_t>(count)));
    if (test::one_in(2)) run();
    sent += count;
  }
  run();
  advance(20s);
  for (const Outcome& outcome : outcomes_) {
    RC_ASSERT(outcome.times == 1);
    if (outcome.errc == Errc::bad_frame || outcome.errc == Errc::connection_lost) RC_ASSERT(!stream_->is_open());
  }
}

}  // namespace
}  // namespace razor::stream
