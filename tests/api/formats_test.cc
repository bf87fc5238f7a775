// Messages in other formats than msgpack: JSON, and a small one as a user would write it. Fails when a type, an error or a way of
// calling knows msgpack alone, or when a server takes the bytes of one format for another's.

#include <charconv>

#include "razor/json/json_format.h"
#include "tests/api/another_thread.h"
#include "tests/api/service_fixture.h"

namespace razor::test {
namespace {

// --- A format of the user's: a letter for what a value is, then the value, each in a line ------------------------------

class Lines final : public WireFormat {
 public:
  std::uint8_t id() const override { return 40; }
  std::string_view name() const override { return "lines"; }

  void write(Decoder& values, wire::ByteSink& to) const override {
    const auto line = [&](const std::string& text) { to.put(as_bytes(text + "\n")); };
    const auto members = [&](std::uint32_t count) {
      values.enter();
      while (values.ok() && count-- > 0) write(values, to);
      values.leave();
    };
    std::uint64_t number = 0;
    std::uint32_t count = 0;
    std::string_view text;
    base::ByteView raw;
    switch (values.next_kind()) {
      case Decoder::Kind::unsigned_integer:
        values.read_unsigned(number, UINT64_MAX);
        return line("u" + std::to_string(number));
      case Decoder::Kind::text:
        values.read_text(text);
        return line("t" + std::to_string(text.size()) + "\n" + std::string(text));
      case Decoder::Kind::array:
        values.read_array(count);
        line("a" + std::to_string(count));
        return members(count);
      case Decoder::Kind::map:
        values.read_map(count);
        line("m" + std::to_string(count));
        return members(2 * count);
      default: values.read_raw(raw); return line("r" + std::to_string(raw.size()) + "\n" + std::string(as_text(raw)));
    }
  }

  void read(base::ByteView bytes, Encoder& to) const override {
    std::string_view left = as_text(bytes);
    read_value(left, to);
    if (!left.empty()) throw DecodeError("lines: something is left over");
  }

 private:
  static void read_value(std::string_view& left, Encoder& to) {
    const std::size_t end = left.find('\n');
    std::uint64_t number = 0;
    if (end == left.npos || std::from_chars(left.data() + 1, left.data() + end, number).ptr != left.data() + end) {
      throw DecodeError("lines: expected a letter, a number, and the end of a line");
    }
    const char kind = left.front();
    left.remove_prefix(end + 1);
    if (kind == 'u') return to.put_unsigned(number);
    if (number > left.size()) throw DecodeError("lines: more is announced than there is");
    if (kind == 't' || kind == 'r') {
      kind == 't' ? to.put_text(left.substr(0, number)) : to.sink().put(as_bytes(left.substr(0, number)));
      return left.remove_prefix(std::min(left.size(), number + 1));
    }
    if (kind != 'a' && kind != 'm') throw DecodeError("lines: an unknown letter");
    kind == 'a' ? to.put_array(number) : to.put_map(number);
    to.enter();
    for (std::uint64_t i = 0; i < (kind == 'm' ? 2 : 1) * number; ++i) read_value(left, to);
    to.leave();
  }
};

const Lines kLines;

// --- Everything that a service says ------------------------------------------------------------------------------------

Task<void> use(const Client<Store>& store) {
  const auto sum = co_await store.add(1, -2);
  CO_ASSERT_TRUE(sum.ok());
  EXPECT_EQ(*sum, -1);
  const std::vector<Item> sent{Item(1, "a"), Item(2, "b\n")};
  const auto items = co_await store.items(sent);
  CO_ASSERT_TRUE(items.ok());
  EXPECT_EQ(*items, sent);
  const auto found = co_await store.find("a");
  CO_ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->at("a"), 1);
  const auto nothing = co_await store.nothing();
  EXPECT_TRUE(nothing.ok());
  const auto slow = co_await store.slow(1, "slow");
  CO_ASSERT_TRUE(slow.ok());
  EXPECT_EQ(*slow, "slow");

  const auto text = co_await store.div(1, 0);
  CO_ASSERT_TRUE(text.has_error());
  EXPECT_EQ(text.error(), "division by zero");
  const auto value = co_await store.find("busy");
  CO_ASSERT_TRUE(value.has_error());
  EXPECT_EQ(std::get<Busy>(value.error()), Busy(7));
  const auto unit = co_await store.refuse();
  EXPECT_TRUE(unit.has_error());
  const auto number = co_await store.paint(Color::blue);
  CO_ASSERT_TRUE(number.has_error());
  EXPECT_EQ(number.error(), Color::blue);
  const auto thrown = co_await store.throws(true);
  CO_ASSERT_TRUE(thrown.has_call_error());
  EXPECT_EQ(thrown.call_error().errc(), Errc::internal);
}

class FormatsTest : public ServiceTest, public testing::WithParamInterface<const WireFormat*> {
 protected:
  FormatsTest() {
    server.accept_format(json_format());
    server.accept_format(kLines);
    // Also what is sent again, or waits for a connection, keeps its format.
    pool.emplace(runtime, std::vector<Address>{address});
  }
  ~FormatsTest() override { runtime.block_on(pool->close(1s)); }

  const WireFormat& format() const { return *GetParam(); }
  std::optional<FailoverPool> pool;
};

TEST_P(FormatsTest, EveryTypeAndErrorTravels) {
  run(use(Client<Store>(*stream, format())));
  run(use(Client<Store>(*pool, format())));
  run(use(client->with({.format = &format()})));
  run(use(*client));  // msgpack, beside it, on the same connection
}

TEST_P(FormatsTest, OptionsKeepTheFormatOfTheClient) { run(use(Client<Store>(*pool, format()).with({.timeout = 5s}))); }

Task<void> call_with_then(const Client<Store>& store, runtime::Event& done, int& sum) {
  store.add(1, 2).then([&](Reply<int> reply) { sum += *reply; });
  store.add.start(
      [&](Reply<int> reply) {
        sum += *reply;
        done.set();
      },
      3, 4);
  co_await done.wait();
}

TEST_P(FormatsTest, CompletionsGetTheirAnswers) {
  runtime::Event done(runtime.executor());
  int sum = 0;
  run(call_with_then(Client<Store>(*pool, format()), done, sum));
  EXPECT_EQ(sum, 10);
}

TEST_P(FormatsTest, BlockingCallersToo) {
  const Client<Store> store(*pool, format());
  run(on_another_thread(runtime, [&store] {
    const Reply<std::vector<Item>> items = store.blocking.items({Item(1, "a")});
    ASSERT_TRUE(items.ok());
    EXPECT_EQ(items->front(), Item(1, "a"));
    EXPECT_EQ(store.blocking.div(1, 0).error(), "division by zero");
  }));
}

INSTANTIATE_TEST_SUITE_P(Both, FormatsTest, testing::Values(&json_format(), &kLines),
                         [](const auto& info) { return std::string(info.param->name()); });

// --- A service that says its format ------------------------------------------------------------------------------------

struct Readable {
  virtual Call<std::string> format_of_message(int number) = 0;
  RAZOR_SERVICE(Readable, format_of_message)
  RAZOR_FORMAT(json_format())
};
struct ReadableImpl final : Readable {
  Call<std::string> format_of_message(int number) override { return std::to_string(number); }
};
Task<void> use_readable(const Client<Readable> readable) {
  const auto answer = co_await readable.format_of_message(7);
  CO_ASSERT_TRUE(answer.ok());
  EXPECT_EQ(*answer, "7");
}
struct MessageRecorder final : Dispatch {
  void dispatch(const Request& request, Responder respond) override {
    messages.emplace_back(as_text(request.msg));
    respond.reply(std::string("7"));
  }
  std::vector<std::string> messages;
};

TEST_F(ServiceTest, AServiceMaySayItsFormat) {
  server.add(std::make_shared<ReadableImpl>());  // and the server reads it
  run(use_readable(Client<Readable>(*stream)));
  run(use_readable(Client<Readable>(std::make_shared<ReadableImpl>())));
  run(use(*client));

  MessageRecorder recorder;
  stream::RpcServer recording(runtime, recorder);
  recording.accept_format(json_format());
  recording.accept_format(json_format());  // once more is no mistake
  recording.accept_format(kLines);
  ClientStream to = *runtime.block_on(ClientStream::connect(runtime, *recording.listen(*Address::parse("127.0.0.1:0"))));
  run(use_readable(Client<Readable>(to)));
  run(use_readable(Client<Readable>(to, kLines)));
  EXPECT_EQ(recorder.messages, (std::vector<std::string>{"7", "u7\n"}));
}

// --- What is on the wire -----------------------------------------------------------------------------------------------

struct Recorder final : Dispatch {
  void dispatch(const Request& request, Responder respond) override {
    message = std::string(as_text(request.msg));
    format = request.format == nullptr ? "msgpack" : std::string(request.format->name());
    std::vector<int> numbers;
    decoded = request.decode(numbers);
    respond.reply(numbers);
  }
  std::string message, format;
  bool decoded = false;
};

class RawFormatsTest : public testing::Test {
 protected:
  RawFormatsTest() {
    address = *server.listen(*Address::parse("127.0.0.1:0"));
    stream.emplace(*runtime.block_on(ClientStream::connect(runtime, address)));
  }
  template <class T>
  T wait_for(Task<T> task) {
    return runtime.block_on(std::move(task));
  }
  static Task<OwnedResponse> raw(ClientStream& stream, std::string message, CallOptions options) {
    co_return co_await stream.call_encoded(Action("raw"), as_bytes(message), options);
  }
  static Task<OwnedResponse> typed(ClientStream& stream, CallOptions options) {
    const std::vector<int> numbers{1, 2};
    co_return co_await stream.call(Action(7u), numbers, options);
  }

  CountingLog log;
  AsioRuntime runtime{AsioConfig{.log = &log}};
  Recorder recorder;
  stream::RpcServer server{runtime, recorder};
  Address address;
  std::optional<ClientStream> stream;
};

TEST_F(RawFormatsTest, BytesAreTheFormatsOwn) {
  server.accept_format(json_format());
  const OwnedResponse answer = wait_for(typed(*stream, {.format = &json_format()}));
  EXPECT_EQ(recorder.message, "[1,2]");
  EXPECT_EQ(recorder.format, "json");
  EXPECT_TRUE(recorder.decoded);
  EXPECT_EQ(as_text(answer->msg()), "[1,2]");
  std::vector<int> numbers;
  EXPECT_TRUE(answer->decode(numbers));
  EXPECT_EQ(numbers, (std::vector<int>{1, 2}));

  const OwnedResponse typed_by_hand = wait_for(raw(*stream, " [ 3 ] ", {.format = &json_format()}));
  EXPECT_EQ(as_text(typed_by_hand->msg()), "[3]");
  const OwnedResponse msgpack = wait_for(typed(*stream, {}));
  EXPECT_EQ(recorder.format, "msgpack");
  EXPECT_EQ(msgpack->msg().size(), 3u);
}

// Taken for msgpack, "1" would be the number 49.
TEST_F(RawFormatsTest, AFormatThatTheServerDoesNotReadIsAnErrorThatNamesIt) {
  for (const bool knows_another : {false, true}) {
    if (knows_another) server.accept_format(kLines);
    const OwnedResponse answer = wait_for(typed(*stream, {.format = &json_format()}));
    ASSERT_EQ(answer->kind(), Response::Kind::failed);
    EXPECT_EQ(answer->error().errc(), Errc::decode);
    EXPECT_EQ(answer->error().ran(), Ran::no);
    const std::string expected = std::string("the message is written in format 1, and this server reads 0 (msgpack)") +
                                 (knows_another ? ", 40 (lines)" : "");
    EXPECT_NE(answer->error().message().find(expected), std::string::npos) << answer->error().message();
  }
  EXPECT_EQ(recorder.format, "");
  EXPECT_EQ(server.stats().undecodable, 2u);
  ASSERT_EQ(log.lines.size(), 1u);  // once a minute
  EXPECT_NE(log.lines[0].find("format 1"), std::string::npos) << log.lines[0];
}

TEST_F(ServiceTest, WhatIsNotJsonIsRefusedWithWhereAndWhy) {
  server.accept_format(json_format());
  const auto call = [](ClientStream& to, std::string message) -> Task<OwnedResponse> {
    const CallOptions options{.format = &json_format()};
    co_return co_await to.call_encoded(Action("test.Store.add"), as_bytes(message), options);
  };
  const std::map<std::string, std::string> whys = {
      {"[1,", "not JSON: parse error at line 1, column 4"},
      {"[1,\"2\"]", "expected an integer, found a string"},
      {"[1]", "wrong number of elements, at byte 1 of the same in msgpack"},
      {"{\"$bin\":\"?\"}", "$bin is not base64"},
  };
  for (const auto& [message, why] : whys) {
    const OwnedResponse answer = runtime.block_on(call(*stream, message));
    ASSERT_EQ(answer->kind(), Response::Kind::failed) << message;
    EXPECT_EQ(answer->error().errc(), Errc::decode);
    EXPECT_EQ(answer->error().ran(), Ran::no);
    EXPECT_NE(answer->error().message().find(why), std::string::npos) << answer->error().message();
  }
  run(use(Client<Store>(*stream, json_format())));
}

// In msgpack the client is told only if it has shown that it is one of ours: others would take the detail for a broken answer.
TEST_F(ServiceTest, AClientOfOursIsToldWhichByteDidNotDecode) {
  const auto call = [](ClientStream& to) -> Task<OwnedResponse> {
    co_return co_await to.call(Action("test.Store.add"), std::tuple(1, "2"));
  };
  ClientStreamConfig config;
  config.hello = HelloMode::off;
  auto plain = runtime.block_on(ClientStream::connect(runtime, address, config));
  ASSERT_TRUE(plain);
  const OwnedResponse before = runtime.block_on(call(*plain));
  ASSERT_EQ(before->kind(), Response::Kind::failed);
  EXPECT_EQ(before->error().ran(), Ran::maybe);
  EXPECT_EQ(before->error().message().find("found a string"), std::string::npos);

  const auto ping = [](ClientStream& to) -> Task<void> { (void)co_await to.ping(); };
  run(ping(*plain));
  const OwnedResponse after = runtime.block_on(call(*plain));
  ASSERT_EQ(after->kind(), Response::Kind::failed);
  EXPECT_EQ(after->error().errc(), Errc::decode);
  EXPECT_EQ(after->error().ran(), Ran::no);
  EXPECT_NE(after->error().message().find("expected an integer, found a string, at byte 2"), std::string::npos)
      << after->error().message();
}

using FormatsDeathTest = RawFormatsTest;

struct Numbered final : WireFormat {
  explicit Numbered(std::uint8_t number_of_it) : number(number_of_it) {}
  std::uint8_t id() const override { return number; }
  std::string_view name() const override { return "numbered"; }
  void write(Decoder&, wire::ByteSink&) const override {}
  void read(base::ByteView, Encoder&) const override {}
  std::uint8_t number;
};

TEST_F(FormatsDeathTest, IdsAreTheirsAlone) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const Numbered zero(0), too_large(64), json_again(1);
  EXPECT_DEATH(server.accept_format(zero), "the format numbered has the id 0: ids go from 1 to 63");
  EXPECT_DEATH(server.accept_format(too_large), "has the id 64");
  server.accept_format(json_format());
  EXPECT_DEATH(server.accept_format(json_again), "the format numbered has the id 1, which json has already");
}

}  // namespace
}  // namespace razor::test
