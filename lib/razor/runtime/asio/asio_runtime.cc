#include "razor/runtime/asio/asio_runtime.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <functional>

#include "razor/runtime/asio/asio_connector.h"
#include "razor/runtime/asio/asio_core.h"
#include "razor/runtime/asio/restart.h"

namespace razor::asio {
namespace {

// How often a Turn goes back to the ready queue before it lets the io_context look at sockets and timers again.
constexpr int kReadyRoundsMax = 16;

}  // namespace

// --- AsioCore --------------------------------------------------------------------------------------------------------

AsioCore::AsioCore(boost::asio::io_context& context, const AsioConfig& config)
    : context_(context),
      log_(config.log != nullptr ? *config.log : stderr_log_),
      wake_timer_(context),
      connector_(std::make_shared<AsioConnector>(*this, config.names)),
      listening_sockets_(config.restart != nullptr ? config.restart->sockets() : nullptr) {}

void AsioCore::close() {
  const std::string why_not = why_not_here();
  RAZOR_CHECK(why_not.empty(), "an AsioRuntime is destroyed where it must not be: {}", why_not);
  RAZOR_CHECK(!in_turn(),
              "an AsioRuntime is destroyed by its own task, completion or handler: let that return first (stop "
              "the io_context, or post the destruction to it)");
  belong_here();
  set_in_turn(true);  // what becomes ready from here on is not run
  connector_->door->shut();
  foreign_.close();
  // First those whose handles are still there: their calls end `closed`, and what the tasks then destroy has ended.
  end_objects();
  destroy_roots();
  end_objects();  // what completions and destructors have made
  ready_.clear();
  timers_.clear();
  wake_timer_.reset();
  closed_ = true;
  end_life();
}

// --- The thread that it belongs to

void AsioCore::belong_here() const {
  std::shared_ptr<const runtime::ThreadMark> mark = runtime::ThreadMark::make_here();
  const std::lock_guard lock(life().mutex);
  life().owner.store(mark.get(), std::memory_order_relaxed);
  owner_mark_ = std::move(mark);
}

void AsioCore::belong_to_nobody() {
  const std::lock_guard lock(life().mutex);
  life().owner.store(nullptr, std::memory_order_relaxed);
  owner_mark_ = nullptr;
}

// A handler is called on another thread than the last one: the io_context was handed over, or several threads run it.
void AsioCore::change_thread() {
  RAZOR_CHECK(!in_turn(),
              "the io_context of an AsioRuntime is run by several threads at a time: run it on one; for more cores, "
              "make one AsioRuntime for each thread");
  belong_here();
}

std::string AsioCore::why_not_here() const {
  if (closed_) return "its AsioRuntime was destroyed";
  if (belongs_here()) return {};
  if (!lives_on_users_context_) {
    if (runs_in_this_thread()) return {};
    return "another thread runs its AsioRuntime: post it there (AsioThread::block_on), or call with Client::blocking or "
           "through a RemoteChannel";
  }
  if (context_.get_executor().running_in_this_thread()) {
    if (!in_turn()) {  // the io_context was handed over, and a handler of the user's is the first to say so
      belong_here();
      return {};
    }
    return "the io_context of its AsioRuntime is run by several threads at a time: run it on one; for more cores, make one "
           "AsioRuntime for each thread";
  }
  if (context_.stopped()) return {};
  const std::lock_guard lock(life().mutex);
  if (owner_mark_ == nullptr || owner_mark_->thread_has_ended()) return {};
  return "another thread runs the io_context of its AsioRuntime: post it there (boost::asio::post), or call with "
         "Client::blocking or through a RemoteChannel";
}

base::TimePoint AsioCore::now() const {
  return base::TimePoint(std::chrono::duration_cast<base::Duration>(std::chrono::steady_clock::now().time_since_epoch()));
}

void AsioCore::arm(runtime::Timer& timer, base::TimePoint at) {
  if (closed_) [[unlikely]]
    return;
  check_use("a timer");
  timers_.insert(timer, at);
  if (!in_turn()) schedule_wake();
}

void AsioCore::disarm(runtime::Timer& timer) {
  timers_.remove(timer);
  if (!in_turn()) schedule_wake();
}

void AsioCore::schedule(runtime::Runnable& work) {
  if (closed_) [[unlikely]]
    return;
  check_use("something that wakes a task (an Event, a Channel, a stream, a pool)");
  ready_.push_back(work);
  if (!in_turn()) post_turn();
}

void AsioCore::post(runtime::PostedTask& work) {
  switch (foreign_.push(work)) {
    case runtime::ForeignQueue::Pushed::runtime_knows: return;
    case runtime::ForeignQueue::Pushed::closed: work.drop(); return;
    case runtime::ForeignQueue::Pushed::wake_the_runtime: break;
  }
  boost::asio::post(context_, [core = shared_from_this()] {
    if (core->closed_) return;
    Turn turn(*core);
    core->foreign_.run_all();
  });
}

bool AsioCore::runs_in_this_thread() const {
  if (lives_on_users_context_) return context_.get_executor().running_in_this_thread();
  const std::thread::id running = running_thread_.load(std::memory_order_relaxed);
  return running == std::thread::id() || running == std::this_thread::get_id();
}

// A context that was stopped is run by nobody, soon: its thread may still be in a handler.
bool AsioCore::is_free_here() const {
  if (!why_not_here().empty()) return false;
  if (belongs_here() || !lives_on_users_context_ || context_.get_executor().running_in_this_thread()) return true;
  const std::lock_guard lock(life().mutex);
  return owner_mark_ == nullptr || owner_mark_->thread_has_ended();
}

std::uint64_t AsioCore::seed_for(std::string_view purpose) {
  const std::uint64_t entropy = (std::uint64_t{entropy_()} << 32) | entropy_();
  return entropy ^ std::hash<std::string_view>{}(purpose);
}

void AsioCore::post_turn() {
  if (std::exchange(turn_posted_, true)) return;
  boost::asio::post(context_, [core = shared_from_this()] {
    core->turn_posted_ = false;
    if (!core->closed_) Turn turn(*core);
  });
}

void AsioCore::end_turn() {
  for (int round = 0; round < kReadyRoundsMax && !ready_.empty(); ++round) {
    runtime::ReadyQueue now_ready;
    now_ready.splice_back(ready_);
    while (runtime::Runnable* work = now_ready.pop_front()) work->run();
  }
  set_in_turn(false);
  if (!ready_.empty()) post_turn();
  schedule_wake();
}

void AsioCore::schedule_wake() {
  // A wake-up that comes too early is cheaper than moving the timer each time: on_wake sets it anew.
  if (timers_.empty()) {
    // But an io_context of the user's is run until nothing is left to do: nothing is.
    if (lives_on_users_context_ && std::exchange(wake_at_, base::TimePoint::max()) != base::TimePoint::max()) {
      wake_timer_->cancel();
    }
    return;
  }
  if (timers_.earliest() >= wake_at_) return;
  wake_at_ = timers_.earliest();
  wake_timer_->expires_at(std::chrono::steady_clock::time_point(wake_at_.time_since_epoch()));
  wake_timer_->async_wait([core = shared_from_this()](const boost::system::error_code& error) { core->on_wake(error); });
}

void AsioCore::on_wake(const boost::system::error_code& error) {
  if (error || closed_) return;  // moved, or the runtime is gone
  wake_at_ = base::TimePoint::max();
  Turn turn(*this);
  const base::TimePoint reached = now();
  while (timers_.fire_one(reached)) {
  }
}

std::error_code portable_error(const boost::system::error_code& error) {
  if (error.category() == boost::system::system_category() || error.category() == boost::system::generic_category()) {
    if (error == boost::system::errc::operation_canceled) return make_error_code(std::errc::operation_canceled);
    return std::error_code(error.value(), std::generic_category());
  }
  return make_error_code(std::errc::address_not_available);  // a name that does not resolve
}

// --- AsioRuntime -----------------------------------------------------------------------------------------------------

namespace {

// This thread runs the runtime's own io_context. They nest, inside handlers that are not of the library.
class Running {
 public:
  explicit Running(AsioCore& core) : core_(core), outer_(core.running_thread()) {
    RAZOR_CHECK(
        outer_ == std::thread::id() || outer_ == std::this_thread::get_id(),
        "run or block_on of an AsioRuntime that another thread runs: use AsioThread::block_on, or one AsioRuntime for "
        "each thread");
    is_nested_ = core.belongs_here();
    core.set_running_thread(std::this_thread::get_id());
    core.belong_here();
  }
  Running(const Running&) = delete;
  ~Running() {
    if (!is_nested_) core_.belong_to_nobody();
    core_.set_running_thread(is_nested_ ? outer_ : std::thread::id());
  }

 private:
  AsioCore& core_;
  std::thread::id outer_;
  bool is_nested_ = false;
};

}  // namespace

struct AsioRuntime::OwnContext {
  boost::asio::io_context context{1};
  // Without it Asio stops the context whenever nothing is left to do, as if `stop()` had been called.
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work = boost::asio::make_work_guard(context);
};

AsioRuntime::AsioRuntime(const AsioConfig& config)
    : config_(config),
      own_context_(std::make_unique<OwnContext>()),
      core_(std::make_shared<AsioCore>(own_context_->context, config)) {
  core_->set_on_own_context();
  set_trace(config.trace);
}

AsioRuntime::AsioRuntime(boost::asio::io_context& context, const AsioConfig& config)
    : config_(config), core_(std::make_shared<AsioCore>(context, config)) {
  core_->belong_here();
  set_trace(config.trace);
}

AsioRuntime::~AsioRuntime() {
  core_->close();
  if (own_context_ == nullptr) return;
  // What handlers and asio::awaitables hold is destroyed with the io_context, and so before it.
  own_context_.reset();
  RAZOR_CHECK(core_->handles() == 0,
              "an AsioRuntime is destroyed before {} ByteStreams or Listeners that were made from it: destroy them first, "
              "their sockets are part of its io_context",
              core_->handles());
}

runtime::Clock& AsioRuntime::clock() { return *core_; }
runtime::Executor& AsioRuntime::executor() { return *core_; }
runtime::Random& AsioRuntime::random() { return *core_; }
runtime::Network& AsioRuntime::network() { return *core_; }
base::LogSink& AsioRuntime::log() { return core_->log(); }
boost::asio::io_context& AsioRuntime::context() { return core_->context(); }

void AsioRuntime::run() {
  const bool never = false;
  run_until(never);
}

void AsioRuntime::stop() { context().stop(); }

void AsioRuntime::run_until(const bool& finished) {
  RAZOR_CHECK(own_context_ != nullptr, "this AsioRuntime lives on an io_context of the user's: run that");
  boost::asio::io_context& context = own_context_->context;
  const Running running(*core_);  // first: another thread's turn is none of ours
  RAZOR_CHECK(!core_->in_turn(), "run or block_on inside a task of the same runtime waits for itself");
  base::TimePoint spin_until = core_->now() + config_.spin;
  while (!finished && !context.stopped()) {
    if (config_.spin == base::Duration::zero()) {
      context.run_one();
    } else if (context.poll_one() > 0) {
      spin_until = core_->now() + config_.spin;
    } else if (core_->now() >= spin_until) {
      context.run_one();
      spin_until = core_->now() + config_.spin;
    }
  }
  if (!finished) context.restart();  // stop() ended this run, not the next one
}

AsioThread::AsioThread(const AsioConfig& config) : runtime_(config), thread_([this] { runtime_.run(); }) {
  runtime_.core_->set_running_thread(thread_.get_id());  // true from here on, whatever the new thread has reached
}

AsioThread::~AsioThread() {
  runtime_.stop();
  thread_.join();
}

}  // namespace razor::asio
