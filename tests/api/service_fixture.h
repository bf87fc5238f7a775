#pragma once
// A service with methods of every kind, its server, and a client of it, on one AsioRuntime over TCP on loopback.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <variant>
#include <vector>

#include "razor/razor.h"
#include "razor/wire/msgpack_adaptor.h"
#include "tests/support/coroutine_asserts.h"

namespace razor::test {

using namespace std::chrono_literals;

struct Point {
  int x = 0;
  int y = 0;
  RAZOR_FIELDS(Point, x, y)
  bool operator==(const Point&) const = default;
};

/// An aggregate with a destructor that matters, as users write them who know only msgpack-cxx.
struct BareItem {
  int id = 0;
  std::string name;
  MSGPACK_DEFINE_MAP(id, name)
  bool operator==(const BareItem&) const = default;
};

struct Item {
  int id = 0;
  std::string name;
  RAZOR_FIELDS(Item, id, name)
  bool operator==(const Item&) const = default;
};

struct NotFound {
  RAZOR_UNIT(NotFound)
};
struct Busy {
  int seconds = 0;
  RAZOR_NEWTYPE(Busy, seconds)
  bool operator==(const Busy&) const = default;
};
using StoreError = std::variant<NotFound, Busy>;

enum class Color : std::int8_t { red = 1, blue = -2 };

struct Store {
  virtual Call<int> add(int a, int b) = 0;
  virtual Call<int, std::string> div(int a, int b) = 0;
  virtual Call<std::string, std::string> text_or_text(bool ok, std::string text) = 0;
  virtual Call<Point> swap(Point point) = 0;
  virtual Call<std::vector<Item>> items(std::vector<Item> items) = 0;
  virtual Call<BareItem> bare(BareItem item) = 0;
  virtual Call<std::map<std::string, int>, StoreError> find(std::string key) = 0;
  virtual Call<void, Color> paint(std::optional<Color> color) = 0;
  virtual Call<> nothing() = 0;
  virtual Call<void, Unit> refuse() = 0;
  virtual Call<std::string> slow(int milliseconds, std::string text) = 0;
  virtual Call<std::string> who(bool coroutine) = 0;
  virtual Call<int> throws(bool coroutine) = 0;
  virtual Call<std::uint64_t, std::uint64_t> wide(std::uint64_t value) = 0;
  RAZOR_SERVICE_AS(Store, "test.Store", add, div, text_or_text, swap, items, bare, find, paint, nothing, refuse, slow, who,
                   RAZOR_METHOD_AS(throws, "throw"), wide)
};

class StoreImpl final : public Store {
 public:
  explicit StoreImpl(runtime::Clock& clock) : clock_(clock) {}

  Call<int> add(int a, int b) override { return a + b; }
  Call<int, std::string> div(int a, int b) override {
    if (b == 0) co_return Fail{"division by zero"};
    co_return a / b;
  }
  Call<std::string, std::string> text_or_text(bool ok, std::string text) override {
    if (!ok) return Fail{text};
    return text;
  }
  Call<Point> swap(Point point) override { return Point(point.y, point.x); }
  Call<std::vector<Item>> items(std::vector<Item> items) override { co_return std::move(items); }
  Call<BareItem> bare(BareItem item) override { return item; }
  Call<std::map<std::string, int>, StoreError> find(std::string key) override {
    if (key == "busy") return Fail{Busy(7)};
    if (key != "a") return Fail{NotFound{}};
    return std::map<std::string, int>{{"a", 1}};
  }
  Call<void, Color> paint(std::optional<Color> color) override {
    if (color) co_return Fail{*color};
    co_return {};
  }
  Call<> nothing() override { co_return; }
  Call<void, Unit> refuse() override { return Fail{}; }
  Call<std::string> slow(int milliseconds, std::string text) override {
    ++slow_started;
    co_await clock_.sleep_for(std::chrono::milliseconds(milliseconds));
    ++slow_finished;
    co_return text;
  }
  Call<std::string> who(bool coroutine) override {
    return coroutine ? who_coroutine() : Call<std::string>(describe(current_context()));
  }
  Call<int> throws(bool coroutine) override {
    if (coroutine) return throws_coroutine();
    throw std::runtime_error("a plain handler");
  }
  Call<std::uint64_t, std::uint64_t> wide(std::uint64_t value) override {
    if (value > 5) return Fail{value};
    return value;
  }

  int slow_started = 0;
  int slow_finished = 0;

 private:
  static std::string describe(const CallContext& context) {
    return fmt::format("{} from {}{}", context.method(), context.peer().host(), context.cancelled() ? " cancelled" : "");
  }
  Call<std::string> who_coroutine() {
    co_await clock_.sleep_for(1ms);
    const CallContext context = co_await razor::context();
    co_return describe(context);
  }
  Call<int> throws_coroutine() {
    co_await clock_.sleep_for(1ms);
    throw std::runtime_error("a coroutine");
  }

  runtime::Clock& clock_;
};

class CountingLog final : public LogSink {
 public:
  bool enabled(LogLevel level) const override { return level >= LogLevel::warning; }
  void write(LogLevel, std::string_view line) override { lines.emplace_back(line); }
  std::vector<std::string> lines;
};

class ServiceTest : public ::testing::Test {
 protected:
  ServiceTest() {
    server.add(store);
    const auto listening = server.listen(*Address::parse("127.0.0.1:0"));
    EXPECT_TRUE(listening) << listening.error().message();
    address = *listening;
    ClientStreamConfig config;
    config.tick = 10ms;
    auto connected = runtime.block_on(ClientStream::connect(runtime, address, config));
    EXPECT_TRUE(connected) << connected.error().message();
    stream.emplace(*std::move(connected));
    client.emplace(*stream);
  }

  /// Runs a coroutine of the test to its end.
  void run(Task<void> task) { runtime.block_on(std::move(task)); }

  CountingLog log;
  AsioRuntime runtime{AsioConfig{.log = &log}};
  std::shared_ptr<StoreImpl> store = std::make_shared<StoreImpl>(runtime.clock());
  Server server{runtime};
  Address address;
  std::optional<ClientStream> stream;
  std::optional<Client<Store>> client;
};

}  // namespace razor::test
