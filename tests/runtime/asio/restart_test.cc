// Restart: sockets that were handed to this process are listened on instead of new ones; a successor gets them, and takes over
// only when it is ready. Whole processes: pytests/test_restart.py.
//
// Fails when a connection is accepted by a process that may still be given up, when the path of a Unix socket goes while
// somebody serves there, when a child program gets more than it is handed, or when a failed one stays.

#include "razor/runtime/asio/restart.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <set>
#include <sstream>

#include "razor/base/format.h"
#include "razor/runtime/task_scope.h"
#include "razor/runtime/with_deadline.h"
#include "tests/runtime/asio/raw_listeners.h"
#include "tests/support/streams.h"
#include "tests/support/temp_directory.h"

namespace razor::asio {
namespace {

using namespace std::chrono_literals;
using runtime::Address;
using runtime::Listener;
using runtime::Task;
using test::Descriptor;
using test::RawListener;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Listening = base::Result<std::unique_ptr<Listener>>;

class Log final : public base::LogSink {
 public:
  bool enabled(base::LogLevel) const override { return true; }
  void write(base::LogLevel, std::string_view line) override { lines.emplace_back(line); }
  std::vector<std::string> lines;
};

// What a predecessor, or a test in its place, hands on. Descriptors are duplicates: a Restart closes them.
class HandedOn {
 public:
  HandedOn& add(const RawListener& socket, const Address& requested, bool own = true) {
    given_.push_back({socket.duplicate(), requested, socket.address(), "", own, true});
    return *this;
  }
  HandedOn& add(const RawListener& socket) { return add(socket, socket.address()); }
  Environment environment() const { return {{"RAZOR_LISTENERS", encode_listeners(given_)}}; }

 private:
  std::vector<InheritedListener> given_;
};

// The predecessor's end of the pair on which this process says that it is ready.
class Predecessor {
 public:
  Predecessor() {
    int ends[2];
    RAZOR_CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0, "no pair");
    ours_.emplace(ends[0]);
    childs_ = ends[1];
  }
  Environment environment(const HandedOn& handed) const {
    Environment variables = handed.environment();
    variables["RAZOR_READY"] = std::to_string(childs_);
    return variables;
  }
  std::string said() const {
    char word[8];
    const ssize_t count = ::recv(**ours_, word, sizeof word, MSG_DONTWAIT);
    return {word, static_cast<std::size_t>(std::max<ssize_t>(count, 0))};
  }
  void give_up() {
    EXPECT_EQ(::send(**ours_, "G", 1, MSG_NOSIGNAL), 1);
    EXPECT_EQ(::shutdown(**ours_, SHUT_RD), 0);
  }
  void die() { ours_.reset(); }

 private:
  std::optional<Descriptor> ours_;
  int childs_ = -1;
};

Descriptor connect_to(const Address& address) {
  const Endpoint where = *endpoint_to_listen(address);
  Descriptor client(::socket(family_of(where), SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(::connect(*client, where.data(), static_cast<socklen_t>(where.size())), 0) << std::strerror(errno);
  return client;
}

bool is_socket(const std::string& path) {
  struct stat status{};
  return ::lstat(path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode);
}

Task<bool> accepts_one(Listener& listener) { co_return (co_await listener.accept()).ok(); }

// The result of `task`, or timed_out.
Task<base::Result<bool>> within(AsioRuntime& runtime, base::Duration span, Task<bool> task) {
  co_return co_await runtime::with_deadline(runtime.clock(), runtime.clock().now() + span, std::move(task));
}

// --- Adopting --------------------------------------------------------------------------------------------------------

TEST(Restart, AnInheritedSocketIsListenedOnWithTheConnectionsThatWaitThere) {
  const test::TempDirectory directory;
  for (const Address& address : {Address::tcp("127.0.0.1", 0), Address::unix_socket(directory / "socket"),
                                 Address::unix_socket(base::format("@razor-test-restart-{}", ::getpid()))}) {
    Log log;
    const RawListener socket(address);
    const Descriptor waiting = connect_to(socket.address());
    Restart restart(HandedOn().add(socket).environment(), &log);
    EXPECT_THAT(restart.not_adopted(), ElementsAre(socket.address()));
    AsioRuntime runtime(AsioConfig{.log = &log, .restart = &restart});
    const Listening listening = runtime.network().listen(socket.address());
    ASSERT_TRUE(listening.ok()) << listening.message();
    EXPECT_EQ((*listening)->address(), socket.address());
    EXPECT_THAT(restart.not_adopted(), IsEmpty());
    ASSERT_TRUE(restart.notify_ready());
    EXPECT_TRUE(runtime.block_on(accepts_one(**listening)));
    EXPECT_THAT(log.lines, IsEmpty());
  }
}

TEST(Restart, PortZeroMeansTheSocketForWhichThePredecessorAskedSo) {
  Log log;
  const Address any = Address::tcp("127.0.0.1", 0);
  const RawListener first(any);
  const RawListener second(any);
  const RawListener with_port(any);
  Restart restart(HandedOn().add(with_port).add(first, any).add(second, any).environment(), &log);
  AsioRuntime runtime(AsioConfig{.log = &log, .restart = &restart});
  std::vector<Address> got;
  std::vector<std::unique_ptr<Listener>> kept;
  for (int i = 0; i < 3; ++i) {
    Listening listening = runtime.network().listen(any);
    ASSERT_TRUE(listening.ok()) << listening.message();
    got.push_back((*listening)->address());
    kept.push_back(*std::move(listening));
  }
  EXPECT_EQ(got[0], first.address());
  EXPECT_EQ(got[1], second.address());
  EXPECT_NE(got[2].port(), with_port.address().port()) << "a free port was asked for, and there is no third such socket";
  EXPECT_THAT(restart.not_adopted(), ElementsAre(with_port.address()));
}

TEST(Restart, EverywhereIsAnAddressOfItsOwn) {
  Log log;
  const RawListener everywhere(Address::tcp("0.0.0.0", 0));
  Restart restart(HandedOn().add(everywhere).environment(), &log);
  AsioRuntime runtime(AsioConfig{.log = &log, .restart = &restart});
  const std::uint16_t port = everywhere.address().port();
  EXPECT_EQ(runtime.network().listen(Address::tcp("127.0.0.1", port)).error(), std::errc::address_in_use);
  EXPECT_TRUE(runtime.network().listen(Address::tcp("0.0.0.0", port)).ok());
}

TEST(Restart, SocketsThatNothingListensOnAreClosedWhenTheProcessIsReady) {
  const test::TempDirectory directory;
  Log log;
  std::optional<RawListener> tcp(Address::tcp("127.0.0.1", 0));
  std::optional<RawListener> local(Address::unix_socket(directory / "socket"));
  Restart restart(HandedOn().add(*tcp).add(*local).environment(), &log);
  const Address address = tcp->address();
  tcp.reset();
  local.reset();
  AsioRuntime runtime(AsioConfig{.log = &log, .restart = &restart});
  EXPECT_TRUE(runtime.block_on(runtime.network().connect(address)).ok());
  ASSERT_TRUE(restart.notify_ready());
  EXPECT_EQ(runtime.block_on(runtime.network().connect(address)).error(), std::errc::connection_refused);
  EXPECT_FALSE(is_socket(directory / "socket")) << "nobody else would remove it";
  EXPECT_EQ(log.lines.size(), 2u);
}

// --- Readiness -------------------------------------------------------------------------------------------------------

TEST(Restart, ThePredecessorAcceptsUntilThisProcessIsReady) {
  Log log;
  const RawListener socket(Address::tcp("127.0.0.1", 0));
  Predecessor predecessor;
  Restart restart(predecessor.environment(HandedOn().add(socket)), &log);
  EXPECT_TRUE(restart.has_predecessor());
  AsioRuntime runtime(AsioConfig{.log = &log, .restart = &restart});
  const Listening listening = runtime.network().listen(socket.address());
  ASSERT_TRUE(listening.ok()) << listening.message();

  const Descriptor client = connect_to(socket.address());
  const auto accepted = runtime.block_on(within(runtime, 50ms, accepts_one(**listening)));
  EXPECT_EQ(accepted.error(), std::errc::timed_out);
  const Descriptor taken_by_the_predecessor(::accept4(*socket, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));

  // An accept that waits already is woken.
  std::optional<bool> is_accepted;
  runtime::TaskScope scope(runtime.executor());
  struct Accepting {
    static Task<void> run(Listener& listener, std::optional<bool>& is_accepted, AsioRuntime& runtime) {
      is_accepted = co_await accepts_one(listener);
      runtime.stop();
    }
    static Task<void> nothing() { co_return; }
  };
  scope.spawn("accept", Accepting::run(**listening, is_accepted, runtime));
  runtime.block_on(Accepting::nothing());
  const Descriptor next = connect_to(socket.address());
  EXPECT_EQ(predecessor.said(), "");
  ASSERT_TRUE(restart.notify_ready());
  ASSERT_TRUE(restart.notify_ready()) << "again";
  EXPECT_EQ(predecessor.said(), "R");
  EXPECT_FALSE(restart.has_predecessor());
  runtime.run();
  EXPECT_EQ(is_accepted, true);
}

TEST(Restart, WhoWasGivenUpLearnsIt) {
  Log log;
  const RawListener socket(Address::tcp("127.0.0.1", 0));
  Predecessor predecessor;
  Restart restart(predecessor.environment(HandedOn().add(socket)), &log);
  predecessor.give_up();
  EXPECT_EQ(restart.notify_ready().error(), std::errc::operation_canceled);
  EXPECT_EQ(restart.not_adopted().size(), 1u) << "it never was this process's";
}

TEST(Restart, WhosePredecessorDiedServes) {
  Log log;
  const RawListener socket(Address::tcp("127.0.0.1", 0));
  Predecessor predecessor;
  Restart restart(predecessor.environment(HandedOn().add(socket)), &log);
  predecessor.die();
  EXPECT_TRUE(restart.notify_ready());
}

TEST(Restart, ThePathOfASocketIsRemovedByWhomeverItBelongsTo) {
  struct Case {
    bool own;
    bool is_ready;
    bool is_removed;
  };
  for (const Case& one : {Case{true, true, true}, Case{false, true, false}, Case{true, false, false}}) {
    const test::TempDirectory directory;
    Log log;
    const RawListener socket(Address::unix_socket(directory / "socket"));
    Predecessor predecessor;
    Restart restart(predecessor.environment(HandedOn().add(socket, socket.address(), one.own)), &log);
    AsioRuntime runtime(AsioConfig{.log = &log, .restart = &restart});
    Listening listening = runtime.network().listen(socket.address());
    ASSERT_TRUE(listening.ok()) << listening.message();
    if (one.is_ready) {
      ASSERT_TRUE(restart.notify_ready());
    }
    *listening = nullptr;
    EXPECT_EQ(is_socket(directory / "socket"), !one.is_removed) << one.own << one.is_ready;
  }
}

TEST(Restart, SystemdIsToldOfReadinessOnce) {
  const test::TempDirectory directory;
  for (const std::string& name : {directory / "notify", base::format("@razor-test-notify-{}", ::getpid())}) {
    Log log;
    const Descriptor manager(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_un where = test::unix_sockaddr(name);
    if (name[0] == '@') where.sun_path[0] = '\0';
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    ASSERT_EQ(::bind(*manager, reinterpret_cast<sockaddr*>(&where), size), 0);
    Restart restart({{"NOTIFY_SOCKET", name}}, &log);
    ASSERT_TRUE(restart.notify_ready());
    ASSERT_TRUE(restart.notify_ready());
    char message[100];
    ASSERT_EQ(::recv(*manager, message, sizeof message, 0), 7);
    EXPECT_EQ(std::string(message, 7), "READY=1");
    EXPECT_LT(::recv(*manager, message, sizeof message, 0), 0);
  }
  for (const char* bad : {"", "/", "relative", "vsock:2:1"}) {
    Log log;
    EXPECT_TRUE(Restart({{"NOTIFY_SOCKET", bad}}, &log).notify_ready());
    EXPECT_EQ(log.lines.size(), 1u) << bad;
  }
}

// --- Handing over ----------------------------------------------------------------------------------------------------

// A process that serves a Unix socket and one of TCP, and its successors.
class HandOver : public testing::Test {
 protected:
  HandOver() {
    for (const Address& address : {Address::unix_socket(directory / "socket"), Address::tcp("127.0.0.1", 0)}) {
      Listening listening = runtime.network().listen(address);
      EXPECT_TRUE(listening.ok()) << listening.message();
      listeners.push_back(*std::move(listening));
    }
  }

  bool hand_over_to(std::vector<std::string> command, base::Duration timeout = 20s) {
    restart.set_command(std::move(command));
    return runtime.block_on(restart.hand_over(runtime, {.ready_timeout = timeout}));
  }
  bool hand_over_to_python(const std::string& program) {
    return hand_over_to({"python3", "-I", "-S", "-c", program, directory / "said"});
  }
  std::string said() const {
    std::ostringstream text;
    text << std::ifstream(directory / "said").rdbuf();
    return text.str();
  }
  // Of a child that this process has not waited for.
  bool has_child() const { return ::waitpid(-1, nullptr, WNOHANG) >= 0; }
  bool still_serves() {
    bool serves = true;
    for (const auto& listener : listeners) {
      const Descriptor client = connect_to(listener->address());
      serves = serves && runtime.block_on(accepts_one(*listener));
    }
    return serves;
  }

  test::TempDirectory directory;
  Log log;
  Restart restart{Environment(), &log};
  AsioRuntime runtime{AsioConfig{.log = &log, .restart = &restart}};
  std::vector<std::unique_ptr<Listener>> listeners;
};

TEST_F(HandOver, ASuccessorThatIsReadyGetsTheSocketsAndNothingElse) {
  EXPECT_TRUE(hand_over_to_python(R"(
import os, sys
got = [int(one.split(',')[0]) for one in os.environ['RAZOR_LISTENERS'].split(';')]
ready = int(os.environ['RAZOR_READY'])
open_now = {int(name) for name in os.listdir('/proc/self/fd') if os.path.exists('/proc/self/fd/' + name)}
with open(sys.argv[1], 'w') as file:
    sockets = {fd for fd in open_now if os.readlink(f'/proc/self/fd/{fd}').startswith('socket:') and fd > 2}
    print(len(got), sockets == {ready, *got}, 'LISTEN_FDS' in os.environ, file=file)
os.write(ready, b'R')
)")) << testing::PrintToString(log.lines);
  EXPECT_EQ(said(), "2 True False\n");
  EXPECT_THAT(log.lines, Contains(HasSubstr("is ready")));
  listeners.clear();
  EXPECT_TRUE(is_socket(directory / "socket")) << "the successor listens there";
  EXPECT_FALSE(hand_over_to({"true"})) << "there is one already";
  ::waitpid(-1, nullptr, 0);
}

// Regression: Asio leaves a closed socket in its epoll while another process has it.
TEST_F(HandOver, ASocketThatWasHandedOnWakesThisProcessNoMore) {
  const auto watched = [] {
    std::multiset<std::string> lines;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fdinfo")) {
      std::ifstream file(entry.path());
      for (std::string line; std::getline(file, line);) {
        if (line.starts_with("tfd:")) lines.insert(line);
      }
    }
    return lines.size();
  };
  runtime.block_on([](Listener& listener, Address address) -> Task<void> {  // so that Asio watches it
    const Descriptor client = connect_to(address);
    (void)co_await listener.accept();
  }(*listeners[1], listeners[1]->address()));
  const Descriptor successors(::fcntl(
      [&] {
        for (int fd = 3; fd < 1000; ++fd) {
          int listens = 0;
          socklen_t size = sizeof listens;
          if (::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens == 1) return fd;
        }
        return -1;
      }(),
      F_DUPFD_CLOEXEC, 0));
  const std::size_t before = watched();
  listeners.clear();
  EXPECT_EQ(watched(), before - 2);
}

TEST_F(HandOver, ASuccessorThatEndsChangesNothing) {
  EXPECT_FALSE(hand_over_to({"sh", "-c", "exit 3"}));
  EXPECT_THAT(log.lines, Contains(HasSubstr("ended with status 3; this process goes on serving")));
  EXPECT_FALSE(hand_over_to({"sh", "-c", "kill -KILL $$"}));
  EXPECT_THAT(log.lines, Contains(HasSubstr("was ended by signal 9")));
  EXPECT_FALSE(has_child());
  EXPECT_TRUE(still_serves());
  listeners.clear();
  EXPECT_FALSE(is_socket(directory / "socket")) << "the path is still this process's";
}

TEST_F(HandOver, ASuccessorThatIsNotReadyInTimeIsKilled) {
  EXPECT_FALSE(hand_over_to({"sleep", "1000"}, 50ms));
  EXPECT_THAT(log.lines, Contains(HasSubstr("was not ready in time, and was killed")));
  EXPECT_FALSE(has_child());
  EXPECT_TRUE(still_serves());
}

TEST_F(HandOver, AWordThatNoSuccessorSaysIsNoReadiness) {
  EXPECT_FALSE(hand_over_to_python("import os; os.write(int(os.environ['RAZOR_READY']), b'?')"));
  EXPECT_THAT(log.lines, Contains(HasSubstr("said what no successor says")));
  EXPECT_FALSE(has_child());
}

TEST_F(HandOver, AProgramThatIsNotThereIsNamed) {
  EXPECT_FALSE(hand_over_to({directory / "nothing"}));
  EXPECT_THAT(log.lines, Contains(HasSubstr("nothing cannot be started: No such file or directory")));
  EXPECT_FALSE(hand_over_to({}));
  EXPECT_FALSE(has_child());
  EXPECT_TRUE(still_serves());
}

TEST_F(HandOver, ASuccessorIsKilledWithTheTaskThatWaitsForIt) {
  restart.set_command({"sleep", "1000"});
  const auto outcome = runtime.block_on(within(runtime, 50ms, restart.hand_over(runtime)));
  EXPECT_EQ(outcome.error(), std::errc::timed_out);
  EXPECT_FALSE(has_child());
  EXPECT_TRUE(still_serves());
}

}  // namespace
}  // namespace razor::asio
