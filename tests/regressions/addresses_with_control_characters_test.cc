// Two faults of texts that are no addresses, found by fuzzing (tests/fuzz/fuzz_address.cc).
//
// "[::1<zero byte>x]:80" was taken for an address: inet_pton reads a C string, and saw "::1" only. Its host printed with the
// zero byte in it, and connecting went to ::1.
//
// A message that says why a text is no address shows the text with its control characters written out; but the advice what
// to write instead repeated them as they were, and all of the text. So a configuration with a line end in an address, or
// with a megabyte of something else, put lines of its own into a log.

#include <gtest/gtest.h>

#include <algorithm>

#include "razor/runtime/address.h"

namespace razor::runtime {
namespace {

using namespace std::string_literals;

TEST(AddressesWithControlCharacters, AZeroByteEndsNoIpv6Address) {
  for (const std::string& text : {"[::1\0x]:80"s, "[::\0]:80"s, "[fe80::1\0%eth0]:80"s}) {
    const auto address = Address::parse(text);
    EXPECT_EQ(address.error(), AddressError::bad_ipv6) << address.message();
  }
  EXPECT_EQ(Address::tcp("::\0"s, 80).to_connect().error(), AddressError::bad_ipv6) << "made without a text, likewise";
}

TEST(AddressesWithControlCharacters, AdviceIsOneLineAndNotEndless) {
  for (const std::string& text : {"host\nALERT: all is lost"s, "./x\x1b[2J"s, "unix://relative\r\n"s, "http://a\nb:80"s,
                                  std::string(1'000'000, 'x'), "./" + std::string(1'000'000, 'x')}) {
    const auto address = Address::parse(text);
    ASSERT_FALSE(address.ok());
    EXPECT_TRUE(std::ranges::none_of(address.message(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }))
        << address.message();
    EXPECT_LT(address.message().size(), 1000u);
  }
  EXPECT_EQ(Address::parse("10.0.0.2").message(), "\"10.0.0.2\": has no port (write 10.0.0.2:8082)")
      << "others are as they were";
}

}  // namespace
}  // namespace razor::runtime
