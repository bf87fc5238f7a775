#pragma once
// Guard: code that runs in a world must not read a real clock, take real entropy, or start a thread: a run that did could not
// be repeated. While a world's events happen, such a call ends the process and says what was called.
//
// It works by standing in front of the C library's functions (clock_gettime, gettimeofday, time, getrandom, getentropy,
// nanosleep, clock_nanosleep, pthread_create) and of std::random_device in every program that links razor::sim.
//
// Divergence: what inlines a system call or reads the processor's counters is not noticed. Not active in builds with a
// sanitizer, which stands there itself.

namespace razor::sim {

/// Simulated code runs in this thread from here on, until it is destroyed. May be nested.
class Simulating {
 public:
  Simulating() noexcept;
  ~Simulating();
  Simulating(const Simulating&) = delete;
  Simulating& operator=(const Simulating&) = delete;
};

/// For what watches a run from inside (progress, time limits): real calls are allowed here until it is destroyed.
class NotSimulating {
 public:
  NotSimulating() noexcept;
  ~NotSimulating();
  NotSimulating(const NotSimulating&) = delete;
  NotSimulating& operator=(const NotSimulating&) = delete;

 private:
  int depth_;
};

/// False where a sanitizer took its place.
bool guard_is_active();

}  // namespace razor::sim
