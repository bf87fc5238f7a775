#include "razor/stream/remote_channel.h"

#include <atomic>
#include <mutex>
#include <optional>

#include "razor/base/format.h"
#include "razor/base/out_of_memory.h"
#include "razor/runtime/frame_pool.h"

namespace razor::stream {
namespace {

using base::CallError;
using base::Errc;
using base::Ran;

struct AllTag {};

// Shared by both threads, as long as a call is anywhere.
struct Transit {
  std::atomic<std::uint32_t> calls = 0;  // that the target has not taken yet
  std::mutex mutex;
  bool home_is_there = true;  // GUARDED_BY(mutex): calls that come back later end over there
};

// The blob of an answer that has come to another thread.
struct KeptBlob final : wire::BlobSource {
  base::Blob share(base::ByteView) override { return blob; }
  base::Blob blob;
};

// A call on its way there and back. What each thread touches is its own; handing it over orders the rest. Owns itself, and with
// it what was sent after it to end it.
class RemoteCall final : public base::ListLink<AllTag> {
 public:
  static void* operator new(std::size_t bytes) { return runtime::FramePool::allocate(bytes); }
  static void operator delete(void* call, std::size_t bytes) noexcept { runtime::FramePool::deallocate(call, bytes); }

  RemoteCall(runtime::Executor& home, Channel& target, std::shared_ptr<Transit> transit, Exchange& caller,
             const wire::Action& action, const CallOptions& call_options)
      : user(&caller),
        options(call_options),
        home_(home),
        target_(target),
        transit_(std::move(transit)),
        action_number_(action.number()),
        is_name_(action.is_name()),
        rule_(caller.failover_rule()) {
    memory_refused = !base::catching_bad_alloc([&] {
      options.caller = nullptr;  // `user` follows it
      extension_ = keep_extension(options);
      name_and_message.put(base::as_bytes(action.name()));
    });
    name_bytes_ = name_and_message.view().size();
  }

  // --- At home
  Exchange* user;  // null once nobody waits
  CallOptions options;
  wire::InlineSink<160> name_and_message;
  bool memory_refused;
  base::Blob blob;
  base::Duration left = base::Duration::max();  // until the deadline
  std::atomic<bool> abandoned = false;

  void go() {
    transit_->calls.fetch_add(1, std::memory_order_relaxed);
    target_.executor().post(outward_);
  }
  void fail(CallError error) { error_.emplace(std::move(error)); }
  void come_back() {
    const std::shared_ptr<Transit> transit = transit_;  // `this` may be gone as soon as it is posted
    {
      const std::lock_guard lock(transit->mutex);
      if (transit->home_is_there) return home_.post(homeward_);
    }
    release();
  }
  /// Nobody waits for it any more, which its target hears.
  void abandon() {
    user = nullptr;
    abandoned.store(true, std::memory_order_relaxed);
    owners_.fetch_add(1, std::memory_order_relaxed);
    target_.executor().post(recall_);
  }

 private:
  struct Outward final : runtime::PostedTask {
    explicit Outward(RemoteCall& owner) : call(owner) {}
    void run() override { call.start(); }
    void drop() override { call.dropped(); }
    RemoteCall& call;
  };
  struct Homeward final : runtime::PostedTask {
    explicit Homeward(RemoteCall& owner) : call(owner) {}
    void run() override { call.arrive(); }
    void drop() override { call.release(); }  // nobody is there any more
    RemoteCall& call;
  };
  struct Recall final : runtime::PostedTask {
    explicit Recall(RemoteCall& owner) : call(owner) {}
    void run() override {
      call.inner_.recall();
      call.release();
    }
    void drop() override { call.release(); }
    RemoteCall& call;
  };
  struct Inner final : Exchange {
    explicit Inner(RemoteCall& owner) : call(owner) {}
    void on_response(const wire::ResponseFrame& frame) override { call.on_response(frame); }
    void on_failed(CallError error) override { call.on_failed(std::move(error)); }
    void recall() {
      if (under_way()) end_cancelled();
    }
    std::string describe() const override {
      return call.is_name_ ? std::string(call.action().name()) : base::format("action {}", call.action_number_);
    }
    FailoverRule failover_rule() const override { return call.rule_; }
    RemoteCall& call;
  };

  ~RemoteCall() = default;
  void release() {
    if (owners_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

  wire::Action action() const {
    if (!is_name_) return wire::Action(action_number_);
    return wire::Action(base::as_text(name_and_message.view().first(name_bytes_)));
  }

  // --- On the target's thread
  void start() {
    transit_->calls.fetch_sub(1, std::memory_order_relaxed);
    if (abandoned.load(std::memory_order_relaxed)) return on_failed(CallError(Errc::cancelled, Ran::no));
    if (left != base::Duration::max()) {
      options.deadline = base::saturating_add(target_.runtime().clock().now(), left);
    }
    start_encoded(target_, inner_, action(), options, name_and_message.view().subspan(name_bytes_), std::move(blob));
  }
  void dropped() {
    transit_->calls.fetch_sub(1, std::memory_order_relaxed);
    on_failed(CallError(Errc::closed, Ran::no, "the runtime of the channel is gone"));
  }
  void on_response(const wire::ResponseFrame& frame) {
    const bool is_kept = base::catching_bad_alloc([&] {
      answer_msg_ = base::to_bytes(frame.msg);
      answer_blob_.blob = frame.take_blob();
    });
    if (!is_kept) return on_failed(base::out_of_memory(wire::ran(frame)));
    answer_.emplace(frame);
    come_back();
  }
  void on_failed(CallError error) {
    fail(std::move(error));
    come_back();
  }

  // --- At home again
  void arrive();

  runtime::Executor& home_;
  Channel& target_;
  std::shared_ptr<Transit> transit_;
  std::uint32_t action_number_;
  bool is_name_;
  std::size_t name_bytes_;
  std::unique_ptr<const wire::OwnedExtension> extension_;  // that the options refer to
  FailoverRule rule_;
  std::optional<wire::ResponseFrame> answer_;
  base::Bytes answer_msg_;
  KeptBlob answer_blob_;
  std::optional<CallError> error_;
  Inner inner_{*this};
  Outward outward_{*this};
  Homeward homeward_{*this};
  Recall recall_{*this};
  std::atomic<int> owners_ = 1;
};

}  // namespace

class RemoteChannelCore final : public Channel, public base::RefCounted, public runtime::RuntimeObject {
 public:
  RemoteChannelCore(runtime::Runtime& home, Channel& target, const RemoteChannelConfig& config)
      : Channel(home),
        RuntimeObject(home.executor()),
        target_(target),
        target_in_use_(std::in_place, target),
        config_(config),
        transit_(std::make_shared<Transit>()) {}

  wire::ByteSink& begin(Exchange& user, const wire::Action& action, const CallOptions& options) override {
    check_use();
    drafted_ = new RemoteCall(executor(), target_, transit_, user, action, options);
    attach(user, drafted_);
    return drafted_->name_and_message;
  }
  void commit(Exchange& user, base::Blob&& blob) override {
    if (drafted_->memory_refused) return refuse(user, base::out_of_memory(Ran::no));
    if (transit_->calls.load(std::memory_order_relaxed) >= config_.queue_calls_max) {
      return refuse(user, CallError(Errc::overloaded, Ran::no,
                                    base::format("call {}: {} calls are on their way to another thread already (limit {})",
                                                 user.describe(), transit_->calls.load(), config_.queue_calls_max)));
    }
    RemoteCall& call = accept();
    call.blob = std::move(blob);
    if (call.options.deadline != base::TimePoint::max()) {
      call.left = call.options.deadline - runtime().clock().now();
    }
    mark_sent(user);
    call.go();
  }
  void refuse(Exchange&, CallError why) override {
    RemoteCall& call = accept();
    call.fail(std::move(why));
    call.come_back();  // in a turn of its own
  }
  /// What is under way fails here; what comes back later finds nobody.
  void shut_down() {
    const base::Ref self(this);
    while (RemoteCall* call = all_.pop_front()) {
      Exchange& user = *call->user;
      call->abandon();
      detach(user);
      user.on_failed(CallError(Errc::closed, Ran::maybe, base::format("call {}: closed by its owner", user.describe())));
    }
    // Only now: what completions submitted here, and was refused, comes back as well.
    {
      const std::lock_guard lock(transit_->mutex);
      transit_->home_is_there = false;
    }
    target_in_use_.reset();  // what is on its way finds that it is abandoned, and does not touch the target
  }
  static Exchange& take_from(Exchange& user) {
    detach(user);
    return user;
  }

 private:
  RemoteCall& accept() {
    all_.push_back(*drafted_);
    return *std::exchange(drafted_, nullptr);
  }
  void cancel(Exchange& user) override {
    auto& call = *static_cast<RemoteCall*>(delegate_state(user));
    detach(user);
    static_cast<base::ListLink<AllTag>&>(call).unlink();
    call.abandon();
  }
  void relocated(Exchange& to) override { static_cast<RemoteCall*>(delegate_state(to))->user = &to; }

  // RuntimeObject
  void end_with_runtime() override { shut_down(); }
  std::string object_name() const override { return "a RemoteChannel"; }

  Channel& target_;
  std::optional<RemoteUse> target_in_use_;
  RemoteChannelConfig config_;
  std::shared_ptr<Transit> transit_;
  RemoteCall* drafted_ = nullptr;
  base::IntrusiveList<RemoteCall, AllTag> all_;
};

void RemoteCall::arrive() {
  if (user != nullptr) {
    static_cast<base::ListLink<AllTag>&>(*this).unlink();
    Exchange& caller = RemoteChannelCore::take_from(*std::exchange(user, nullptr));
    if (error_) {
      caller.on_failed(*std::move(error_));
    } else {
      answer_->msg = answer_msg_;
      answer_->blob = answer_blob_.blob;
      answer_->source = &answer_blob_;
      caller.on_response(*answer_);
    }
  }
  release();
}

RemoteChannel::RemoteChannel(runtime::Runtime& home, Channel& target, const RemoteChannelConfig& config)
    : core_(base::make_ref<RemoteChannelCore>(home, target, config)) {}

RemoteChannel::RemoteChannel(RemoteChannel&&) noexcept = default;

RemoteChannel& RemoteChannel::operator=(RemoteChannel&& other) noexcept {
  std::swap(core_, other.core_);
  return *this;
}

RemoteChannel::~RemoteChannel() {
  if (core_ && !core_->runtime_is_gone()) core_->shut_down();
}

Channel& RemoteChannel::channel() { return *core_; }

}  // namespace razor::stream
