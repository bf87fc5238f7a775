#pragma once
// Whether an end speaks more than plain version 1 of the protocol, where its peer does too.
// Source: protocol.md, "Hello".

#include <cstdint>

namespace razor::stream {

enum class HelloMode : std::uint8_t {
  off,        ///< plain version 1, byte for byte
  automatic,  ///< more, with peers that do too: deadlines, cancellation and the truth about failures travel
  required,   ///< nothing with peers that do not: calls fail `unsupported`, ran: no; requests are refused
};

/// What is spoken on a client's connection.
enum class HelloState : std::uint8_t {
  off,       ///< plain version 1: nothing else was asked for
  asked,     ///< the peer has not answered yet
  plain,     ///< plain version 1: the peer knows no more
  extended,  ///< more
};

}  // namespace razor::stream

namespace razor {
using stream::HelloMode;
using stream::HelloState;
}  // namespace razor
