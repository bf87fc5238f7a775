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

/// While it exists, the code that runs in this thread is that of this host's programs. They nest.
class Running {
 public:
  explicit Running(const Host* host) : outer_(detail::running) { detail::running = host; }
  ~Running() { detail::running = outer_; }
  Running(const Running&) = delete;

 private:
  const Host* outer_;
};

/// While it exists, the code that runs in this thread is the simulator's or the scenario's own, called by a program or not.
class InSimulator final : public Running {
 public:
  InSimulator() : Running(nullptr) {}
};

}  // namespace razor::sim
