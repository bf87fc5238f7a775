#pragma once
// Board: memory that a scenario program shares with its worker processes: which job is next, and who is at which. It stays
// readable when a worker is gone.

#include <sys/mman.h>
#include <sys/types.h>

#include <array>
#include <atomic>
#include <new>

#include "razor/base/check.h"
#include "sim/child/run_position.h"
#include "sim/stack.h"

namespace razor::sim {

inline constexpr std::uint64_t kNoJob = ~std::uint64_t{0};

class Board {
 public:
  /// What one worker says of itself.
  struct Place {
    std::atomic<std::uint64_t> job = kNoJob;
    /// The process that runs it: a child of the worker's; 0: none yet.
    std::atomic<pid_t> runner = 0;
    /// Where the run was when its process got a signal.
    RunPosition position{};
    // Which host's program runs (empty: the scenario itself), and its call stack. It is replaced, and known for certain, as
    // soon as a program asks for another turn.
    std::atomic<bool> turner_is_known = false;
    std::array<char, 64> host{};
    Stack stack{};
  };

  explicit Board(std::size_t workers) : size_(sizeof(State) + workers * sizeof(Place)) {
    void* memory = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    RAZOR_CHECK(memory != MAP_FAILED, "no shared memory of {} bytes", size_);
    state_ = new (memory) State;
    places_ = new (state_ + 1) Place[workers];
  }
  Board(const Board&) = delete;
  ~Board() { ::munmap(state_, size_); }

  /// The number of the next job; each goes to one caller.
  std::uint64_t take() { return state_->next.fetch_add(1); }
  std::uint64_t next() const { return state_->next.load(); }
  /// No worker begins another job.
  void stop() { state_->is_stopped = true; }
  bool is_stopped() const { return state_->is_stopped; }
  Place& place(std::size_t worker) { return places_[worker]; }

 private:
  struct alignas(64) State {
    std::atomic<std::uint64_t> next = 0;
    std::atomic<bool> is_stopped = false;
  };

  std::size_t size_;
  State* state_;
  Place* places_;
};

}  // namespace razor::sim
