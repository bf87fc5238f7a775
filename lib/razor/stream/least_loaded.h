#pragma once
// LeastLoaded: which server of a group gets the next connection: the one with the fewest connections, of those the one with the
// fewest handlers, of those the next in turn. Pure.
//
// Connections of a client of ours are few and long, so their number is what is balanced; a server whose connections do more than
// others' is relieved as they grow old (ServerConfig::max_connection_age).

#include <cstddef>
#include <cstdint>
#include <span>

#include "razor/stream/group_member.h"

namespace razor::stream {

class LeastLoaded {
 public:
  /// The place in `loads`, of which there is at least one.
  std::size_t choose(std::span<const MemberLoad> loads) {
    const std::size_t first = next_ % loads.size();
    std::size_t best = first;
    for (std::size_t i = 1; i < loads.size(); ++i) {
      const std::size_t place = (first + i) % loads.size();
      if (is_less(loads[place], loads[best])) best = place;
    }
    next_ = best + 1;
    return best;
  }

 private:
  static bool is_less(const MemberLoad& a, const MemberLoad& b) {
    return a.connections != b.connections ? a.connections < b.connections : a.handlers < b.handlers;
  }

  std::size_t next_ = 0;
};

}  // namespace razor::stream
