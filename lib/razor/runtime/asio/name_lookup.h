#pragma once
// NameLookup: the addresses of names, found on threads that nobody has to wait for. Private to runtime/asio.
//
// getaddrinfo() blocks, for many seconds when a name server is silent, and cannot be stopped. So each name is looked up
// on a thread of its own, some names at a time; who asks for a name that is being looked up shares the answer. The
// threads are detached and hold all that they use: a program whose call has given up ends while they still wait.

#include <boost/asio/ip/address.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

namespace razor::asio {

/// The addresses of a name, the preferred one first; none with an error.
struct Resolved {
  std::error_code error{};
  std::vector<boost::asio::ip::address> addresses{};
};

/// Asks the system, and waits for it. Threads: any.
/// Errors: a runtime::LookupError; what else the system says.
Resolved resolve_with_the_system(const std::string& name);

/// Threads: all members from any.
class NameLookup {
 public:
  /// Waits for the answer; any number of threads at once. Lives until the last of them has returned.
  using Resolver = std::function<Resolved(const std::string& name)>;

  /// Threads that may look names up at the same time; further names wait for one. What takes long is silence, and one
  /// silent name server must not stop the names of the others.
  static constexpr std::size_t kAtATime = 16;

  explicit NameLookup(Resolver resolver, std::size_t at_a_time = kAtATime);

  /// What all runtimes of the process use. Never destroyed: its threads may still run while the program ends.
  static NameLookup& of_this_process();

  class Asker {
   public:
    virtual ~Asker() = default;
    /// Called once, on another thread.
    virtual void found(const Resolved& resolved) = 0;
  };

  /// Tells `asker` when the name is found, if it still exists then. A name that nobody waits for any more is not looked
  /// up, unless that has begun.
  /// Errors: resource_unavailable_try_again, when the system has no thread left.
  std::error_code ask(const std::string& name, const std::shared_ptr<Asker>& asker);

 private:
  struct State;
  static void start_thread(const std::shared_ptr<State>& state);
  static void run(State& state);

  std::shared_ptr<State> state_;
};

}  // namespace razor::asio
