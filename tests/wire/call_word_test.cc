// The call word. Were a field in another place, a server would read a deadline out of a count of attempts; were `left` rounded
// down, it would give up before its client does.

#include "razor/wire/call_word.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <array>

#include "razor/wire/frame.h"
#include "tests/wire/bytes.h"

namespace razor::wire {
namespace {

using namespace std::chrono_literals;
using base::Duration;

std::string word_in_hex(const CallWord& word) {
  std::array<std::byte, kRequestHeadBytes> head;
  RequestHead request;
  request.client_id = to_client_id(word);
  store_head(head.data(), request);
  return test::to_hex(base::ByteView(head).subspan(16, 8));
}

TEST(CallWord, EveryFieldHasItsPlace) {
  CallWord word;
  word.left = 0x04030201;
  word.attempt = 0x11;
  word.flags = 0x21;
  word.extension_bytes = 0x3231;
  EXPECT_EQ(word_in_hex(word), "0102030411213132");
}

// 2 s left, idempotent.
TEST(CallWord, IsThatOfTheProtocolsExample) {
  CallWord word;
  word.left = time_left_field(2s);
  word.flags = CallWord::kIdempotent;
  EXPECT_EQ(word_in_hex(word), "204e000000010000");
}

TEST(CallWord, SaysNothingUnlessTold) {
  EXPECT_EQ(word_in_hex({}), "ffffffff00000000");
  EXPECT_EQ(CallWord().time_left(), std::nullopt);
  EXPECT_FALSE(CallWord().is_idempotent());
  EXPECT_FALSE(CallWord().is_hedge());
  EXPECT_EQ(CallWord().criticality(), Criticality::normal);
}

TEST(CallWord, EveryFlagHasItsBit) {
  for (int flags = 0; flags < 256; ++flags) {
    CallWord word;
    word.flags = static_cast<std::uint8_t>(flags);
    EXPECT_EQ(word.is_idempotent(), flags % 2 == 1) << flags;
    EXPECT_EQ(word.is_hedge(), flags / 2 % 2 == 1) << flags;
    EXPECT_EQ(static_cast<int>(word.criticality()), flags / 4 % 4) << flags;
  }
}

TEST(TimeLeft, IsRoundedUp) {
  EXPECT_EQ(time_left_field(1ns), 1u);
  EXPECT_EQ(time_left_field(100us - 1ns), 1u);
  EXPECT_EQ(time_left_field(100us), 1u);
  EXPECT_EQ(time_left_field(100us + 1ns), 2u);
  EXPECT_EQ(time_left_field(1s), 10'000u);
}

TEST(TimeLeft, IsZeroOnceNothingIsLeft) {
  for (const Duration left : {Duration(0), Duration(-1ns), Duration(-1h), Duration::min()}) {
    EXPECT_EQ(time_left_field(left), 0u) << left.count();
  }
  CallWord word;
  word.left = 0;
  EXPECT_EQ(word.time_left(), Duration::zero());  // known, and over
}

TEST(TimeLeft, IsUnknownBeyond119Hours) {
  EXPECT_EQ(time_left_field(119h), 4'284'000'000u);
  const Duration longest = (CallWord::kNoDeadline - 1ll) * CallWord::kUnit;
  EXPECT_EQ(time_left_field(longest), CallWord::kNoDeadline - 1);
  EXPECT_EQ(time_left_field(longest + 1ns), CallWord::kNoDeadline);
  EXPECT_EQ(time_left_field(120h), CallWord::kNoDeadline);
  EXPECT_EQ(time_left_field(Duration::max()), CallWord::kNoDeadline);
}

// Never less than was left, and never a unit more.
RC_GTEST_PROP(TimeLeft, IsTheNextUnit, ()) {
  const Duration left(*rc::gen::inRange<std::int64_t>(1, Duration(119h).count()));
  CallWord word;
  word.left = time_left_field(left);
  const std::optional<Duration> read = word.time_left();
  RC_ASSERT(read.has_value());
  RC_ASSERT(*read >= left);
  RC_ASSERT(*read - left < CallWord::kUnit);
}

RC_GTEST_PROP(CallWord, SurvivesBeingStored, ()) {
  CallWord word;
  word.left = *rc::gen::arbitrary<std::uint32_t>();
  word.attempt = *rc::gen::arbitrary<std::uint8_t>();
  word.flags = *rc::gen::arbitrary<std::uint8_t>();
  word.extension_bytes = *rc::gen::arbitrary<std::uint16_t>();
  RC_ASSERT(call_word_of(to_client_id(word)) == word);
}

// Whatever a peer has in the eight bytes: it is a word, and the same one when it is written again.
RC_GTEST_PROP(CallWord, IsWhateverStandsThere, ()) {
  const auto client_id = *rc::gen::arbitrary<std::uint64_t>();
  RC_ASSERT(to_client_id(call_word_of(client_id)) == client_id);
}

}  // namespace
}  // namespace razor::wire
