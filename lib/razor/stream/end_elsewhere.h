#pragma once
// EndElsewhere: what a handle does that is destroyed on another thread than its runtime's: the core behind it is ended
// there, soon. While nobody runs the runtime, as after main's last run(), it is ended here and now: nobody else would.

#include "razor/base/ref.h"
#include "razor/runtime/runtime.h"

namespace razor::stream {

template <class Core>
class EndElsewhere final : public runtime::PostedTask {
 public:
  explicit EndElsewhere(base::Ref<Core> core) : core_(std::move(core)) {}
  void run() override {
    core_->shut_down();
    delete this;
  }
  void drop() override { run(); }

 private:
  base::Ref<Core> core_;
};

/// For a handle's destructor: ends `core`, here or on its thread. Null: the handle was moved from. A core that is a
/// RuntimeObject has ended already when the runtime is gone.
template <class Core>
void end_with_handle(base::Ref<Core>& core) {
  if (!core || core->runtime_is_gone()) return;
  runtime::Executor& executor = core->executor();
  if (executor.is_free_here()) {
    core->shut_down();  // completions that run there may still submit, and are refused
  } else {
    executor.post(*new EndElsewhere<Core>(std::move(core)));
  }
}

}  // namespace razor::stream
