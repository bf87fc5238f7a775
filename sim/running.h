#pragma once
// Whose code runs: that of a host's programs (with the libraries they use), or the simulator's and the scenario's own. What
// counts or refuses the programs' allocations asks this.

namespace razor::sim {

class Host;

namespace detail {
inline constinit thread_local const Host* running = nullptr;
}  // namespace detail

/// The host whose programs' code runs in this thread now; null: the simulator's or the scenario's does.
inline const Host* running_host() { return detail::running; }

/// Code of this host's programs, or the simulator's own (null), runs in this thread from here on, until it is destroyed.
/// They nest.
class Running {
 public:
  explicit Running(const Host* host) : outer_(detail::running) { detail::running = host; }
  ~Running() { detail::running = outer_; }
  Running(const Running&) = delete;

 private:
  const Host* outer_;
};

}  // namespace razor::sim
