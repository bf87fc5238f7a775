#pragma once
// MemoryMeter: how much memory an operation holds at its peak. Measured under AddressSanitizer only; elsewhere always 0.

#include <algorithm>
#include <cstddef>

#include "razor/base/bytes.h"
#include "razor/base/check.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define RAZOR_FUZZ_METERS_MEMORY 1
#include <sanitizer/allocator_interface.h>
#endif
#endif

namespace razor::fuzz {

class MemoryMeter {
 public:
  /// Counts from now on. One at a time.
  MemoryMeter() {
#ifdef RAZOR_FUZZ_METERS_MEMORY
    static const int installed = __sanitizer_install_malloc_and_free_hooks(&on_malloc, &on_free);
    (void)installed;
#endif
    held_ = peak_ = 0;
    counts_ = true;
  }
  MemoryMeter(const MemoryMeter&) = delete;
  ~MemoryMeter() { counts_ = false; }

  void expect_at_most(std::ptrdiff_t bytes) const {
    RAZOR_CHECK(peak_ <= bytes, "{} bytes of memory were held, and {} are allowed", peak_, bytes);
  }

 private:
#ifdef RAZOR_FUZZ_METERS_MEMORY
  static void on_malloc(const volatile void*, std::size_t size) {
    if (!counts_) return;
    held_ += static_cast<std::ptrdiff_t>(size);
    peak_ = std::max(peak_, held_);
  }
  static void on_free(const volatile void* block) {
    if (counts_ && block != nullptr)
      held_ -= static_cast<std::ptrdiff_t>(__sanitizer_get_allocated_size(const_cast<void*>(block)));
  }
#endif

  static inline bool counts_ = false;
  static inline std::ptrdiff_t held_ = 0;  // below zero where memory goes that was there before
  static inline std::ptrdiff_t peak_ = 0;
};

}  // namespace razor::fuzz
