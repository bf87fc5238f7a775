// The heads of frames. Without the layout of the protocol the bytes below would differ; without `check` a head that
// promises gigabytes, or speaks another protocol, would be believed.

#include "razor/wire/frame.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <array>
#include <limits>

#include "tests/wire/bytes.h"

namespace razor::wire {
namespace {

using test::from_hex;
using test::to_hex;

constexpr std::uint32_t kAll32 = std::numeric_limits<std::uint32_t>::max();
constexpr std::uint32_t kTwoToThe31 = 0x8000'0000;

std::string hex_of(const RequestHead& head) {
  std::array<std::byte, kRequestHeadBytes> bytes;
  store_head(bytes.data(), head);
  return to_hex(bytes);
}

std::string hex_of(const ResponseHead& head) {
  std::array<std::byte, kResponseHeadBytes> bytes;
  store_head(bytes.data(), head);
  return to_hex(bytes);
}

TEST(RequestHead, EveryFieldHasItsPlace) {
  RequestHead head;
  head.format = 0xf0;
  head.action = 0x04030201;
  head.seq = 0x0807060504030201;
  head.client_id = 0x1817161514131211;
  head.msg_bytes = 0x24232221;
  head.blob_bytes = 0x34333231;
  EXPECT_EQ(hex_of(head),
            "254d"
            "01"
            "f0"
            "01020304"
            "0102030405060708"
            "1112131415161718"
            "21222324"
            "31323334");
}

TEST(ResponseHead, EveryFieldHasItsPlace) {
  ResponseHead head;
  head.flag = 2;
  head.msg_bytes_or_number = 0x04030201;
  head.seq = 0x0807060504030201;
  head.blob_bytes = 0x14131211;
  EXPECT_EQ(hex_of(head),
            "254d"
            "01"
            "02"
            "01020304"
            "0102030405060708"
            "11121314");
}

TEST(RequestHead, OfNothingIsAPing) {
  const RequestHead head;
  EXPECT_TRUE(head.is_ping());
  EXPECT_EQ(hex_of(head), "254d0100" + std::string(56, '0'));
  EXPECT_EQ(head.check({}), HeadFault::none);
}

TEST(RequestHead, IsAPingOnlyWithActionZeroAndNoMessage) {
  RequestHead head;
  head.seq = 7;
  head.client_id = 9;
  head.format = 3;
  EXPECT_TRUE(head.is_ping());
  head.blob_bytes = 1;  // read and dropped, as the reference does
  EXPECT_TRUE(head.is_ping());
  for (std::uint32_t RequestHead::* const field : {&RequestHead::action, &RequestHead::msg_bytes}) {
    RequestHead other = head;
    other.*field = 1;
    EXPECT_FALSE(other.is_ping());
  }
  head.action = Action::kNameBit;  // a name of no bytes
  EXPECT_FALSE(head.is_ping());
}

TEST(RequestHead, IsAPromptPingOnlyWithItsFormat) {
  RequestHead head;
  for (int format = 0; format < 256; ++format) {
    head.format = static_cast<std::uint8_t>(format);
    EXPECT_EQ(head.is_prompt_ping(), format == 0x85);
  }
  head.format = kPromptPingFormat;
  head.action = 1;
  EXPECT_FALSE(head.is_prompt_ping());
}

TEST(RequestHead, TheTopBitOfTheActionMeansAName) {
  RequestHead head;
  head.action = Action::kNumberMax;
  EXPECT_FALSE(head.has_name());
  EXPECT_EQ(head.name_bytes(), 0u);
  head.action = Action::kNameBit;
  EXPECT_TRUE(head.has_name());
  EXPECT_EQ(head.name_bytes(), 0u);
  head.action = Action::kNameBit | 21;
  EXPECT_TRUE(head.has_name());
  EXPECT_EQ(head.name_bytes(), 21u);
  head.action = kAll32;
  EXPECT_EQ(head.name_bytes(), Action::kNumberMax);
}

TEST(RequestHead, SumsOfLengthsDoNotWrap) {
  RequestHead head;
  head.action = kAll32;
  head.msg_bytes = kAll32;
  head.blob_bytes = kAll32;
  EXPECT_EQ(head.body_bytes(), 0x7fff'ffffull + 0xffff'ffffull + 0xffff'ffffull);
}

TEST(ResponseHead, SumsOfLengthsDoNotWrap) {
  ResponseHead head;
  head.msg_bytes_or_number = kAll32;
  head.blob_bytes = kAll32;
  EXPECT_EQ(head.body_bytes(), 0x1'ffff'fffeull);
}

TEST(ResponseHead, AnErrorNumberIsNoLength) {
  ResponseHead head;
  head.flag = static_cast<std::uint8_t>(ResponseFlag::error_number);
  head.msg_bytes_or_number = kAll32;
  EXPECT_EQ(head.msg_bytes(), 0u);
  EXPECT_EQ(head.body_bytes(), 0u);
  EXPECT_EQ(head.check({}), HeadFault::none);
}

TEST(RequestHead, AnotherMagicIsAFault) {
  for (const std::uint16_t magic : {0, 1, kMagic - 1, kMagic + 1, 0x4d25 - 1, 0xffff}) {
    RequestHead head;
    head.magic = magic;
    head.version = 9;  // of another protocol: nothing else of the head means anything
    head.msg_bytes = kAll32;
    EXPECT_EQ(head.check({}), HeadFault::magic) << magic;
  }
}

TEST(RequestHead, AnotherVersionIsAFault) {
  for (const std::uint8_t version : {0, 2, 255}) {
    RequestHead head;
    head.version = version;
    head.msg_bytes = kAll32;  // what a length means there is not known
    EXPECT_EQ(head.check({}), HeadFault::version) << int{version};
  }
}

TEST(ResponseHead, MagicThenVersionThenFlagAreChecked) {
  ResponseHead head;
  head.msg_bytes_or_number = kAll32;
  EXPECT_EQ(head.check({}), HeadFault::too_large);
  for (const std::uint8_t flag : {3, 4, 128, 255}) {
    head.flag = flag;
    EXPECT_EQ(head.check({}), HeadFault::flag) << int{flag};
  }
  head.version = 0;
  EXPECT_EQ(head.check({}), HeadFault::version);
  head.magic = 0;
  EXPECT_EQ(head.check({}), HeadFault::magic);
}

TEST(ResponseHead, HasThreeFlagsAndAFourthWhereItIsExtended) {
  for (int flag = 0; flag < 256; ++flag) {
    ResponseHead head;
    head.flag = static_cast<std::uint8_t>(flag);
    EXPECT_EQ(head.check({}), flag <= 2 ? HeadFault::none : HeadFault::flag) << flag;
    EXPECT_EQ(head.check({}, true), flag <= 3 ? HeadFault::none : HeadFault::flag) << flag;
  }
}

// Taken for a length, a code would make the reader wait for bytes that nobody sends.
TEST(ResponseHead, TheCodeOfAFrameworkErrorIsNoLength) {
  ResponseHead head;
  head.flag = static_cast<std::uint8_t>(ResponseFlag::framework_error);
  head.msg_bytes_or_number = kAll32;
  head.blob_bytes = 8;
  EXPECT_EQ(head.msg_bytes(), 0u);
  EXPECT_EQ(head.body_bytes(), 8u);
  EXPECT_EQ(head.check({}, true), HeadFault::none);
  head.blob_bytes = FrameLimits().blob_bytes_max + 1;
  EXPECT_EQ(head.check({}, true), HeadFault::too_large);
}

TEST(RequestHead, HasACallWordWhereBit6IsSetAndBit7IsNot) {
  RequestHead head;
  for (int format = 0; format < 256; ++format) {
    head.format = static_cast<std::uint8_t>(format);
    EXPECT_EQ(head.has_call_word(), format >= 0x40 && format < 0x80) << format;
    EXPECT_EQ(head.format_id(), format < 0x80 ? format % 0x40 : 0) << format;
  }
}

struct LengthCase {
  std::uint32_t length;
  HeadFault fault;
};

// Around a limit, and where 31 and 32 bits end.
std::array<LengthCase, 7> lengths_around(std::uint32_t limit) {
  return {{{0, HeadFault::none},
           {limit - 1, HeadFault::none},
           {limit, HeadFault::none},
           {limit + 1, HeadFault::too_large},
           {kTwoToThe31 - 1, HeadFault::too_large},
           {kTwoToThe31, HeadFault::too_large},
           {kAll32, HeadFault::too_large}}};
}

constexpr FrameLimits kLimits{.action_bytes_max = 100, .msg_bytes_max = 2000, .blob_bytes_max = 30000};

TEST(RequestHead, EveryLengthHasItsLimit) {
  for (const auto& [length, fault] : lengths_around(kLimits.action_bytes_max)) {
    if (length > Action::kNumberMax) continue;  // a name's length has 31 bits
    RequestHead head;
    head.action = Action::kNameBit | length;
    EXPECT_EQ(head.check(kLimits), fault) << length;
  }
  for (const auto& [length, fault] : lengths_around(kLimits.msg_bytes_max)) {
    RequestHead head;
    head.msg_bytes = length;
    EXPECT_EQ(head.check(kLimits), fault) << length;
  }
  for (const auto& [length, fault] : lengths_around(kLimits.blob_bytes_max)) {
    RequestHead head;
    head.blob_bytes = length;
    EXPECT_EQ(head.check(kLimits), fault) << length;
  }
}

TEST(RequestHead, ANumericActionHasNoLimit) {
  RequestHead head;
  head.action = Action::kNumberMax;
  EXPECT_EQ(head.check(kLimits), HeadFault::none);
}

TEST(ResponseHead, EveryLengthHasItsLimit) {
  for (const auto& [length, fault] : lengths_around(kLimits.msg_bytes_max)) {
    ResponseHead head;
    head.msg_bytes_or_number = length;
    EXPECT_EQ(head.check(kLimits), fault) << length;
  }
  for (const auto& [length, fault] : lengths_around(kLimits.blob_bytes_max)) {
    for (const ResponseFlag flag : {ResponseFlag::success, ResponseFlag::error_number, ResponseFlag::error_bytes}) {
      ResponseHead head;
      head.flag = static_cast<std::uint8_t>(flag);
      head.blob_bytes = length;
      EXPECT_EQ(head.check(kLimits), fault) << length;
    }
  }
}

TEST(FrameLimits, StartAtWhatTheContractSays) {
  constexpr FrameLimits limits;
  EXPECT_EQ(limits.action_bytes_max, 256u);
  EXPECT_EQ(limits.msg_bytes_max, 16u << 20);
  EXPECT_EQ(limits.blob_bytes_max, 64u << 20);
}

RC_GTEST_PROP(RequestHead, SurvivesBeingStored, ()) {
  RequestHead head;
  head.magic = *rc::gen::arbitrary<std::uint16_t>();
  head.version = *rc::gen::arbitrary<std::uint8_t>();
  head.format = *rc::gen::arbitrary<std::uint8_t>();
  head.action = *rc::gen::arbitrary<std::uint32_t>();
  head.seq = *rc::gen::arbitrary<std::uint64_t>();
  head.client_id = *rc::gen::arbitrary<std::uint64_t>();
  head.msg_bytes = *rc::gen::arbitrary<std::uint32_t>();
  head.blob_bytes = *rc::gen::arbitrary<std::uint32_t>();
  std::array<std::byte, kRequestHeadBytes> bytes;
  store_head(bytes.data(), head);
  const RequestHead loaded = load_request_head(bytes.data());
  RC_ASSERT(loaded.magic == head.magic);
  RC_ASSERT(loaded.version == head.version);
  RC_ASSERT(loaded.format == head.format);
  RC_ASSERT(loaded.action == head.action);
  RC_ASSERT(loaded.seq == head.seq);
  RC_ASSERT(loaded.client_id == head.client_id);
  RC_ASSERT(loaded.msg_bytes == head.msg_bytes);
  RC_ASSERT(loaded.blob_bytes == head.blob_bytes);
  RC_ASSERT(loaded.body_bytes() ==
            std::uint64_t{loaded.name_bytes()} + std::uint64_t{loaded.msg_bytes} + std::uint64_t{loaded.blob_bytes});
}

RC_GTEST_PROP(ResponseHead, SurvivesBeingStored, ()) {
  ResponseHead head;
  head.magic = *rc::gen::arbitrary<std::uint16_t>();
  head.version = *rc::gen::arbitrary<std::uint8_t>();
  head.flag = *rc::gen::arbitrary<std::uint8_t>();
  head.msg_bytes_or_number = *rc::gen::arbitrary<std::uint32_t>();
  head.seq = *rc::gen::arbitrary<std::uint64_t>();
  head.blob_bytes = *rc::gen::arbitrary<std::uint32_t>();
  std::array<std::byte, kResponseHeadBytes> bytes;
  store_head(bytes.data(), head);
  const ResponseHead loaded = load_response_head(bytes.data());
  RC_ASSERT(loaded.magic == head.magic);
  RC_ASSERT(loaded.version == head.version);
  RC_ASSERT(loaded.flag == head.flag);
  RC_ASSERT(loaded.msg_bytes_or_number == head.msg_bytes_or_number);
  RC_ASSERT(loaded.seq == head.seq);
  RC_ASSERT(loaded.blob_bytes == head.blob_bytes);
}

// A head that passes promises no more than the limits together: what a reader allocates by it is bounded.
RC_GTEST_PROP(RequestHead, ThatPassesStaysWithinTheLimits, ()) {
  FrameLimits limits;
  limits.action_bytes_max = *rc::gen::inRange<std::uint32_t>(0, 1000);
  limits.msg_bytes_max = *rc::gen::arbitrary<std::uint32_t>();
  limits.blob_bytes_max = *rc::gen::arbitrary<std::uint32_t>();
  RequestHead head;
  head.action = *rc::gen::oneOf(
      rc::gen::arbitrary<std::uint32_t>(),
      rc::gen::map(rc::gen::inRange<std::uint32_t>(0, 1100), [](std::uint32_t bytes) { return Action::kNameBit | bytes; }));
  head.msg_bytes = *rc::gen::arbitrary<std::uint32_t>();
  head.blob_bytes = *rc::gen::arbitrary<std::uint32_t>();
  const bool fits = head.name_bytes() <= limits.action_bytes_max && head.msg_bytes <= limits.msg_bytes_max &&
                    head.blob_bytes <= limits.blob_bytes_max;
  RC_ASSERT((head.check(limits) == HeadFault::none) == fits);
}

/// A frame with this head, whose body is `body`.
template <class Frame>
Frame frame_of(const typename Frame::Head& head, const std::byte* body) {
  Frame frame;
  frame.head = head;
  frame.set_body(body);
  return frame;
}

TEST(RequestFrame, CutsItsBodyIntoNameMessageAndBlob) {
  const base::Bytes body = base::to_bytes(base::as_bytes("Files.openmessageblob"));
  RequestHead head;
  head.action = Action::kNameBit | 10;
  head.msg_bytes = 7;
  head.blob_bytes = 4;
  const auto frame = frame_of<RequestFrame>(head, body.data());
  EXPECT_TRUE(frame.action.is_name());
  EXPECT_EQ(frame.action.name(), "Files.open");
  EXPECT_EQ(base::as_text(frame.msg), "message");
  EXPECT_EQ(base::as_text(frame.blob), "blob");

  head.action = 3;
  const auto numbered = frame_of<RequestFrame>(head, body.data() + 10);
  EXPECT_FALSE(numbered.action.is_name());
  EXPECT_EQ(numbered.action.number(), 3u);
  EXPECT_EQ(base::as_text(numbered.msg), "message");
  EXPECT_EQ(base::as_text(numbered.blob), "blob");
}

// Believed of a peer of plain version 1, whose client_id may be anything, its frames would lose their step.
TEST(RequestHead, HasAnExtensionBlockOnlyWhereACallWordIsBelieved) {
  for (int format = 0; format < 256; ++format) {
    RequestHead head;
    head.format = static_cast<std::uint8_t>(format);
    head.client_id = 0xfedc'ba98'7654'3210;
    std::array<std::byte, kRequestHeadBytes> bytes;
    store_head(bytes.data(), head);
    EXPECT_EQ(load_request_head(bytes.data()).extension_bytes, 0u) << format;
    const RequestHead extended = load_request_head(bytes.data(), true);
    EXPECT_EQ(extended.extension_bytes, format >= 0x40 && format < 0x80 ? 0xfedcu : 0u) << format;
    EXPECT_EQ(extended.body_bytes(), extended.extension_bytes) << format;
    EXPECT_EQ(extended.client_id, head.client_id);
  }
}

TEST(RequestFrame, CutsItsExtensionBlockOffFirst) {
  const base::Bytes body = base::to_bytes(base::as_bytes("blockFiles.openmessageblob"));
  RequestHead head;
  head.action = Action::kNameBit | 10;
  head.extension_bytes = 5;
  head.msg_bytes = 7;
  head.blob_bytes = 4;
  const auto frame = frame_of<RequestFrame>(head, body.data());
  EXPECT_EQ(base::as_text(frame.extension), "block");
  EXPECT_EQ(frame.action.name(), "Files.open");
  EXPECT_EQ(base::as_text(frame.msg), "message");
  EXPECT_EQ(base::as_text(frame.blob), "blob");
}

TEST(RequestFrame, ANameOfNoBytesIsStillAName) {
  RequestHead head;
  head.action = Action::kNameBit;
  const std::byte nothing{};
  const auto frame = frame_of<RequestFrame>(head, &nothing);
  EXPECT_TRUE(frame.action.is_name());
  EXPECT_EQ(frame.action.name(), "");
}

TEST(ResponseFrame, CutsItsBodyIntoMessageAndBlob) {
  const base::Bytes body = base::to_bytes(base::as_bytes("messageblob"));
  ResponseHead head;
  head.msg_bytes_or_number = 7;
  head.blob_bytes = 4;
  const auto frame = frame_of<ResponseFrame>(head, body.data());
  EXPECT_EQ(base::as_text(frame.msg), "message");
  EXPECT_EQ(base::as_text(frame.blob), "blob");

  head.flag = static_cast<std::uint8_t>(ResponseFlag::error_number);
  const auto number = frame_of<ResponseFrame>(head, body.data() + 7);
  EXPECT_TRUE(number.msg.empty());
  EXPECT_EQ(base::as_text(number.blob), "blob");
}

TEST(Action, IsANumberOrAName) {
  EXPECT_EQ(Action(7u).number(), 7u);
  EXPECT_FALSE(Action(7u).is_name());
  EXPECT_EQ(Action("A.b").name(), "A.b");
  EXPECT_EQ(Action("A.b").number(), 0u);
  EXPECT_EQ(Action("A.b"), Action(std::string_view("A.b")));
  EXPECT_NE(Action(""), kPing);
}

}  // namespace
}  // namespace razor::wire
