#pragma once
// The transport of a connection that a fuzz target drives: it takes a part of what there is to write, as its input says.

#include <algorithm>
#include <array>
#include <span>

#include "razor/base/bytes.h"

namespace razor::fuzz {

/// Gives `cutter` at most `count` bytes of the connection's output; gives their number. The connection is not told.
template <class Connection, class Cutter>
std::size_t take_output(Connection& connection, Cutter& cutter, std::size_t count) {
  std::array<base::ByteView, 16> views;
  const std::size_t gathered = connection.gather(views);
  std::size_t taken = 0;
  for (const base::ByteView view : std::span(views).first(gathered)) {
    const base::ByteView part = view.first(std::min(view.size(), count - taken));
    cutter.add(part);
    taken += part.size();
  }
  return taken;
}

}  // namespace razor::fuzz
