// Addresses, which people write: a text that is one is printed, and read again, as the same address. Of one that is none,
// the message is a line for a terminal or a log.

#include "razor/runtime/address.h"
#include "tests/fuzz/fuzz_target.h"

namespace {

// A text of any length may be in a configuration file.
constexpr std::size_t kMessageBytesMax = 1500;

void check_message(const razor::base::Result<razor::Address>& refused) {
  const std::string message = refused.message();
  RAZOR_CHECK(refused.error() == std::errc::invalid_argument, "{} is no argument that is wrong", message);
  RAZOR_CHECK(!message.empty() && message.size() <= kMessageBytesMax, "a message of {} bytes", message.size());
  for (const char c : message) {
    RAZOR_CHECK(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f, "a control character in: {}", message);
  }
}

}  // namespace

RAZOR_FUZZ_TARGET(address) {
  using razor::Address;
  const auto address = Address::parse(input.text());
  if (!address) return check_message(address);
  const std::string text = address->to_string();
  for (const char c : address->host()) RAZOR_CHECK(c != '\0', "a zero byte is a part of {}", text);
  const auto again = Address::parse(text);
  RAZOR_CHECK(again, "{} is no address: {}", text, again.message());
  RAZOR_CHECK(*again == *address && again->to_string() == text, "{} reads as {}", text, again->to_string());
  RAZOR_CHECK(address->to_listen().ok(), "nobody can listen at {}", text);
  if (const auto usable = address->to_connect(); !usable) check_message(usable);
}
