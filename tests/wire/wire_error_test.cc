// The texts of framework failures are fixed by the protocol: a peer compares them byte for byte. A text changed below
// would make a failure arrive as an error of the application.

#include "razor/wire/wire_error.h"

#include <gtest/gtest.h>

#include <map>

#include "razor/wire/encoder.h"

namespace razor::wire {
namespace {

using base::Errc;

const std::map<Errc, std::string_view> kTexts = {
    {Errc::unreachable, "rpc_unreachable"},
    {Errc::connection_lost, "rpc_io_err"},
    {Errc::deadline_exceeded, "rpc_timeout"},
    {Errc::method_not_found, "rpc_method_notfound"},
    {Errc::service_not_found, "rpc_service_notfound"},
    {Errc::encode, "rpc_encode"},
    {Errc::decode, "rpc_decode"},
    {Errc::internal, "rpc_internal_err"},
    {Errc::invalid_version, "rpc_invalid_ver"},
    {Errc::overloaded, "rpc_overloaded"},
    {Errc::draining, "rpc_draining"},
    {Errc::too_large, "rpc_too_large"},
};

TEST(TextOf, IsTheTextOfTheProtocol) {
  for (const auto& [errc, text] : kTexts) EXPECT_EQ(text_of(errc), text);
}

TEST(TextOf, WhatIsNeverSentWouldBeAnInternalError) {
  for (const Errc errc : {Errc::bad_frame, Errc::cancelled, Errc::closed, Errc::unsupported, Errc::denied}) {
    EXPECT_EQ(text_of(errc), "rpc_internal_err");
  }
}

TEST(ErrcOf, KnowsEveryTextAndNothingElse) {
  for (const auto& [errc, text] : kTexts) EXPECT_EQ(errc_of(text), errc);
  for (const std::string_view text : {"", "rpc_", "rpc_other", "rpc_timeout ", "rpc_timeou", "RPC_TIMEOUT", "timeout",
                                      " rpc_timeout", "division by zero"}) {
    EXPECT_EQ(errc_of(text), std::nullopt) << text;
  }
  EXPECT_EQ(errc_of(std::string_view("rpc_timeout\0", 12)), std::nullopt);
}

// The node of the tests answers "failure number n" by this order, as the reference's test server does.
TEST(FrameworkErrors, AreInTheOrderOfTheProtocol) {
  const std::string_view texts[] = {"rpc_unreachable",      "rpc_io_err",     "rpc_timeout",  "rpc_method_notfound",
                                    "rpc_service_notfound", "rpc_encode",     "rpc_decode",   "rpc_internal_err",
                                    "rpc_invalid_ver",      "rpc_overloaded", "rpc_draining", "rpc_too_large"};
  const auto errors = framework_errors();
  ASSERT_EQ(errors.size(), std::size(texts));
  for (std::size_t i = 0; i < std::size(texts); ++i) EXPECT_EQ(text_of(errors[i]), texts[i]);
}

ResponseFrame failure(std::string_view text, base::ByteView detail) {
  ResponseFrame frame;
  frame.head.flag = static_cast<std::uint8_t>(ResponseFlag::error_bytes);
  frame.head.msg_bytes_or_number = static_cast<std::uint32_t>(detail.size());
  frame.msg = detail;
  frame.blob = base::as_bytes(text);
  return frame;
}

TEST(AnsweredFailure, SaysWhatTheServerSays) {
  for (const base::Ran ran : {base::Ran::no, base::Ran::maybe, base::Ran::yes}) {
    const base::Bytes detail = encoded_detail(ran, "at byte 3");
    const auto answered = answered_failure(failure("rpc_decode", detail));
    ASSERT_TRUE(answered);
    EXPECT_EQ(answered->errc, Errc::decode);
    EXPECT_EQ(answered->ran, ran);
    EXPECT_EQ(answered->text(), "rpc_decode: at byte 3");
    EXPECT_EQ(wire::ran(failure("rpc_decode", detail)), ran);
  }
  const auto plain = answered_failure(failure("rpc_decode", {}));
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->ran, base::Ran::maybe);
  EXPECT_EQ(plain->text(), "rpc_decode");
}

// An error of the handler's, whatever stands beside it.
TEST(AnsweredFailure, IsOneOfTheFrameworksTextsOnly) {
  const base::Bytes detail = encoded_detail(base::Ran::no, "no");
  EXPECT_FALSE(answered_failure(failure("division by zero", detail)));
  EXPECT_EQ(wire::ran(failure("division by zero", detail)), base::Ran::yes);
  ResponseFrame success;
  success.msg = detail;
  success.blob = base::as_bytes("rpc_decode");
  EXPECT_FALSE(answered_failure(success));
}

TEST(AnsweredFailure, ADetailThatIsNoneSaysNothing) {
  const base::Bytes good = encoded_detail(base::Ran::no, "text");
  for (std::size_t cut = 1; cut < good.size(); ++cut) {
    const auto answered = answered_failure(failure("rpc_decode", base::ByteView(good).first(cut)));
    ASSERT_TRUE(answered);
    EXPECT_EQ(answered->ran, base::Ran::maybe) << cut;
    EXPECT_EQ(answered->detail, "") << cut;
  }
  base::Bytes unknown = good;
  unknown[1] = std::byte{3};
  EXPECT_EQ(wire::ran(failure("rpc_decode", unknown)), base::Ran::maybe);
}

// A parser that quotes what it does not understand quotes a stranger's bytes: a peer could not read them as a text, and a
// terminal would obey them.
TEST(AnsweredFailure, ADetailIsPrintable) {
  constexpr std::string_view kHostile = "at '\xff\x1b[2J\n\xc3\xbc.";
  EXPECT_EQ(printable(kHostile), "at '??[2J???.");
  const base::Bytes sent = encoded_detail(base::Ran::no, kHostile);
  EXPECT_EQ(answered_failure(failure("rpc_decode", sent))->detail, "at '??[2J???.");
  BytesSink sink;
  Encoder to(sink);
  to.put_array(2);
  to.put_unsigned(0);
  to.put_text(kHostile);
  EXPECT_EQ(answered_failure(failure("rpc_decode", sink.view()))->detail, "at '??[2J???.");
}

TEST(AnsweredFailure, ADetailIsBounded) {
  const std::string huge(1'000'000, 'x');
  EXPECT_LT(encoded_detail(base::Ran::no, huge).size(), kDetailBytesMax + 10);
  BytesSink sink;
  Encoder to(sink);
  to.put_array(2);
  to.put_unsigned(0);
  to.put_text(huge);
  const auto answered = answered_failure(failure("rpc_decode", sink.view()));
  ASSERT_TRUE(answered);
  EXPECT_EQ(answered->ran, base::Ran::no);
  EXPECT_EQ(answered->detail.size(), kDetailBytesMax);
}

}  // namespace
}  // namespace razor::wire
