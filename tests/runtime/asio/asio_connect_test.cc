// Connecting to names. Without the care that these tests ask for, a name whose first address swallows packets is never
// reached, one slow name stops the lookups of all others, a program ends only when its name server has answered, and a
// caller is connected with itself.

#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "razor/runtime/asio/asio_connector.h"
#include "razor/runtime/asio/asio_runtime.h"
#include "razor/runtime/asio/asio_stream.h"
#include "razor/runtime/asio/name_lookup.h"
#include "razor/runtime/task_scope.h"
#include "razor/runtime/when.h"
#include "razor/runtime/with_deadline.h"
#include "tests/runtime/asio/local_addresses.h"
#include "tests/support/coroutine_asserts.h"
#include "tests/support/waiting.h"

namespace razor::asio {
namespace {

using namespace std::chrono_literals;
using base::Result;
using runtime::Address;
using runtime::AddressError;
using runtime::ByteStream;
using runtime::Listener;
using runtime::LookupError;
using runtime::Task;
using runtime::TaskScope;
using runtime::when_all;
using runtime::with_deadline;
using test::BoundPort;
using test::eventually;

using Connection = Result<std::unique_ptr<ByteStream>>;
using Listening = Result<std::unique_ptr<Listener>>;
using IpAddress = boost::asio::ip::address;

std::vector<IpAddress> ips(const std::vector<std::string>& texts) {
  std::vector<IpAddress> addresses;
  for (const std::string& text : texts) addresses.push_back(boost::asio::ip::make_address(text));
  return addresses;
}

// A name server of the test's own. Its threads may outlive the test, so they share it.
class FakeNames {
 public:
  FakeNames() : shared_(std::make_shared<Shared>()) {}
  ~FakeNames() { release(); }

  void set(const std::string& name, Resolved resolved) { shared_->known[name] = std::move(resolved); }
  // Is silent about `name` until `release`.
  void hold(const std::string& name) { shared_->held.push_back(name); }
  void release() {
    const std::lock_guard lock(shared_->mutex);
    shared_->held.clear();
    shared_->changed.notify_all();
  }
  // How many lookups have begun, and how many are under way.
  std::size_t asked() const {
    const std::lock_guard lock(shared_->mutex);
    return shared_->asked.size();
  }
  std::size_t under_way() const {
    const std::lock_guard lock(shared_->mutex);
    return shared_->under_way;
  }

  NameLookup::Resolver resolver() const {
    return [shared = shared_](const std::string& name) { return shared->resolve(name); };
  }

 private:
  struct Shared {
    Resolved resolve(const std::string& name) {
      std::unique_lock lock(mutex);
      asked.push_back(name);
      ++under_way;
      changed.wait(lock, [&] { return std::ranges::find(held, name) == held.end(); });
      --under_way;
      const auto found = known.find(name);
      if (found != known.end()) return found->second;
      Resolved unknown;
      unknown.error = LookupError::no_such_name;
      return unknown;
    }

    std::mutex mutex;
    std::condition_variable changed;
    std::map<std::string, Resolved> known;
    std::vector<std::string> held;
    std::vector<std::string> asked;
    std::size_t under_way = 0;
  };
  std::shared_ptr<Shared> shared_;
};

Resolved found(const std::vector<std::string>& texts) {
  Resolved resolved;
  resolved.addresses = ips(texts);
  return resolved;
}

Resolved failed(std::error_code error) {
  Resolved resolved;
  resolved.error = error;
  return resolved;
}

AsioConfig config_with(NameLookup& names) {
  AsioConfig config;
  config.names = &names;
  return config;
}

class AsioConnectTest : public testing::Test {
 protected:
  runtime::Network& network() { return runtime_.network(); }
  // Gives up after a time in which nothing that works can fail.
  Connection connect(const std::string& host, std::uint16_t port) {
    return runtime_.block_on(with_limit(network().connect(Address::tcp(host, port))));
  }
  Task<Connection> with_limit(Task<Connection> connecting) {
    Connection connected = co_await with_deadline(runtime_.clock(), runtime_.clock().now() + 20s, std::move(connecting));
    co_return connected;
  }
  std::unique_ptr<Listener> listen(const std::string& host, std::uint16_t port = 0) {
    Listening listening = network().listen(Address::tcp(host, port));
    if (!listening) {
      ADD_FAILURE() << "listen on " << host << ": " << listening.message();
      return nullptr;
    }
    return *std::move(listening);
  }

  FakeNames names_;
  NameLookup lookup_{names_.resolver()};
  AsioRuntime runtime_{config_with(lookup_)};
};

// --- Lookups ---------------------------------------------------------------------------------------------------------

// Regression: the runtime waited for getaddrinfo(): a program whose call had a second ended when the name server did.
TEST(NameLookupTest, NobodyWaitsForASilentNameServer) {
  FakeNames names;
  names.hold("silent.test");
  NameLookup lookup(names.resolver());
  {
    AsioRuntime runtime(config_with(lookup));
    const auto try_it = [](AsioRuntime& on) -> Task<Connection> {
      Connection connected =
          co_await with_deadline(on.clock(), on.clock().now() + 20ms, on.network().connect(Address::tcp("silent.test", 80)));
      co_return connected;
    };
    EXPECT_EQ(runtime.block_on(try_it(runtime)).error(), std::errc::timed_out);
  }
  EXPECT_EQ(names.under_way(), 1u) << "the runtime has gone while the name is still looked up";
}

// The same for the end of the program: it must neither wait nor crash while a thread of ours is in the resolver.
TEST(NameLookupDeathTest, AProgramEndsWhileANameIsLookedUp) {
  const auto program = [] {
    static FakeNames names;
    names.hold("silent.test");
    static NameLookup& lookup = *new NameLookup([resolve = names.resolver()](const std::string& name) {
      Resolved resolved = resolve(name);
      while (true) ::pause();
      return resolved;
    });
    AsioRuntime runtime(config_with(lookup));
    const auto try_it = [](AsioRuntime& on) -> Task<bool> {
      TaskScope scope(on.executor());
      const auto connect = [](AsioRuntime& with) -> Task<void> {
        (void)co_await with.network().connect(Address::tcp("silent.test", 80));
      };
      scope.spawn("connect", connect(on));
      co_return co_await eventually(on.clock(), [] { return names.under_way() == 1; });
    };
    std::exit(runtime.block_on(try_it(runtime)) ? 0 : 1);
  };
  EXPECT_EXIT(program(), testing::ExitedWithCode(0), "");
}

// Regression: all names of a runtime were looked up one after the other.
TEST_F(AsioConnectTest, OneSilentNameStopsNoOther) {
  const std::unique_ptr<Listener> listener = listen("127.0.0.1");
  const std::uint16_t port = listener->address().port();
  names_.hold("silent.test");
  names_.set("one.test", found({"127.0.0.1"}));
  names_.set("two.test", found({"127.0.0.1"}));
  const auto talk = [](AsioConnectTest& test, runtime::Network& network, FakeNames& names, AsioRuntime& runtime,
                       std::uint16_t at) -> Task<void> {
    (void)test;
    TaskScope scope(runtime.executor());
    const auto connect_in_vain = [](runtime::Network& with, std::uint16_t to) -> Task<void> {
      (void)co_await with.connect(Address::tcp("silent.test", to));
    };
    scope.spawn("silent", connect_in_vain(network, at));
    const bool has_begun = co_await eventually(runtime.clock(), [&] { return names.under_way() == 1; });
    CO_ASSERT_TRUE(has_begun);
    auto [one, two] =
        co_await when_all(network.connect(Address::tcp("one.test", at)), network.connect(Address::tcp("two.test", at)));
    EXPECT_TRUE(one.ok()) << one.message();
    EXPECT_TRUE(two.ok()) << two.message();
    EXPECT_EQ(names.under_way(), 1u);
  };
  runtime_.block_on(talk(*this, network(), names_, runtime_, port));
}

TEST_F(AsioConnectTest, WhoeverAsksForTheSameNameSharesOneLookup) {
  const std::unique_ptr<Listener> listener = listen("127.0.0.1");
  const std::uint16_t port = listener->address().port();
  names_.hold("slow.test");
  names_.set("slow.test", found({"127.0.0.1"}));
  const auto release_when_all_wait = [](FakeNames& names, AsioRuntime& runtime) -> Task<bool> {
    const bool has_begun = co_await eventually(runtime.clock(), [&] { return names.under_way() == 1; });
    co_await test::turns(runtime.executor(), 10);
    names.release();
    co_return has_begun;
  };
  const auto talk = [&](runtime::Network& with) -> Task<void> {
    auto [one, two, three, begun] =
        co_await when_all(with.connect(Address::tcp("slow.test", port)), with.connect(Address::tcp("slow.test", port)),
                          with.connect(Address::tcp("slow.test", port)), release_when_all_wait(names_, runtime_));
    EXPECT_TRUE(begun && one.ok() && two.ok() && three.ok());
  };
  runtime_.block_on(talk(network()));
  EXPECT_EQ(names_.asked(), 1u);
}

TEST_F(AsioConnectTest, LookupsThatNobodyWaitsForAnyMoreAreNotBegun) {
  NameLookup one_at_a_time(names_.resolver(), 1);
  AsioRuntime runtime(config_with(one_at_a_time));
  names_.hold("silent.test");
  const auto talk = [&](AsioRuntime& on) -> Task<void> {
    const auto connect_for = [](AsioRuntime& with, std::string name, base::Duration span) -> Task<std::error_code> {
      const Connection connected = co_await with_deadline(with.clock(), with.clock().now() + span,
                                                          with.network().connect(Address::tcp(std::move(name), 80)));
      co_return connected.error();
    };
    auto [silent, given_up] =
        co_await when_all(connect_for(on, "silent.test", 30ms), connect_for(on, "given-up.test", 20ms));
    EXPECT_EQ(silent, std::errc::timed_out);
    EXPECT_EQ(given_up, std::errc::timed_out);
    EXPECT_EQ(names_.asked(), 1u) << "more than one at a time";
    names_.release();
    const std::error_code last = co_await connect_for(on, "last.test", 20s);
    EXPECT_EQ(last, LookupError::no_such_name);
    EXPECT_EQ(names_.asked(), 2u) << "a name was looked up that nobody waits for";
  };
  runtime.block_on(talk(runtime));
}

// Regression: all of them were "Cannot assign requested address".
TEST_F(AsioConnectTest, AFailedLookupSaysWhatIsWrongWithWhichName) {
  names_.set("silent.test", failed(LookupError::no_answer));
  names_.set("bare.test", failed(LookupError::no_address));
  names_.set("empty.test", Resolved());
  struct Case {
    std::string name;
    LookupError error;
    std::string message;
  };
  for (const auto& [name, error, message] : {
           Case{"unknown.test", LookupError::no_such_name, "\"unknown.test\": no such name"},
           Case{"silent.test", LookupError::no_answer,
                "\"silent.test\": the name server does not answer (temporary failure)"},
           Case{"bare.test", LookupError::no_address, "\"bare.test\": this name has no address"},
           Case{"empty.test", LookupError::no_address, "\"empty.test\": this name has no address"},
       }) {
    const Connection connected = connect(name, 80);
    EXPECT_EQ(connected.error(), error) << name;
    EXPECT_EQ(connected.error(), std::errc::address_not_available) << "one comparison for all";
    EXPECT_EQ(connected.message(), message);
  }
}

TEST(NameLookupTest, TheSystemIsAsked) {
  EXPECT_EQ(resolve_with_the_system("no-such-host.invalid").error, LookupError::no_such_name);
  EXPECT_EQ(resolve_with_the_system("127.0.0.1").addresses, ips({"127.0.0.1"}));
  EXPECT_EQ(resolve_with_the_system("a name with spaces").error, LookupError::no_such_name);
}

// --- Several addresses -----------------------------------------------------------------------------------------------

TEST(ConnectOrder, FamiliesTakeTurnsBeginningWithTheFirst) {
  EXPECT_EQ(in_order_to_try(ips({"10.0.0.1", "10.0.0.2", "10.0.0.3", "::1", "::2"}), nullptr),
            ips({"10.0.0.1", "::1", "10.0.0.2", "::2", "10.0.0.3"}));
  EXPECT_EQ(in_order_to_try(ips({"::1", "::2", "::3", "10.0.0.1"}), nullptr), ips({"::1", "10.0.0.1", "::2", "::3"}));
  EXPECT_EQ(in_order_to_try(ips({"10.0.0.1"}), nullptr), ips({"10.0.0.1"}));
  EXPECT_TRUE(in_order_to_try({}, nullptr).empty());
}

TEST(ConnectOrder, TheLastWinnerComesFirst) {
  const IpAddress winner = boost::asio::ip::make_address("::2");
  EXPECT_EQ(in_order_to_try(ips({"10.0.0.1", "10.0.0.2", "::1", "::2"}), &winner),
            ips({"::2", "10.0.0.1", "::1", "10.0.0.2"}));
  EXPECT_EQ(in_order_to_try(ips({"10.0.0.1", "::1"}), &winner), ips({"10.0.0.1", "::1"})) << "it is gone";
}

// Regression: the addresses were tried one after the other, each for as long as the system tries: two minutes.
TEST_F(AsioConnectTest, AnAddressThatSwallowsPacketsDoesNotHideTheNext) {
  BoundPort dead("127.0.0.1");
  dead.fill_backlog();
  const std::unique_ptr<Listener> alive = listen("127.0.0.2", dead.address().port());
  names_.set("half-dead.test", found({"127.0.0.1", "127.0.0.2"}));
  const std::size_t descriptors_before =
      static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {}));
  const Connection connected = connect("half-dead.test", dead.address().port());
  ASSERT_TRUE(connected.ok()) << connected.message();
  EXPECT_EQ((*connected)->peer_address(), alive->address());
  const std::size_t descriptors_after =
      static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {}));
  EXPECT_EQ(descriptors_after, descriptors_before + 1) << "the attempt that lost is over";
}

TEST_F(AsioConnectTest, LocalhostIsReachedOverTheFamilyThatAnswers) {
  if (!test::has_ipv6_loopback()) GTEST_SKIP() << "no ::1 here";
  BoundPort dead("127.0.0.1");
  dead.fill_backlog();
  const std::unique_ptr<Listener> alive = listen("::1", dead.address().port());
  for (const std::string name : {"localhost", "LocalHost.", "a.localhost"}) {
    const Connection connected = connect(name, dead.address().port());
    ASSERT_TRUE(connected.ok()) << name << ": " << connected.message();
    EXPECT_EQ((*connected)->peer_address(), alive->address());
  }
}

TEST_F(AsioConnectTest, TheWinnerIsTriedFirstTheNextTime) {
  BoundPort refuses("127.0.0.1");
  const std::uint16_t port = refuses.address().port();
  const std::unique_ptr<Listener> winner = listen("127.0.0.2", port);
  const std::unique_ptr<Listener> third = listen("127.0.0.3", port);
  names_.set("several.test", found({"127.0.0.1", "127.0.0.2", "127.0.0.3"}));
  const Connection first = connect("several.test", port);
  ASSERT_TRUE(first.ok()) << first.message();
  EXPECT_EQ((*first)->peer_address(), winner->address());
  names_.set("several.test", found({"127.0.0.3", "127.0.0.2"}));
  const Connection again = connect("several.test", port);
  ASSERT_TRUE(again.ok()) << again.message();
  EXPECT_EQ((*again)->peer_address(), winner->address());
}

TEST_F(AsioConnectTest, AFailedConnectNamesEachAddressAndWhatItSaid) {
  BoundPort refuses("127.0.0.1");
  names_.set("refuses.test", found({"255.255.255.255", "127.0.0.1", "127.0.0.2"}));
  const Connection connected = connect("refuses.test", refuses.address().port());
  EXPECT_EQ(connected.error(), std::errc::connection_refused) << "what says most of the server";
  const std::string text = connected.message();
  EXPECT_NE(text.find("127.0.0.1: Connection refused"), std::string::npos) << text;
  EXPECT_NE(text.find("127.0.0.2: Connection refused"), std::string::npos) << text;
  EXPECT_NE(text.find("255.255.255.255: "), std::string::npos) << text;
}

Task<void> give_up_and_go_on(AsioRuntime& runtime, Address dead, Address alive) {
  const Connection given_up =
      co_await with_deadline(runtime.clock(), runtime.clock().now() + 300ms, runtime.network().connect(std::move(dead)));
  EXPECT_EQ(given_up.error(), std::errc::timed_out);
  const Connection connected = co_await runtime.network().connect(std::move(alive));
  EXPECT_TRUE(connected.ok());
}

// 300 ms: two attempts are under way when it is given up.
TEST_F(AsioConnectTest, SeveralAttemptsAreGivenUpTogether) {
  BoundPort one("127.0.0.1");
  one.fill_backlog();
  const std::unique_ptr<Listener> alive = listen("127.0.0.1");
  names_.set("dead.test", found({"127.0.0.1", "127.0.0.1"}));
  runtime_.block_on(give_up_and_go_on(runtime_, Address::tcp("dead.test", one.address().port()), alive->address()));
}

// --- Connected with itself -------------------------------------------------------------------------------------------

// Regression: the system may give a caller the very port that it calls. It was then connected with itself, read its own
// request as an answer, and kept the server from listening for a minute.
TEST_F(AsioConnectTest, ASocketThatIsConnectedWithItselfCountsAsRefused) {
  boost::asio::io_context context;
  const auto core = std::make_shared<AsioCore>(context, AsioConfig{});
  BoundPort unused("127.0.0.1");
  const std::uint16_t port = unused.address().port();
  const test::Descriptor connected(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in itself{};
  itself.sin_family = AF_INET;
  itself.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  itself.sin_port = 0;
  socklen_t size = sizeof itself;
  auto* const address = reinterpret_cast<sockaddr*>(&itself);
  ASSERT_EQ(::bind(*connected, address, size), 0);
  ASSERT_EQ(::getsockname(*connected, address, &size), 0);
  ASSERT_EQ(::connect(*connected, address, size), 0);
  EXPECT_NE(ntohs(itself.sin_port), port);

  auto state = std::make_shared<AsioStream::State>(core);
  ASSERT_FALSE(state->adopt(AF_INET, ::fcntl(*connected, F_DUPFD_CLOEXEC, 0)));
  EXPECT_EQ(finish_stream(state, "").error(), std::errc::connection_refused);
  EXPECT_FALSE(state->socket.is_open());
  core->close();
}

// The same by the way that users meet it: the system goes through every other of its ports, the lowest one's neighbours but
// one, and comes to the one that is called.
TEST_F(AsioConnectTest, CallingAPortThatTheSystemGivesToCallersIsNeverAnsweredByOneself) {
  std::ifstream range("/proc/sys/net/ipv4/ip_local_port_range");
  int low = 0;
  int high = 0;
  if (!(range >> low >> high)) GTEST_SKIP() << "the system does not tell which ports it gives to callers";
  const auto port = static_cast<std::uint16_t>(low + (high - low) / 4 * 2);
  {
    const Listening free = network().listen(Address::tcp("127.0.0.1", port));
    if (!free) GTEST_SKIP() << "port " << port << " is taken";
  }
  const auto call_often = [](runtime::Network& with, std::uint16_t at, int times) -> Task<int> {
    int connected = 0;
    for (int i = 0; i < times; ++i) {
      const Connection connection = co_await with.connect(Address::tcp("127.0.0.1", at));
      if (connection) ++connected;
    }
    co_return connected;
  };
  EXPECT_EQ(runtime_.block_on(call_often(network(), port, (high - low) / 2 + 1)), 0);
  EXPECT_TRUE(network().listen(Address::tcp("127.0.0.1", port)).ok()) << "the port is free for its server";
}

// --- Addresses that lead nowhere -------------------------------------------------------------------------------------

TEST_F(AsioConnectTest, WhatCannotBeConnectedToIsRefusedWithTheReason) {
  EXPECT_EQ(connect("0.0.0.0", 80).error(), AddressError::wildcard);
  EXPECT_EQ(connect("::", 80).error(), AddressError::wildcard);
  EXPECT_EQ(connect("127.0.0.1", 0).error(), AddressError::port_zero);
  EXPECT_EQ(connect("127.1", 80).error(), AddressError::bad_ipv4);
  EXPECT_EQ(connect("::zz", 80).error(), AddressError::bad_ipv6);
  EXPECT_EQ(connect("fe80::1%nowhere0", 80).error(), LookupError::no_such_interface);
  EXPECT_EQ(network().listen(Address::tcp("fe80::1%nowhere0", 80)).error(), LookupError::no_such_interface);
  EXPECT_EQ(network().listen(Address::tcp("example.org", 80)).message(), "listening takes a numeric address, or localhost");
  EXPECT_EQ(names_.asked(), 0u);
}

TEST_F(AsioConnectTest, ANameWithADotAtTheEndIsLookedUpAsItStands) {
  const std::unique_ptr<Listener> listener = listen("127.0.0.1");
  names_.set("absolute.test.", found({"127.0.0.1"}));
  EXPECT_TRUE(connect("absolute.test.", listener->address().port()).ok());
}

}  // namespace
}  // namespace razor::asio
