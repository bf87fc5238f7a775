// RuntimeConformance, Network and Listener: who is connected with whom, and what is said when nobody is. A lost
// connection, or an error under another name, would show here.

#include <set>

#include "razor/runtime/task_scope.h"
#include "razor/runtime/when.h"
#include "razor/runtime/with_deadline.h"
#include "tests/runtime/conformance_test.h"
#include "tests/support/coroutine_asserts.h"
#include "tests/support/waiting.h"

namespace razor::test {
namespace {

using namespace std::chrono_literals;
using base::Bytes;
using base::ByteView;
using base::Result;
using runtime::Address;
using runtime::ByteStream;
using runtime::Listener;
using runtime::Task;
using runtime::TaskScope;
using runtime::when_all;
using runtime::with_deadline;

using Conformance = RuntimeConformance;
using Connection = Result<std::unique_ptr<ByteStream>>;

// --- Connecting ------------------------------------------------------------------------------------------------------

Task<void> connect_where_it_is_refused(Conformance& test) {
  const Address address = test.maker().address_that_refuses();
  for (int i = 0; i < 3; ++i) {
    const Connection connection = co_await test.network().connect(address);
    EXPECT_EQ(connection.error(), std::errc::connection_refused);
  }
}

TEST_P(RuntimeConformance, ConnectingWhereNobodyListensIsRefused) { run(connect_where_it_is_refused(*this)); }

Task<void> connect_nowhere(Conformance& test) {
  const Connection empty = co_await test.network().connect(Address());
  EXPECT_FALSE(empty.ok());
  const Connection without_host = co_await test.network().connect(Address::tcp("", 80));
  EXPECT_EQ(without_host.error(), std::errc::address_not_available);
}

// Regression: the empty host was looked up, and found to be this machine.
TEST_P(RuntimeConformance, AnEmptyAddressConnectsNowhere) { run(connect_nowhere(*this)); }

Task<void> connect_to_an_unknown_name(Conformance& test, Address address) {
  const Connection connection = co_await test.network().connect(address);
  EXPECT_EQ(connection.error(), std::errc::address_not_available);
}

TEST_P(RuntimeConformance, ANameWithoutAddressIsNotAvailable) {
  const std::optional<Address> address = maker().address_without_host();
  if (!address) GTEST_SKIP() << "names are not looked up";
  run(connect_to_an_unknown_name(*this, *address));
}

Task<void> connect_in_vain(Conformance& test, Address address) {
  const base::TimePoint deadline = test.clock().now() + 30ms;
  const Connection connection = co_await with_deadline(test.clock(), deadline, test.network().connect(address));
  EXPECT_EQ(connection.error(), std::errc::timed_out);
  EXPECT_GE(test.clock().now(), deadline);
  const StreamPair pair = co_await test.connected_pair();
  EXPECT_TRUE(pair.client != nullptr);
}

TEST_P(RuntimeConformance, AConnectThatHangsIsGivenUpAtItsDeadline) {
  const std::optional<Address> address = maker().address_that_hangs();
  if (!address) GTEST_SKIP() << "connecting succeeds or fails at once";
  run(connect_in_vain(*this, *address));
}

// --- Listening -------------------------------------------------------------------------------------------------------

Task<Result<void>> say(ByteStream& stream, char what) { return write_owned(stream, Bytes(1, static_cast<std::byte>(what))); }

// What the connection says first; 0 when it ends without a word.
Task<char> hear(ByteStream& stream) {
  const Result<Bytes> got = co_await read_up_to(stream, 1);
  co_return got.ok() && !got->empty() ? static_cast<char>(got->front()) : '\0';
}

// Accepts until a connection says something: a listen() elsewhere may have knocked to see whether anyone is there.
Task<char> hear_next(Listener& listener) {
  char heard = '\0';
  while (heard == '\0') {
    const Connection accepted = co_await listener.accept();
    if (!accepted) {
      ADD_FAILURE() << accepted.error().message();
      co_return '\0';
    }
    heard = co_await hear(**accepted);
  }
  co_return heard;
}

Task<void> connect_and_say(Conformance& test, Address address, char what) {
  const Connection connection = co_await test.network().connect(address);
  CO_ASSERT_TRUE(connection.ok());
  const Result<void> said = co_await say(**connection, what);
  EXPECT_TRUE(said.ok());
  (void)co_await read_to_end(**connection);  // until it was heard
}

Task<void> listen_twice(Conformance& test) {
  const std::unique_ptr<Listener> listener = test.listen();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(test.network().listen(listener->address()).error(), std::errc::address_in_use);
  }
  auto [nothing, heard] = co_await when_all(connect_and_say(test, listener->address(), 'x'), hear_next(*listener));
  EXPECT_EQ(heard, 'x');
}

TEST_P(RuntimeConformance, AnAddressThatIsServedIsInUseAndStaysServed) { run(listen_twice(*this)); }

Task<void> listen_again(Conformance& test) {
  std::unique_ptr<Listener> listener = test.listen();
  const Address address = listener->address();
  for (char round = 'a'; round < 'd'; ++round) {
    auto [nothing, heard] = co_await when_all(connect_and_say(test, address, round), hear_next(*listener));
    EXPECT_EQ(heard, round);
    listener.reset();
    Result<std::unique_ptr<Listener>> again = test.network().listen(address);
    CO_ASSERT_TRUE(again.ok());
    listener = *std::move(again);
    EXPECT_EQ(listener->address(), address);
  }
}

TEST_P(RuntimeConformance, AnAddressIsFreeAgainAsSoonAsItsListenerIsGone) { run(listen_again(*this)); }

Task<void> connect_to_a_listener_that_is_gone(Conformance& test) {
  std::unique_ptr<Listener> listener = test.listen();
  const Address address = listener->address();
  listener.reset();
  const Connection connection = co_await test.network().connect(address);
  EXPECT_FALSE(connection.ok());
}

TEST_P(RuntimeConformance, NobodyConnectsToAListenerThatIsGone) { run(connect_to_a_listener_that_is_gone(*this)); }

TEST_P(RuntimeConformance, AddressesOfNobodyCannotBeListenedOn) {
  EXPECT_FALSE(network().listen(Address()).ok());
  EXPECT_EQ(network().listen(Address::tcp("not.an.address.of.this.host.invalid", 0)).error(),
            std::errc::address_not_available);
}

Task<void> accept_late(Conformance& test) {
  const std::unique_ptr<Listener> listener = test.listen();
  std::vector<std::unique_ptr<ByteStream>> clients;
  for (char name = 'a'; name < 'k'; ++name) {
    Connection connection = co_await test.network().connect(listener->address());
    CO_ASSERT_TRUE(connection.ok());
    clients.push_back(*std::move(connection));
    const Result<void> said = co_await say(*clients.back(), name);
    EXPECT_TRUE(said.ok());
  }
  std::string heard;
  for (std::size_t i = 0; i < clients.size(); ++i) heard += co_await hear_next(*listener);
  std::ranges::sort(heard);
  EXPECT_EQ(heard, "abcdefghij");
}

TEST_P(RuntimeConformance, ConnectionsWaitUntilTheyAreAccepted) { run(accept_late(*this)); }

Task<void> accept_with_a_deadline(Conformance& test) {
  const std::unique_ptr<Listener> listener = test.listen();
  for (int i = 0; i < 3; ++i) {
    const Connection nobody = co_await with_deadline(test.clock(), test.clock().now() + 2ms, listener->accept());
    EXPECT_EQ(nobody.error(), std::errc::timed_out);
    auto [nothing, heard] = co_await when_all(connect_and_say(test, listener->address(), 'x'), hear_next(*listener));
    EXPECT_EQ(heard, 'x');
  }
}

TEST_P(RuntimeConformance, AnAcceptThatWasGivenUpLeavesTheListenerUsable) { run(accept_with_a_deadline(*this)); }

Task<void> keep_accepted(Listener& listener, std::vector<std::unique_ptr<ByteStream>>& kept) {
  Connection accepted = co_await listener.accept();
  CO_ASSERT_TRUE(accepted.ok());
  kept.push_back(*std::move(accepted));
}

Task<void> cancel_accepts(Conformance& test) {
  const std::unique_ptr<Listener> listener = test.listen();
  std::vector<std::unique_ptr<ByteStream>> clients;
  std::vector<std::unique_ptr<ByteStream>> servers;
  constexpr int kRounds = 60;
  for (int round = 0; round < kRounds; ++round) {
    TaskScope scope(test.executor());
    scope.run_inline("accept", keep_accepted(*listener, servers));
    Connection connection = co_await test.network().connect(listener->address());
    CO_ASSERT_TRUE(connection.ok());
    clients.push_back(*std::move(connection));
    co_await turns(test.executor(), round);  // the accept is woken, and runs, in one of these
  }
  const base::TimePoint limit = test.clock().now() + 5s;
  while (servers.size() < kRounds) {
    Connection accepted = co_await with_deadline(test.clock(), limit, listener->accept());
    CO_ASSERT_TRUE(accepted.ok());
    servers.push_back(*std::move(accepted));
  }
  EXPECT_EQ(servers.size(), std::size_t{kRounds});
}

TEST_P(RuntimeConformance, AnAcceptCancelledAtAnyTurnLosesNoConnection) { run(cancel_accepts(*this)); }

Task<void> destroy_the_listener_later(std::unique_ptr<Listener>& listener, runtime::Executor& executor) {
  co_await turns(executor, 3);
  listener.reset();
}

Task<void> destroy_under_an_accept(Conformance& test) {
  std::unique_ptr<Listener> listener = test.listen();
  auto [accepted, nothing] = co_await when_all(listener->accept(), destroy_the_listener_later(listener, test.executor()));
  EXPECT_EQ(accepted.error(), std::errc::operation_canceled);
}

TEST_P(RuntimeConformance, DestroyingAListenerEndsTheAcceptThatWaits) { run(destroy_under_an_accept(*this)); }

Task<void> accept_one_that_left(Conformance& test) {
  const std::unique_ptr<Listener> listener = test.listen();
  for (const bool by_reset : {true, false}) {
    Connection leaves = co_await test.network().connect(listener->address());
    CO_ASSERT_TRUE(leaves.ok());
    if (by_reset) (*leaves)->reset();
    *leaves = nullptr;
  }
  auto [nothing, heard] = co_await when_all(connect_and_say(test, listener->address(), 'x'), hear_next(*listener));
  EXPECT_EQ(heard, 'x');
}

// Regression: a connection that was reset before it was accepted made accept() fail, as if the listener were ill.
TEST_P(RuntimeConformance, AConnectionThatLeftBeforeItWasAcceptedIsNoErrorOfTheListener) {
  run(accept_one_that_left(*this));
}

TEST_P(RuntimeConformance, AtLeastOneConnectionIsAllowed) { EXPECT_GE(maker().runtime().network().connections_max(), 1u); }

}  // namespace
}  // namespace razor::test
