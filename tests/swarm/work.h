#pragma once
// What the servers of the swarm do for its callers: the service Work, a task of the stream interface, and what untrusted peers
// may ask for.

#include "tests/support/work_service.h"

namespace razor::swarm {

using namespace std::chrono_literals;
using work::bytes_of;
using work::Elsewhere;
using work::hash_of;
using work::Order;
using work::Product;
using work::Unencodable;
using work::Work;

inline constexpr std::uint16_t kPort = 7000;

/// A task of the stream interface: an Order with a blob, answered with a number and the blob. It belongs to no service.
inline constexpr std::uint32_t kStore = 17;

/// A handler that ends where it is suspended, once nobody waits for it.
struct Watch {
  virtual Call<Product, std::string> watch(Order order) = 0;
  RAZOR_SERVICE(Watch, watch)
  RAZOR_CANCELLABLE(watch)
};

/// What untrusted peers may ask for: an answer of so many bytes.
struct Waste {
  virtual Call<std::string> make(std::uint32_t bytes) = 0;
  RAZOR_SERVICE(Waste, make)
};
/// As many bytes an answer at most, and as many requests at a time.
inline constexpr std::uint32_t kWasteMax = 512 * base::kKiB;
inline constexpr std::uint32_t kWasteRequests = 64;

}  // namespace razor::swarm
