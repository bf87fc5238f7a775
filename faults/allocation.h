#pragma once
// Allocations of a program that links razor::faults_allocation, which stands in front of malloc, operator new and mmap: how
// much is held, and refusals of what programs of simulated hosts ask for.
//
// Divergence: nothing is counted or refused in builds with a sanitizer, which stands there itself, nor where that object is
// not linked.

#include <cstddef>
#include <cstdint>

namespace razor::sim {
class Host;
}

namespace razor::faults {

struct AllocationCount {
  std::uint64_t live_blocks = 0;  ///< of the whole process
  std::uint64_t live_bytes = 0;   ///< likewise
  /// The largest that code of simulated hosts asked for at once, in this thread, since `forget_largest_allocation`.
  std::size_t largest = 0;
};

/// All zero where nothing is counted.
AllocationCount allocations();
void forget_largest_allocation();
/// Whether this program counts and refuses.
bool allocations_are_counted();
/// Whether this program is one that would, were there no sanitizer: so that plans do not depend on the build.
bool allocations_are_watched();

/// Refuses `count` allocations of a host's programs, of those of `bytes_min` and more, from the nth on: malloc returns null,
/// operator new throws std::bad_alloc. Allocations of the simulator itself are not refused. For the thread that made it.
class AllocationRefusal {
 public:
  AllocationRefusal(const sim::Host& host, std::size_t bytes_min, std::uint64_t nth, std::uint64_t count);
  AllocationRefusal(const AllocationRefusal&) = delete;
  ~AllocationRefusal();

  std::uint64_t refused() const { return refused_; }
  /// Allocations of that size that the host's programs have asked for since, refused or not.
  std::uint64_t seen() const { return seen_; }

 private:
  friend bool refuses_allocation(std::size_t bytes) noexcept;

  bool refuses(const sim::Host& host, std::size_t bytes);

  const sim::Host& host_;
  const std::size_t bytes_min_;
  const std::uint64_t nth_;
  const std::uint64_t count_;
  std::uint64_t seen_ = 0;
  std::uint64_t refused_ = 0;
  AllocationRefusal* next_;
};

// --- Below: what stands in front of malloc calls ---------------------------------------------------------------------

/// Somebody asks for so many bytes.
bool refuses_allocation(std::size_t bytes) noexcept;
void note_allocated(std::size_t bytes) noexcept;
void note_freed(std::size_t bytes) noexcept;
void note_watched(bool counted) noexcept;

}  // namespace razor::faults
