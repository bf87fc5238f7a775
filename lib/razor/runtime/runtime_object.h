#pragma once
// RuntimeObject: what is made from a Runtime and has a handle that the user destroys when he likes: a stream, a pool, a
// server. It notices when it is used on a wrong thread, or after its Runtime is gone; and when the Runtime goes first, the
// object ends with it: then its handle may still be destroyed, and nothing else.
//
// RuntimeLife: what a Runtime and its objects share, and which the last of them takes along.

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "razor/base/intrusive_list.h"
#include "razor/runtime/thread_mark.h"

namespace razor::runtime {

class RuntimeObject;
class Executor;

struct RuntimeObjectsTag {};

struct RuntimeLife {
  /// The thread that the Runtime belongs to now. Null: whichever comes. A mark of no thread: every use asks the Runtime.
  std::atomic<const ThreadMark*> owner = nullptr;
  std::mutex mutex;
  base::IntrusiveList<RuntimeObject, RuntimeObjectsTag> objects;  // GUARDED_BY(mutex)
  std::atomic<const Executor*> executor = nullptr;                  // null once the Runtime is gone
};

/// Threads: making and destroying on any, if the class allows that.
class RuntimeObject : public base::ListLink<RuntimeObjectsTag> {
 public:
  RuntimeObject(const RuntimeObject&) = delete;
  RuntimeObject& operator=(const RuntimeObject&) = delete;

  /// It has ended with its Runtime.
  bool runtime_is_gone() const { return life_->executor.load(std::memory_order_acquire) == nullptr; }

 protected:
  /// `executor` may go first.
  explicit RuntimeObject(Executor& executor);
  virtual ~RuntimeObject();

  /// Ends the program, with a message that names `object_name()`, unless the calling thread may use the object now. At the
  /// beginning of what users call: it costs one compare.
  void check_use() const {
    if (life_->owner.load(std::memory_order_relaxed) != ThreadMark::here()) [[unlikely]]
      check_use_slowly();
  }

 private:
  friend class Executor;

  /// The Runtime goes: as if the handle were destroyed now. Completions may run.
  virtual void end_with_runtime() = 0;
  /// "the connection to 10.0.0.2:8082"
  virtual std::string object_name() const = 0;

  void check_use_slowly() const;

  std::shared_ptr<RuntimeLife> life_;
};

}  // namespace razor::runtime
