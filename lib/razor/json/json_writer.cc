#include "razor/json/json_writer.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <vector>

#include "razor/base/format.h"
#include "razor/json/base64.h"
#include "razor/json/rfc3339.h"

namespace razor::json {
namespace {

using wire::Decoder;

class JsonWriter {
 public:
  JsonWriter(Decoder& from, wire::ByteSink& to) : from_(from), to_(to) {}

  void write_value() {
    switch (from_.next_kind()) {
      case Decoder::Kind::nil: from_.read_nil(); return put("null");
      case Decoder::Kind::boolean: return write_boolean();
      case Decoder::Kind::unsigned_integer: return write_unsigned();
      case Decoder::Kind::negative_integer: return write_negative();
      case Decoder::Kind::float32: return write_float();
      case Decoder::Kind::float64: return write_double();
      case Decoder::Kind::text: return write_text();
      case Decoder::Kind::binary: return write_binary();
      case Decoder::Kind::extension: return write_extension();
      case Decoder::Kind::array: return write_array();
      case Decoder::Kind::map: return write_map();
      case Decoder::Kind::none: break;
    }
    throw wire::EncodeError("json: what was encoded is not msgpack");
  }

 private:
  void put(std::string_view text) { to_.put(base::as_bytes(text)); }
  void check() const {
    if (!from_.ok()) throw wire::EncodeError("json: " + from_.error_message());
  }

  template <class Number>
  void put_number(Number number) {
    char text[32];
    const auto [end, error] = std::to_chars(text, text + sizeof(text), number);
    put({text, static_cast<std::size_t>(end - text)});
    const auto is_of_a_float = [](char c) { return c == '.' || c == 'e'; };
    if (std::is_floating_point_v<Number> && std::none_of(text, end, is_of_a_float)) put(".0");  // it stays a float
  }
  void put_marked(std::string_view mark, std::string_view value) {
    put("{\"$");
    put(mark);
    put("\":\"");
    put(value);
    put("\"}");
  }

  void write_boolean() {
    bool value = false;
    from_.read_bool(value);
    put(value ? "true" : "false");
  }
  void write_unsigned() {
    std::uint64_t value = 0;
    from_.read_unsigned(value, UINT64_MAX);
    check();
    put_number(value);
  }
  void write_negative() {
    std::int64_t value = 0;
    from_.read_signed(value, INT64_MIN, INT64_MAX);
    check();
    put_number(value);
  }
  // By way of double: the shortest text of a float is another double.
  void write_float() {
    float value = 0;
    from_.read_float(value);
    check();
    if (!std::isfinite(value)) return put_marked("float", base::format("{:08x}", std::bit_cast<std::uint32_t>(value)));
    put_number(static_cast<double>(value));
  }
  void write_double() {
    double value = 0;
    from_.read_double(value);
    check();
    if (!std::isfinite(value)) return put_marked("float", base::format("{:016x}", std::bit_cast<std::uint64_t>(value)));
    put_number(value);
  }
  void write_text() {
    std::string_view text;
    from_.read_text(text);
    check();
    put_text(text);
  }
  void put_text(std::string_view text) {
    if (is_plain(text)) {
      put("\"");
      put(text);
      return put("\"");
    }
    std::string quoted;
    try {
      quoted = nlohmann::json(text).dump();
    } catch (const nlohmann::json::type_error&) {  // not UTF-8
      return put_marked("text", base64_of(base::as_bytes(text)));
    }
    put(quoted);
  }
  void write_binary() {
    base::ByteView bytes;
    from_.read_binary(bytes);
    check();
    put_marked("bin", base64_of(bytes));
  }
  void write_extension() {
    Decoder as_time = from_;
    wire::Timestamp time;
    if (wire::read_timestamp(as_time, time)) {
      if (const auto text = text_of(time)) {
        from_ = as_time;
        return put_marked("time", *text);
      }
    }
    std::int8_t type = 0;
    base::ByteView bytes;
    from_.read_extension(type, bytes);
    check();
    put_marked("ext", base::format("{}:{}", int{type}, base64_of(bytes)));
  }

  void enter() {
    from_.enter();
    check();
  }
  void write_array() {
    std::uint32_t count = 0;
    from_.read_array(count);
    enter();
    put("[");
    for (std::uint32_t i = 0; i < count; ++i) {
      if (i > 0) put(",");
      write_value();
    }
    put("]");
    from_.leave();
  }
  void write_map() {
    const bool is_object = next_is_object();
    std::uint32_t count = 0;
    from_.read_map(count);
    enter();
    put(is_object ? "{" : "{\"$map\":[");
    for (std::uint32_t i = 0; i < count; ++i) {
      if (i > 0) put(",");
      if (!is_object) put("[");
      write_value();
      put(is_object ? ":" : ",");
      write_value();
      if (!is_object) put("]");
    }
    put(is_object ? "}" : "]}");
    from_.leave();
  }

  // Whether the map that comes next has a form as a JSON object of its own: texts as keys, each once, and not one of the
  // marked objects.
  bool next_is_object() const {
    Decoder ahead = from_;
    std::uint32_t count = 0;
    ahead.read_map(count);
    std::vector<std::string_view> keys;
    for (std::uint32_t i = 0; i < count; ++i) {
      std::string_view key;
      if (!ahead.next_is_text() || !ahead.read_text(key) || !is_utf8(key) || !ahead.skip()) return false;
      keys.push_back(key);
    }
    if (count == 1 && keys.front().starts_with('$')) return false;
    std::ranges::sort(keys);
    return std::ranges::adjacent_find(keys) == keys.end();
  }
  // Most texts are: printable ASCII that needs no escape.
  static bool is_plain(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~' && c != '"' && c != '\\'; });
  }
  static bool is_utf8(std::string_view text) {
    if (is_plain(text)) return true;
    try {
      return !nlohmann::json(text).dump().empty();
    } catch (const nlohmann::json::type_error&) {
      return false;
    }
  }

  Decoder& from_;
  wire::ByteSink& to_;
};

}  // namespace

void write_json(Decoder& from, wire::ByteSink& to) { JsonWriter(from, to).write_value(); }

}  // namespace razor::json
