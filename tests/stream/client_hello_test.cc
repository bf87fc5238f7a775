// ClientHello: the first response decides what is spoken, once. One that takes a plain peer for more sends it what it does not
// understand; one that takes the other for plain loses deadlines, cancellation and the truth about failures.

#include "razor/stream/internal/client_hello.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tests/support/extended_frames.h"
#include "tests/support/pick.h"

namespace razor::stream {
namespace {

constexpr wire::Seq kHelloSeq = 1;

ClientHello asked(HelloMode mode = HelloMode::automatic) {
  ClientHello hello(mode);
  hello.on_asked(kHelloSeq);
  return hello;
}
// `blob` outlives what is returned.
wire::ResponseFrame response(base::ByteView blob, std::uint8_t flag = 0, wire::Seq seq = kHelloSeq) {
  wire::ResponseFrame frame;
  frame.head.seq = seq;
  frame.head.flag = flag;
  frame.head.blob_bytes = static_cast<std::uint32_t>(blob.size());
  frame.blob = blob;
  return frame;
}
HelloState state_after(base::ByteView blob, std::uint8_t flag = 0, wire::Seq seq = kHelloSeq) {
  ClientHello hello = asked();
  hello.on_first_response(response(blob, flag, seq));
  return hello.state();
}

TEST(ClientHello, WhatIsOffAsksNothingAndSaysNothing) {
  const ClientHello hello(HelloMode::off);
  EXPECT_FALSE(hello.wants_to_ask());
  EXPECT_FALSE(hello.writes_words());
  EXPECT_FALSE(hello.holds_calls());
  EXPECT_FALSE(hello.is_refused());
  EXPECT_EQ(hello.state(), HelloState::off);
}

TEST(ClientHello, UntilItIsAnsweredWordsGoOutAndNothingElseDoes) {
  ClientHello hello(HelloMode::automatic);
  EXPECT_TRUE(hello.wants_to_ask());
  EXPECT_FALSE(hello.writes_words()) << "there may be no memory for the hello";
  hello.on_asked(kHelloSeq);
  EXPECT_FALSE(hello.wants_to_ask());
  EXPECT_TRUE(hello.writes_words());
  EXPECT_FALSE(hello.holds_calls());
  EXPECT_FALSE(hello.has(wire::Feature::cancel));
}

TEST(ClientHello, AHelloOfThePeerSaysWhatBothUnderstand) {
  ClientHello hello = asked();
  const base::Bytes map = test::hello_map(test::kFeatureDrain);
  hello.on_first_response(response(map));
  EXPECT_EQ(hello.state(), HelloState::extended);
  EXPECT_TRUE(hello.writes_words());
  EXPECT_TRUE(hello.has(wire::Feature::drain));
  EXPECT_FALSE(hello.has(wire::Feature::cancel)) << "the peer did not say so";
  EXPECT_EQ(hello.peer().version, 1u);
}

TEST(ClientHello, AnyOtherFirstResponseMeansPlain) {
  const base::Bytes map = test::hello_map();
  EXPECT_EQ(state_after(map), HelloState::extended);
  EXPECT_EQ(state_after({}), HelloState::plain) << "an ordinary pong";
  EXPECT_EQ(state_after(map, 0, kHelloSeq + 1), HelloState::plain) << "the response of a call, whatever its blob";
  EXPECT_EQ(state_after(map, 0, 0), HelloState::plain);
  for (const std::uint8_t flag : {1, 2, 3, 255}) EXPECT_EQ(state_after(map, flag), HelloState::plain) << int{flag};
  EXPECT_EQ(state_after(test::bytes_of("\x80")), HelloState::plain) << "a map without a version";
  EXPECT_EQ(state_after(test::bytes_of("\x93\x01\x02\x03")), HelloState::plain) << "no map";
  EXPECT_EQ(state_after(test::bytes_of("\xc1")), HelloState::plain);
  EXPECT_EQ(state_after(test::joined(map, test::bytes_of("x"))), HelloState::plain) << "something behind it";
  for (std::size_t size = 0; size < map.size(); ++size) {
    EXPECT_EQ(state_after(base::ByteView(map).first(size)), HelloState::plain) << size;
  }
}

TEST(ClientHello, AHelloAboveItsLimitIsNone) {
  const auto padded = [](std::size_t bytes) {
    base::Bytes map = test::bytes_of("\x82\xa1v\x01\xa1x\xda");  // "x": a text of two bytes of length
    const auto rest = bytes - map.size() - 2;
    map.push_back(static_cast<std::byte>(rest >> 8));
    map.push_back(static_cast<std::byte>(rest));
    map.resize(bytes, std::byte{'y'});
    return map;
  };
  EXPECT_EQ(state_after(padded(1024)), HelloState::extended);
  EXPECT_EQ(state_after(padded(1025)), HelloState::plain);
}

TEST(ClientHello, WhereMoreIsRequiredCallsWaitAndAPlainPeerIsRefused) {
  ClientHello refused = asked(HelloMode::required);
  EXPECT_TRUE(refused.holds_calls());
  EXPECT_FALSE(refused.is_refused());
  refused.on_first_response(response({}));
  EXPECT_TRUE(refused.is_refused());
  EXPECT_FALSE(refused.holds_calls());

  ClientHello taken = asked(HelloMode::required);
  const base::Bytes map = test::hello_map();
  taken.on_first_response(response(map));
  EXPECT_FALSE(taken.is_refused());
  EXPECT_FALSE(taken.holds_calls());

  ClientHello content = asked(HelloMode::automatic);
  content.on_first_response(response({}));
  EXPECT_FALSE(content.is_refused());
  EXPECT_FALSE(content.writes_words()) << "to a peer that is known to be plain";
}

TEST(ClientHelloDeathTest, OnlyTheFirstResponseDecides) {
  ClientHello hello = asked();
  hello.on_first_response(response({}));
  EXPECT_DEATH(hello.on_first_response(response({})), "a first response in state");
}

// Whatever a peer sends first: it is either plain, or has a version; and nothing of it makes both true.
RC_GTEST_PROP(ClientHello, AnyFirstResponseDecides, ()) {
  base::Bytes blob = test::hello_map(test::pick<std::uint8_t>(0, 128));
  for (int changes = test::pick(0, 3); changes > 0; --changes) {
    blob[test::pick<std::size_t>(0, blob.size())] = static_cast<std::byte>(test::pick(0, 256));
  }
  ClientHello hello = asked(test::pick_of({HelloMode::automatic, HelloMode::required}));
  hello.on_first_response(response(blob));
  RC_ASSERT(hello.state() == HelloState::plain || hello.state() == HelloState::extended);
  RC_ASSERT(hello.is_extended() == (hello.peer().version > 0 && wire::decode_hello(blob).has_value()));
  RC_ASSERT(hello.writes_words() == hello.is_extended());
  if (!hello.is_extended()) RC_ASSERT(!hello.has(wire::Feature::cancel) && !hello.has(wire::Feature::drain));
}

}  // namespace
}  // namespace razor::stream
