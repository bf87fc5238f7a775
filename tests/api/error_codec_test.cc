// How errors of methods travel: without these rules a negative errno, a wide number or a text that looks like one of the
// framework's would reach the caller as something else (CONTRACT 10, 11).

#include <gtest/gtest.h>

#include <limits>

#include "razor/api/failover_rule.h"
#include "razor/api/reply_codec.h"
#include "tests/api/service_fixture.h"

namespace razor::api {
namespace {

wire::ResponseFrame number_answer(std::uint32_t number) {
  wire::ResponseFrame frame;
  frame.head.flag = static_cast<std::uint8_t>(wire::ResponseFlag::error_number);
  frame.head.msg_bytes_or_number = number;
  return frame;
}

wire::ResponseFrame bytes_answer(base::ByteView bytes) {
  wire::ResponseFrame frame;
  frame.head.flag = static_cast<std::uint8_t>(wire::ResponseFlag::error_bytes);
  frame.blob = bytes;
  return frame;
}

wire::ResponseFrame success_answer(base::ByteView msg) {
  wire::ResponseFrame frame;
  frame.msg = msg;
  return frame;
}

template <class E>
void expect_number_travels(E error) {
  static_assert(error_form<E>() == ErrorForm::number);
  const auto reply = reply_of<int, E>(number_answer(static_cast<std::uint32_t>(error)), "m");
  ASSERT_TRUE(reply.has_error());
  EXPECT_EQ(reply.error(), error);
}

TEST(ErrorCodec, KeepsTheSignAndTheWidthOfNumbers) {
  expect_number_travels<std::int32_t>(-1);
  expect_number_travels<std::int32_t>(std::numeric_limits<std::int32_t>::min());
  expect_number_travels<std::int32_t>(std::numeric_limits<std::int32_t>::max());
  expect_number_travels<std::uint32_t>(0xffff'ffff);
  expect_number_travels<std::int8_t>(-128);
  expect_number_travels<std::uint8_t>(255);
  expect_number_travels<std::int16_t>(-32'768);
  expect_number_travels<bool>(true);
  expect_number_travels(std::errc::invalid_argument);
  expect_number_travels(test::Color::blue);
}

TEST(ErrorCodec, RefusesANumberThatTheTypeCannotHold) {
  const auto reply = reply_of<int, std::int8_t>(number_answer(128), "m");
  EXPECT_EQ(reply.call_error().errc(), Errc::decode);
  EXPECT_EQ(reply.ran(), Ran::yes);
}

TEST(ErrorCodec, RefusesAnErrorThatTheMethodDoesNotDeclare) {
  EXPECT_EQ((reply_of<int, NoError>(number_answer(5), "m").call_error().errc()), Errc::decode);
  EXPECT_EQ((reply_of<int, NoError>(bytes_answer(as_bytes("text")), "m").call_error().errc()), Errc::decode);
  EXPECT_EQ((reply_of<int, std::string>(number_answer(5), "m").call_error().errc()), Errc::decode);
  EXPECT_EQ((reply_of<int, std::errc>(bytes_answer(as_bytes("text")), "m").call_error().errc()), Errc::decode);
  EXPECT_EQ((reply_of<int, Unit>(number_answer(1), "m").call_error().errc()), Errc::decode);
  EXPECT_EQ((reply_of<int, test::StoreError>(bytes_answer(as_bytes("text")), "m").call_error().errc()), Errc::decode);
}

TEST(ErrorCodec, TakesATextAsItIs) {
  EXPECT_EQ((reply_of<int, std::string>(bytes_answer(as_bytes("rpc_other")), "m").error()), "rpc_other");
  EXPECT_EQ((reply_of<int, std::string>(bytes_answer({}), "m").error()), "");
}

TEST(ErrorCodec, TakesAFrameworkTextAsAFailureThatMayHaveRun) {
  for (const Errc errc : wire::framework_errors()) {
    const auto reply = reply_of<int, std::string>(bytes_answer(as_bytes(wire::text_of(errc))), "m");
    ASSERT_TRUE(reply.has_call_error());
    EXPECT_EQ(reply.call_error().errc(), errc);
    EXPECT_EQ(reply.ran(), Ran::maybe);
  }
}

TEST(ErrorCodec, NeverTakesAMissingOrWrongResultForAValue) {
  const auto no_result = reply_of<int, NoError>(success_answer({}), "add");
  EXPECT_EQ(no_result.call_error().errc(), Errc::decode);
  EXPECT_EQ(no_result.ran(), Ran::yes);
  EXPECT_NE(no_result.call_error().detail().find("add"), std::string::npos);
  EXPECT_TRUE((reply_of<void, NoError>(success_answer({}), "m").has_call_error()));
  EXPECT_TRUE((reply_of<int, NoError>(success_answer(wire::encoded(std::string("1"))), "m").has_call_error()));
  EXPECT_TRUE((reply_of<void, NoError>(success_answer(wire::encoded(1)), "m").has_call_error()));
  base::Bytes trailing = wire::encoded(1);
  trailing.push_back(std::byte{0});
  EXPECT_TRUE((reply_of<int, NoError>(success_answer(trailing), "m").has_call_error()));
}

TEST(ErrorCodec, CarriesVariantsAndWideNumbersAsMsgpack) {
  const test::StoreError busy = test::Busy(7);
  const base::Bytes encoded = wire::encoded(busy);
  const auto reply = reply_of<int, test::StoreError>(bytes_answer(encoded), "m");
  EXPECT_EQ(std::get<test::Busy>(reply.error()).seconds, 7);
  const base::Bytes wide = wire::encoded(std::uint64_t{1} << 40);
  EXPECT_EQ((reply_of<int, std::uint64_t>(bytes_answer(wide), "m").error()), std::uint64_t{1} << 40);
}

}  // namespace
}  // namespace razor::api
