// Frames that were captured from the reference implementation, and frames that follow from its rules for types that no captured
// service has. Were a head laid out differently, a value encoded in another form, or an error sent in another way, a frame built
// here would differ from the golden one.

#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <system_error>

#include "razor/wire/codec.h"
#include "razor/wire/frame_reader.h"
#include "razor/wire/frame_writer.h"
#include "razor/wire/output_buffer.h"
#include "razor/wire/wire_error.h"
#include "tests/wire/bytes.h"

namespace razor::wire {
namespace {

using base::Bytes;
using base::ByteView;
using test::from_hex;
using test::to_hex;

// --- The types of the services that were captured --------------------------------------------------------------------

struct NoSuchFile {
  RAZOR_UNIT(NoSuchFile)
};
struct TooMany {
  std::uint32_t count = 0;
  RAZOR_NEWTYPE(TooMany, count)
  bool operator==(const TooMany&) const = default;
};
using CustomError = std::variant<NoSuchFile, TooMany>;
struct Marker {
  RAZOR_UNIT(Marker)
};

struct OpenRequest {
  std::string path;
  RAZOR_FIELDS(OpenRequest, path)
  bool operator==(const OpenRequest&) const = default;
};
struct IoRequest {
  std::uint64_t inode = 0;
  std::int64_t offset = 0;
  std::uint64_t len = 0;
  RAZOR_FIELDS(IoRequest, inode, offset, len)
  bool operator==(const IoRequest&) const = default;
};
struct IoResponse {
  std::uint64_t ret_size = 0;
  RAZOR_FIELDS(IoResponse, ret_size)
  bool operator==(const IoResponse&) const = default;
};

// --- The types of the frames that were derived -----------------------------------------------------------------------

using namespace std::chrono_literals;
using Time = std::chrono::sys_time<std::chrono::nanoseconds>;

enum class Priority { low, high };
RAZOR_ENUM(Priority, RAZOR_ENUMERATOR_AS(low, "Low"), RAZOR_ENUMERATOR_AS(high, "High"))

struct Nothing {
  RAZOR_UNIT(Nothing)
};
struct UserId {
  std::uint64_t id = 0;
  RAZOR_NEWTYPE(UserId, id)
  bool operator==(const UserId&) const = default;
};
struct Rgb {
  std::uint8_t r = 0, g = 0, b = 0;
  RAZOR_TUPLE(Rgb, r, g, b)
  bool operator==(const Rgb&) const = default;
};
struct Point {
  int x = 0;
  int y = 0;
  RAZOR_FIELDS(Point, x, y)
  bool operator==(const Point&) const = default;
};
using Shape = std::variant<Nothing, UserId, Rgb, Point>;
struct Ok {
  std::uint32_t value = 0;
  RAZOR_NEWTYPE(Ok, value)
  bool operator==(const Ok&) const = default;
};
struct Err {
  std::string why;
  RAZOR_NEWTYPE(Err, why)
  bool operator==(const Err&) const = default;
};
struct Pair {
  int number = 0;
  std::string text;
  RAZOR_TUPLE(Pair, number, text)
  bool operator==(const Pair&) const = default;
};
struct Item {
  std::uint32_t id = 0;
  std::string name;
  RAZOR_FIELDS(Item, id, name)
  bool operator==(const Item&) const = default;
};
struct Job {
  std::uint32_t id = 0;
  std::uint32_t retries = 0;
  RAZOR_FIELDS(Job, id, RAZOR_DEFAULTED(retries))
  bool operator==(const Job&) const = default;
};
struct Owned {
  std::uint32_t id = 0;
  std::optional<std::string> owner;
  RAZOR_FIELDS(Owned, id, owner)
  bool operator==(const Owned&) const = default;
};
struct Person {
  std::string full_name;
  RAZOR_FIELDS(Person, RAZOR_RENAMED(name, full_name))
  bool operator==(const Person&) const = default;
};

// --- What was sent, in C++ -------------------------------------------------------------------------------------------

using Encode = std::function<void(Encoder&)>;
/// Decodes and compares with the value that is expected.
using Check = std::function<bool(ByteView)>;

struct Message {
  Encode encode = [](Encoder&) {};
  Check check = [](ByteView bytes) { return bytes.empty(); };
};

struct Call {
  Action action = kPing;
  Message message;
  std::string blob;
};

struct Answer {
  ResponseFlag flag = ResponseFlag::success;
  std::uint32_t number = 0;
  Message body;
};

template <class T>
Message message_of(const T& value) {
  return {[value](Encoder& to) { encode(to, value); },
          [value](ByteView bytes) {
            T decoded{};
            return decode_whole(bytes, decoded) && decoded == value;
          }};
}

template <class... Args>
Call call(std::string_view action, const Args&... args) {
  Message message{[=](Encoder& to) { encode_parameters(to, args...); },
                  [=](ByteView bytes) {
                    std::tuple<Args...> decoded;
                    Decoder from(bytes);
                    return decode_parameters(from, decoded) && from.finish() && decoded == std::tuple<Args...>(args...);
                  }};
  return {Action(action), std::move(message), {}};
}

template <class T>
Call task(std::uint32_t action, const T& message, std::string blob = {}) {
  return {Action(action), message_of(message), std::move(blob)};
}

Call ping(std::string blob = {}) { return {kPing, {}, std::move(blob)}; }

template <class T>
Answer result(const T& value) {
  return {ResponseFlag::success, 0, message_of(value)};
}
Answer nothing() { return {}; }
Answer number(std::uint32_t number) { return {ResponseFlag::error_number, number, {}}; }
Answer text(std::string_view text) {
  return {ResponseFlag::error_bytes,
          0,
          {[text](Encoder& to) { to.sink().put(base::as_bytes(text)); },
           [text](ByteView bytes) { return base::as_text(bytes) == text; }}};
}
template <class T>
Answer error(const T& value) {
  return {ResponseFlag::error_bytes, 0, message_of(value)};
}
Answer failure(base::Errc errc) {
  EXPECT_EQ(errc_of(text_of(errc)), errc);
  return text(text_of(errc));
}

struct Exchange {
  Call call;
  Answer answer;
};

/// Asks for `value`, and gets it.
template <class T>
Exchange echo(const T& value) {
  return {call("TypesService.echo", value), result(value)};
}

#define SERVICE "CalculatorService."

const std::map<std::string, Exchange>& exchanges() {
  using base::Errc;
  using std::string;
  const std::vector<std::uint8_t> one_two_200 = {1, 2, 200};
  static const std::map<string, Exchange> all = {
      {"api/add_ok", {call(SERVICE "add", 10, 20), result(30)}},
      {"api/add_unit_err", {call(SERVICE "add", INT32_MAX, 1), number(0)}},
      {"api/div_ok", {call(SERVICE "div", 10, 2), result(5)}},
      {"api/div_error_string", {call(SERVICE "div", 10, 0), text("division by zero")}},
      {"api/errno_ok", {call(SERVICE "might_fail_with_errno", 21), result(42)}},
      {"api/errno_error",
       {call(SERVICE "might_fail_with_errno", -1), number(static_cast<std::uint32_t>(std::errc::invalid_argument))}},
      {"api/echo_string", {call(SERVICE "echo", string("hello")), result(string("hello"))}},
      {"api/echo_bytes_vec_u8", {call(SERVICE "echo_bytes", one_two_200), result(one_two_200)}},
      {"api/noop_unit", {call(SERVICE "noop"), result(Unit())}},
      {"api/fail_i32_42", {call(SERVICE "fail_i32", 42), number(42)}},
      {"api/fail_str_empty", {call(SERVICE "fail_str", string()), text("")}},
      {"api/fail_str_rpc_timeout", {call(SERVICE "fail_str", string("rpc_timeout")), text("rpc_timeout")}},
      {"api/fail_str_rpc_other", {call(SERVICE "fail_str", string("rpc_other")), text("rpc_other")}},
      {"api/custom_err_unit_variant", {call(SERVICE "fail_custom", 0), error(CustomError(NoSuchFile()))}},
      {"api/int_rpc_unreachable", {call(SERVICE "fail_internal", 0), failure(Errc::unreachable)}},
      {"api/int_rpc_io_err", {call(SERVICE "fail_internal", 1), failure(Errc::connection_lost)}},
      {"api/int_rpc_timeout", {call(SERVICE "fail_internal", 2), failure(Errc::deadline_exceeded)}},
      {"api/int_rpc_method_notfound", {call(SERVICE "fail_internal", 3), failure(Errc::method_not_found)}},
      {"api/int_rpc_service_notfound", {call(SERVICE "fail_internal", 4), failure(Errc::service_not_found)}},
      {"api/int_rpc_decode", {call(SERVICE "fail_internal", 6), failure(Errc::decode)}},
      {"api/int_rpc_internal_err", {call(SERVICE "fail_internal", 7), failure(Errc::internal)}},
      {"api/int_rpc_invalid_ver", {call(SERVICE "fail_internal", 8), failure(Errc::invalid_version)}},
      {"api/unknown_method", {call(SERVICE "nope", 1, 2), failure(Errc::method_not_found)}},
      {"api/unknown_service", {call("NoSuchService.add", 1, 2), failure(Errc::service_not_found)}},
      {"api/action_without_dot", {call("nodot", 1, 2), failure(Errc::decode)}},
      {"api/wrong_arg_type", {call(SERVICE "add", string("str")), failure(Errc::decode)}},
      {"api/wrong_err_type", {call(SERVICE "div", 1, 0), text("division by zero")}},
      {"api/ping_0", {ping(), nothing()}},
      {"api/ping_1", {ping(), nothing()}},
      {"api/unit_struct", {call(SERVICE "echo_unit", Marker()), result(Marker())}},
      {"api/method_with_a_dot", {call(SERVICE "add.x", 1, 2), failure(Errc::method_not_found)}},
      {"stream/ping_0", {ping(), nothing()}},
      {"stream/open_ok", {task(1, OpenRequest("/tmp/test_file.txt")), nothing()}},
      {"stream/open_enoent", {task(1, OpenRequest("/nofile")), number(ENOENT)}},
      {"stream/open_handler_err", {task(1, OpenRequest("/err")), failure(Errc::decode)}},
      {"stream/read_no_blob", {task(2, IoRequest(0, 4096, 16)), result(IoResponse(16))}},
      {"stream/write_req_blob", {task(3, IoRequest(1, std::int64_t{1} << 40, 12), "hello blob!\n"), result(IoResponse(12))}},
      {"stream/unknown_action_99", {task(99, OpenRequest("/x")), failure(Errc::decode)}},
      {"stream/ping_1", {ping(), nothing()}},
      {"stream/ping_with_blob", {ping("\xab\xcd\xef"), nothing()}},

      {"types/enum_of_units", echo(Priority::high)},
      {"types/unit_variant", echo(Shape(Nothing()))},
      {"types/newtype_variant", echo(Shape(UserId(7)))},
      {"types/tuple_variant", echo(Shape(Rgb(1, 2, 200)))},
      {"types/struct_variant", echo(Shape(Point(1, -1)))},
      {"types/variants_in_a_vec", echo(std::vector<Shape>{Nothing(), UserId(300)})},
      {"types/result", echo(std::variant<Ok, Err>(Err("no")))},
      {"types/newtype_struct", echo(UserId(std::uint64_t{1} << 40))},
      {"types/tuple_struct", echo(Pair(-33, "a"))},
      {"types/tuple", echo(std::tuple<int, bool, double>(-129, true, 0.5))},
      {"types/option_some", echo(std::optional<std::uint32_t>(5))},
      {"types/option_none", echo(std::optional<std::uint32_t>())},
      {"types/option_of_a_struct_in_a_vec", echo(std::vector<std::optional<Item>>{Item(1, "a"), std::nullopt})},
      {"types/map", echo(std::map<string, std::uint32_t>{{"a", 1}, {"b", 300}})},
      {"types/map_with_integer_keys", echo(std::map<int, bool>{{-1, true}})},
      {"types/bytes", echo(from_hex("00ff"))},
      {"types/f32", echo(1.5f)},
      {"types/u64", echo(UINT64_MAX)},
      {"types/i64", echo(INT64_MIN)},
      {"types/timestamp_32", echo(Time(1s))},
      {"types/timestamp_64", echo(Time(1s + 1ns))},
      {"types/timestamp_96", echo(Time(-1s))},
      {"types/two_parameters",
       {call("TypesService.echo2", Priority::low, std::optional<std::uint32_t>()), result(std::optional<std::uint32_t>())}},
      {"types/default_left_out", echo(Job(7, 0))},
      {"types/none_left_out", echo(Owned(7, std::nullopt))},
      {"types/renamed", echo(Person("Ada"))},
      {"types/error_struct_variant", {call("TypesService.fail"), error(Shape(Point(2, 3)))}},
      {"types/error_newtype_variant", {call("TypesService.fail"), error(Shape(UserId(7)))}},
  };
  return all;
}

// --- The frames -----------------------------------------------------------------------------------------------

struct GoldenCase {
  std::string name;  // "api/add_ok"
  Bytes request;
  Bytes response;
  /// What ours sends instead, where the reference leaves something out.
  Bytes request_of_ours;
  Bytes response_of_ours;
};
void PrintTo(const GoldenCase& golden, std::ostream* out) { *out << golden.name; }

std::vector<GoldenCase> golden_cases() {
  std::ifstream file(std::string(RAZOR_WIRE_TEST_DATA) + "/golden.json");
  std::vector<GoldenCase> cases;
  const nlohmann::json json = nlohmann::json::parse(file);
  for (const char* list : {"cases", "derived"}) {
    for (const auto& frames : json[list]) {
      const auto text = [&](const char* key) { return frames[key].get<std::string>(); };
      const auto text_or = [&](const char* key, const char* instead) { return text(frames.contains(key) ? key : instead); };
      cases.push_back({text("channel") + "/" + text("name"), from_hex(text("request")), from_hex(text("response")),
                       from_hex(text_or("request_of_ours", "request")), from_hex(text_or("response_of_ours", "response"))});
    }
  }
  return cases;
}

class Golden : public testing::TestWithParam<GoldenCase> {
 protected:
  const GoldenCase& golden() const { return GetParam(); }
  const Exchange& exchange() const { return exchanges().at(golden().name); }
};

/// The one frame that `bytes` are; it lives as long as `reader`.
template <class Frame>
const Frame& only_frame(FrameReader<Frame>& reader, const Bytes& bytes) {
  const base::MutableBytes room = reader.prepare();
  RAZOR_CHECK(room.size() >= bytes.size(), "a captured frame of {} bytes", bytes.size());
  std::memcpy(room.data(), bytes.data(), bytes.size());
  reader.commit(bytes.size());
  EXPECT_EQ(reader.next(), FrameReader<Frame>::Found::frame);
  EXPECT_EQ(reader.partial_bytes(), 0u) << "bytes are left over";
  return reader.frame();
}

/// All that `buffer` would write.
Bytes written(const OutputBuffer& buffer) {
  std::array<ByteView, 4> views;
  Bytes all;
  for (std::size_t i = 0, count = buffer.gather(views); i < count; ++i) {
    all.insert(all.end(), views[i].begin(), views[i].end());
  }
  EXPECT_EQ(all.size(), buffer.queued());
  return all;
}

// --- Tests -----------------------------------------------------------------------------------------------------------

TEST_P(Golden, RequestIsRead) {
  RequestReader reader({});
  const RequestFrame& frame = only_frame(reader, golden().request);
  EXPECT_EQ(frame.action, exchange().call.action);
  EXPECT_EQ(frame.head.is_ping(), exchange().call.action == kPing);
  EXPECT_EQ(frame.head.format, 0);
  EXPECT_EQ(frame.head.client_id, 0u);
  EXPECT_GT(frame.head.seq, 0u);
  EXPECT_EQ(base::as_text(frame.blob), exchange().call.blob);
  EXPECT_TRUE(exchange().call.message.check(frame.msg)) << to_hex(frame.msg);
}

TEST_P(Golden, RequestIsBuilt) {
  const Call& call = exchange().call;
  OutputBuffer buffer;
  buffer.begin_frame();
  begin_request(buffer, call.action);
  const std::size_t head_and_name = buffer.frame().size();
  Encoder to(buffer);
  call.message.encode(to);
  RequestHead head;
  head.action = action_field(call.action);
  head.seq = load_request_head(golden().request.data()).seq;
  head.msg_bytes = static_cast<std::uint32_t>(buffer.frame().size() - head_and_name);
  head.blob_bytes = static_cast<std::uint32_t>(call.blob.size());
  store_head(buffer.frame().data(), head);
  buffer.end_frame();
  buffer.append_owned(base::to_bytes(base::as_bytes(call.blob)));
  EXPECT_EQ(to_hex(written(buffer)), to_hex(golden().request_of_ours));
}

TEST_P(Golden, ResponseIsRead) {
  ResponseReader reader({});
  const ResponseFrame& frame = only_frame(reader, golden().response);
  const Answer& answer = exchange().answer;
  EXPECT_EQ(frame.head.seq, load_request_head(golden().request.data()).seq);
  ASSERT_EQ(frame.head.flag, static_cast<std::uint8_t>(answer.flag));
  if (answer.flag == ResponseFlag::error_number) {
    EXPECT_EQ(frame.head.msg_bytes_or_number, answer.number);
  }
  const bool is_error = answer.flag == ResponseFlag::error_bytes;
  EXPECT_TRUE(answer.body.check(is_error ? frame.blob : frame.msg));
  EXPECT_TRUE((is_error ? frame.msg : frame.blob).empty());
}

TEST_P(Golden, ResponseIsBuilt) {
  const Answer& answer = exchange().answer;
  OutputBuffer buffer;
  buffer.begin_frame();
  begin_response(buffer);
  Encoder to(buffer);
  answer.body.encode(to);
  const auto body_bytes = static_cast<std::uint32_t>(buffer.frame().size() - kResponseHeadBytes);
  ResponseHead head;
  head.flag = static_cast<std::uint8_t>(answer.flag);
  head.seq = load_request_head(golden().request.data()).seq;
  switch (answer.flag) {
    case ResponseFlag::success: head.msg_bytes_or_number = body_bytes; break;
    case ResponseFlag::error_number: head.msg_bytes_or_number = answer.number; break;
    case ResponseFlag::error_bytes: head.blob_bytes = body_bytes; break;
    case ResponseFlag::framework_error: FAIL() << "plain version 1 has none";
  }
  store_head(buffer.frame().data(), head);
  buffer.end_frame();
  EXPECT_EQ(to_hex(written(buffer)), to_hex(golden().response_of_ours));
}

INSTANTIATE_TEST_SUITE_P(Frames, Golden, testing::ValuesIn(golden_cases()), [](const auto& info) {
  std::string name = info.param.name;
  std::replace(name.begin(), name.end(), '/', '_');
  return name;
});

TEST(GoldenCases, AreAllKnownHere) {
  std::set<std::string> golden_names;
  for (const GoldenCase& golden : golden_cases()) golden_names.insert(golden.name);
  std::set<std::string> known;
  for (const auto& [name, exchange] : exchanges()) known.insert(name);
  EXPECT_EQ(golden_names, known);
}

}  // namespace
}  // namespace razor::wire
