#pragma once
// The servers and callers of a cast, in an order that is drawn.

#include <string>
#include <utility>
#include <vector>

#include "faults/fault_kind.h"

namespace razor::faults {

template <class T>
void shuffle(std::vector<T>& items, base::RandomStream& random) {
  for (std::size_t left = items.size(); left > 1; --left) std::swap(items[left - 1], items[random.below(left)]);
}

inline std::string_view lacks_two_hosts(const Cast& cast) {
  return cast.servers.size() + cast.callers.size() < 2 ? "two hosts" : "";
}

inline std::vector<std::string> drawn_hosts(Draw& draw) {
  std::vector<std::string> hosts = draw.cast.servers;
  hosts.insert(hosts.end(), draw.cast.callers.begin(), draw.cast.callers.end());
  shuffle(hosts, draw.random);
  return hosts;
}

}  // namespace razor::faults
