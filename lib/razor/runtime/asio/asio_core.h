#pragma once
// The inside of an AsioRuntime. Private to runtime/asio.
//
// Every handler that Asio calls opens a Turn; when the Turn ends, all that became ready in it is run, without going
// through Asio's queue. Only work that becomes ready outside of any Turn costs a post.

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <atomic>
#include <memory>
#include <random>
#include <thread>

#include "razor/runtime/asio/asio_config.h"
#include "razor/runtime/runtime.h"

namespace razor::asio {

struct AsioConnector;

/// Shared by the AsioRuntime and by every handler that is under way in the io_context, which goes last.
class AsioCore final : public runtime::Clock,
                       public runtime::Spawner,
                       public runtime::Random,
                       public runtime::Network,
                       public std::enable_shared_from_this<AsioCore> {
 public:
  AsioCore(boost::asio::io_context& context, const AsioConfig& config);

  boost::asio::io_context& context() { return context_; }
  base::LogSink& log() { return log_; }

  /// The owning AsioRuntime goes: nothing runs any more.
  void close();
  bool closed() const { return closed_; }

  // Clock
  base::TimePoint now() const override;
  void arm(runtime::Timer& timer, base::TimePoint at) override;
  void disarm(runtime::Timer& timer) override;

  // Spawner
  void make_ready(runtime::Ready& work) override;
  void post(runtime::Posted& work) override;
  bool runs_in_this_thread() const override;

  // Random
  std::uint64_t seed_for(std::string_view purpose) override;

  // Network
  runtime::Task<base::Result<std::unique_ptr<runtime::ByteStream>>> connect(runtime::Address address) override;
  base::Result<std::unique_ptr<runtime::Listener>> listen(const runtime::Address& address,
                                                          runtime::ListenOptions options) override;
  std::uint32_t connections_max() const override;

  AsioConnector& connector() { return *connector_; }

  /// Open while the Runtime's code runs; the outermost one runs what became ready before it ends.
  class Turn {
   public:
    explicit Turn(AsioCore& core) : core_(core), is_outermost_(!std::exchange(core.in_turn_, true)) {
      if (is_outermost_) ++core_.turn_number_;
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn() {
      if (is_outermost_) core_.end_turn();
    }

   private:
    AsioCore& core_;
    bool is_outermost_;
  };

  bool in_turn() const { return in_turn_; }
  /// Tells one turn from another.
  std::uint64_t turn_number() const { return turn_number_; }

  /// For runtimes with their own io_context: notes which thread runs it.
  void set_running_thread(std::thread::id thread) { running_thread_.store(thread, std::memory_order_relaxed); }
  void set_on_own_context() { lives_on_users_context_ = false; }

 private:
  void end_turn();
  void post_turn();
  void schedule_wake();
  void on_wake(const boost::system::error_code& error);

  boost::asio::io_context& context_;
  base::StderrLog stderr_log_;
  base::LogSink& log_;
  bool closed_ = false;

  runtime::ReadyQueue ready_;
  bool in_turn_ = false;
  std::uint64_t turn_number_ = 0;
  bool turn_posted_ = false;

  runtime::TimerQueue timers_;
  boost::asio::steady_timer wake_timer_;
  base::TimePoint wake_at_ = base::TimePoint::max();  // when wake_timer_ fires; max: it is not set

  runtime::ForeignQueue foreign_;
  std::atomic<std::thread::id> running_thread_{};
  bool lives_on_users_context_ = true;

  std::random_device entropy_;
  const std::shared_ptr<AsioConnector> connector_;
};

/// A socket's error as the library reports it: std::errc values, whatever Asio's own category.
std::error_code portable_error(const boost::system::error_code& error);

}  // namespace razor::asio
