#pragma once
// TokenPool: a limit that several threads share. Each takes tokens in batches, so that counting up and down costs no atomic
// operation, and gives back what it does not use. Pure.

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace razor::stream {

/// Threads: any.
class TokenPool {
 public:
  /// At most `tokens` are out at a time, over all of `shares` TokenShares.
  TokenPool(std::uint32_t tokens, std::uint32_t shares)
      : free_(tokens), batch_(std::clamp(tokens / (16 * std::max(shares, 1u)), 1u, 64u)) {}

  std::uint32_t batch() const { return batch_; }
  /// Up to `wanted` tokens; gives how many.
  std::uint32_t take(std::uint32_t wanted) {
    std::uint32_t free = free_.load(std::memory_order_relaxed);
    std::uint32_t taken = 0;
    do {
      taken = std::min(free, wanted);
    } while (taken > 0 && !free_.compare_exchange_weak(free, free - taken, std::memory_order_relaxed));
    return taken;
  }
  void give_back(std::uint32_t tokens) { free_.fetch_add(tokens, std::memory_order_relaxed); }

 private:
  std::atomic<std::uint32_t> free_;
  const std::uint32_t batch_;
};

/// What one thread has of a TokenPool. It keeps up to two batches that it does not use, so that with all others idle one thread
/// may use the limit less two batches for each of them: 7/8 of it, or more.
class TokenShare {
 public:
  /// `pool` outlives it.
  explicit TokenShare(TokenPool& pool) : pool_(pool) {}
  TokenShare(const TokenShare&) = delete;
  ~TokenShare() { pool_.give_back(held_); }

  /// There is a token for one more `use`.
  bool has_one() {
    if (used_ >= held_) held_ += pool_.take(pool_.batch());
    return used_ < held_;
  }
  /// Only behind `has_one`.
  void use() { ++used_; }
  void release() {
    --used_;
    if (held_ - used_ <= 2 * pool_.batch()) return;
    held_ -= pool_.batch();
    pool_.give_back(pool_.batch());
  }

  std::uint32_t used() const { return used_; }
  std::uint32_t held() const { return held_; }

 private:
  TokenPool& pool_;
  std::uint32_t held_ = 0;
  std::uint32_t used_ = 0;
};

}  // namespace razor::stream
