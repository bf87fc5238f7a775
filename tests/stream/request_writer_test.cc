// RequestWriter: what a draft becomes. One that is taken back, or for which there is no seq to be had yet, must leave nothing
// in the output, or the server reads a broken frame.

#include "razor/stream/internal/request_writer.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <deque>

#include "razor/stream/internal/send_queue.h"
#include "razor/wire/frame_reader.h"
#include "tests/stream/noted_call.h"
#include "tests/support/pick.h"

namespace razor::stream {
namespace {

constexpr std::uint64_t kClientId = 77;

// What stands in the output, as a server reads it.
struct WrittenRequest {
  wire::Seq seq = 0;
  std::uint64_t client_id = 0;
  std::uint32_t action = 0;
  std::string name;
  std::size_t msg = 0;
  std::size_t blob = 0;

  bool operator==(const WrittenRequest&) const = default;
};

// Takes at most `bytes_max` of the output, as a transport does, and gives the frames that are whole now.
std::vector<WrittenRequest> take(RequestWriter& writer, wire::RequestReader& reader, std::size_t bytes_max = 1 << 30) {
  std::vector<WrittenRequest> frames;
  while (!writer.empty() && bytes_max > 0) {
    base::ByteView view;
    writer.gather({&view, 1});
    const base::MutableBytes room = reader.prepare();
    const std::size_t count = std::min({view.size(), room.size(), bytes_max});
    std::memcpy(room.data(), view.data(), count);
    writer.consume(count);
    reader.commit(count);
    bytes_max -= count;
    while (reader.next() == wire::RequestReader::Found::frame) {
      const wire::RequestFrame& frame = reader.frame();
      frames.push_back({frame.head.seq, frame.head.client_id, frame.head.action, std::string(frame.action.name()),
                        frame.msg.size(), frame.blob.size()});
    }
  }
  return frames;
}

class RequestWriterTest : public testing::Test {
 protected:
  wire::FrameLimits limits_;
  RequestWriter writer_{kClientId, limits_};
  SentCalls sent_{10};
  wire::RequestReader reader_{limits_};
  NotedCall call_, other_;

  void TearDown() override {
    for (NotedCall* call : {&call_, &other_}) {
      if (call->is_in_flight()) sent_.remove(*call, Exchange::Reason::cancelled);
    }
  }
};

TEST_F(RequestWriterTest, ADraftThatGoesOutIsAFrame) {
  writer_.begin(wire::Action("Store.get"), true).put(base::Bytes(5));
  ASSERT_TRUE(writer_.goes_out());
  const wire::FrameSizes sizes = writer_.sizes(3);
  EXPECT_EQ(sizes.action_bytes, 9u);
  EXPECT_EQ(sizes.msg_bytes, 5u);
  EXPECT_EQ(sizes.blob_bytes, 3u);
  EXPECT_TRUE(writer_.is_valid(sizes));
  EXPECT_TRUE(writer_.empty()) << "nothing is sent of a draft";
  ASSERT_TRUE(writer_.send(call_, base::Blob(base::Bytes(3)), sent_));
  EXPECT_FALSE(writer_.has_begun(call_));
  const std::vector<WrittenRequest> expected{{1, kClientId, wire::Action::kNameBit | 9, "Store.get", 5, 3}};
  EXPECT_EQ(take(writer_, reader_), expected);
  EXPECT_TRUE(writer_.has_written(call_));
}

TEST_F(RequestWriterTest, OneThatIsTakenBackLeavesNothingBehind) {
  writer_.begin(wire::Action("Store.get"), true).put(base::Bytes(50'000));
  writer_.abandon();
  EXPECT_TRUE(writer_.empty());
  writer_.begin(wire::Action(3), true).put(base::Bytes(1));
  ASSERT_TRUE(writer_.send(call_, {}, sent_));
  const std::vector<WrittenRequest> expected{{1, kClientId, 3, "", 1, 0}};
  EXPECT_EQ(take(writer_, reader_), expected);
}

TEST_F(RequestWriterTest, OneThatWaitsStandsBesideTheOutputAndGoesOutLater) {
  writer_.begin(wire::Action("Store.get"), false).put(base::Bytes(5));
  EXPECT_FALSE(writer_.goes_out());
  SendQueue queue(10, 1000);
  queue.push(call_, writer_.frame(), {}, writer_.action());
  writer_.begin(wire::Action(3), true).put(base::Bytes(1));
  ASSERT_TRUE(writer_.send(other_, {}, sent_));
  const auto queued = queue.take(call_, Exchange::Reason::room);
  ASSERT_TRUE(writer_.send(call_, *queued, sent_));
  const std::vector<WrittenRequest> expected{{1, kClientId, 3, "", 1, 0},
                                             {2, kClientId, wire::Action::kNameBit | 9, "Store.get", 5, 0}};
  EXPECT_EQ(take(writer_, reader_), expected);
}

TEST_F(RequestWriterTest, WhatABrokenFrameWouldBeIsNotValid) {
  writer_.begin(wire::Action(0u), true);
  EXPECT_FALSE(writer_.is_valid(writer_.sizes(0))) << "0 is the ping";
  writer_.abandon();
  writer_.begin(wire::Action(wire::Action::kNameBit | 3), true);
  EXPECT_FALSE(writer_.is_valid(writer_.sizes(0))) << "the length of a name that is not there";
  writer_.abandon();
  writer_.begin_ping(true);
  EXPECT_TRUE(writer_.is_valid(writer_.sizes(0)));
  EXPECT_TRUE(writer_.is_ping());
  EXPECT_FALSE(writer_.is_valid(writer_.sizes(limits_.blob_bytes_max + 1)));
  writer_.abandon();
}

TEST_F(RequestWriterTest, APromptPingTakesASeq) {
  ASSERT_TRUE(writer_.send_ping(sent_));
  writer_.begin(wire::Action(3), true);
  ASSERT_TRUE(writer_.send(call_, {}, sent_));
  const std::vector<WrittenRequest> expected{{1, kClientId, 0, "", 0, 0}, {2, kClientId, 3, "", 0, 0}};
  EXPECT_EQ(take(writer_, reader_), expected);
}

// --- Beyond plain version 1

// The heads of all that stands in the output.
std::vector<wire::RequestHead> take_heads(RequestWriter& writer) {
  base::Bytes all;
  while (!writer.empty()) {
    base::ByteView view;
    writer.gather({&view, 1});
    all.insert(all.end(), view.begin(), view.end());
    writer.consume(view.size());
  }
  std::vector<wire::RequestHead> heads;
  for (std::size_t at = 0; at + wire::kRequestHeadBytes <= all.size();) {
    heads.push_back(wire::load_request_head(all.data() + at));
    at += wire::kRequestHeadBytes + heads.back().body_bytes();
  }
  return heads;
}

TEST_F(RequestWriterTest, AHelloIsAPingWithABlobAndTakesASeq) {
  EXPECT_EQ(writer_.send_hello(base::Bytes(5, std::byte{7}), sent_), 1u);
  EXPECT_EQ(writer_.appended(), wire::kRequestHeadBytes + 5);
  writer_.begin(wire::Action(3), true).put(base::Bytes(1));
  ASSERT_TRUE(writer_.send(call_, {}, sent_));
  const auto heads = take_heads(writer_);
  ASSERT_EQ(heads.size(), 2u);
  EXPECT_EQ(heads[0].format, 0x80);
  EXPECT_EQ(heads[0].action, 0u);
  EXPECT_EQ(heads[0].seq, 1u);
  EXPECT_EQ(heads[0].client_id, 0u);
  EXPECT_EQ(heads[0].msg_bytes, 0u);
  EXPECT_EQ(heads[0].blob_bytes, 5u);
  EXPECT_EQ(heads[1].seq, 2u);
  Exchange* nobody = nullptr;
  EXPECT_EQ(sent_.on_response(1, nobody), SentCalls::Found::pong);
}

TEST_F(RequestWriterTest, WordsStandInRequestsOnlyAndOnlyWhileTheyAreWritten) {
  const auto send_all = [&] {
    writer_.begin(wire::Action(3), true).put(base::Bytes(1));
    ASSERT_TRUE(writer_.send(call_, {}, sent_));
    writer_.begin_ping(true);
    ASSERT_TRUE(writer_.send(other_, {}, sent_));
    ASSERT_TRUE(writer_.send_ping(sent_));
    for (NotedCall* call : {&call_, &other_}) sent_.remove(*call, Exchange::Reason::cancelled);
  };
  const wire::CallWord none;  // as a call has that says nothing of itself
  struct Row {
    bool writes_words, prompt_pings;
  };
  for (const Row row : {Row{false, true}, Row{true, false}, Row{true, true}, Row{false, true}}) {
    writer_.set_extended(row.writes_words, row.prompt_pings);
    send_all();
    const auto heads = take_heads(writer_);
    ASSERT_EQ(heads.size(), 3u);
    EXPECT_EQ(heads[0].format, row.writes_words ? 0x40 : 0);
    EXPECT_EQ(heads[0].client_id, row.writes_words ? wire::to_client_id(none) : kClientId);
    for (const std::size_t ping : {1u, 2u}) {
      EXPECT_EQ(heads[ping].format, row.prompt_pings ? 0x85 : 0);
      EXPECT_EQ(heads[ping].client_id, kClientId);
    }
  }
}

TEST_F(RequestWriterTest, ControlFramesTakeNoSeq) {
  ASSERT_TRUE(writer_.send_control(wire::cancel_head(9)));
  ASSERT_TRUE(writer_.send_control(wire::drained_head(8)));
  EXPECT_EQ(sent_.next_seq(), 1u);
  const auto heads = take_heads(writer_);
  ASSERT_EQ(heads.size(), 2u);
  EXPECT_EQ(heads[0].format, 0x81);
  EXPECT_EQ(heads[0].seq, 9u);
  EXPECT_EQ(heads[0].client_id, 0u);
  EXPECT_EQ(heads[1].format, 0x84);
  EXPECT_EQ(heads[1].seq, 0u);
  EXPECT_EQ(heads[1].client_id, 8u);
  for (const wire::RequestHead& head : heads) EXPECT_EQ(head.action + head.body_bytes(), 0u);
}

// Whatever becomes of drafts, and whatever parts the transport takes: the server reads the frames that were sent, in their order,
// and a call has begun, and is written, exactly when its bytes say so.
RC_GTEST_PROP(RequestWriter, WritesWhatWasSent, ()) {
  const wire::FrameLimits limits;
  RequestWriter writer(kClientId, limits);
  SentCalls sent(1000);
  wire::RequestReader reader(limits);
  struct Expected {
    NotedCall call;
    WrittenRequest frame;
    base::ByteCount begin = 0, end = 0;
  };
  std::deque<Expected> calls;
  std::size_t read = 0;
  const int steps = test::pick(0, 100);
  for (int i = 0; i < steps; ++i) {
    const int what = test::pick(0, 5);
    if (what == 0) {
      for (const WrittenRequest& frame : take(writer, reader, test::pick<std::size_t>(1, 30'000))) {
        RC_ASSERT(read < calls.size());
        RC_ASSERT((frame == calls[read].frame));
        ++read;
      }
      for (const Expected& one : calls) {
        RC_ASSERT(writer.has_begun(one.call) == (writer.consumed() > one.begin));
        RC_ASSERT(writer.has_written(one.call) == (writer.consumed() >= one.end));
      }
      continue;
    }
    const std::string name(test::pick<std::size_t>(0, 20), 'n');
    const auto number = test::pick<std::uint32_t>(1, 1000);
    const wire::Action action = name.empty() ? wire::Action(number) : wire::Action(name);
    const std::size_t msg = test::pick<std::size_t>(0, 200) * (test::pick(0, 9) == 0 ? 500 : 1);
    const std::size_t blob = test::pick(0, 3) == 0 ? test::pick<std::size_t>(0, 40'000) : 0;
    const bool goes_out = what != 1;
    writer.begin(action, goes_out).put(base::Bytes(msg));
    if (what == 2) {
      writer.abandon();
      continue;
    }
    Expected& one = calls.emplace_back();
    one.begin = writer.appended();
    if (goes_out) {
      RC_ASSERT(writer.send(one.call, base::Blob(base::Bytes(blob)), sent));
    } else {
      SendQueue queue(1, 1 << 30);
      queue.push(one.call, writer.frame(), base::Blob(base::Bytes(blob)), writer.action());
      RC_ASSERT(writer.send(one.call, *queue.take(one.call, Exchange::Reason::room), sent));
    }
    one.end = writer.appended();
    one.frame = {calls.size(), kClientId, wire::action_field(action), name, msg, blob};
  }
  for (Expected& one : calls) sent.remove(one.call, Exchange::Reason::cancelled);
}

}  // namespace
}  // namespace razor::stream
