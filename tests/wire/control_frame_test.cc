// Control frames. A client's must be pings to a peer of plain version 1, and a server's must be responses that such a peer skips:
// were a field of theirs in another place, a plain peer would run them, or lose its step.

#include "razor/wire/control_frame.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tests/wire/bytes.h"

namespace razor::wire {
namespace {

using base::Bytes;
using base::ByteView;
using test::to_hex;
using Kind = ServerControl::Kind;
using Reason = ServerControl::Reason;

std::string head_in_hex(const RequestHead& head) {
  std::array<std::byte, kRequestHeadBytes> bytes;
  store_head(bytes.data(), head);
  return to_hex(bytes);
}

TEST(ClientControl, IsThatOfTheProtocol) {
  EXPECT_EQ(head_in_hex(hello_head(1, 4)),
            "254d0180"
            "00000000"
            "0100000000000000"
            "0000000000000000"
            "00000000"
            "04000000");
  EXPECT_EQ(head_in_hex(cancel_head(0x0807060504030201)),
            "254d0181"
            "00000000"
            "0102030405060708"
            "0000000000000000"
            "00000000"
            "00000000");
  EXPECT_EQ(head_in_hex(drained_head(0x0807060504030201)),
            "254d0184"
            "00000000"
            "0000000000000000"
            "0102030405060708"
            "00000000"
            "00000000");
  EXPECT_EQ(head_in_hex(ping_head(9, 3)),
            "254d0185"
            "00000000"
            "0300000000000000"
            "0900000000000000"
            "00000000"
            "00000000");
}

// A peer of plain version 1 looks at the action and the message only.
TEST(ClientControl, IsAPingToAPlainPeer) {
  for (const RequestHead& head : {hello_head(1, 1024), cancel_head(5), drained_head(5), ping_head(9, 3)}) {
    EXPECT_TRUE(head.is_ping()) << head_in_hex(head);
    EXPECT_FALSE(head.has_call_word()) << head_in_hex(head);
    EXPECT_EQ(head.check({}), HeadFault::none) << head_in_hex(head);
  }
}

TEST(ControlKind, IsThatOfTheFormatWhereBit7IsSet) {
  for (int format = 0; format < 256; ++format) {
    for (const std::uint32_t blob_bytes : {0u, 9u}) {
      RequestHead head;
      head.format = static_cast<std::uint8_t>(format);
      head.blob_bytes = blob_bytes;
      const ControlKind expected = format < 0x80    ? ControlKind::ping
                                   : format == 0x80 ? ControlKind::hello
                                   : format == 0x81 ? ControlKind::cancel
                                   : format == 0x84 ? ControlKind::drained
                                   : format == 0x85 ? ControlKind::prompt_ping
                                                    : ControlKind::unknown;
      EXPECT_EQ(control_kind(head), expected) << format;
    }
  }
}

// Else a user's request with such a format would never reach its handler.
TEST(ControlKind, AUsersRequestHasNone) {
  for (int format = 0; format < 256; ++format) {
    RequestHead head;
    head.format = static_cast<std::uint8_t>(format);
    head.action = 1;
    EXPECT_EQ(control_kind(head), std::nullopt) << format;
    head.action = Action::kNameBit;
    EXPECT_EQ(control_kind(head), std::nullopt) << format;
    head.action = 0;
    head.msg_bytes = 1;
    EXPECT_EQ(control_kind(head), std::nullopt) << format;
  }
}

TEST(Pong, IsAnEmptySuccess) {
  std::array<std::byte, kResponseHeadBytes> bytes;
  store_head(bytes.data(), pong_head(0x0807060504030201));
  EXPECT_EQ(to_hex(bytes),
            "254d0100"
            "00000000"
            "0102030405060708"
            "00000000");
}

// The frame that `bytes` are, which live longer.
ResponseFrame control_frame(ByteView bytes) {
  ResponseFrame frame;
  frame.head = load_response_head(bytes.data());
  EXPECT_EQ(bytes.size(), kResponseHeadBytes + frame.head.body_bytes());
  frame.set_body(bytes.data() + kResponseHeadBytes);
  return frame;
}

ServerControl drain(Kind kind, Reason reason, std::uint32_t milliseconds, Seq seq) {
  ServerControl control;
  control.kind = static_cast<std::uint8_t>(kind);
  control.reason = static_cast<std::uint8_t>(reason);
  control.amount = milliseconds;
  control.seq = seq;
  return control;
}

TEST(ServerControl, EveryFieldHasItsPlace) {
  ServerControl control = drain(Kind::drain_now, Reason::idle, 0x14131211, 0x2827262524232221);
  control.value = 0x3837363534333231;
  EXPECT_EQ(to_hex(control_response(control)),
            "254d0102"
            "00000000"
            "0000000000000000"
            "18000000"
            "02"
            "03"
            "0000"
            "11121314"
            "2122232425262728"
            "3132333435363738");
}

// With seq 0 and flag 2, of an ordinary length: every peer skips it, and in step.
TEST(ServerControl, IsAnErrorThatAnswersNothingToAPlainPeer) {
  const auto bytes = control_response(drain(Kind::drain_soon, Reason::shutdown, 5000, 0));
  const ResponseFrame frame = control_frame(bytes);
  EXPECT_EQ(frame.head.check({}), HeadFault::none);
  EXPECT_EQ(frame.head.seq, 0u);
  EXPECT_EQ(frame.head.flag, static_cast<std::uint8_t>(ResponseFlag::error_bytes));
  EXPECT_EQ(frame.blob.size(), ServerControl::kBytes);
}

TEST(ServerControl, AnAnswerOfACallIsNone) {
  const ServerControl control = drain(Kind::drain_now, Reason::shutdown, 0, 9);
  const auto bytes = control_response(control);
  ResponseFrame frame = control_frame(bytes);
  EXPECT_EQ(server_control_of(frame), control);
  frame.head.seq = 1;
  EXPECT_EQ(server_control_of(frame), std::nullopt);
  frame.head.seq = 0;
  for (const std::uint8_t flag : {0, 1, 3, 255}) {
    frame.head.flag = flag;
    EXPECT_EQ(server_control_of(frame), std::nullopt) << int{flag};
  }
}

// A later version may say more: what is behind the 24 bytes is skipped. Fewer are no control frame.
TEST(ServerControl, IsReadFromItsFirstBytes) {
  const ServerControl control = drain(Kind::drain_now, Reason::rebalance, 7, 9);
  const auto bytes = control_response(control);
  ResponseFrame frame = control_frame(bytes);
  const Bytes longer = test::joined(frame.blob, test::from_hex("ffff"));
  const Bytes whole = base::to_bytes(frame.blob);
  for (std::size_t cut = 0; cut < whole.size(); ++cut) {
    const Bytes part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(cut));
    frame.blob = part;
    EXPECT_EQ(server_control_of(frame), std::nullopt) << cut;
  }
  frame.blob = longer;
  EXPECT_EQ(server_control_of(frame), control);
}

// Kinds and reasons of later versions included.
RC_GTEST_PROP(ServerControl, SurvivesBeingSent, ()) {
  ServerControl control;
  control.kind = *rc::gen::arbitrary<std::uint8_t>();
  control.reason = *rc::gen::arbitrary<std::uint8_t>();
  control.amount = *rc::gen::arbitrary<std::uint32_t>();
  control.seq = *rc::gen::arbitrary<std::uint64_t>();
  control.value = *rc::gen::arbitrary<std::uint64_t>();
  const auto bytes = control_response(control);
  RC_ASSERT(server_control_of(control_frame(bytes)) == control);
}

RC_GTEST_PROP(ClientControl, KeepsTheSeqItIsGiven, ()) {
  const auto seq = *rc::gen::arbitrary<std::uint64_t>();
  RC_ASSERT(cancel_head(seq).seq == seq);
  RC_ASSERT(drained_head(seq).client_id == seq);
  RC_ASSERT(drained_head(seq).seq == 0u);
  RC_ASSERT(hello_head(seq, 1024).seq == seq);
  RC_ASSERT(hello_head(seq, 1024).blob_bytes == 1024u);
}

}  // namespace
}  // namespace razor::wire
