// Framework errors. A code that changed would make a failure arrive as another one; a `ran` that is believed although it is none
// would repeat a call that has run.

#include "razor/wire/framework_error.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>

#include "razor/wire/wire_error.h"
#include "tests/wire/bytes.h"

namespace razor::wire {
namespace {

using namespace std::chrono_literals;
using base::Bytes;
using base::ByteView;
using base::Duration;
using base::Errc;
using base::Ran;
using test::from_hex;
using test::to_hex;

const std::map<std::uint32_t, Errc> kCodes = {
    {1, Errc::method_not_found},  {2, Errc::service_not_found}, {3, Errc::decode},       {4, Errc::encode},
    {5, Errc::internal},          {6, Errc::overloaded},        {7, Errc::draining},     {8, Errc::too_large},
    {9, Errc::deadline_exceeded}, {10, Errc::cancelled},        {11, Errc::unsupported}, {12, Errc::denied},
    {13, Errc::bad_frame},
};

/// `body` lives longer.
ResponseFrame error_response(std::uint32_t code, ByteView body) {
  ResponseFrame frame;
  frame.head.flag = static_cast<std::uint8_t>(ResponseFlag::framework_error);
  frame.head.seq = 7;
  frame.head.msg_bytes_or_number = code;
  frame.head.blob_bytes = static_cast<std::uint32_t>(body.size());
  frame.blob = body;
  return frame;
}

TEST(FrameworkErrorCode, IsFixedForEver) {
  for (const auto& [code, errc] : kCodes) {
    EXPECT_EQ(code_of(errc), code) << name_of(errc);
    EXPECT_EQ(errc_of_code(code), errc) << code;
  }
  for (const Errc errc : {Errc::unreachable, Errc::connection_lost, Errc::invalid_version, Errc::closed}) {
    EXPECT_EQ(code_of(errc), std::nullopt) << name_of(errc);
  }
}

TEST(FrameworkErrorCode, ThatIsUnknownIsAnInternalErrorWithTheServersRan) {
  for (const std::uint32_t code : {0u, 14u, 255u, 256u, 0x8000'0000u, 0xffff'ffffu}) {
    EXPECT_EQ(errc_of_code(code), Errc::internal) << code;
    const Bytes body = from_hex("0000000000000000");
    EXPECT_EQ(framework_error_of(error_response(code, body)).ran, Ran::no) << code;
  }
}

TEST(FrameworkError, EveryFieldHasItsPlace) {
  FrameworkError error;
  error.errc = Errc::overloaded;
  error.ran = Ran::no;
  error.no_retry = true;
  error.retry_after = 0x04030201ms;
  error.text = "full";
  EXPECT_EQ(to_hex(encode_body(error)), "0001000001020304" + to_hex(base::as_bytes("full")));
  error.no_retry = false;
  error.retry_after = {};
  error.text = {};
  EXPECT_EQ(to_hex(encode_body(error)), "0000000000000000");
  error.ran = Ran::maybe;
  EXPECT_EQ(to_hex(encode_body(error)), "0100000000000000");
  error.ran = Ran::yes;
  EXPECT_EQ(to_hex(encode_body(error)), "0200000000000000");
}

TEST(FrameworkError, RetryAfterIsRoundedUpAndHeldAtItsEnds) {
  const auto field = [](Duration retry_after) {
    FrameworkError error;
    error.retry_after = retry_after;
    return to_hex(encode_body(error)).substr(8);
  };
  EXPECT_EQ(field(1ns), "01000000");
  EXPECT_EQ(field(1ms), "01000000");
  EXPECT_EQ(field(1ms + 1ns), "02000000");
  EXPECT_EQ(field(-1s), "00000000");
  EXPECT_EQ(field(Duration::min()), "00000000");
  EXPECT_EQ(field(Duration::max()), "ffffffff");
  EXPECT_EQ(field(0xffff'ffffll * 1ms), "ffffffff");
}

TEST(FrameworkError, AnythingElseThanThreeValuesOfRanIsMaybe) {
  for (int ran = 0; ran < 256; ++ran) {
    Bytes body = from_hex("0000000000000000");
    body[0] = static_cast<std::byte>(ran);
    const FrameworkError error = framework_error_of(error_response(6, body));
    EXPECT_EQ(error.ran, ran == 0 ? Ran::no : ran == 2 ? Ran::yes : Ran::maybe) << ran;
    EXPECT_EQ(error.errc, Errc::overloaded);
  }
}

TEST(FrameworkError, OfItsHintsOneIsKnown) {
  for (int hint = 0; hint < 256; ++hint) {
    Bytes body = from_hex("0000ffff00000000");  // the two bytes of nothing are ignored
    body[1] = static_cast<std::byte>(hint);
    EXPECT_EQ(framework_error_of(error_response(6, body)).no_retry, hint % 2 == 1) << hint;
  }
}

// Half a `retry_after` must not be read from what lies behind the frame, and half a body proves nothing.
TEST(FrameworkError, ABodyThatIsTooShortSaysNothing) {
  const Bytes whole = from_hex("0001000010000000");
  for (std::size_t bytes = 0; bytes < whole.size(); ++bytes) {
    const Bytes body(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(bytes));
    const FrameworkError error = framework_error_of(error_response(7, body));
    EXPECT_EQ(error.errc, Errc::draining);
    EXPECT_EQ(error.ran, Ran::maybe);
    EXPECT_FALSE(error.no_retry);
    EXPECT_EQ(error.retry_after, Duration::zero());
    EXPECT_TRUE(error.text.empty());
  }
  EXPECT_EQ(framework_error_of(error_response(7, whole)).ran, Ran::no);
  EXPECT_EQ(framework_error_of(error_response(7, whole)).retry_after, 16ms);
}

TEST(FrameworkError, ATextIsCutOffAtItsLimit) {
  FrameworkError error;
  const std::string long_text(1000, 't');
  error.text = long_text;
  EXPECT_EQ(encode_body(error).size(), 8 + FrameworkError::kTextBytesMax);
  Bytes body(8 + 1000, std::byte{'t'});
  EXPECT_EQ(framework_error_of(error_response(5, body)).text.size(), FrameworkError::kTextBytesMax);
  body.resize(8 + FrameworkError::kTextBytesMax);
  EXPECT_EQ(framework_error_of(error_response(5, body)).text.size(), FrameworkError::kTextBytesMax);
}

// What reads answers takes both forms for the same: the number, and the text of plain version 1.
TEST(FrameworkError, IsAnAnsweredFailureWhoseTextIsPrintable) {
  FrameworkError error;
  error.ran = Ran::no;
  error.no_retry = true;
  error.retry_after = 3s;
  error.text = "full\n\x1b[2J\xff";
  const Bytes body = encode_body(error);
  const ResponseFrame frame = error_response(6, body);
  const std::optional<AnsweredFailure> failure = answered_failure(frame);
  ASSERT_TRUE(failure.has_value());
  EXPECT_EQ(failure->errc, Errc::overloaded);
  EXPECT_EQ(failure->ran, Ran::no);
  EXPECT_EQ(failure->detail, "full??[2J?");
  EXPECT_EQ(failure->retry_after, 3s);
  EXPECT_TRUE(failure->no_retry);
  EXPECT_EQ(ran(frame), Ran::no);
}

// CONTRACT 10, 13: an application's bytes that look the same prove nothing.
TEST(FrameworkError, AnApplicationsBytesAreNone) {
  const Bytes body = from_hex("0000000000000000");
  ResponseFrame frame = error_response(6, body);
  frame.head.flag = static_cast<std::uint8_t>(ResponseFlag::error_bytes);
  EXPECT_FALSE(answered_failure(frame).has_value());
  EXPECT_EQ(ran(frame), Ran::yes);
}

RC_GTEST_PROP(FrameworkError, SurvivesBeingSent, ()) {
  FrameworkError error;
  const auto code = *rc::gen::inRange<std::uint32_t>(1, 14);
  error.errc = kCodes.at(code);
  error.ran = *rc::gen::element(Ran::no, Ran::maybe, Ran::yes);
  error.no_retry = *rc::gen::arbitrary<bool>();
  error.retry_after = *rc::gen::arbitrary<std::uint32_t>() * 1ms;
  const std::string text = *rc::gen::container<std::string>(rc::gen::arbitrary<char>());
  error.text = std::string_view(text).substr(0, FrameworkError::kTextBytesMax);
  const Bytes body = encode_body(error);
  const FrameworkError read = framework_error_of(error_response(*code_of(error.errc), body));
  RC_ASSERT(read.errc == error.errc);
  RC_ASSERT(read.ran == error.ran);
  RC_ASSERT(read.no_retry == error.no_retry);
  RC_ASSERT(read.retry_after == error.retry_after);
  RC_ASSERT(read.text == error.text);
}

RC_GTEST_PROP(FrameworkError, OfAnyBytesStaysWithinItsLimits, ()) {
  const Bytes body = *rc::gen::container<Bytes>(
      rc::gen::map(rc::gen::arbitrary<std::uint8_t>(), [](std::uint8_t byte) { return std::byte{byte}; }));
  const FrameworkError error = framework_error_of(error_response(*rc::gen::arbitrary<std::uint32_t>(), body));
  RC_ASSERT(error.text.size() <= FrameworkError::kTextBytesMax);
  RC_ASSERT(error.retry_after >= 0ms && error.retry_after <= 0xffff'ffffll * 1ms);
  RC_ASSERT(!name_of(error.errc).empty() && !name_of(error.ran).empty());
  RC_ASSERT(body.size() >= 8 || error.ran == Ran::maybe);
}

}  // namespace
}  // namespace razor::wire
