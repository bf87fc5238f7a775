#pragma once
// Guard: code that runs in a world must find the same clocks and the same chance in every run of a seed, and must neither
// block nor start what runs beside the world. It stands in front of functions of the C library in every program that links
// razor::sim; outside of a world, and in other threads, these do what they always do. While a world's events happen:
//
//  - Clocks (clock_gettime, gettimeofday, time, timespec_get, clock, and with them <chrono> and loggers) read the clocks of
//    the host whose program asks: the monotonic ones as its Runtime's Clock, CLOCK_REALTIME as its time of day. The
//    scenario's own code reads the world's time. Processor time is the world's time, as computing takes none.
//  - Chance (getrandom, getentropy, arc4random and its relatives, std::random_device) comes from a stream of the host,
//    derived from the seed. rand() and its relatives begin anew with each run (scenario.h).
//  - All else ends the process, and says which host called what, and from where: what blocks (nanosleep, usleep, sleep,
//    poll, select, epoll_wait, getaddrinfo), starts a thread (pthread_create), or belongs to the real machine (socket,
//    socketpair, epoll_create, eventfd, timerfd_create): an AsioRuntime stops there. So do opens of /dev/urandom and
//    /dev/random, of which nobody could give back the same bytes.
//
// With `set_strict_clocks` clocks and chance end the process too: for code that must get both from its Runtime.
//
// Divergence: what inlines a system call or reads the processor's counters (rdtsc, rdrand) is not noticed. A loop that only
// reads clocks until they have moved never ends: time passes between events. Not active in builds with a sanitizer, which
// stands in these places itself: there such code reads the machine's own clocks and chance.

namespace razor::sim {

class Engine;

/// Code of this world runs in this thread from here on, until it is destroyed. May be nested.
class Simulating {
 public:
  explicit Simulating(Engine& engine) noexcept;
  ~Simulating();
  Simulating(const Simulating&) = delete;
  Simulating& operator=(const Simulating&) = delete;

 private:
  Engine* outer_;
};

/// For what watches a run from inside (progress, time limits): real calls are allowed here until it is destroyed.
class NotSimulating {
 public:
  NotSimulating() noexcept;
  ~NotSimulating();
  NotSimulating(const NotSimulating&) = delete;
  NotSimulating& operator=(const NotSimulating&) = delete;

 private:
  Engine* outer_;
};

/// Clocks and chance of the machine end the process where a world's code asks for them, from now on, in all threads; by
/// default they are simulated. `--strict-clocks` of scenario programs sets it.
void set_strict_clocks(bool strict);

/// False where a sanitizer took its place.
bool guard_is_active();

}  // namespace razor::sim
