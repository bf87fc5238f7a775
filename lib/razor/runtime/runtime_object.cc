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

RuntimeObject::RuntimeObject(Spawner& spawner) : life_(spawner.life_) {
  const std::lock_guard lock(life_->mutex);
  life_->objects.push_back(*this);
}

RuntimeObject::~RuntimeObject() {
  const std::lock_guard lock(life_->mutex);
  unlink();
}

void RuntimeObject::check_use_slowly() const {
  const Spawner* spawner = life_->spawner.load(std::memory_order_acquire);
  RAZOR_CHECK(spawner != nullptr,
              "{} is used after its runtime was destroyed: it ended with the runtime, and may only be destroyed now",
              object_name());
  const std::string why = spawner->why_not_here();
  RAZOR_CHECK(why.empty(), "{} is used where it must not be: {}", object_name(), why);
}

// --- Spawner ---------------------------------------------------------------------------------------------------------

Spawner::Spawner() : life_(std::make_shared<RuntimeLife>()) { life_->spawner = this; }

Spawner::~Spawner() { end_life(); }

void Spawner::end_life() {
  life_->spawner.store(nullptr, std::memory_order_release);
  life_->owner = ThreadMark::of_nobody();
}

void Spawner::check_use_slowly(std::string_view object) const {
  const std::string why = why_not_here();
  RAZOR_CHECK(why.empty(), "{} is used where it must not be: {}", object, why);
}

void Spawner::end_objects() {
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
