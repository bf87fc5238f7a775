// Address: text to host and port and back. If a bad text were taken, or a good one read wrongly, a server would listen
// where nobody looks for it.

#include "razor/runtime/address.h"

#include <gtest/gtest.h>

#include "sim/fmt_address.h"
#include <rapidcheck/gtest.h>

#include <string>
#include <string_view>

namespace razor::runtime {
namespace {

using Family = Address::Family;

Address parsed(std::string_view text) {
  const base::Result<Address> address = Address::parse(text);
  EXPECT_TRUE(address) << text;
  return address ? *address : Address();
}

TEST(Address, ReadsHostsAndPorts) {
  EXPECT_EQ(parsed("127.0.0.1:8082"), Address::tcp("127.0.0.1", 8082));
  EXPECT_EQ(parsed("localhost:0"), Address::tcp("localhost", 0));
  EXPECT_EQ(parsed("[::1]:65535"), Address::tcp("::1", 65535));
  EXPECT_EQ(parsed("[fe80::1%eth0]:80"), Address::tcp("fe80::1%eth0", 80));
  EXPECT_EQ(parsed("[example.org]:80"), Address::tcp("example.org", 80));
}

TEST(Address, ReadsPathsOfUnixSockets) {
  EXPECT_EQ(parsed("unix:/run/x.sock"), Address::unix_socket("/run/x.sock"));
  EXPECT_EQ(parsed("unix:relative:8082"), Address::unix_socket("relative:8082"));
  const std::string longest = "/" + std::string(106, 'x');
  EXPECT_EQ(parsed("unix:" + longest), Address::unix_socket(longest));
}

TEST(Address, RefusesWhatIsNoAddress) {
  using namespace std::string_view_literals;
  for (const std::string_view text : {""sv,
                                      ":"sv,
                                      "localhost"sv,
                                      "localhost:"sv,
                                      ":8082"sv,
                                      "[]:8082"sv,
                                      "localhost:65536"sv,
                                      "localhost:99999999999"sv,
                                      "localhost:-1"sv,
                                      "localhost:+1"sv,
                                      "localhost: 1"sv,
                                      "localhost:1 "sv,
                                      "localhost:0x10"sv,
                                      "localhost:http"sv,
                                      "::1"sv,
                                      "::1:8082"sv,
                                      "[::1]"sv,
                                      "[::1]8082"sv,
                                      "[::1:8082"sv,
                                      "::1]:8082"sv,
                                      "a:b:8082"sv,
                                      "unix:"sv,
                                      "unix:a\0b"sv,
                                      "a\0b:80"sv}) {
    const base::Result<Address> address = Address::parse(text);
    EXPECT_FALSE(address) << text;
    EXPECT_EQ(address.error(), std::errc::invalid_argument) << text;
  }
  EXPECT_FALSE(Address::parse("unix:" + std::string(108, 'x')));
}

TEST(Address, IsWrittenInTheFormThatIsRead) {
  EXPECT_EQ(Address::tcp("127.0.0.1", 8082).to_string(), "127.0.0.1:8082");
  EXPECT_EQ(Address::tcp("::1", 0).to_string(), "[::1]:0");
  EXPECT_EQ(Address::unix_socket("/run/x.sock").to_string(), "unix:/run/x.sock");
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
    case 0:
      address = Address::tcp(text_of("abcxyz0123456789.-_"), *rc::gen::arbitrary<std::uint16_t>());
      break;
    case 1:
      address = Address::tcp("::" + text_of("0123456789abcdef:."), *rc::gen::arbitrary<std::uint16_t>());
      break;
    case 2:
      address = Address::unix_socket(text_of("abc/:[]. unix").substr(0, 107));
      break;
  }
  RC_ASSERT(Address::parse(address.to_string()).value() == address);
}

// Whatever the text: it is refused, or it means what it says.
RC_GTEST_PROP(Address, AnyTextIsRefusedOrReadOnce, ()) {
  const std::string text = *rc::gen::container<std::string>(rc::gen::elementOf(std::string("a1:[]. unix/%\n\x80")));
  const base::Result<Address> address = Address::parse(text);
  if (address) RC_ASSERT(Address::parse(address->to_string()).value() == *address);
}

}  // namespace
}  // namespace razor::runtime
