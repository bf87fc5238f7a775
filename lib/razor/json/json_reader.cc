#include "razor/json/json_reader.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <deque>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "razor/base/format.h"
#include "razor/json/base64.h"
#include "razor/json/rfc3339.h"
#include "razor/wire/wire_error.h"
#include "razor/wire/wire_format.h"

// nlohmann-json reads the text twice, and tells each time what it meets. The first time the members of arrays and objects are
// counted, which msgpack wants to know in front of them; the second time everything is put. No tree is built.

namespace razor::json {
namespace {

using Json = nlohmann::json;

// The value that an object stands for whose one member has a name with `$` in front.
enum class Mark : std::uint8_t { none, bin, time, ext, floating, text, map };

Mark mark_of(std::string_view key) {
  if (key == "$bin") return Mark::bin;
  if (key == "$time") return Mark::time;
  if (key == "$ext") return Mark::ext;
  if (key == "$float") return Mark::floating;
  if (key == "$text") return Mark::text;
  if (key == "$map") return Mark::map;
  return Mark::none;
}

// An array or an object, in the order in which they begin.
struct Container {
  std::uint32_t count = 0;
  Mark first_key = Mark::none;

  Mark mark() const { return count == 1 ? first_key : Mark::none; }
};

// A level of msgpack takes up to three of JSON: {"$map": [[key, value]]}.
constexpr std::size_t kLevelsMax = 3 * wire::Encoder::kDepthMax;

// The base of both passes: keeps why a text is refused.
class Events : public nlohmann::json_sax<Json> {
 public:
  const std::string& why() const { return why_; }

  bool binary(binary_t&) override { return fail("binary in a text"); }  // cannot happen
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception& error) override {
    const std::string_view what = error.what();  // "[json.exception.parse_error.101] parse error at line 1, …"
    const std::size_t behind = what.find("] ");
    return fail(std::string(behind == what.npos ? what : what.substr(behind + 2)));
  }

 protected:
  bool fail(std::string why) {
    if (why_.empty()) why_ = std::move(why);
    return false;
  }

 private:
  std::string why_;
};

class Counting final : public Events {
 public:
  std::deque<Container> containers;

  bool null() override { return member(); }
  bool boolean(bool) override { return member(); }
  bool number_integer(number_integer_t) override { return member(); }
  bool number_unsigned(number_unsigned_t) override { return member(); }
  bool number_float(number_float_t, const string_t&) override { return member(); }
  bool string(string_t&) override { return member(); }
  bool start_array(std::size_t) override { return start(false); }
  bool end_array() override { return end(); }
  bool start_object(std::size_t) override { return start(true); }
  bool end_object() override { return end(); }
  bool key(string_t& key) override {
    Container& object = containers[open_.back().index];
    if (object.count++ == 0) object.first_key = mark_of(key);
    return true;
  }

 private:
  struct Open {
    std::size_t index;
    bool is_object;
  };

  bool member() {
    if (!open_.empty() && !open_.back().is_object) ++containers[open_.back().index].count;
    return true;
  }
  bool start(bool is_object) {
    member();
    if (open_.size() == kLevelsMax) return fail("nested deeper than 64 levels");
    open_.push_back({containers.size(), is_object});
    containers.emplace_back();
    return true;
  }
  bool end() {
    open_.pop_back();
    return true;
  }

  std::vector<Open> open_;
};

class Putting final : public Events {
 public:
  Putting(const std::deque<Container>& containers, wire::Encoder& to) : containers_(containers), to_(to) {}

  bool null() override { return takes_value() && (to_.put_nil(), true); }
  bool boolean(bool value) override { return takes_value() && (to_.put_bool(value), true); }
  bool number_integer(number_integer_t value) override { return takes_value() && (to_.put_signed(value), true); }
  bool number_unsigned(number_unsigned_t value) override { return takes_value() && (to_.put_unsigned(value), true); }
  bool number_float(number_float_t value, const string_t&) override {
    return takes_value() && (to_.put_double(value), true);
  }
  bool string(string_t& text) override {
    if (!open_.empty() && open_.back() == Place::marked) return put_marked(text);
    return takes_value() && (to_.put_text(text), true);
  }
  bool key(string_t& key) override {
    switch (open_.back()) {
      case Place::object: to_.put_text(key); return true;
      case Place::marked: mark_ = mark_of(key); return true;
      default: return true;  // "$map"
    }
  }

  bool start_array(std::size_t) override {
    const std::uint32_t count = containers_[next_++].count;
    const Place outer = open_.empty() ? Place::array : open_.back();
    if (outer == Place::map) return open(Place::pairs, [&] { to_.put_map(count); });
    if (outer == Place::pairs) {
      open_.push_back(Place::pair);
      return count == 2 || fail("$map lists pairs: [[key, value], ...]");
    }
    return takes_value() && open(Place::array, [&] { to_.put_array(count); });
  }
  bool start_object(std::size_t) override {
    if (!takes_value()) return false;
    const Container& object = containers_[next_++];
    switch (object.mark()) {
      case Mark::none: return open(Place::object, [&] { to_.put_map(object.count); });
      case Mark::map: open_.push_back(Place::map); return true;
      default: open_.push_back(Place::marked); return true;
    }
  }
  bool end_array() override { return close(); }
  bool end_object() override { return close(); }

 private:
  // Where the next value goes.
  enum class Place : std::uint8_t {
    array,
    object,
    marked,  // the text of {"$bin": "…"} and its kin
    map,  // the array of {"$map": […]}
    pairs,  // inside that array: pairs
    pair,  // a key or a value
  };

  bool takes_value() {
    if (open_.empty()) return true;
    switch (open_.back()) {
      case Place::marked: return fail("a marked value, such as $bin, is a text");
      case Place::map: return fail("$map is an array of pairs");
      case Place::pairs: return fail("$map lists pairs: [[key, value], ...]");
      default: return true;
    }
  }
  template <class PutHead>
  bool open(Place place, PutHead put_head) {
    put_head();
    to_.enter();
    open_.push_back(place);
    return true;
  }
  bool close() {
    const Place place = open_.back();
    open_.pop_back();
    if (place == Place::array || place == Place::object || place == Place::pairs) to_.leave();
    return true;
  }

  bool put_marked(std::string_view text) {
    switch (mark_) {
      case Mark::bin: return put_bytes(text, "$bin", [&](base::ByteView bytes) { to_.put_binary(bytes); });
      case Mark::text: return put_bytes(text, "$text", [&](base::ByteView bytes) { to_.put_text(base::as_text(bytes)); });
      case Mark::time: return put_time(text);
      case Mark::ext: return put_extension(text);
      case Mark::floating: return put_float(text);
      default: return fail("not a mark");  // cannot happen
    }
  }
  template <class Put>
  bool put_bytes(std::string_view text, std::string_view mark, Put put) {
    const auto bytes = bytes_of_base64(text);
    if (!bytes) return fail(base::format("{} is not base64", mark));
    put(*bytes);
    return true;
  }
  bool put_time(std::string_view text) {
    const auto time = timestamp_of(text);
    if (!time) return fail("$time is not a time such as 2026-11-30T12:00:00.5Z");
    wire::put_timestamp(to_, *time);
    return true;
  }
  bool put_extension(std::string_view text) {
    const std::size_t colon = text.find(':');
    int type = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + std::min(colon, text.size()), type);
    if (colon == text.npos || error != std::errc() || end != text.data() + colon || type < INT8_MIN || type > INT8_MAX) {
      return fail("$ext is not a type from -128 to 127, a colon, and base64");
    }
    return put_bytes(text.substr(colon + 1), "$ext",
                     [&](base::ByteView bytes) { to_.put_extension(static_cast<std::int8_t>(type), bytes); });
  }
  bool put_float(std::string_view text) {
    std::uint64_t bits = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bits, 16);
    const bool is_number = error == std::errc() && end == text.data() + text.size();
    if (!is_number || (text.size() != 8 && text.size() != 16)) return fail("$float is not 8 or 16 hexadecimal digits");
    if (text.size() == 8) {
      to_.put_float(std::bit_cast<float>(static_cast<std::uint32_t>(bits)));
    } else {
      to_.put_double(std::bit_cast<double>(bits));
    }
    return true;
  }

  const std::deque<Container>& containers_;
  std::size_t next_ = 0;  // of `containers_`
  wire::Encoder& to_;
  std::vector<Place> open_;
  Mark mark_ = Mark::none;
};

void parse(std::string_view text, Events& events) {
  if (!Json::sax_parse(text.begin(), text.end(), &events))
    throw wire::DecodeError("not JSON: " + wire::printable(events.why()));
}

}  // namespace

void read_json(base::ByteView bytes, wire::Encoder& to) {
  const std::string_view text = base::as_text(bytes);
  if (text.find_first_not_of(" \t\r\n") == text.npos) return to.put_nil();
  Counting counting;
  parse(text, counting);
  Putting putting(counting.containers, to);
  try {
    parse(text, putting);
  } catch (const wire::EncodeError& error) {
    throw wire::DecodeError(error.what());
  }
}

}  // namespace razor::json
