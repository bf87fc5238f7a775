// Client<S>: every kind of call over TCP on loopback. Without the stub, or with one that mixes up methods, arguments,
// errors or options, these calls end with something else.

#include "tests/api/service_fixture.h"

namespace razor::test {
namespace {

class ClientTest : public ServiceTest {};

Task<void> every_method(Client<Store>& store) {
  const auto sum = co_await store.add(1, 2);
  EXPECT_EQ(*sum, 3);
  const auto quotient = co_await store.div(7, 2);
  EXPECT_EQ(*quotient, 3);
  const auto by_zero = co_await store.div(1, 0);
  EXPECT_EQ(by_zero.error(), "division by zero");
  const auto text = co_await store.text_or_text(true, "text");
  EXPECT_EQ(*text, "text");
  const auto text_error = co_await store.text_or_text(false, "text");
  EXPECT_EQ(text_error.error(), "text");
  const auto swapped = co_await store.swap(Point(1, 2));
  EXPECT_EQ(*swapped, Point(2, 1));
  const auto in_braces = co_await store.swap({3, 4});
  EXPECT_EQ(*in_braces, Point(4, 3));
  const auto found = co_await store.find("a");
  EXPECT_EQ(found->at("a"), 1);
  const auto busy = co_await store.find("busy");
  EXPECT_EQ(std::get<Busy>(busy.error()), Busy(7));
  const auto missing = co_await store.find("?");
  EXPECT_TRUE(std::holds_alternative<NotFound>(missing.error()));
  const auto unpainted = co_await store.paint(std::nullopt);
  EXPECT_TRUE(unpainted.ok());
  const auto painted = co_await store.paint(Color::blue);
  EXPECT_EQ(painted.error(), Color::blue);
  const auto nothing = co_await store.nothing();
  EXPECT_TRUE(nothing.ok());
  const auto refused = co_await store.refuse();
  EXPECT_TRUE(refused.has_error());
  const auto narrow = co_await store.wide(5);
  EXPECT_EQ(*narrow, 5u);
  const auto wide = co_await store.wide(std::uint64_t{1} << 63);
  EXPECT_EQ(wide.error(), std::uint64_t{1} << 63);
}

TEST_F(ClientTest, CallsEveryKindOfMethod) { run(every_method(*client)); }

// The most natural call a user writes, with a temporary struct in the co_await expression: g++ 12.2 destroys the
// temporary twice when it is an aggregate. RAZOR_FIELDS gives the type a constructor; an aggregate has to have a name.
Task<void> temporary_structs(Client<Store>& store) {
  const std::string long_name(100, 'n');
  std::vector<Item> items;
  items.push_back(Item(1, long_name));
  const auto returned = co_await store.items(items);
  EXPECT_EQ(*returned, items);
  const auto moved = co_await store.items(std::vector<Item>(2, Item(3, long_name)));
  EXPECT_EQ(moved->at(1), Item(3, long_name));
  const BareItem named{4, long_name};
  const auto bare = co_await store.bare(named);
  EXPECT_EQ(*bare, named);
}

TEST_F(ClientTest, TakesTemporaryStructsInsideCoAwait) { run(temporary_structs(*client)); }

Task<void> convertible_arguments(Client<Store>& store) {
  const char* text = "c string";
  const auto echoed = co_await store.text_or_text(1 == 1, text);
  EXPECT_EQ(*echoed, text);
  const short small = 2;
  const auto sum = co_await store.add(small, 'a');
  EXPECT_EQ(*sum, 2 + 'a');
}

TEST_F(ClientTest, ConvertsArgumentsAsAFunctionCallDoes) { run(convertible_arguments(*client)); }

Task<void> pipelined(Client<Store>& store) {
  auto slow = store.slow(20, "slow");
  auto fast = store.add(1, 1);
  const auto sum = co_await std::move(fast);
  EXPECT_EQ(*sum, 2);
  EXPECT_FALSE(slow.done()) << "the second call was answered first";
  const auto text = co_await std::move(slow);
  EXPECT_EQ(*text, "slow");
}

TEST_F(ClientTest, PipelinesCallsThatAreMadeBeforeTheFirstIsAwaited) { run(pipelined(*client)); }

Task<void> many_in_a_vector(Client<Store>& store) {
  std::vector<ClientCall<int, NoError>> calls;
  for (int i = 0; i < 300; ++i) calls.push_back(store.add(i, i));  // the vector moves the calls as it grows
  for (int i = 0; i < 300; ++i) {
    const auto sum = co_await std::move(calls[static_cast<std::size_t>(i)]);
    EXPECT_EQ(*sum, 2 * i);
  }
}

TEST_F(ClientTest, MovesCallsThatAreUnderWay) { run(many_in_a_vector(*client)); }

Task<void> all_and_any(Client<Store>& store) {
  const auto [sum, text, error] = co_await when_all(store.add(2, 3), store.slow(5, "late"), store.div(1, 0));
  EXPECT_EQ(*sum, 5);
  EXPECT_EQ(*text, "late");
  EXPECT_EQ(error.error(), "division by zero");
  const auto first = co_await when_any(store.slow(60'000, "never"), store.add(1, 1));
  EXPECT_EQ(first.index(), 1u);
}

TEST_F(ClientTest, JoinsCallsWithWhenAllAndWhenAny) {
  run(all_and_any(*client));
  EXPECT_EQ(stream->stats().calls_abandoned, 1u);
}

Task<void> reset_and_destroy(Client<Store>& store, ClientStream& stream) {
  {
    auto dropped = store.slow(10, "dropped");
    EXPECT_EQ(stream.stats().in_flight, 1u);
  }
  EXPECT_EQ(stream.stats().in_flight, 1u) << "its place is free when the answer comes, not before";
  auto reset = store.slow(10, "reset");
  reset.reset();
  const auto reply = co_await std::move(reset);
  EXPECT_EQ(reply.call_error().errc(), Errc::cancelled);
  EXPECT_EQ(reply.ran(), Ran::maybe);
  const auto later = co_await store.slow(30, "later");
  EXPECT_EQ(*later, "later");
  EXPECT_EQ(stream.stats().in_flight, 0u);
}

TEST_F(ClientTest, StopsWaitingWhenACallIsResetOrDestroyed) {
  run(reset_and_destroy(*client, *stream));
  EXPECT_EQ(store->slow_finished, 3) << "the server runs abandoned requests all the same";
}

Task<void> with_timeout(Client<Store>& store, runtime::Clock& clock) {
  const TimePoint before = clock.now();
  const auto reply = co_await store.with({.timeout = 30ms}).slow(60'000, "never");
  const Duration taken = clock.now() - before;
  EXPECT_EQ(reply.call_error().errc(), Errc::deadline_exceeded);
  EXPECT_EQ(reply.ran(), Ran::maybe);
  EXPECT_GE(taken, 30ms) << "never before the deadline";
  EXPECT_NE(reply.call_error().detail().find("test.Store.slow"), std::string::npos);
  CallOptions past;
  past.deadline = clock.now() - 1s;
  const auto late = co_await store.with(past).slow(60'000, "never");
  EXPECT_EQ(late.call_error().errc(), Errc::deadline_exceeded);
}

TEST_F(ClientTest, EndsACallAtTheDeadlineOfItsOptions) { run(with_timeout(*client, runtime.clock())); }

TEST_F(ClientTest, CompletesByACallbackInsteadOfACoroutine) {
  Event ended(runtime.executor());
  std::vector<std::string> seen;
  client->div.start([&seen](const Reply<int, std::string>& reply) { seen.push_back(reply.error()); }, 1, 0);
  client->add(1, 2).then([&](const Reply<int>& reply) {
    seen.push_back(std::to_string(*reply));
    ended.set();
  });
  EXPECT_TRUE(seen.empty()) << "never inside the call";
  run(runtime::until_set(ended));
  EXPECT_EQ(seen, (std::vector<std::string>{"division by zero", "3"}));
}

TEST_F(ClientTest, LogsAnExceptionThatEscapesACallback) {
  client->add.start([](const Reply<int>&) { throw std::runtime_error("from a callback"); }, 1, 2);
  struct Nothing {
    static Task<void> call(Client<Store>& store) { (void)co_await store.nothing(); }
  };
  run(Nothing::call(*client));
  ASSERT_EQ(log.lines.size(), 1u);
  EXPECT_NE(log.lines[0].find("from a callback"), std::string::npos);
}

Task<void> after_close(Client<Store>& store, ClientStream& stream) {
  auto running = store.slow(60'000, "never");
  co_await stream.close(1ms);
  const auto cut = co_await std::move(running);
  EXPECT_EQ(cut.call_error().errc(), Errc::closed);
  EXPECT_EQ(cut.ran(), Ran::maybe);
  const auto refused = co_await store.add(1, 2);
  EXPECT_EQ(refused.call_error().errc(), Errc::unreachable);
  EXPECT_EQ(refused.ran(), Ran::no);
}

TEST_F(ClientTest, FailsCallsThatItsClosingCutsOffAndThoseAfter) { run(after_close(*client, *stream)); }

// An argument that cannot be encoded fails its own call, and nothing else (CONTRACT 35).
struct Unencodable {
  bool throws_a_number = false;
  template <class Packer>
  void msgpack_pack(Packer& packer) const {
    packer.pack_array(1);
    if (throws_a_number) throw 7;
    throw std::runtime_error("cannot be packed");
  }
  void msgpack_unpack(const msgpack::object&) {}
};
// Nor can what travels, but does not decode (CONTRACT 36).
struct Undecodable {
  bool throws_a_number = false;
  template <class Packer>
  void msgpack_pack(Packer& packer) const {
    packer.pack(throws_a_number);
  }
  void msgpack_unpack(const msgpack::object& from) {
    if (from.as<bool>()) throw 7;
    throw std::runtime_error("cannot be unpacked");
  }
};
struct OddService {
  virtual Call<> take(Unencodable value) = 0;
  virtual Call<Unencodable> give(bool throws_a_number) = 0;
  virtual Call<> take_encoded(Undecodable value) = 0;
  virtual Call<Undecodable> give_encoded(bool throws_a_number) = 0;
  RAZOR_SERVICE(OddService, take, give, take_encoded, give_encoded)
};
struct OddImpl final : OddService {
  Call<> take(Unencodable) override { return {}; }
  Call<Unencodable> give(bool throws_a_number) override { return Unencodable{throws_a_number}; }
  Call<> take_encoded(Undecodable) override { return {}; }
  Call<Undecodable> give_encoded(bool throws_a_number) override { return Undecodable{throws_a_number}; }
};

Task<void> unencodable(ClientStream& stream, Client<Store>& store) {
  Client<OddService> odd(stream);
  auto before = store.add(1, 1);
  for (const bool throws_a_number : {false, true}) {
    const auto refused = co_await odd.take(Unencodable{throws_a_number});
    EXPECT_EQ(refused.call_error().errc(), Errc::encode);
    EXPECT_EQ(refused.ran(), Ran::no);
    const auto unanswerable = co_await odd.give(throws_a_number);
    EXPECT_EQ(unanswerable.call_error().errc(), Errc::encode);
    const auto not_understood = co_await odd.take_encoded(Undecodable{throws_a_number});
    EXPECT_EQ(not_understood.call_error().errc(), Errc::decode);
    const auto useless = co_await odd.give_encoded(throws_a_number);
    EXPECT_EQ(useless.call_error().errc(), Errc::decode);
    EXPECT_EQ(useless.ran(), Ran::yes);
  }
  const auto sum = co_await std::move(before);
  EXPECT_EQ(*sum, 2);
}

TEST_F(ClientTest, FailsAloneWhatCannotBeEncodedOrDecoded) {
  server.add(std::make_shared<OddImpl>());
  run(unencodable(*stream, *client));
  EXPECT_EQ(server.stats().handlers_threw, 0u) << "an adaptor is no handler";
}

Task<void> too_large(Client<Store>& store, std::size_t limit) {
  const auto sent = co_await store.text_or_text(true, std::string(limit + 1, 'x'));
  EXPECT_EQ(sent.call_error().errc(), Errc::too_large);
  EXPECT_EQ(sent.ran(), Ran::no);
  const auto fits = co_await store.text_or_text(true, std::string(limit - 64, 'x'));
  EXPECT_EQ(fits->size(), limit - 64);
}

TEST_F(ClientTest, RefusesAMessageAboveTheLimitAndCarriesOneBelow) {
  run(too_large(*client, ClientStreamConfig().limits.msg_bytes_max));
}

}  // namespace
}  // namespace razor::test
