#include "razor/runtime/frame_pool.h"

#include <array>
#include <new>

namespace razor::runtime {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define RAZOR_RECYCLE_FRAMES 0  // a sanitizer must see every frame's own birth and death
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define RAZOR_RECYCLE_FRAMES 0
#endif
#endif
#ifndef RAZOR_RECYCLE_FRAMES
#define RAZOR_RECYCLE_FRAMES 1
#endif

#if RAZOR_RECYCLE_FRAMES

namespace {

constexpr std::size_t kClassBytes = 64;
constexpr std::size_t kClasses = 32;            // frames up to 2 KiB
constexpr std::size_t kKeptBytesMax = 1 << 20;  // a thread, a size class

struct FreeFrame {
  FreeFrame* next;
};

struct FreeLists {
  std::array<FreeFrame*, kClasses> first{};
  std::array<std::size_t, kClasses> count{};
  bool trimmed_at_exit = false;
};

// Constant initialisation and no destructor, so that an access is a plain load; `TrimAtExit` frees what is left.
constinit thread_local FreeLists lists;

struct TrimAtExit {
  ~TrimAtExit() {
    FramePool::trim();
    lists.count.fill(kKeptBytesMax);  // frames freed by later thread_local destructors are not kept any more
  }
};

void trim_at_exit() {
  static thread_local TrimAtExit guard;
  (void)guard;
  lists.trimmed_at_exit = true;
}

std::size_t class_of(std::size_t bytes) { return (bytes + kClassBytes - 1) / kClassBytes - 1; }
std::size_t bytes_of(std::size_t size_class) { return (size_class + 1) * kClassBytes; }

}  // namespace

void* FramePool::allocate(std::size_t bytes) {
  const std::size_t size_class = class_of(bytes);
  if (size_class >= kClasses) return ::operator new(bytes);
  FreeFrame* frame = lists.first[size_class];
  if (frame == nullptr) return ::operator new(bytes_of(size_class));
  lists.first[size_class] = frame->next;
  --lists.count[size_class];
  return frame;
}

void FramePool::deallocate(void* frame, std::size_t bytes) noexcept {
  const std::size_t size_class = class_of(bytes);
  if (size_class >= kClasses || lists.count[size_class] * bytes_of(size_class) >= kKeptBytesMax) {
    ::operator delete(frame);
    return;
  }
  if (!lists.trimmed_at_exit) [[unlikely]]
    trim_at_exit();
  lists.first[size_class] = ::new (frame) FreeFrame{lists.first[size_class]};
  ++lists.count[size_class];
}

void FramePool::trim() noexcept {
  for (std::size_t size_class = 0; size_class < kClasses; ++size_class) {
    while (FreeFrame* frame = lists.first[size_class]) {
      lists.first[size_class] = frame->next;
      ::operator delete(frame);
    }
    lists.count[size_class] = 0;
  }
}

#else

void* FramePool::allocate(std::size_t bytes) { return ::operator new(bytes); }
void FramePool::deallocate(void* frame, std::size_t) noexcept { ::operator delete(frame); }
void FramePool::trim() noexcept {}

#endif

}  // namespace razor::runtime
