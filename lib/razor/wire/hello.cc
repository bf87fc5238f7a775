#include "razor/wire/hello.h"

#include <array>
#include <limits>
#include <string_view>

#include "razor/wire/decoder.h"
#include "razor/wire/encoder.h"
#include "razor/wire/wire_error.h"

namespace razor::wire {
namespace {

struct Number {
  std::string_view key;
  std::uint64_t Hello::* field;
};

constexpr std::array kNumbers = {
    Number{"v", &Hello::version},         Number{"features", &Hello::features}, Number{"action_max", &Hello::action_max},
    Number{"msg_max", &Hello::msg_max},   Number{"blob_max", &Hello::blob_max}, Number{"window", &Hello::window},
    Number{"instance", &Hello::instance},
};
constexpr std::string_view kName = "name";

bool read_value(Decoder& from, std::string_view key, Hello& hello) {
  for (const Number& number : kNumbers) {
    if (key == number.key) return from.read_unsigned(hello.*number.field, std::numeric_limits<std::uint64_t>::max());
  }
  if (key != kName) return from.skip();
  std::string_view name;
  if (!from.read_text(name)) return false;
  hello.name = printable(name.substr(0, Hello::kNameBytesMax));
  return true;
}

}  // namespace

base::Bytes encode(const Hello& hello) {
  std::size_t count = hello.name.empty() ? 0 : 1;
  for (const Number& number : kNumbers) count += hello.*number.field != 0 ? 1 : 0;
  BytesSink sink;
  Encoder to(sink);
  to.put_map(count);
  for (const Number& number : kNumbers) {
    if (hello.*number.field == 0) continue;
    to.put_text(number.key);
    to.put_unsigned(hello.*number.field);
  }
  if (!hello.name.empty()) {
    to.put_text(kName);
    to.put_text(std::string_view(hello.name).substr(0, Hello::kNameBytesMax));
  }
  return std::move(sink).take();
}

std::optional<Hello> decode_hello(base::ByteView bytes) {
  if (bytes.empty() || bytes.size() > Hello::kBytesMax) return std::nullopt;
  Decoder from(bytes);
  Hello hello;
  hello.version = 0;
  std::uint32_t count = 0;
  if (!from.read_map(count)) return std::nullopt;
  for (std::uint32_t i = 0; i < count; ++i) {
    std::string_view key;
    if (!from.read_text(key) || !read_value(from, key, hello)) return std::nullopt;
  }
  if (!from.finish() || hello.version == 0) return std::nullopt;
  return hello;
}

}  // namespace razor::wire
