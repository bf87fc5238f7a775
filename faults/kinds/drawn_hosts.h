#pragma once
// The servers and callers, in an order that is drawn.

#include <string>
#include <utility>
#include <vector>

#include "faults/fault_kind.h"

namespace razor::faults {

template <class T>
void shuffle(std::vector<T>& items, base::RandomStream& random) {
  for (std::size_t left = items.size(); left > 1; --left) std::swap(items[left - 1], items[random.below(left)]);
}

inline std::string_view lacks_two_hosts(const Roles& roles) {
  return roles.servers.size() + roles.callers.size() < 2 ? "two hosts" : "";
}

inline std::vector<std::string> drawn_hosts(Draw& draw) {
  std::vector<std::string> hosts = draw.roles.servers;
  hosts.insert(hosts.end(), draw.roles.callers.begin(), draw.roles.callers.end());
  shuffle(hosts, draw.random);
  return hosts;
}

}  // namespace razor::faults
