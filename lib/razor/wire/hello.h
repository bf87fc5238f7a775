#pragma once
// Hello: what the two ends of a connection tell each other at its beginning. The client's is the blob of a ping, its first
// frame; the server's is the blob of that ping's pong. A peer of plain version 1 drops the one and never sends the other.
// Source: protocol.md, "Hello".

#include <cstdint>
#include <optional>
#include <string>

#include "razor/base/bytes.h"

namespace razor::wire {

/// What an end may be asked for; bits of Hello::features.
enum class Feature : std::uint64_t {
  cancel = 1 << 0,  ///< cancel frames
  drain = 1 << 1,  ///< a server says that it closes, and the client, that it sends no more
  trace = 1 << 2,  ///< trace contexts, in extension blocks
  metadata = 1 << 3,  ///< metadata, likewise
};

struct Hello {
  /// A longer one is not read.
  static constexpr std::size_t kBytesMax = 1024;
  static constexpr std::size_t kNameBytesMax = 64;

  std::uint64_t version = 1;
  std::uint64_t features = 0;  ///< bits of Feature; those that both ends have count
  // What this end takes, in bytes; 0: it does not say.
  std::uint64_t action_max = 0;
  std::uint64_t msg_max = 0;
  std::uint64_t blob_max = 0;
  std::uint64_t window = 0;  ///< requests of one connection that the server runs at a time; 0: it does not say
  std::uint64_t instance = 0;  ///< drawn when the process began: another one after a restart; 0: it does not say
  std::string name;  ///< for logs: printable, at most kNameBytesMax

  bool has(Feature feature) const { return (features & static_cast<std::uint64_t>(feature)) != 0; }
  bool operator==(const Hello&) const = default;
};

/// As a msgpack map. What an end does not say is left out.
base::Bytes encode(const Hello& hello);

/// Nothing: `bytes` is no hello. Keys that are not known are skipped.
std::optional<Hello> decode_hello(base::ByteView bytes);

}  // namespace razor::wire
