#pragma once
// Later: calls that happen between two events of a world, unless who asked for them is gone by then.

#include <functional>
#include <memory>
#include <utility>

#include "sim/world.h"

namespace razor::faults {

class Later {
 public:
  explicit Later(sim::World& world) : world_(world) {}
  Later(const Later&) = delete;

  void after(base::Duration span, std::function<void()> action) {
    world_.after(span, [alive = std::weak_ptr<bool>(alive_), action = std::move(action)] {
      if (!alive.expired()) action();
    });
  }
  /// Behind what happens now.
  void soon(std::function<void()> action) { after(base::Duration::zero(), std::move(action)); }

 private:
  sim::World& world_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace razor::faults
