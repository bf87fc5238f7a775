// Frames that only two peers send each other that began with a hello: derived from the rules of protocol.md, and built for
// golden.json by a program that shares nothing with this library. Each is produced here byte for byte, and read as what it says.
// Were a field laid out differently, a version of this library would not understand another.

#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>

#include "razor/wire/call_word.h"
#include "razor/wire/codec.h"
#include "razor/wire/control_frame.h"
#include "razor/wire/extension.h"
#include "razor/wire/frame_reader.h"
#include "razor/wire/frame_writer.h"
#include "razor/wire/framework_error.h"
#include "razor/wire/hello.h"
#include "tests/wire/bytes.h"

namespace razor::wire {
namespace {

using namespace std::chrono_literals;
using base::Bytes;
using base::ByteView;
using base::Errc;
using base::Ran;
using test::to_hex;

/// How a frame is built, and whether one that was read says the same.
template <class Frame>
struct GoldenFrame {
  std::function<Bytes()> build;
  std::function<void(const Frame&)> check;
};

template <class Head>
Bytes frame_bytes(const Head& head, ByteView body = {}) {
  constexpr bool is_request = std::is_same_v<Head, RequestHead>;
  Bytes bytes(is_request ? kRequestHeadBytes : kResponseHeadBytes);
  store_head(bytes.data(), head);
  return test::joined(bytes, body);
}

// --- Requests --------------------------------------------------------------------------------------------------------

Hello hello_with_all() {
  Hello hello;
  hello.features = 0x0f;
  hello.action_max = 256;
  hello.msg_max = 1 << 24;
  hello.blob_max = 1 << 26;
  hello.window = 1000;
  hello.instance = 0xfedc'ba98'7654'3210;
  hello.name = "node-7";
  return hello;
}

GoldenFrame<RequestFrame> client_hello(const Hello& hello) {
  const Bytes said = encode(hello);
  return {[said] { return frame_bytes(hello_head(1, said.size()), said); },
          [hello](const RequestFrame& frame) {
            EXPECT_EQ(control_kind(frame.head), ControlKind::hello);
            EXPECT_EQ(frame.head.seq, 1u);
            EXPECT_EQ(decode_hello(frame.blob), hello);
          }};
}

GoldenFrame<RequestFrame> control(const RequestHead& head, ControlKind kind) {
  return {[head] { return frame_bytes(head); },
          [head, kind](const RequestFrame& frame) {
            EXPECT_EQ(control_kind(frame.head), kind);
            EXPECT_EQ(frame.head.seq, head.seq);
            EXPECT_EQ(frame.head.client_id, head.client_id);
          }};
}

constexpr std::string_view kOneTwo = "\x92\x01\x02";  // the arguments 1 and 2

struct GoldenCall {
  Seq seq = 0;
  CallWord word;
  std::string_view msg = kOneTwo;
  std::uint8_t format_id = 0;
  Extension extension = {};
  std::string_view blob = {};
};

Bytes extension_block(const Extension& extension) {
  BytesSink sink;
  EXPECT_EQ(encode_extension(sink, extension.trace ? &*extension.trace : nullptr, extension.metadata), MetadataFault::none);
  return std::move(sink).take();
}

GoldenFrame<RequestFrame> extended_call(const GoldenCall& call) {
  const Action action("Calculator.add");
  return {[=] {
            const Bytes extension = extension_block(call.extension);
            BytesSink sink;
            begin_request(sink, action, extension);
            sink.put(base::as_bytes(call.msg));
            sink.put(base::as_bytes(call.blob));
            Bytes bytes = std::move(sink).take();
            RequestHead head;
            head.format = kCallWordBit | call.format_id;
            head.action = action_field(action);
            head.seq = call.seq;
            CallWord word = call.word;
            word.extension_bytes = static_cast<std::uint16_t>(extension.size());
            head.client_id = to_client_id(word);
            head.msg_bytes = static_cast<std::uint32_t>(call.msg.size());
            head.blob_bytes = static_cast<std::uint32_t>(call.blob.size());
            store_head(bytes.data(), head);
            return bytes;
          },
          [=](const RequestFrame& frame) {
            EXPECT_EQ(control_kind(frame.head), std::nullopt);
            EXPECT_TRUE(frame.head.has_call_word());
            CallWord word = call_word_of(frame.head.client_id);
            EXPECT_EQ(word.extension_bytes, frame.extension.size());
            word.extension_bytes = 0;
            EXPECT_EQ(word, call.word);
            Extension extension;
            EXPECT_EQ(decode_extension(frame.extension, extension), ExtensionFault::none);
            EXPECT_EQ(extension.trace, call.extension.trace);
            ASSERT_EQ(extension.metadata.size(), call.extension.metadata.size());
            EXPECT_EQ(to_hex(extension_block(extension)), to_hex(frame.extension));
            EXPECT_EQ(frame.head.format_id(), call.format_id);
            EXPECT_EQ(frame.head.seq, call.seq);
            EXPECT_EQ(frame.action, action);
            EXPECT_EQ(base::as_text(frame.msg), call.msg);
            EXPECT_EQ(base::as_text(frame.blob), call.blob);
          }};
}

Extension traced() {
  Extension extension;
  TraceContext& trace = extension.trace.emplace();
  std::ranges::copy(test::from_hex("0af7651916cd43dd8448eb211c80319c"), trace.trace_id.begin());
  std::ranges::copy(test::from_hex("b7ad6b7169203331"), trace.span_id.begin());
  trace.flags = 1;
  return extension;
}
Extension with_all() {
  static const Bytes key = test::from_hex("00ff");
  Extension extension = traced();
  extension.trace->tracestate = "vendor=1";
  extension.metadata = {{"user", "ada"}, {"key", key}};
  return extension;
}

CallWord word_of(base::Duration left, std::uint8_t attempt, int flags) {
  CallWord word;
  word.left = time_left_field(left);
  word.attempt = attempt;
  word.flags = static_cast<std::uint8_t>(flags);
  return word;
}

const std::map<std::string, GoldenFrame<RequestFrame>>& requests() {
  constexpr int kCritical = static_cast<int>(Criticality::critical) << CallWord::kCriticalityShift;
  constexpr int kBackground = static_cast<int>(Criticality::background) << CallWord::kCriticalityShift;
  static const std::map<std::string, GoldenFrame<RequestFrame>> all = {
      {"hello", client_hello({})},
      {"hello_with_all", client_hello(hello_with_all())},
      {"call", extended_call({2, word_of(2s, 0, CallWord::kIdempotent)})},
      {"call_without_deadline", extended_call({3, {}})},
      {"call_of_json", extended_call({4, word_of(100us, 255, CallWord::kHedge | kCritical), "[1,2]", 1})},
      {"call_with_trace", extended_call({5, word_of(2s, 1, 0), kOneTwo, 0, traced()})},
      {"call_with_all", extended_call({6, word_of(2s, 0, kBackground), kOneTwo, 0, with_all(), "blob"})},
      {"cancel", control(cancel_head(2), ControlKind::cancel)},
      {"drained", control(drained_head(7), ControlKind::drained)},
      {"prompt_ping", control(ping_head(0, 8), ControlKind::prompt_ping)},
  };
  return all;
}

// --- Responses -------------------------------------------------------------------------------------------------------

GoldenFrame<ResponseFrame> server_hello(const Hello& hello) {
  const Bytes said = encode(hello);
  return {[said] {
            ResponseHead head = pong_head(1);
            head.blob_bytes = static_cast<std::uint32_t>(said.size());
            return frame_bytes(head, said);
          },
          [hello](const ResponseFrame& frame) {
            EXPECT_EQ(frame.head.flag, static_cast<std::uint8_t>(ResponseFlag::success));
            EXPECT_EQ(frame.head.seq, 1u);
            EXPECT_TRUE(frame.msg.empty());
            EXPECT_EQ(decode_hello(frame.blob), hello);
          }};
}

GoldenFrame<ResponseFrame> failure(Seq seq, const FrameworkError& error) {
  return {[=] {
            const Bytes body = encode_body(error);
            ResponseHead head;
            head.flag = static_cast<std::uint8_t>(ResponseFlag::framework_error);
            head.msg_bytes_or_number = *code_of(error.errc);
            head.seq = seq;
            head.blob_bytes = static_cast<std::uint32_t>(body.size());
            return frame_bytes(head, body);
          },
          [=](const ResponseFrame& frame) {
            ASSERT_EQ(frame.head.flag, static_cast<std::uint8_t>(ResponseFlag::framework_error));
            EXPECT_EQ(frame.head.seq, seq);
            EXPECT_TRUE(frame.msg.empty());
            const FrameworkError read = framework_error_of(frame);
            EXPECT_EQ(read.errc, error.errc);
            EXPECT_EQ(read.ran, error.ran);
            EXPECT_EQ(read.no_retry, error.no_retry);
            EXPECT_EQ(read.retry_after, error.retry_after);
            EXPECT_EQ(read.text, error.text);
          }};
}
FrameworkError error_of(Errc errc, Ran ran) {
  FrameworkError error;
  error.errc = errc;
  error.ran = ran;
  return error;
}
FrameworkError overloaded() {
  FrameworkError error = error_of(Errc::overloaded, Ran::no);
  error.retry_after = 250ms;
  error.text = "1000 handlers run";
  return error;
}
FrameworkError cancelled() {
  FrameworkError error = error_of(Errc::cancelled, Ran::yes);
  error.no_retry = true;
  return error;
}

GoldenFrame<ResponseFrame> drain(ServerControl::Kind kind, ServerControl::Reason reason, std::uint32_t milliseconds,
                                 Seq last) {
  ServerControl control;
  control.kind = static_cast<std::uint8_t>(kind);
  control.reason = static_cast<std::uint8_t>(reason);
  control.amount = milliseconds;
  control.seq = last;
  return {[control] {
            const auto frame = control_response(control);
            return Bytes(frame.begin(), frame.end());
          },
          [control](const ResponseFrame& frame) { EXPECT_EQ(server_control_of(frame), control); }};
}

const std::map<std::string, GoldenFrame<ResponseFrame>>& responses() {
  using Kind = ServerControl::Kind;
  using Reason = ServerControl::Reason;
  static const std::map<std::string, GoldenFrame<ResponseFrame>> all = {
      {"hello", server_hello({})},
      {"hello_with_all", server_hello(hello_with_all())},
      {"error_did_not_run", failure(2, overloaded())},
      {"error_may_have_run", failure(3, error_of(Errc::internal, Ran::maybe))},
      {"error_ran", failure(4, cancelled())},
      {"drain_soon", drain(Kind::drain_soon, Reason::shutdown, 5000, 0)},
      {"drain_now", drain(Kind::drain_now, Reason::max_age, 1000, 7)},
  };
  return all;
}

// --- Tests -----------------------------------------------------------------------------------------------------------

std::map<std::string, Bytes> golden_frames(std::string_view channel) {
  std::ifstream file(std::string(RAZOR_WIRE_TEST_DATA) + "/golden.json");
  std::map<std::string, Bytes> frames;
  const nlohmann::json json = nlohmann::json::parse(file);
  for (const auto& frame : json["extended"]) {
    if (frame["channel"] == channel) frames.emplace(frame["name"], test::from_hex(frame["frame"].get<std::string>()));
  }
  return frames;
}

template <class Frame>
void expect_all(const std::map<std::string, GoldenFrame<Frame>>& known, std::string_view channel) {
  const std::map<std::string, Bytes> frames = golden_frames(channel);
  EXPECT_EQ(frames.size(), known.size());
  for (const auto& [name, bytes] : frames) {
    SCOPED_TRACE(name);
    ASSERT_TRUE(known.contains(name));
    EXPECT_EQ(to_hex(known.at(name).build()), to_hex(bytes));

    FrameReader<Frame> reader({});
    reader.extend();
    const base::MutableBytes room = reader.prepare();
    ASSERT_GE(room.size(), bytes.size());
    std::ranges::copy(bytes, room.begin());
    reader.commit(bytes.size());
    ASSERT_EQ(reader.next(), FrameReader<Frame>::Found::frame);
    EXPECT_EQ(reader.partial_bytes(), 0u) << "bytes are left over";
    known.at(name).check(reader.frame());
  }
}

TEST(GoldenExtended, RequestsAreBuiltAndRead) { expect_all(requests(), "request"); }
TEST(GoldenExtended, ResponsesAreBuiltAndRead) { expect_all(responses(), "response"); }

}  // namespace
}  // namespace razor::wire
