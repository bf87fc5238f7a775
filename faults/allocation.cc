#include "faults/allocation.h"

#include <algorithm>
#include <atomic>

#include "sim/running.h"

namespace razor::faults {
namespace {

constinit std::atomic<bool> is_watched = false;
constinit std::atomic<bool> is_counted = false;
constinit std::atomic<std::uint64_t> live_blocks = 0;
constinit std::atomic<std::uint64_t> live_bytes = 0;
constinit thread_local std::size_t largest = 0;
constinit thread_local AllocationRefusal* refusals = nullptr;

}  // namespace

AllocationCount allocations() {
  return {live_blocks.load(std::memory_order_relaxed), live_bytes.load(std::memory_order_relaxed), largest};
}

void forget_largest_allocation() { largest = 0; }
bool allocations_are_counted() { return is_counted; }
bool allocations_are_watched() { return is_watched; }

AllocationRefusal::AllocationRefusal(const sim::Host& host, std::size_t bytes_min, std::uint64_t nth, std::uint64_t count)
    : host_(host), bytes_min_(bytes_min), nth_(nth), count_(count), next_(refusals) {
  refusals = this;
}

AllocationRefusal::~AllocationRefusal() {
  AllocationRefusal** place = &refusals;
  while (*place != this) place = &(*place)->next_;
  *place = next_;
}

bool AllocationRefusal::refuses(const sim::Host& host, std::size_t bytes) {
  if (&host != &host_ || bytes < bytes_min_ || refused_ == count_ || ++seen_ < nth_) return false;
  ++refused_;
  return true;
}

bool refuses_allocation(std::size_t bytes) noexcept {
  const sim::Host* const host = sim::running_host();
  if (host == nullptr) return false;
  largest = std::max(largest, bytes);
  for (AllocationRefusal* refusal = refusals; refusal != nullptr; refusal = refusal->next_) {
    if (refusal->refuses(*host, bytes)) return true;
  }
  return false;
}

void note_allocated(std::size_t bytes) noexcept {
  live_blocks.fetch_add(1, std::memory_order_relaxed);
  live_bytes.fetch_add(bytes, std::memory_order_relaxed);
}

void note_freed(std::size_t bytes) noexcept {
  live_blocks.fetch_sub(1, std::memory_order_relaxed);
  live_bytes.fetch_sub(bytes, std::memory_order_relaxed);
}

void note_watched(bool counted) noexcept {
  is_watched = true;
  is_counted = counted;
}

}  // namespace razor::faults
