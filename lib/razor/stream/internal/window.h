#pragma once
// Window: how many calls may be under way on a connection at a time. Pure.

#include <cstdint>

#include "razor/base/check.h"

namespace razor::stream {

class Window {
 public:
  /// `limit` is at least 1.
  explicit Window(std::uint32_t limit) : limit_(limit) { RAZOR_CHECK(limit > 0, "a window of 0 lets nothing pass"); }

  std::uint32_t limit() const { return limit_; }
  std::uint32_t used() const { return used_; }
  bool has_room() const { return used_ < limit_; }

  /// Only while there is room.
  void acquire() {
    RAZOR_CHECK(has_room(), "window of {} is full", limit_);
    ++used_;
  }
  void release() {
    RAZOR_CHECK(used_ > 0, "release of an unused window");
    --used_;
  }

 private:
  std::uint32_t limit_;
  std::uint32_t used_ = 0;
};

}  // namespace razor::stream
