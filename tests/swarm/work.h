#pragma once
// Work: what the servers of the swarm do for its callers. Every request names its call in the ledger, and says how it is to
// end, so that oracles know what to expect of the answer.

#include <stdexcept>
#include <string>

#include "razor/api/client.h"
#include "razor/api/service.h"
#include "razor/stream/failover.h"
#include "sim/digest.h"

namespace razor::swarm {

using namespace std::chrono_literals;

inline constexpr std::uint16_t kPort = 7000;

/// What is asked for.
struct Order {
  std::uint64_t id = 0;             ///< in the ledger
  std::uint64_t serial = 0;         ///< the order in which calls were made
  std::uint32_t milliseconds = 0;   ///< that the handler takes
  std::uint32_t answer_bytes = 0;
  bool fails = false;               ///< ends with the handler's own error
  bool throws = false;              ///< ends with an exception
  bool drops = false;               ///< ends without an answer, where the handler has a Responder
  std::string payload;
  RAZOR_FIELDS(Order, id, serial, milliseconds, answer_bytes, fails, throws, drops, payload)
};

/// The answer to one.
struct Product {
  std::uint64_t id = 0;
  std::string payload;
  RAZOR_FIELDS(Product, id, payload)
};

/// Another server does this.
struct Elsewhere {
  std::string where;  ///< empty: nobody knows
  RAZOR_FIELDS(Elsewhere, where)
};
inline Failover failover_of(const Elsewhere& error) {
  return error.where.empty() ? Failover::next_address() : Failover::to(error.where);
}

/// An argument whose codec refuses it.
struct Unencodable {};

}  // namespace razor::swarm

template <>
struct razor::Codec<razor::swarm::Unencodable> {
  static void encode(Encoder& to, const swarm::Unencodable&) {
    to.put_text("half of it");
    throw std::runtime_error("cannot be encoded");
  }
  static bool decode(Decoder&, swarm::Unencodable&) { return false; }
};

namespace razor::swarm {

struct Work {
  virtual Call<Product, std::string> once(Order order) = 0;
  virtual Call<Product, std::string> often(Order order) = 0;
  /// Only the leader does it; the others name him, if they know.
  virtual Call<Product, Elsewhere> led(Order order) = 0;
  virtual Call<> refuse_to_encode(Unencodable argument) = 0;
  RAZOR_SERVICE(Work, once, often, led, refuse_to_encode)
  RAZOR_IDEMPOTENT(often)
};

/// A task of the stream interface: an Order with a blob, answered with a number and the blob. No service knows it.
inline constexpr std::uint32_t kStore = 17;

/// What strangers are let to ask for: an answer of so many bytes.
struct Waste {
  virtual Call<std::string> make(std::uint32_t bytes) = 0;
  RAZOR_SERVICE(Waste, make)
};
/// As many bytes an answer at most, and as many requests at a time.
inline constexpr std::uint32_t kWasteMost = 512 * base::kKiB;
inline constexpr std::uint32_t kWasteRequests = 64;

/// Bytes that belong to a call, and to no other.
inline std::string bytes_of(std::uint64_t id, std::size_t size) {
  std::string bytes(size, '\0');
  base::RandomStream random(id + 1);
  std::size_t at = 0;
  while (at < size) {
    const std::uint64_t word = random.bits();
    for (int i = 0; i < 8 && at < size; ++i) bytes[at++] = static_cast<char>(word >> (8 * i));
  }
  return bytes;
}
inline std::uint64_t hash_of(std::string_view text) { return sim::hash_of(base::as_bytes(text)); }
inline std::uint64_t hash_of(const Order& order) {
  return hash_of(order.payload) ^ order.milliseconds ^ std::uint64_t{order.answer_bytes} << 32 ^ (order.fails ? 1u : 0u) << 31;
}

}  // namespace razor::swarm
