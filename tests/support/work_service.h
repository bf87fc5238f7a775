#pragma once
// Work: the service of the swarm and of the scenarios with load. Every request names its call in a faults::Ledger and says how
// it is to end, so that oracles know which response to expect. One of its methods is served by a leader only: the others
// redirect its callers.
//
// Its namespace is its own, since test fixtures that share a program with it have a Work too.

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

#include "faults/ledger.h"
#include "razor/api/client.h"
#include "razor/api/service.h"
#include "razor/stream/failover.h"
#include "sim/digest.h"

namespace razor::work {

/// The request.
struct Order {
  std::uint64_t id = 0;  ///< in the ledger
  std::uint64_t serial = 0;  ///< the order in which calls were made
  std::uint32_t milliseconds = 0;  ///< that the handler takes
  std::uint32_t answer_bytes = 0;
  bool fails = false;  ///< ends with the handler's own error
  bool throws = false;  ///< ends with an exception
  bool drops = false;  ///< ends without an answer, where the handler has a Responder
  std::string payload;
  RAZOR_FIELDS(Order, id, serial, milliseconds, answer_bytes, fails, throws, drops, payload)
};

/// The result.
struct Product {
  std::uint64_t id = 0;
  std::string payload;
  RAZOR_FIELDS(Product, id, payload)
};

/// The error of a server that does not lead: it sends the call to the one that does.
struct Elsewhere {
  std::string where;  ///< empty: the leader is not known here, so any other server is to be asked
  RAZOR_FIELDS(Elsewhere, where)
};
inline Failover failover_of(const Elsewhere& error) {
  return error.where.empty() ? Failover::next_address() : Failover::to(error.where);
}

/// An argument whose codec refuses it.
struct Unencodable {};

}  // namespace razor::work

template <>
struct razor::Codec<razor::work::Unencodable> {
  static void encode(Encoder& to, const work::Unencodable&) {
    to.put_text("half of it");
    throw std::runtime_error("cannot be encoded");
  }
  static bool decode(Decoder&, work::Unencodable&) { return false; }
};

namespace razor::work {

struct Work {
  virtual Call<Product, std::string> once(Order order) = 0;
  virtual Call<Product, std::string> often(Order order) = 0;
  /// Only the leader serves it; the others name the leader, if they know it.
  virtual Call<Product, Elsewhere> led(Order order) = 0;
  virtual Call<> refuse_to_encode(Unencodable argument) = 0;
  RAZOR_SERVICE(Work, once, often, led, refuse_to_encode)
  RAZOR_IDEMPOTENT(often)
};

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
  return hash_of(order.payload) ^ order.milliseconds ^ std::uint64_t{order.answer_bytes} << 32 ^
         (order.fails ? 1u : 0u) << 31;
}

/// Notes in the ledger how the call `id` of a method of Work ended.
template <class Error>
void note_end(faults::Ledger& ledger, std::uint64_t id, const Reply<Product, Error>& reply) {
  if (reply.has_call_error()) {
    ledger.failed(id, reply.call_error());
  } else if (reply.ok()) {
    RAZOR_RULE(11, reply->id == id, "{} was given the result of {:#x}, which may be none", faults::Ledger::name_of_call(id),
               reply->id);
    ledger.succeeded(id, hash_of(reply->payload));
  } else if constexpr (requires { reply.error().where; }) {
    ledger.refused(id);
  } else {
    ledger.ended_with_error(id, hash_of(reply.error()));
  }
}

}  // namespace razor::work
