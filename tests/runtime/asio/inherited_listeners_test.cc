// What a process may be told of the sockets that it was started with, and by whom. Fails when a descriptor is used that is
// not what the environment says of it, or when a good one is not.

#include "razor/runtime/asio/inherited_listeners.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <sys/socket.h>
#include <unistd.h>

#include "razor/base/format.h"
#include "tests/runtime/asio/raw_listeners.h"
#include "tests/support/temp_directory.h"

namespace razor::asio {
namespace {

using runtime::Address;
using test::Descriptor;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Environment listeners(std::string text) { return {{"RAZOR_LISTENERS", std::move(text)}}; }

std::string entry(int descriptor, const Address& bound, const char* owner = "own") {
  return base::format("{},{},{},{}", descriptor, owner, bound, bound);
}

bool is_close_on_exec(int descriptor) { return (::fcntl(descriptor, F_GETFD) & FD_CLOEXEC) != 0; }

// The only complaint about something of which nothing may be used.
std::string why_refused(const Environment& environment) {
  const Inheritance read = read_inheritance(environment);
  EXPECT_TRUE(read.listeners.empty());
  EXPECT_EQ(read.refused.size(), 1u);
  return read.refused.empty() ? "" : read.refused[0];
}

TEST(InheritedListeners, AreTakenAsThePredecessorDescribesThem) {
  const test::TempDirectory directory;
  std::vector<Address> addresses = {Address::tcp("127.0.0.1", 0), Address::tcp("0.0.0.0", 0),
                                    Address::unix_socket(directory / "a b;c,d%\n=\xc3\xa9"),
                                    Address::unix_socket(base::format("@razor-test-{}", ::getpid()))};
  if (test::has_ipv6_loopback()) addresses.push_back(Address::tcp("::1", 0));
  std::vector<test::RawListener> sockets;
  std::vector<InheritedListener> given;
  for (const Address& address : addresses) {
    const test::RawListener& socket = sockets.emplace_back(address);
    given.push_back({*socket, address, socket.address(), "", given.size() % 2 == 0, true});
  }
  const Inheritance read = read_inheritance(listeners(encode_listeners(given)));
  EXPECT_THAT(read.refused, IsEmpty());
  ASSERT_EQ(read.listeners.size(), given.size());
  for (std::size_t i = 0; i < given.size(); ++i) {
    EXPECT_EQ(read.listeners[i].descriptor, given[i].descriptor);
    EXPECT_EQ(read.listeners[i].requested, given[i].requested);
    EXPECT_EQ(read.listeners[i].bound, given[i].bound);
    EXPECT_EQ(read.listeners[i].removes_path, given[i].removes_path);
    EXPECT_TRUE(read.listeners[i].is_from_predecessor);
    EXPECT_TRUE(is_close_on_exec(given[i].descriptor)) << "grandchildren must not inherit " << given[i].bound.to_string();
  }
}

TEST(InheritedListeners, AreRefusedWhenTheDescriptorIsSomethingElse) {
  const test::RawListener listening(Address::tcp("127.0.0.1", 0));
  const Address& address = listening.address();
  const Descriptor file(::open("/dev/null", O_RDONLY));
  const Descriptor datagrams(::socket(AF_INET, SOCK_DGRAM, 0));
  const Descriptor silent(::socket(AF_INET, SOCK_STREAM, 0));
  int closed = -1;
  {
    const Descriptor soon_closed(::open("/dev/null", O_RDONLY));
    closed = *soon_closed;
  }
  EXPECT_THAT(why_refused(listeners(entry(closed, address))), HasSubstr("Bad file descriptor"));
  EXPECT_THAT(why_refused(listeners(entry(*file, address))), HasSubstr("no socket"));
  EXPECT_THAT(why_refused(listeners(entry(*datagrams, address))), HasSubstr("no stream socket"));
  EXPECT_THAT(why_refused(listeners(entry(*silent, address))), HasSubstr("does not listen"));
  EXPECT_FALSE(is_close_on_exec(*file)) << "what is not ours is left as it is";
  EXPECT_FALSE(is_close_on_exec(*silent));
}

TEST(InheritedListeners, AreRefusedWhenTheyListenElsewhere) {
  const test::TempDirectory directory;
  const test::RawListener tcp(Address::tcp("127.0.0.1", 0));
  const test::RawListener local(Address::unix_socket(directory / "socket"));
  const std::uint16_t port = tcp.address().port();
  for (const Address& wrong :
       {Address::tcp("127.0.0.1", static_cast<std::uint16_t>(port ^ 1)), Address::tcp("127.0.0.2", port),
        Address::tcp("0.0.0.0", port), Address::tcp("::1", port), local.address(), Address::tcp("example.org", port)}) {
    EXPECT_THAT(why_refused(listeners(entry(*tcp, wrong))), HasSubstr("does not listen on")) << wrong.to_string();
  }
  EXPECT_THAT(why_refused(listeners(entry(*local, Address::unix_socket(directory / "socke")))),
              HasSubstr("does not listen"));
  EXPECT_THAT(why_refused(listeners(entry(*local, Address::unix_socket("@" + (directory / "socket"))))),
              HasSubstr("does not listen"));
}

TEST(InheritedListeners, TextsThatCannotBeReadAreRefusedAndGoodOnesStay) {
  const test::RawListener socket(Address::tcp("127.0.0.1", 0));
  const std::string good = entry(*socket, socket.address());
  const std::string at = socket.address().to_string();
  for (const std::string& bad :
       {std::string("x"), std::string("3,own"), base::format("-1,own,{},{}", at, at),
        base::format("99999999999999999999,own,{},{}", at, at), base::format("{} ,own,{},{}", *socket, at, at),
        base::format("{},mine,{},{}", *socket, at, at), base::format("{},own,{},{},", *socket, at, at),
        base::format("{},own,{},{}%", *socket, at, at), base::format("{},own,{},%g1", *socket, at),
        base::format("{},own,{},", *socket, at), base::format("{},own,,{}", *socket, at),
        base::format("{},own,{},unix:%00", *socket, at)}) {
    const Inheritance read = read_inheritance(listeners(bad + ";;" + good));
    EXPECT_EQ(read.listeners.size(), 1u) << bad;
    EXPECT_EQ(read.refused.size(), 1u) << bad;
  }
  EXPECT_THAT(read_inheritance(listeners(good + ";" + good)).refused, ElementsAre(HasSubstr("named twice")));
  EXPECT_THAT(why_refused(listeners(std::string(2000, ';'))), HasSubstr("2001 sockets"));
  EXPECT_THAT(read_inheritance(listeners("")).refused, IsEmpty());
}

TEST(InheritedListeners, NoTextIsMoreThanRefused) {
  rc::check([](const std::string& text, const std::string& other) {
    const Inheritance read =
        read_inheritance({{"RAZOR_LISTENERS", text}, {"RAZOR_READY", other}, {"LISTEN_FDS", text}, {"LISTEN_PID", other}});
    for (const std::string& line : read.refused) {
      RC_ASSERT(line.size() < 1000u);
      RC_ASSERT(line.find('\n') == line.npos);
    }
  });
}

TEST(InheritedListeners, TheSocketForReadinessMustBeOne) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  const Descriptor ours(ends[0]);
  const Descriptor theirs(ends[1]);
  EXPECT_EQ(read_inheritance({{"RAZOR_READY", std::to_string(*ours)}}).ready_socket, *ours);
  EXPECT_TRUE(is_close_on_exec(*ours));
  const test::RawListener listening(Address::tcp("127.0.0.1", 0));
  const test::TempDirectory directory;
  const test::RawListener local(Address::unix_socket(directory / "socket"));
  for (const std::string& bad : {std::string(""), std::string("-1"), std::string("1x"), std::string("1000000"),
                                 std::to_string(*listening), std::to_string(*local)}) {
    const Inheritance read = read_inheritance({{"RAZOR_READY", bad}});
    EXPECT_EQ(read.ready_socket, -1) << bad;
    EXPECT_THAT(read.refused, ElementsAre(HasSubstr("RAZOR_READY"))) << bad;
  }
}

// --- systemd ---------------------------------------------------------------------------------------------------------

// Puts a descriptor where systemd does, and what was there back at the end.
class AsDescriptor {
 public:
  AsDescriptor(int number, int descriptor) : number_(number), before_(::fcntl(number, F_DUPFD_CLOEXEC, 100)) {
    EXPECT_EQ(::dup2(descriptor, number), number);
  }
  ~AsDescriptor() {
    if (before_ < 0) {
      ::close(number_);
      return;
    }
    ::dup2(before_, number_);
    ::close(before_);
  }

 private:
  int number_;
  int before_;
};

Environment systemds(const std::string& count, const std::string& process = std::to_string(::getpid())) {
  return {{"LISTEN_FDS", count}, {"LISTEN_PID", process}, {"LISTEN_FDNAMES", "any:thing"}};
}

TEST(ListenFds, SocketsAreTakenByWhereTheyListen) {
  const test::TempDirectory directory;
  const test::RawListener tcp(Address::tcp("127.0.0.1", 0));
  const test::RawListener local(Address::unix_socket(directory / "socket"));
  const Descriptor file(::open("/dev/null", O_RDONLY));
  const AsDescriptor third(3, *tcp);
  const AsDescriptor fourth(4, *file);
  const AsDescriptor fifth(5, *local);
  const Inheritance read = read_inheritance(systemds("3"));
  EXPECT_THAT(read.refused, ElementsAre("LISTEN_FDS: descriptor 4: it is no socket"));
  ASSERT_EQ(read.listeners.size(), 2u);
  EXPECT_EQ(read.listeners[0].bound, tcp.address());
  EXPECT_EQ(read.listeners[1].bound, local.address());
  for (const InheritedListener& listener : read.listeners) {
    EXPECT_FALSE(listener.removes_path) << "the path is systemd's";
    EXPECT_FALSE(listener.is_from_predecessor);
    EXPECT_EQ(listener.requested, Address());
  }
  for (const int descriptor : {3, 4, 5}) EXPECT_TRUE(is_close_on_exec(descriptor));
}

TEST(ListenFds, OfAnotherProcessAreNotTouched) {
  const test::RawListener tcp(Address::tcp("127.0.0.1", 0));
  const AsDescriptor third(3, *tcp);
  const Inheritance read = read_inheritance(systemds("1", std::to_string(::getpid() + 1)));
  EXPECT_TRUE(read.listeners.empty());
  EXPECT_THAT(read.refused, IsEmpty());
  EXPECT_FALSE(is_close_on_exec(3));
}

TEST(ListenFds, NumbersThatAreNoneAreRefused) {
  for (const char* count : {"", "-1", "x", "1025", "4294967297", "1 "}) {
    EXPECT_THAT(why_refused(systemds(count)), HasSubstr("LISTEN_FDS is no number")) << count;
  }
  EXPECT_THAT(why_refused(systemds("1", "me")), HasSubstr("LISTEN_PID"));
  EXPECT_THAT(read_inheritance(systemds("0")).refused, IsEmpty());
}

}  // namespace
}  // namespace razor::asio
