#pragma once
// A row of the type table, carried by a service through a pool over TCP on loopback, and in this process: as a parameter and a result,
// as the error of a method, and inside of others: as a field, an element, an alternative of a variant, the value of a map, and its
// key where it can be one. What comes back has the bytes of the table.

#include <gtest/gtest.h>

#include <concepts>

#include "razor/razor.h"
#include "tests/wire/bytes.h"
#include "tests/wire/type_table.h"

namespace razor::test {

/// A std::variant says that it can be compared, whatever it holds.
template <class T>
concept Key = !wire::detail::is_a<T, std::variant> && std::totally_ordered<T>;

template <class T>
struct KeyedBy {
  using Type = Unit;
};
template <Key T>
struct KeyedBy<T> {
  using Type = std::map<T, int>;
};

template <class T>
struct Everywhere {
  T field{};
  std::vector<T> elements;
  std::variant<table::Nothing, table::Alternative<T>> alternative;
  std::map<std::string, T> values;
  typename KeyedBy<T>::Type keys;
  RAZOR_FIELDS(Everywhere, field, elements, alternative, values, keys)
};

template <class T>
struct Carrier {
  virtual Call<T> back(T value) = 0;
  virtual Call<Everywhere<T>, T> inside(Everywhere<T> all, bool fails) = 0;
  RAZOR_SERVICE(Carrier, back, inside)
};

template <class T>
class CarrierImpl final : public Carrier<T> {
 public:
  Call<T> back(T value) override { return value; }
  Call<Everywhere<T>, T> inside(Everywhere<T> all, bool fails) override {
    if (fails) return Fail<T>(std::move(all.field));
    return all;
  }
};

/// Takes the rows of a group. What needs no type is in carried.cc, compiled once.
class Carry {
 public:
  template <class T>
  void add(const char* name, const T&, std::string_view spaced_hex) {
    SCOPED_TRACE(name);
    const std::string value = hex(spaced_hex);
    const std::string all = inside(value, Key<T>);
    auto implementation = std::make_shared<CarrierImpl<T>>();
    Server server(runtime_);
    server.add(implementation);
    ClientPool pool(runtime_, listening(server));
    call<T>(Client<Carrier<T>>(pool), value, all);
    expect("over TCP", value, all);
    call<T>(Client<Carrier<T>>(implementation), value, all);
    expect("in this process", value, all);
    close(pool, server);
  }

 private:
  /// What came back, as hex.
  struct Outcome {
    std::string result;
    std::string inside;
    std::string error;
  };

  template <class T>
  void call(Client<Carrier<T>> carrier, const std::string& value, const std::string& all) {
    T one{};
    Everywhere<T> returned;
    Everywhere<T> failed;
    ASSERT_TRUE(wire::decode_whole(wire::test::from_hex(value), one));
    ASSERT_TRUE(wire::decode_whole(wire::test::from_hex(all), returned));
    ASSERT_TRUE(wire::decode_whole(wire::test::from_hex(all), failed));
    begin();
    carrier.back.start([this](const auto& reply) { came(outcome_.result, hex_of(reply)); }, std::move(one));
    const auto note = [this](const Reply<Everywhere<T>, T>& reply) {
      came(reply.has_error() ? outcome_.error : outcome_.inside, hex_of(reply));
    };
    carrier.inside.start(note, std::move(returned), false);
    carrier.inside.start(note, std::move(failed), true);
    wait();
  }
  template <class T, class E>
  static std::string hex_of(const Reply<T, E>& reply) {
    if (reply.ok()) return encoded(*reply);
    if constexpr (!std::is_same_v<E, NoError>) {
      if (reply.has_error()) return encoded(reply.error());
    }
    return reply.call_error().message();
  }
  template <class T>
  static std::string encoded(const T& value) {
    return wire::test::to_hex(wire::encoded(value));
  }

  static std::string hex(std::string_view spaced);
  /// An Everywhere that has `value` in all places.
  static std::string inside(const std::string& value, bool is_a_key);
  Address listening(Server& server);
  void begin();
  void came(std::string& where, std::string what);
  void wait();
  void expect(const char* how, const std::string& value, const std::string& all);
  void close(ClientPool& pool, Server& server);

  AsioRuntime runtime_;
  Outcome outcome_;
  int left_ = 0;
  Event all_came_{runtime_.executor()};
};

}  // namespace razor::test
