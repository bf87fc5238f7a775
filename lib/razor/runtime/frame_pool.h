#pragma once
// Recycles coroutine frames: a thread keeps the frames that it freed, sorted by size, and hands them out again.
// About 10 ns a frame less than malloc. What is kept is bounded (frame_pool.cc); larger frames go to operator new.

#include <cstddef>

namespace razor::runtime {

class FramePool {
 public:
  /// Errors: throws std::bad_alloc.
  static void* allocate(std::size_t bytes);
  /// `bytes` as given to `allocate`; any thread.
  static void deallocate(void* frame, std::size_t bytes) noexcept;
  /// Frees what this thread keeps.
  static void trim() noexcept;
};

}  // namespace razor::runtime
