#include "razor/runtime/asio/asio_threads.h"

#include <pthread.h>
#include <sched.h>

#include "razor/base/check.h"
#include "razor/runtime/asio/asio_core.h"

namespace razor::asio {
namespace {

std::vector<int> usable_processors() {
  cpu_set_t set;
  std::vector<int> usable;
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return usable;
  for (int processor = 0; processor < CPU_SETSIZE; ++processor) {
    if (CPU_ISSET(processor, &set)) usable.push_back(processor);
  }
  return usable;
}

// It is a wish: where the system does not grant it, the thread runs all the same.
void pin(std::thread& thread, int processor) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(processor, &set);
  (void)::pthread_setaffinity_np(thread.native_handle(), sizeof set, &set);
}

}  // namespace

AsioThreads::AsioThreads(std::size_t count, const AsioThreadsConfig& config) {
  RAZOR_CHECK(count > 0, "AsioThreads without a thread");
  AsioConfig each = config.runtime;
  for (std::size_t i = 0; i < count; ++i) {
    runtimes_.push_back(std::make_unique<AsioRuntime>(each));
    all_.push_back(runtimes_.back().get());
    each.restart = nullptr;
  }
  const std::vector<int> processors = config.pinned ? usable_processors() : std::vector<int>();
  threads_.reserve(count);
  try {
    for (std::size_t i = 0; i < count; ++i) {
      AsioRuntime& runtime = *runtimes_[i];
      std::thread& thread = threads_.emplace_back([&runtime] { runtime.run(); });
      runtime.core_->set_running_thread(thread.get_id());  // true from here on, whatever the new thread has reached
      if (count <= processors.size()) pin(thread, processors[i]);
    }
  } catch (...) {
    stop();
    throw;
  }
}

AsioThreads::~AsioThreads() { stop(); }

void AsioThreads::stop() {
  for (const std::unique_ptr<AsioRuntime>& runtime : runtimes_) runtime->stop();
  for (std::thread& thread : threads_) thread.join();
}

}  // namespace razor::asio
