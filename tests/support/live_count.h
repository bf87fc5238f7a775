#pragma once
// Counts objects that are alive: put a Sentinel where something must be destroyed exactly once, and ask afterwards.

#include <utility>

namespace razor::test {

class LiveCount {
 public:
  /// Counts as one while it lives. Moving hands the one over.
  class Sentinel {
   public:
    explicit Sentinel(LiveCount& count) : count_(&count) { ++count.alive_; }
    Sentinel(Sentinel&& other) noexcept : count_(std::exchange(other.count_, nullptr)) {}
    Sentinel& operator=(Sentinel&& other) noexcept {
      std::swap(count_, other.count_);
      return *this;
    }
    ~Sentinel() {
      if (count_ != nullptr) --count_->alive_;
    }

   private:
    LiveCount* count_;
  };

  Sentinel sentinel() { return Sentinel(*this); }
  int alive() const { return alive_; }

 private:
  int alive_ = 0;
};

}  // namespace razor::test
