// FramePool: memory for coroutine frames, used again. Frames that overlapped, or were handed out twice, would not keep
// the bytes written to them. Under a sanitizer nothing is recycled, so that it sees every frame's own birth and death.

#include "razor/runtime/frame_pool.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

namespace razor::runtime {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kRecycles = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool kRecycles = false;
#else
constexpr bool kRecycles = true;
#endif
#else
constexpr bool kRecycles = true;
#endif

constexpr std::size_t kRecycledUpTo = 2048;

TEST(FramePool, GivesAFreedFrameOutAgainToTheSameSizeClass) {
  if (!kRecycles) GTEST_SKIP() << "nothing is recycled under a sanitizer";
  void* first = FramePool::allocate(100);
  FramePool::deallocate(first, 100);
  void* other_class = FramePool::allocate(200);
  void* second = FramePool::allocate(128);
  EXPECT_EQ(second, first);
  EXPECT_NE(other_class, first);
  FramePool::deallocate(second, 128);
  FramePool::deallocate(other_class, 200);
}

TEST(FramePool, FramesAreAlignedAsAnyObjectIs) {
  for (const std::size_t bytes : {std::size_t{1}, std::size_t{63}, std::size_t{64}, std::size_t{65}, kRecycledUpTo,
                                  kRecycledUpTo + 1, 10 * kRecycledUpTo}) {
    void* frame = FramePool::allocate(bytes);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(frame) % __STDCPP_DEFAULT_NEW_ALIGNMENT__, 0u);
    FramePool::deallocate(frame, bytes);
  }
}

struct Frame {
  unsigned char* memory;
  std::size_t bytes;
  unsigned char content;
};

bool is_untouched(const Frame& frame) {
  for (std::size_t i = 0; i < frame.bytes; ++i) {
    if (frame.memory[i] != frame.content) return false;
  }
  return true;
}

RC_GTEST_PROP(FramePool, LiveFramesNeverOverlap, ()) {
  const int steps = *rc::gen::inRange(0, 200);
  std::vector<Frame> live;
  for (int i = 0; i < steps; ++i) {
    if (live.empty() || *rc::gen::inRange(0, 5) < 3) {
      const auto bytes = *rc::gen::inRange<std::size_t>(1, 3000);
      const auto content = static_cast<unsigned char>(i);
      auto* memory = static_cast<unsigned char*>(FramePool::allocate(bytes));
      std::memset(memory, content, bytes);
      live.push_back({memory, bytes, content});
    } else {
      const auto index = *rc::gen::inRange<std::ptrdiff_t>(0, std::ssize(live));
      const Frame frame = live[static_cast<std::size_t>(index)];
      live.erase(live.begin() + index);
      RC_ASSERT(is_untouched(frame));
      FramePool::deallocate(frame.memory, frame.bytes);
    }
    if (i == steps / 2) FramePool::trim();
  }
  for (const Frame& frame : live) {
    RC_ASSERT(is_untouched(frame));
    FramePool::deallocate(frame.memory, frame.bytes);
  }
}

// Frames move between threads when a Runtime is destroyed elsewhere than it ran. Also: what a thread keeps is freed
// when it ends, which the leak checker sees.
TEST(FramePool, FramesMayBeFreedOnAnotherThread) {
  std::vector<void*> frames;
  for (int i = 0; i < 1000; ++i) frames.push_back(FramePool::allocate(256));
  std::thread([&frames] {
    for (void* frame : frames) FramePool::deallocate(frame, 256);
    FramePool::deallocate(FramePool::allocate(256), 256);
  }).join();
  FramePool::deallocate(FramePool::allocate(256), 256);
}

TEST(FramePool, TrimFreesWhatIsKeptAndLeavesItUsable) {
  std::vector<void*> frames;
  for (int i = 0; i < 100; ++i) frames.push_back(FramePool::allocate(512));
  for (void* frame : frames) FramePool::deallocate(frame, 512);
  FramePool::trim();
  FramePool::trim();
  void* frame = FramePool::allocate(512);
  std::memset(frame, 1, 512);
  FramePool::deallocate(frame, 512);
}

// More than a size class keeps: 4 MiB of 1 KiB frames.
TEST(FramePool, FreeingMoreThanIsKeptGivesTheRestBack) {
  std::vector<void*> frames;
  for (int i = 0; i < 4096; ++i) frames.push_back(FramePool::allocate(1024));
  for (void* frame : frames) FramePool::deallocate(frame, 1024);
  for (void*& frame : frames) frame = FramePool::allocate(1024);
  for (void* frame : frames) std::memset(frame, 7, 1024);
  for (void* frame : frames) FramePool::deallocate(frame, 1024);
  FramePool::trim();
}

}  // namespace
}  // namespace razor::runtime
