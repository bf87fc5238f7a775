// The frames of wire protocol version 1, as far as an echo must know them. This is the baseline's own copy, made for
// speed and for nothing else: it shares no code with lib/, so that a mistake there cannot hide here.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

namespace bench {

static_assert(std::endian::native == std::endian::little, "integers are copied to the wire as they lie in memory");

inline constexpr uint16_t kMagic = 19749;
// The first four bytes of a head: magic, version 1, and a format or flag of 0.
inline constexpr uint32_t kMagicAndVersion = kMagic | 1u << 16;
inline constexpr uint32_t kActionIsString = 0x8000'0000;
inline constexpr uint64_t kFrameBytesMax = 16u << 20;

struct RequestHead {
  static constexpr size_t kBytes = 32;
  uint32_t action;  // With kActionIsString set, the other bits are the length of the string that follows the head.
  uint64_t seq;
  uint32_t msg_len;
  uint32_t blob_len;
  bool magic_valid = true;

  // Lengths come from a peer: the sums are made in 64 bits, where they cannot wrap.
  uint64_t action_bytes() const { return (action & kActionIsString) != 0 ? action & ~kActionIsString : 0; }
  uint64_t frame_bytes() const { return kBytes + action_bytes() + msg_len + blob_len; }
};

struct ResponseHead {
  static constexpr size_t kBytes = 20;
  uint64_t seq;
  uint32_t msg_len;
  uint32_t blob_len = 0;
  bool valid = true;  // The magic is right, and the flag says success.

  uint64_t frame_bytes() const { return kBytes + uint64_t{msg_len} + blob_len; }
};

inline constexpr size_t kRequestSeqOffset = 8;

template <typename Integer>
Integer load(const char* at) {
  Integer value;
  std::memcpy(&value, at, sizeof(value));
  return value;
}

template <typename Integer>
void store(char* to, Integer value) {
  std::memcpy(to, &value, sizeof(value));
}

// Heads are read and written as whole integers, never put together as a struct in memory and then copied: g++ 12 stores
// the fields one by one and loads them back as one vector, which has to wait for the stores. Those waits took four
// fifths of the time of the loop that answers.

inline RequestHead read_request_head(const char* at) {
  return {.action = load<uint32_t>(at + 4),
          .seq = load<uint64_t>(at + kRequestSeqOffset),
          .msg_len = load<uint32_t>(at + 24),
          .blob_len = load<uint32_t>(at + 28),
          .magic_valid = load<uint16_t>(at) == kMagic};
}

inline void write_request_head(char* to, const RequestHead& head) {
  store(to, kMagicAndVersion | uint64_t{head.action} << 32);
  store(to + kRequestSeqOffset, head.seq);
  store(to + 16, uint64_t{0});  // client_id
  store(to + 24, head.msg_len);
  store(to + 28, head.blob_len);
}

inline ResponseHead read_response_head(const char* at) {
  const auto first = load<uint64_t>(at);
  return {.seq = load<uint64_t>(at + 8),
          .msg_len = static_cast<uint32_t>(first >> 32),
          .blob_len = load<uint32_t>(at + 16),
          .valid = static_cast<uint32_t>(first) == kMagicAndVersion};
}

inline void write_response_head(char* to, const ResponseHead& head) {
  store(to, kMagicAndVersion | uint64_t{head.msg_len} << 32);
  store(to + 8, head.seq);
  store(to + 16, head.blob_len);
}

/// A msg of `size` bytes: one msgpack string, so that real servers and clients of the protocol can decode it.
inline std::string make_msg(size_t size) {
  std::string msg(size, 'x');
  // The marker is followed by the big-endian length of what comes after both.
  auto put_marker = [&](uint8_t marker, size_t length_bytes) {
    msg[0] = static_cast<char>(marker);
    uint64_t rest = size - 1 - length_bytes;
    for (size_t i = length_bytes; i > 0; --i, rest >>= 8) msg[i] = static_cast<char>(rest & 0xff);
  };
  if (size == 0) {
    return msg;
  } else if (size <= 32) {
    put_marker(static_cast<uint8_t>(0xa0 | (size - 1)), 0);
  } else if (size <= 2 + 0xff) {
    put_marker(0xd9, 1);
  } else if (size <= 3 + 0xffff) {
    put_marker(0xda, 2);
  } else {
    put_marker(0xdb, 4);
  }
  return msg;
}

/// An action of `size` bytes: the method that examples call "echo", cut or padded to length.
inline std::string make_action(size_t size) {
  std::string action = "CalculatorService.echo";
  action.resize(size, '_');
  return action;
}

}  // namespace bench
