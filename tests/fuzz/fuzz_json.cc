// Messages in JSON. The input: a byte, then, where it is even, a text that a peer sends; else a message of msgpack that is
// to be said in JSON. What is read is said as a text that reads as the same, and is said as the same text again.

#include "razor/json/json_format.h"
#include "razor/wire/codec.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/memory_meter.h"

namespace razor::fuzz {
namespace {

// A `[` of one byte takes 8 bytes, and a level of the parser 16; a text is held once by the parser and once as a value.
constexpr std::ptrdiff_t kHeldForEachByte = 64;
constexpr std::ptrdiff_t kHeldForNothing = 16'384;

std::string said(base::ByteView values) {
  wire::BytesSink text;
  wire::translate(json_format(), values, text);
  return std::string(base::as_text(text.view()));
}

base::Bytes read(std::string_view text) {
  base::Bytes values;
  try {
    wire::translated(json_format(), base::as_bytes(text), values);
  } catch (const std::exception& error) {
    RAZOR_CHECK(false, "{} is what was said, and is not JSON: {}", text, error.what());
  }
  return values;
}

// `values` were said as `text`.
void check_text(std::string_view text) {
  for (const char c : text) RAZOR_CHECK(static_cast<unsigned char>(c) >= 0x20, "a control character in {}", text);
  const std::string again = said(read(text));
  RAZOR_CHECK(again == text, "{} is said as {}", text, again);
}

void read_text(base::ByteView text) {
  base::Bytes values;
  {
    const MemoryMeter meter;
    bool is_json = true;
    try {
      wire::translated(json_format(), text, values);
    } catch (const DecodeError& error) {
      RAZOR_CHECK(std::string_view(error.what()).size() < 2000, "it says in {} bytes what is wrong",
                  std::string_view(error.what()).size());
      is_json = false;
    }
    meter.expect_at_most(kHeldForNothing + kHeldForEachByte * static_cast<std::ptrdiff_t>(text.size()));
    if (!is_json) return;
  }
  check_text(said(values));
}

void say_values(base::ByteView values) {
  std::string text;
  try {
    text = said(values);
  } catch (const DecodeError&) {
    return;  // no msgpack
  } catch (const EncodeError&) {
    return;
  }
  check_text(text);
}

}  // namespace
}  // namespace razor::fuzz

RAZOR_FUZZ_TARGET(json) {
  if (input.below(2) == 0) {
    razor::fuzz::read_text(input.rest());
  } else {
    razor::fuzz::say_values(input.rest());
  }
}
