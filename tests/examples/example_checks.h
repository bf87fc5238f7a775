#pragma once
// What the examples of the guides state, checked: a program whose statement is wrong says so and ends.

#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "razor/wire/codec.h"

namespace examples {

inline void expect(bool holds, std::string_view what, std::string_view but = {}) {
  if (holds) return;
  const std::string line = "wrong: " + std::string(what) + (but.empty() ? "" : ", but ") + std::string(but);
  std::puts(line.c_str());
  std::exit(1);
}

/// `value` travels as this, written as JSON; and what arrives is sent on as the same.
template <class T>
void sends(const T& value, std::string_view json) {
  const razor::Bytes bytes = razor::wire::encoded(value);
  expect(nlohmann::ordered_json::from_msgpack(bytes) == nlohmann::ordered_json::parse(json), json,
         nlohmann::ordered_json::from_msgpack(bytes).dump());
  T arrived{};
  expect(razor::wire::decode_whole(bytes, arrived) && razor::wire::encoded(arrived) == bytes, json, "it does not come back");
}

/// `value` takes so many bytes.
template <class T>
void costs(const T& value, std::size_t bytes) {
  const std::size_t taken = razor::wire::encoded(value).size();
  expect(taken == bytes, std::to_string(bytes) + " bytes", std::to_string(taken));
}

/// What `sent` is for a program to which its type is a `To`; refused there: nothing.
template <class To, class From>
std::optional<To> received(const From& sent) {
  To value{};
  if (!razor::wire::decode_whole(razor::wire::encoded(sent), value)) return std::nullopt;
  return value;
}

}  // namespace examples

#define CHECK(condition) ::examples::expect(condition, #condition)
