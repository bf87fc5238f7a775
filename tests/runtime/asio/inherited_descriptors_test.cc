// No descriptor of ours reaches a program that the user starts. Otherwise a child that lives on keeps a server's port
// accepting connections that nobody serves, and the server cannot listen again.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "razor/runtime/asio/asio_runtime.h"
#include "razor/runtime/when.h"
#include "tests/runtime/asio/local_addresses.h"
#include "tests/support/streams.h"
#include "tests/support/temp_directory.h"

extern char** environ;

namespace razor::asio {
namespace {

using runtime::Address;
using runtime::Listener;
using runtime::Task;
using Listening = base::Result<std::unique_ptr<Listener>>;

// Starts a program as users do; its output goes to `output`, if there is one.
pid_t start(std::vector<std::string> words, int output = -1) {
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  if (output >= 0) ::posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  pid_t child = -1;
  EXPECT_EQ(::posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), environ), 0) << words[0];
  ::posix_spawn_file_actions_destroy(&actions);
  return child;
}

// What the descriptors of a child program lead to: sockets, pipes, and the kernel's other objects.
std::multiset<std::string> inherited() {
  int pipe[2];
  EXPECT_EQ(::pipe2(pipe, O_CLOEXEC), 0);
  const test::Descriptor out(pipe[0]);
  pid_t child = -1;
  {
    const test::Descriptor in(pipe[1]);
    child = start({"ls", "-l", "/proc/self/fd"}, *in);
  }
  std::string text;
  char buffer[4096];
  for (ssize_t count = 0; (count = ::read(*out, buffer, sizeof buffer)) > 0;) {
    text.append(buffer, static_cast<std::size_t>(count));
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  std::multiset<std::string> things;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t arrow = line.find(" -> ");
    if (arrow == line.npos) continue;
    std::string thing = line.substr(arrow + 4);
    if (thing.find(":[") != thing.npos) thing.resize(thing.find(":["));
    if (!thing.starts_with("/proc/")) things.insert(thing);
  }
  return things;
}

// Of this process: other runs of the test have others.
std::string abstract_name() {
  std::string name = "@razor-test-";
  name += std::to_string(::getpid());
  return name;
}

Task<test::StreamPair> talk(AsioRuntime& runtime, Listener& listener) {
  auto [client, server] = co_await runtime::when_all(runtime.network().connect(listener.address()), listener.accept());
  co_return test::StreamPair(*std::move(client), *std::move(server));
}

// Regression: listeners, clients' and servers' sockets were all inherited.
TEST(InheritedDescriptors, AChildProgramGetsNoneOfOurs) {
  const std::multiset<std::string> before = inherited();
  ASSERT_FALSE(before.empty()) << "a child has at least its output";
  const test::TempDirectory directory;
  AsioRuntime runtime;
  const Task<int> waiting_for_a_signal = runtime.wait_for_signal(SIGUSR2);
  std::vector<std::unique_ptr<Listener>> listeners;
  std::vector<test::StreamPair> pairs;
  for (const Address& address :
       {Address::tcp("127.0.0.1", 0), Address::unix_socket(directory / "socket"), Address::unix_socket(abstract_name())}) {
    Listening listening = runtime.network().listen(address);
    ASSERT_TRUE(listening.ok()) << listening.message();
    listeners.push_back(*std::move(listening));
    pairs.push_back(runtime.block_on(talk(runtime, *listeners.back())));
  }
  EXPECT_EQ(inherited(), before);
}

// Regression: the child held the listening socket, and the address was in use for as long as it lived.
TEST(InheritedDescriptors, APortIsFreeAgainThoughAChildLivesOn) {
  AsioRuntime runtime;
  Listening listening = runtime.network().listen(Address::tcp("127.0.0.1", 0));
  ASSERT_TRUE(listening.ok());
  const Address address = (*listening)->address();
  int pipe[2];
  ASSERT_EQ(::pipe2(pipe, O_CLOEXEC), 0);
  const test::Descriptor out(pipe[0]);
  const test::Descriptor in(pipe[1]);
  const pid_t child = start({"sh", "-c", "echo; exec sleep 1000"}, *in);
  // The system lets the parent go on a moment before it closes what the child does not inherit.
  char line = 0;
  ASSERT_EQ(::read(*out, &line, 1), 1);
  *listening = nullptr;
  EXPECT_EQ(runtime.block_on(runtime.network().connect(address)).error(), std::errc::connection_refused);
  const Listening again = runtime.network().listen(address);
  EXPECT_TRUE(again.ok()) << again.message();
  ::kill(child, SIGKILL);
  EXPECT_EQ(::waitpid(child, nullptr, 0), child);
}

// Unix sockets without a file: whoever listens there is reached by name, and nothing is left behind.
TEST(AbstractSockets, AreListenedOnAndConnectedTo) {
  AsioRuntime runtime;
  for (const std::size_t size : {std::size_t{20}, std::size_t{107}}) {
    std::string name = abstract_name();
    name.resize(size + 1, 'x');
    const Address address = *Address::parse(name);
    Listening listening = runtime.network().listen(address);
    ASSERT_TRUE(listening.ok()) << listening.message();
    EXPECT_EQ((*listening)->address(), address);
    const test::StreamPair pair = runtime.block_on(talk(runtime, **listening));
    EXPECT_EQ(pair.client->peer_address(), address);
    EXPECT_EQ(runtime.network().listen(address).error(), std::errc::address_in_use);
    *listening = nullptr;
    EXPECT_EQ(runtime.block_on(runtime.network().connect(address)).error(), std::errc::connection_refused);
    EXPECT_TRUE(runtime.network().listen(address).ok());
  }
}

}  // namespace
}  // namespace razor::asio
