#pragma once
// AsioThreads: several AsioRuntimes, each run by a thread of its own: the cores of a machine, for a ServerGroup.
//
//   razor::AsioThreads threads(4);
//   threads.block_on([&] { return serve(threads.runtimes()); });   // on the first of them

#include <memory>
#include <span>
#include <thread>
#include <vector>

#include "razor/runtime/asio/asio_runtime.h"

namespace razor::asio {

struct AsioThreadsConfig {
  /// Of each. `restart` is used by the first, which is the one to listen.
  AsioConfig runtime{};
  /// The n-th thread stays on the n-th of the processors that the process may use, so that its memory stays near. Where it may use
  /// fewer, or the system refuses, threads go where the system puts them.
  bool pinned = false;
};
static_assert(std::is_trivially_copyable_v<AsioThreadsConfig>);

/// Threads: all members from any thread but its own.
class AsioThreads {
 public:
  /// `count` is at least 1.
  /// Errors: throws boost::system::system_error without descriptors, std::system_error without threads.
  explicit AsioThreads(std::size_t count, const AsioThreadsConfig& config = {});
  AsioThreads(const AsioThreads&) = delete;
  /// All threads end before the first Runtime goes.
  ~AsioThreads();

  std::span<runtime::Runtime* const> runtimes() const { return all_; }
  AsioRuntime& runtime(std::size_t place) { return *runtimes_.at(place); }

  /// As AsioThread::block_on, on the first thread.
  template <class Make>
  auto block_on(Make make) -> typename std::invoke_result_t<Make&>::value_type {
    RAZOR_CHECK(!all_.front()->executor().runs_in_this_thread(),
                "AsioThreads::block_on from its own thread waits for itself");
    return detail::BlockingRun<Make>(all_.front()->executor(), make).wait();
  }

 private:
  void stop();

  std::vector<std::unique_ptr<AsioRuntime>> runtimes_;
  std::vector<runtime::Runtime*> all_;  // the same
  std::vector<std::thread> threads_;
};

}  // namespace razor::asio

namespace razor {
using asio::AsioThreads;
using asio::AsioThreadsConfig;
}  // namespace razor
