#include "razor/runtime/runtime_object.h"

#include "razor/base/check.h"
#include "razor/runtime/runtime.h"

namespace razor::runtime {

// --- ThreadMark ------------------------------------------------------------------------------------------------------

// Destroyed with its thread.
struct ThreadMark::Owner {
  ~Owner() {
    here_ = nullptr;
    if (mark) mark->ended_.store(true, std::memory_order_release);
  }
  std::shared_ptr<ThreadMark> mark;
};

const ThreadMark* ThreadMark::of_nobody() {
  static const ThreadMark kNobody;
  return &kNobody;
}

std::shared_ptr<const ThreadMark> ThreadMark::make_here() {
  static thread_local Owner owner;
  if (!owner.mark) {
    owner.mark = std::make_shared<ThreadMark>();
    here_ = owner.mark.get();
  }
  return owner.mark;
}

// --- RuntimeObject ---------------------------------------------------------------------------------------------------

RuntimeObject::RuntimeObject(Executor& executor) : life_(executor.life_) {
  const std::lock_guard lock(life_->mutex);
  life_->objects.push_back(*this);
}

RuntimeObject::~RuntimeObject() {
  const std::lock_guard lock(life_->mutex);
  unlink();
}

void RuntimeObject::check_use_slowly() const {
  const Executor* executor = life_->executor.load(std::memory_order_acquire);
  RAZOR_CHECK(executor != nullptr,
              "{} is used after its runtime was destroyed: it ended with the runtime, and may only be destroyed now",
              object_name());
  const std::string why = executor->why_not_here();
  RAZOR_CHECK(why.empty(), "{} is used where it must not be: {}", object_name(), why);
}

// --- Executor ---------------------------------------------------------------------------------------------------------

Executor::Executor() : life_(std::make_shared<RuntimeLife>()) { life_->executor = this; }

Executor::~Executor() { end_life(); }

void Executor::end_life() {
  life_->executor.store(nullptr, std::memory_order_release);
  life_->owner = ThreadMark::of_nobody();
}

void Executor::check_use_slowly(std::string_view object) const {
  const std::string why = why_not_here();
  RAZOR_CHECK(why.empty(), "{} is used where it must not be: {}", object, why);
}

void Executor::end_objects() {
  while (true) {
    RuntimeObject* next = nullptr;
    {
      const std::lock_guard lock(life_->mutex);
      next = life_->objects.pop_front();
    }
    if (next == nullptr) return;
    next->end_with_runtime();
  }
}

}  // namespace razor::runtime
