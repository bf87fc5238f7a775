// What only peers say that began with a hello: hellos, framework errors, control frames of servers, extension blocks. The input: a
// byte that chooses, then the bytes of the body. What is read is within its limits, and comes back as the same; what is held
// meanwhile is in proportion to what has arrived.

#include "razor/wire/control_frame.h"
#include "razor/wire/extension.h"
#include "razor/wire/framework_error.h"
#include "razor/wire/hello.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/memory_meter.h"

namespace razor::fuzz {
namespace {

bool is_printable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
}

void hello(base::ByteView bytes) {
  const std::optional<wire::Hello> hello = wire::decode_hello(bytes);
  if (!hello) return;
  RAZOR_CHECK(bytes.size() <= wire::Hello::kBytesMax && hello->version > 0, "a hello of {} bytes", bytes.size());
  RAZOR_CHECK(hello->name.size() <= wire::Hello::kNameBytesMax && is_printable(hello->name), "a name of {} bytes",
              hello->name.size());
  RAZOR_CHECK(wire::decode_hello(wire::encode(*hello)) == hello, "a hello is another when it comes back");
}

// An error response of `flag`, whose body is `bytes`.
wire::ResponseFrame response(wire::ResponseFlag flag, std::uint32_t code, base::ByteView bytes) {
  wire::ResponseFrame frame;
  frame.head.flag = static_cast<std::uint8_t>(flag);
  frame.head.msg_bytes_or_number = code;
  frame.head.blob_bytes = static_cast<std::uint32_t>(bytes.size());
  frame.blob = bytes;
  return frame;
}

void framework_error(base::ByteView bytes) {
  Input input(bytes);
  const std::uint32_t code = input.byte();
  const auto of = [](std::uint32_t number, base::ByteView body) {
    return wire::framework_error_of(response(wire::ResponseFlag::framework_error, number, body));
  };
  const wire::FrameworkError error = of(code, input.rest());
  RAZOR_CHECK(error.text.size() <= wire::FrameworkError::kTextBytesMax, "a text of {} bytes", error.text.size());
  const base::Bytes body = wire::encode_body(error);
  const std::optional<std::uint32_t> known = wire::code_of(error.errc);
  RAZOR_CHECK(known && (*known == code || error.errc == base::Errc::internal), "the code {} is another", code);
  const wire::FrameworkError again = of(*known, body);
  RAZOR_CHECK(again.errc == error.errc && again.ran == error.ran && again.no_retry == error.no_retry &&
                  again.retry_after == error.retry_after && again.text == error.text,
              "an error is another when it comes back");
}

void server_control(base::ByteView bytes) {
  const auto control = wire::server_control_of(response(wire::ResponseFlag::error_bytes, 0, bytes));
  RAZOR_CHECK(control.has_value() == (bytes.size() >= wire::ServerControl::kBytes), "of {} bytes", bytes.size());
  if (!control) return;
  const auto frame = wire::control_response(*control);
  const auto again = wire::server_control_of(
      response(wire::ResponseFlag::error_bytes, 0, base::ByteView(frame).subspan(wire::kResponseHeadBytes)));
  RAZOR_CHECK(again == control, "a control frame is another when it comes back");
}

base::Bytes encoded(const wire::Extension& extension) {
  wire::BytesSink sink;
  const wire::MetadataFault fault =
      wire::encode_extension(sink, extension.trace ? &*extension.trace : nullptr, extension.metadata);
  RAZOR_CHECK(fault == wire::MetadataFault::none, "what was read cannot be sent");
  return std::move(sink).take();
}

void extension(base::ByteView block) {
  wire::Extension extension;
  {
    const MemoryMeter meter;
    const bool is_sound = wire::decode_extension(block, extension) == wire::ExtensionFault::none;
    // Two bytes of metadata may become an item of 40, of which there are not many.
    meter.expect_at_most(20 * static_cast<std::ptrdiff_t>(block.size()) + 64);
    if (!is_sound) return;
  }
  const base::Bytes bytes = encoded(extension);
  RAZOR_CHECK(bytes.size() <= 0xffff, "{} bytes do not fit the call word", bytes.size());
  wire::Extension again;
  RAZOR_CHECK(wire::decode_extension(bytes, again) == wire::ExtensionFault::none, "what was sent is not read");
  RAZOR_CHECK(encoded(again) == bytes, "a block is another when it comes back");
}

// Corpora hold places of this list: what is new comes last.
constexpr void (*kParts[])(base::ByteView) = {hello, framework_error, server_control, extension};

}  // namespace
}  // namespace razor::fuzz

RAZOR_FUZZ_TARGET(extended) {
  using namespace razor::fuzz;
  const auto part = kParts[input.below(std::size(kParts))];
  part(input.rest());
}
