// What is particular to sockets on this machine: the files of Unix sockets, full backlogs, descriptors running out, and
// loops that always find bytes. Without the care that these tests ask for, a server would delete a user's file, hang in
// listen(), or stop serving everybody else.

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <filesystem>
#include <fstream>
#include <vector>

#include "razor/runtime/asio/asio_runtime.h"
#include "razor/runtime/task_scope.h"
#include "razor/runtime/when.h"
#include "razor/runtime/with_deadline.h"
#include "tests/runtime/asio/local_addresses.h"
#include "tests/support/coroutine_asserts.h"
#include "tests/support/streams.h"
#include "tests/support/temp_directory.h"
#include "tests/support/waiting.h"

namespace razor::asio {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;
using base::ByteView;
using base::Result;
using runtime::Address;
using runtime::ByteStream;
using runtime::Listener;
using runtime::ListenOptions;
using runtime::Task;
using runtime::TaskScope;
using runtime::when_all;
using runtime::with_deadline;
using test::TempDirectory;
using test::turns;

using Connection = Result<std::unique_ptr<ByteStream>>;
using Listening = Result<std::unique_ptr<Listener>>;

class AsioNetworkTest : public testing::Test {
 protected:
  runtime::Network& network() { return runtime_.network(); }
  Connection connect(const Address& address) { return runtime_.block_on(network().connect(address)); }

  // A client and a server shake hands at `address`.
  void expect_served(Listener& listener) {
    auto connect_and_accept = [](runtime::Network& network, Listener& served) -> Task<bool> {
      auto [client, server] = co_await when_all(network.connect(served.address()), served.accept());
      co_return client.ok() && server.ok();
    };
    EXPECT_TRUE(runtime_.block_on(connect_and_accept(network(), listener)));
  }

  TempDirectory directory_;
  AsioRuntime runtime_;
};

// --- The files of Unix sockets ---------------------------------------------------------------------------------------

TEST_F(AsioNetworkTest, APathThatADeadProcessLeftBehindIsReplaced) {
  const Address address = Address::unix_socket(directory_ / "left_behind");
  test::bind_unix(address.host());
  ASSERT_TRUE(fs::is_socket(address.host()));
  const Listening listening = network().listen(address);
  ASSERT_TRUE(listening.ok());
  expect_served(**listening);
}

TEST_F(AsioNetworkTest, APathIsFreeWhenItsListenerIsGone) {
  const Address address = Address::unix_socket(directory_ / "gone");
  {
    const Listening listening = network().listen(address);
  }
  EXPECT_FALSE(fs::exists(address.host()));
  EXPECT_EQ(connect(address).error(), std::errc::no_such_file_or_directory);
}

// Regression: connecting to a file that is no socket is refused as well, so the file was taken for a socket left behind
// and deleted.
TEST_F(AsioNetworkTest, AFileThatIsNoSocketIsNeverReplaced) {
  const std::string path = directory_ / "precious";
  std::ofstream(path) << "a user's text";
  EXPECT_EQ(network().listen(Address::unix_socket(path)).error(), std::errc::address_in_use);
  EXPECT_EQ(fs::file_size(path), std::string("a user's text").size());

  const std::string link = directory_ / "link";
  fs::create_symlink(path, link);
  EXPECT_EQ(network().listen(Address::unix_socket(link)).error(), std::errc::address_in_use);
  EXPECT_TRUE(fs::is_symlink(link));

  fs::create_directory(directory_ / "folder");
  EXPECT_EQ(network().listen(Address::unix_socket(directory_ / "folder")).error(), std::errc::address_in_use);
}

// Regression: a listener removed whatever lay at its path when it went, also the socket of the server that had taken
// its place.
TEST_F(AsioNetworkTest, AListenerThatGoesLeavesTheFileOfItsSuccessor) {
  const Address address = Address::unix_socket(directory_ / "handed over");
  Listening old = network().listen(address);
  ASSERT_TRUE(old.ok());
  fs::remove(address.host());
  const Listening successor = network().listen(address);
  ASSERT_TRUE(successor.ok());
  *old = nullptr;
  EXPECT_TRUE(fs::exists(address.host()));
  expect_served(**successor);
}

// Regression: a path that is too long, given without Address::parse, threw.
TEST_F(AsioNetworkTest, APathThatNoSocketCanHaveIsAnError) {
  for (const std::string& path : {std::string(), directory_ / std::string(108, 'x')}) {
    EXPECT_EQ(network().listen(Address::unix_socket(path)).error(), std::errc::invalid_argument);
    EXPECT_EQ(connect(Address::unix_socket(path)).error(), std::errc::invalid_argument);
  }
  const Address nowhere = Address::unix_socket(directory_ / "no/such/folder");
  EXPECT_EQ(network().listen(nowhere).error(), std::errc::no_such_file_or_directory);
  EXPECT_EQ(connect(nowhere).error(), std::errc::no_such_file_or_directory);
}

// --- Backlogs --------------------------------------------------------------------------------------------------------

Task<void> connect_beyond_the_backlog(AsioRuntime& runtime, Listener& listener) {
  std::vector<std::unique_ptr<ByteStream>> clients;
  while (true) {
    Connection connection =
        co_await with_deadline(runtime.clock(), runtime.clock().now() + 10ms, runtime.network().connect(listener.address()));
    if (!connection) {
      EXPECT_EQ(connection.error(), std::errc::timed_out);
      break;
    }
    clients.push_back(*std::move(connection));
    CO_ASSERT_TRUE(clients.size() < 100);
  }
  EXPECT_EQ(runtime.network().listen(listener.address()).error(), std::errc::address_in_use);

  auto [waited, accepted] = co_await when_all(runtime.network().connect(listener.address()), listener.accept());
  EXPECT_TRUE(waited.ok());
  EXPECT_TRUE(accepted.ok());
}

// Regression, twice: such a connect gave a stream that was not connected; and listen() on the path, to see whether it
// is served, waited for room with the whole thread.
TEST_F(AsioNetworkTest, ConnectingToAUnixSocketWaitsForRoomInItsBacklog) {
  const Listening listening = network().listen(Address::unix_socket(directory_ / "busy"), ListenOptions{.backlog = 2});
  ASSERT_TRUE(listening.ok());
  runtime_.block_on(connect_beyond_the_backlog(runtime_, **listening));
}

// --- TCP -------------------------------------------------------------------------------------------------------------

TEST_F(AsioNetworkTest, TheSystemChoosesAPortWhenNoneIsGiven) {
  const Listening first = network().listen(Address::tcp("127.0.0.1", 0));
  const Listening second = network().listen(Address::tcp("127.0.0.1", 0));
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_NE((*first)->address().port(), 0);
  EXPECT_NE((*first)->address().port(), (*second)->address().port());
  EXPECT_EQ((*first)->address().host(), "127.0.0.1");
}

TEST_F(AsioNetworkTest, LocalhostIsThisMachine) {
  const Listening listening = network().listen(Address::tcp("localhost", 0));
  ASSERT_TRUE(listening.ok());
  const Connection connection = connect(Address::tcp("localhost", (*listening)->address().port()));
  ASSERT_TRUE(connection.ok());
  EXPECT_EQ((*connection)->peer_address(), (*listening)->address());
}

TEST_F(AsioNetworkTest, AnAddressOfAnotherMachineCannotBeListenedOn) {
  EXPECT_EQ(network().listen(Address::tcp("192.0.2.1", 0)).error(), std::errc::address_not_available);
}

// --- Descriptors -----------------------------------------------------------------------------------------------------

// Lets the process open `more` descriptors and no more, while it lives.
class DescriptorLimit {
 public:
  explicit DescriptorLimit(rlim_t more) {
    const test::Descriptor next(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    ::getrlimit(RLIMIT_NOFILE, &before_);
    rlimit limited = before_;
    limited.rlim_cur = static_cast<rlim_t>(*next) + more;
    ::setrlimit(RLIMIT_NOFILE, &limited);
  }
  ~DescriptorLimit() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

TEST_F(AsioNetworkTest, AnAcceptWithoutDescriptorsFailsAndTheListenerStaysUsable) {
  const Listening listening = network().listen(Address::tcp("127.0.0.1", 0));
  ASSERT_TRUE(listening.ok());
  const Connection client = connect((*listening)->address());
  ASSERT_TRUE(client.ok());
  {
    const DescriptorLimit none(0);
    for (int i = 0; i < 3; ++i) {
      EXPECT_EQ(runtime_.block_on((*listening)->accept()).error(), std::errc::too_many_files_open);
    }
    EXPECT_EQ(connect((*listening)->address()).error(), std::errc::too_many_files_open);
    EXPECT_EQ(network().listen(Address::tcp("127.0.0.1", 0)).error(), std::errc::too_many_files_open);
  }
  const Connection server = runtime_.block_on((*listening)->accept());
  ASSERT_TRUE(server.ok());
  EXPECT_EQ((*server)->peer_address(), (*client)->local_address());
}

TEST_F(AsioNetworkTest, ConnectionsAreLimitedByTheDescriptors) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const auto connections_max_with = [&](rlim_t descriptors) {
    rlimit limited = before;
    limited.rlim_cur = descriptors;
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &limited), 0);
    const std::uint32_t max = network().connections_max();
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    return max;
  };
  EXPECT_EQ(connections_max_with(200), 136u);
  EXPECT_EQ(connections_max_with(60), 1u);
  if (before.rlim_max < 20'000) GTEST_SKIP() << "this process may not have 20,000 descriptors";
  EXPECT_EQ(connections_max_with(20'000), 10'000u);
}

// --- Loops that always find something --------------------------------------------------------------------------------

Task<void> count_turns(runtime::Executor& executor, std::size_t& count) {
  while (true) {
    ++count;
    co_await test::NextTurn(executor);
  }
}

Task<test::StreamPair> connected_pair(AsioRuntime& runtime) {
  const Listening listening = runtime.network().listen(Address::tcp("127.0.0.1", 0));
  auto [client, server] = co_await when_all(runtime.network().connect((*listening)->address()), (*listening)->accept());
  co_return test::StreamPair(*std::move(client), *std::move(server));
}

Task<void> read_byte_by_byte(AsioRuntime& runtime) {
  const test::StreamPair pair = co_await connected_pair(runtime);
  constexpr std::size_t kBytes = 20'000;
  const Result<void> written = co_await test::write_owned(*pair.client, test::Pattern::bytes(kBytes));
  CO_ASSERT_TRUE(written.ok());
  TaskScope scope(runtime.executor());
  std::size_t others_ran = 0;
  scope.spawn("other", count_turns(runtime.executor(), others_ran));
  std::byte byte{};
  std::size_t others_ran_before = 0;
  for (std::size_t i = 0; i < kBytes; ++i) {
    const Result<std::size_t> got = co_await pair.server->read(std::span(&byte, 1));
    CO_ASSERT_TRUE(got.ok());
    if (i % 100 != 99) continue;
    EXPECT_GT(others_ran, others_ran_before) << "nobody else ran in 100 reads";
    others_ran_before = others_ran;
  }
}

// Regression: a read that fills its buffer is followed by one that does not wait if there is more. A peer that sent
// fast enough kept the loop from ever giving way.
TEST_F(AsioNetworkTest, AReaderThatAlwaysFindsBytesLetsOthersRun) { runtime_.block_on(read_byte_by_byte(runtime_)); }

Task<void> write_byte_by_byte(AsioRuntime& runtime) {
  const test::StreamPair pair = co_await connected_pair(runtime);
  TaskScope scope(runtime.executor());
  std::size_t others_ran = 0;
  scope.spawn("other", count_turns(runtime.executor(), others_ran));
  const std::byte byte{};
  const ByteView view(&byte, 1);
  std::size_t others_ran_before = 0;
  for (std::size_t i = 0; i < 2000; ++i) {
    const Result<std::size_t> written = co_await pair.client->write(std::span(&view, 1));
    CO_ASSERT_TRUE(written.ok());
    if (i % 100 != 99) continue;
    EXPECT_GT(others_ran, others_ran_before) << "nobody else ran in 100 writes";
    others_ran_before = others_ran;
  }
}

TEST_F(AsioNetworkTest, AWriterThatAlwaysFindsRoomLetsOthersRun) { runtime_.block_on(write_byte_by_byte(runtime_)); }

Task<void> accept_many(AsioRuntime& runtime) {
  const Listening listening = runtime.network().listen(Address::tcp("127.0.0.1", 0));
  CO_ASSERT_TRUE(listening.ok());
  std::vector<std::unique_ptr<ByteStream>> clients;
  for (int i = 0; i < 100; ++i) {
    Connection client = co_await runtime.network().connect((*listening)->address());
    CO_ASSERT_TRUE(client.ok());
    clients.push_back(*std::move(client));
  }
  TaskScope scope(runtime.executor());
  std::size_t others_ran = 0;
  scope.spawn("other", count_turns(runtime.executor(), others_ran));
  for (int i = 0; i < 100; ++i) {
    const Connection server = co_await (*listening)->accept();
    CO_ASSERT_TRUE(server.ok());
  }
  EXPECT_GT(others_ran, 1u) << "nobody else ran in 100 accepts";
}

TEST_F(AsioNetworkTest, AnAcceptorThatAlwaysFindsConnectionsLetsOthersRun) { runtime_.block_on(accept_many(runtime_)); }

// --- Misuse ----------------------------------------------------------------------------------------------------------

Task<void> read_twice(AsioRuntime& runtime) {
  const test::StreamPair pair = co_await connected_pair(runtime);
  std::byte one{};
  std::byte two{};
  co_await when_all(pair.client->read(std::span(&one, 1)), pair.client->read(std::span(&two, 1)));
}
Task<void> read_into_nothing(AsioRuntime& runtime) {
  const test::StreamPair pair = co_await connected_pair(runtime);
  (void)co_await pair.client->read({});
}
Task<void> write_nothing(AsioRuntime& runtime) {
  const test::StreamPair pair = co_await connected_pair(runtime);
  const std::vector<ByteView> empty(100);
  (void)co_await pair.client->write(empty);
}
Task<void> accept_twice(AsioRuntime& runtime) {
  const Listening listening = runtime.network().listen(Address::tcp("127.0.0.1", 0));
  co_await when_all((*listening)->accept(), (*listening)->accept());
}

TEST(AsioNetworkDeathTest, OperationsThatCannotBeDoneAreBugs) {
  AsioRuntime runtime;
  EXPECT_DEATH(runtime.block_on(read_twice(runtime)), "two reads at a time on 127.0.0.1");
  EXPECT_DEATH(runtime.block_on(read_into_nothing(runtime)), "read into an empty buffer");
  EXPECT_DEATH(runtime.block_on(write_nothing(runtime)), "write of no bytes");
  EXPECT_DEATH(runtime.block_on(accept_twice(runtime)), "two accepts");
}

}  // namespace
}  // namespace razor::asio
