// Address: text to host and port and back. If a bad text were taken, or a good one read wrongly, a server would listen
// where nobody looks for it.

#include "razor/runtime/address.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <string_view>

#include "sim/fmt_address.h"

namespace razor::runtime {
namespace {

using Family = Address::Family;

Address parsed(std::string_view text) {
  const base::Result<Address> address = Address::parse(text);
  EXPECT_TRUE(address) << text;
  return address ? *address : Address();
}

struct Read {
  std::string text;
  Address address;
};

TEST(Address, ReadsEveryFormThatUsersWrite) {
  // Not "/" + std::string(...), for which g++ 12 warns of nothing.
  std::string longest(107, 'x');
  longest.front() = '/';
  std::string longest_name(108, 'x');
  longest_name.front() = '@';
  for (const auto& [text, address] : {
           Read{"127.0.0.1:8082", Address::tcp("127.0.0.1", 8082)},
           Read{"localhost:0", Address::tcp("localhost", 0)},
           Read{"0.0.0.0:80", Address::tcp("0.0.0.0", 80)},
           Read{"[::]:80", Address::tcp("::", 80)},
           Read{"[::1]:65535", Address::tcp("::1", 65535)},
           Read{"[::ffff:10.0.0.1]:80", Address::tcp("::ffff:10.0.0.1", 80)},
           Read{"[fe80::1%eth0]:80", Address::tcp("fe80::1%eth0", 80)},
           Read{"[fe80::1%25]:80", Address::tcp("fe80::1%25", 80)},
           Read{"[example.org]:80", Address::tcp("example.org", 80)},
           Read{"example.org:80", Address::tcp("example.org", 80)},
           Read{"example.org.:80", Address::tcp("example.org.", 80)},
           Read{"under_score-1:80", Address::tcp("under_score-1", 80)},
           Read{"m\xc3\xbcnchen.de:80", Address::tcp("m\xc3\xbcnchen.de", 80)},
           Read{"tcp://example.org:80", Address::tcp("example.org", 80)},
           Read{"tcp://[::1]:80", Address::tcp("::1", 80)},
           Read{"unix:/run/x.sock", Address::unix_socket("/run/x.sock")},
           Read{"unix:///run/x.sock", Address::unix_socket("/run/x.sock")},
           Read{"unix:relative:8082", Address::unix_socket("relative:8082")},
           Read{"unix:a b", Address::unix_socket("a b")},
           Read{std::string("unix:").append(longest), Address::unix_socket(longest)},
           Read{"@name", Address::unix_socket("@name")},
           Read{"unix:@name", Address::unix_socket("@name")},
           Read{"unix://@name", Address::unix_socket("@name")},
           Read{"@name:80", Address::unix_socket("@name:80")},
           Read{"unix:./@name", Address::unix_socket("./@name")},
           Read{longest_name, Address::unix_socket(longest_name)},
       }) {
    EXPECT_EQ(parsed(text), address) << text;
    EXPECT_TRUE(address.to_listen().ok()) << text;
  }
}

struct Refusal {
  std::string text;
  AddressError error;
  std::string message;  // a part of it
};

// Regression: all of them failed as "Invalid argument", which names neither the text nor what is wrong with it; and
// some were taken, and failed when they were used.
TEST(Address, RefusesWhatIsNoAddressAndSaysWhy) {
  using namespace std::string_literals;
  using enum AddressError;
  const std::string too_long(108, 'x');
  for (const auto& [text, error, message] : {
           Refusal{"", empty, "an empty text is no address (write HOST:PORT, [IPV6]:PORT or unix:PATH)"},
           Refusal{"10.0.0.2", no_port, "\"10.0.0.2\": has no port (write 10.0.0.2:8082)"},
           Refusal{"localhost", no_port, "(write localhost:8082)"},
           Refusal{"localhost:", no_port, "(write localhost:8082)"},
           Refusal{"[::1]", no_port, "(write [::1]:8082)"},
           Refusal{"tcp://example.org", no_port, "(write example.org:8082)"},
           Refusal{"tcp://", no_port, "\"tcp://\": has no port"},
           Refusal{":", no_port, "has no port"},
           Refusal{":8082", no_host, "(write 127.0.0.1:8082, or 0.0.0.0:8082 to listen everywhere)"},
           Refusal{"[]:8082", no_host, "has no host"},
           Refusal{"*:80", bad_host, "(write 0.0.0.0:80 or [::]:80 to listen everywhere)"},
           Refusal{"localhost:65536", bad_port, "its port is no number from 0 to 65535 (it is \"65536\")"},
           Refusal{"localhost:99999999999", bad_port, ""},
           Refusal{"localhost:-1", bad_port, ""},
           Refusal{"localhost:+1", bad_port, ""},
           Refusal{"localhost: 1", bad_port, "(it is \" 1\")"},
           Refusal{"localhost:1 ", bad_port, "(it is \"1 \")"},
           Refusal{"localhost:0x10", bad_port, ""},
           Refusal{"localhost:http", bad_port, "(it is \"http\")"},
           Refusal{"localhost:80/path", bad_port, ""},
           Refusal{" localhost:80", bad_host, "it has a space in it"},
           Refusal{"local host:80", bad_host, "it has a space in it"},
           Refusal{"local\nhost:80", bad_host, "\"local\\x0ahost:80\""},
           Refusal{"user@host:80", bad_host, ""},
           Refusal{"a/b:80", bad_host, ""},
           Refusal{"fe80%eth0:80", bad_host, ""},
           Refusal{"a\0b:80"s, bad_host, "\"a\\x00b:80\""},
           Refusal{"256.0.0.1:80", bad_ipv4, "\"256.0.0.1:80\": its host is digits and dots, and no IPv4 address"},
           Refusal{"1.2.3:80", bad_ipv4, ""},
           Refusal{"127.1:80", bad_ipv4, ""},
           Refusal{"2130706433:80", bad_ipv4, ""},
           Refusal{"127.0.0.1.:80", bad_ipv4, ""},
           Refusal{"010.0.0.1:80", bad_ipv4, ""},
           Refusal{"::1", needs_brackets, "(write [::1]:8082)"},
           Refusal{"fe80::1%eth0", needs_brackets, "(write [fe80::1%eth0]:8082)"},
           Refusal{"::1:8082", needs_brackets, "(write [::1]:8082)"},
           Refusal{"2001:db8::5:80", needs_brackets, "(write [2001:db8::5]:80)"},
           Refusal{"[::zz]:80", bad_ipv6, "its host is no IPv6 address"},
           Refusal{"[1::2::3]:80", bad_ipv6, ""},
           Refusal{"[fe80::1%]:80", bad_ipv6, "as in fe80::1%eth0"},
           Refusal{"[fe80::1%e h]:80", bad_ipv6, ""},
           Refusal{"[::1]8082", bad_host, "its brackets do not match"},
           Refusal{"[::1:8082", bad_host, "its brackets do not match"},
           Refusal{"::1]:8082", bad_host, "its brackets do not match"},
           Refusal{"a:b:8082", bad_host, "it has several colons"},
           Refusal{"http://host:80", unknown_scheme, "only tcp:// and unix:// may stand in front (write host:80)"},
           Refusal{"http://host", unknown_scheme, "(write host:8082)"},
           Refusal{"unix:", no_path, "has no path (write unix:/run/x.sock, or unix:@name for an abstract one)"},
           Refusal{"unix://", no_path, "(write unix:///run/x.sock)"},
           Refusal{"unix://run/x.sock", path_not_rooted, "(write unix:run/x.sock)"},
           Refusal{"@", no_path, ""},
           Refusal{"/run/x.sock", no_prefix, "(write unix:/run/x.sock)"},
           Refusal{"./x.sock", no_prefix, "(write unix:./x.sock)"},
           Refusal{"unix:a\0b"s, path_with_zero, "has a zero byte"},
           Refusal{std::string("unix:").append(too_long), path_too_long, "at most 107 bytes long (this one has 108)"},
           Refusal{std::string("@").append(too_long), path_too_long, "at most 107 bytes long (this one has 108)"},
       }) {
    const base::Result<Address> address = Address::parse(text);
    ASSERT_FALSE(address) << text;
    EXPECT_EQ(address.error(), error) << text << ": " << address.message();
    EXPECT_EQ(address.error(), std::errc::invalid_argument) << text;
    EXPECT_NE(address.message().find(message), std::string::npos) << text << ": " << address.message();
    EXPECT_LT(address.message().size(), 400u) << "not endless";
  }
}

TEST(AddressDeathTest, UsingARefusedTextSaysWhichAndWhy) {
  EXPECT_DEATH((void)*Address::parse("10.0.0.2"), "\"10.0.0.2\": has no port \\(write 10.0.0.2:8082\\)");
}

TEST(Address, TellsWhetherItCanBeConnectedTo) {
  EXPECT_TRUE(parsed("127.0.0.1:80").to_connect().ok());
  EXPECT_TRUE(parsed("@name").to_connect().ok());
  for (const auto& [text, error, message] : {
           Refusal{"0.0.0.0:80", AddressError::wildcard, "(write 127.0.0.1:80 for this machine)"},
           Refusal{"[::]:80", AddressError::wildcard, "(write [::1]:80 for this machine)"},
           Refusal{"[0:0::0]:80", AddressError::wildcard, ""},
           Refusal{"localhost:0", AddressError::port_zero, "\"localhost:0\": port 0 cannot be connected to"},
       }) {
    const base::Result<Address> address = parsed(text).to_connect();
    ASSERT_FALSE(address) << text;
    EXPECT_EQ(address.error(), error) << text;
    EXPECT_NE(address.message().find(message), std::string::npos) << address.message();
  }
}

// What is not made from a text is checked when it is used.
TEST(Address, IsCheckedAlsoWhenItWasNotParsed) {
  EXPECT_EQ(Address().to_listen().error(), AddressError::no_host);
  EXPECT_EQ(Address().to_connect().error(), std::errc::address_not_available);
  EXPECT_EQ(Address::tcp("a b", 1).to_listen().error(), AddressError::bad_host);
  EXPECT_EQ(Address::tcp("::zz", 1).to_connect().error(), AddressError::bad_ipv6);
  EXPECT_EQ(Address::unix_socket("").to_listen().error(), AddressError::no_path);
  EXPECT_EQ(Address::unix_socket(std::string(108, 'x')).to_connect().error(), AddressError::path_too_long);
}

TEST(Address, IsWrittenInTheFormThatIsRead) {
  EXPECT_EQ(Address::tcp("127.0.0.1", 8082).to_string(), "127.0.0.1:8082");
  EXPECT_EQ(Address::tcp("::1", 0).to_string(), "[::1]:0");
  EXPECT_EQ(Address::unix_socket("/run/x.sock").to_string(), "unix:/run/x.sock");
  EXPECT_EQ(Address::unix_socket("//run/x.sock").to_string(), "unix:/run/x.sock");
  EXPECT_EQ(Address::unix_socket("@name").to_string(), "unix:@name");
  EXPECT_EQ(fmt::format("{:>16}|{}", Address::tcp("a", 1), Address::tcp("b", 2)), "             a:1|b:2");
}

// Regression: the host "unix" was written as "unix:80", which reads as the path of a Unix socket.
TEST(Address, AHostNamedUnixIsNoPath) {
  const Address address = Address::tcp("unix", 80);
  EXPECT_EQ(Address::parse(address.to_string()).value(), address);
}

TEST(Address, IsComparedByAllItsParts) {
  EXPECT_EQ(Address(), Address::tcp("", 0));
  EXPECT_NE(Address::tcp("a", 1), Address::tcp("a", 2));
  EXPECT_NE(Address::tcp("a", 0), Address::unix_socket("a"));
  EXPECT_LT(Address::tcp("a", 2), Address::tcp("b", 1));
  EXPECT_EQ(Address::unix_socket("/x").family(), Family::unix_socket);
  EXPECT_EQ(Address::tcp("x", 1).family(), Family::tcp);
}

std::string text_of(std::string_view characters) {
  return *rc::gen::nonEmpty(rc::gen::container<std::string>(rc::gen::elementOf(std::string(characters))));
}

RC_GTEST_PROP(Address, ComesBackFromItsText, ()) {
  Address address;
  switch (*rc::gen::inRange(0, 3)) {
    case 0: address = Address::tcp(text_of("abcxyz0123456789.-_").append("a"), *rc::gen::arbitrary<std::uint16_t>()); break;
    case 1:
      address =
          Address::tcp(std::string("::").append(text_of("0123456789abcdef"), 0, 4), *rc::gen::arbitrary<std::uint16_t>());
      break;
    case 2: address = Address::unix_socket(text_of("abc/:[]@. unix").substr(0, 107)); break;
  }
  const base::Result<Address> again = Address::parse(address.to_string());
  if (!again && address.is_abstract()) RC_DISCARD("no name");
  RC_ASSERT(again.value() == address);
}

// Whatever the text: it is refused, or it means what it says.
RC_GTEST_PROP(Address, AnyTextIsRefusedOrReadOnce, ()) {
  const std::string text = *rc::gen::container<std::string>(rc::gen::elementOf(std::string("a1:[]. unix/%@\n\x80")));
  const base::Result<Address> address = Address::parse(text);
  if (address) RC_ASSERT(Address::parse(address->to_string()).value() == *address);
}

}  // namespace
}  // namespace razor::runtime
