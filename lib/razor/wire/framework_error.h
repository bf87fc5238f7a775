#pragma once
// FrameworkError: a failure of the framework in a response with flag 3, as servers send it to clients that began with a hello.
// No handler can send one, so what it says of the call can be relied on.
// Source: protocol.md, "Framework errors".

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "razor/base/error.h"
#include "razor/base/time.h"
#include "razor/wire/frame.h"

namespace razor::wire {

struct FrameworkError {
  static constexpr std::size_t kTextBytesMax = 256;

  base::Errc errc = base::Errc::internal;
  base::Ran ran = base::Ran::maybe;
  bool no_retry = false;  ///< nobody is to be asked again
  base::Duration retry_after{};  ///< the address is not to be asked before; zero: it does not say
  std::string_view text;  ///< for a person; more than kTextBytesMax are cut off
};

/// The number of a failure on the wire; none: it has none, and travels as a text (wire_error.h).
std::optional<std::uint32_t> code_of(base::Errc errc);
/// An unknown one stands for `internal`.
base::Errc errc_of_code(std::uint32_t code);

/// The body behind the code.
base::Bytes encode_body(const FrameworkError& error);

/// What `response`, which has flag 3, says. Its text is borrowed from it, and not printable yet.
/// A body that is too short, or says what cannot be, gives ran: maybe.
FrameworkError framework_error_of(const ResponseFrame& response);

}  // namespace razor::wire
