#pragma once
// The inside of an AsioRuntime. Private to runtime/asio.
//
// Every handler that Asio calls opens a Turn; when the Turn ends, all that became ready in it is run, without going
// through Asio's queue. Only work that becomes ready outside of any Turn costs a post.

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>

#include "razor/runtime/asio/asio_config.h"
#include "razor/runtime/runtime.h"

namespace razor::asio {

struct AsioConnector;
class ListeningSockets;

/// Shared by the AsioRuntime and by every handler that is under way in the io_context, which goes last.
class AsioCore final : public runtime::Clock,
                       public runtime::Executor,
                       public runtime::Random,
                       public runtime::Network,
                       public std::enable_shared_from_this<AsioCore> {
 public:
  AsioCore(boost::asio::io_context& context, const AsioConfig& config);

  boost::asio::io_context& context() { return context_; }
  base::LogSink& log() { return log_; }

  /// The owning AsioRuntime goes: what was made from it ends, and nothing runs any more.
  void close();
  bool closed() const { return closed_; }
  /// ByteStreams and Listeners that the user still holds.
  void count_handle(int change) { handles_ += change; }
  int handles() const { return handles_; }

  // Clock
  base::TimePoint now() const override;
  void arm(runtime::Timer& timer, base::TimePoint at) override;
  void disarm(runtime::Timer& timer) override;

  // Executor
  void schedule(runtime::Runnable& work) override;
  void post(runtime::PostedTask& work) override;
  bool runs_in_this_thread() const override;
  std::string why_not_here() const override;
  bool is_free_here() const override;

  // Random
  std::uint64_t seed_for(std::string_view purpose) override;

  // Network
  runtime::Task<base::Result<std::unique_ptr<runtime::ByteStream>>> connect(runtime::Address address) override;
  base::Result<std::unique_ptr<runtime::Listener>> listen(const runtime::Address& address,
                                                          runtime::ListenOptions options) override;
  std::uint32_t connections_max() const override;
  base::Result<std::unique_ptr<runtime::ByteStream>> adopt(std::unique_ptr<runtime::DetachedStream> detached) override;

  AsioConnector& connector() { return *connector_; }

  /// Open while the Runtime's code runs; the outermost one runs what became ready before it ends.
  class Turn {
   public:
    explicit Turn(AsioCore& core) : core_(core) {
      if (core.life().owner.load(std::memory_order_relaxed) != runtime::ThreadMark::here()) [[unlikely]]
        core.change_thread();
      is_outermost_ = !core.in_turn();
      if (!is_outermost_) return;
      core.set_in_turn(true);
      ++core_.turn_number_;
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

  bool in_turn() const { return in_turn_.load(std::memory_order_relaxed); }
  /// Tells one turn from another.
  std::uint64_t turn_number() const { return turn_number_; }

  /// For runtimes with their own io_context: notes which thread runs it, or that none does.
  void set_running_thread(std::thread::id thread) { running_thread_.store(thread, std::memory_order_relaxed); }
  std::thread::id running_thread() const { return running_thread_.load(std::memory_order_relaxed); }
  void set_on_own_context() { lives_on_users_context_ = false; }
  /// The runtime belongs to the calling thread from here on; or to whichever comes.
  void belong_here() const;
  void belong_to_nobody();
  bool belongs_here() const {
    const runtime::ThreadMark* const owner = life().owner.load(std::memory_order_relaxed);
    return owner != nullptr && owner == runtime::ThreadMark::here();
  }

 private:
  void end_turn();
  void set_in_turn(bool in_turn) { in_turn_.store(in_turn, std::memory_order_relaxed); }
  void change_thread();
  void post_turn();
  void schedule_wake();
  void on_wake(const boost::system::error_code& error);

  boost::asio::io_context& context_;
  base::StderrLog stderr_log_;
  base::LogSink& log_;
  bool closed_ = false;

  runtime::ReadyQueue ready_;
  std::atomic<bool> in_turn_ = false;  // read by another thread only where several run the io_context, which is a mistake
  std::uint64_t turn_number_ = 0;
  bool turn_posted_ = false;

  runtime::TimerQueue timers_;
  std::optional<boost::asio::steady_timer> wake_timer_;  // none once closed: the io_context may go first
  base::TimePoint wake_at_ = base::TimePoint::max();  // when wake_timer_ fires; max: it is not set

  runtime::ForeignQueue foreign_;
  std::atomic<std::thread::id> running_thread_{};
  bool lives_on_users_context_ = true;
  mutable std::shared_ptr<const runtime::ThreadMark> owner_mark_;  // GUARDED_BY(life().mutex): of the thread it belongs to
  int handles_ = 0;

  std::random_device entropy_;
  const std::shared_ptr<AsioConnector> connector_;
  const std::shared_ptr<ListeningSockets> listening_sockets_;  // null without a Restart
};

/// A socket's error as the library reports it: std::errc values, whatever Asio's own category.
std::error_code portable_error(const boost::system::error_code& error);

}  // namespace razor::asio
