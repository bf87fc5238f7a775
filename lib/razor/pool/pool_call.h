#pragma once
// What a pool knows of a call, from its submission to its end, and the attempts it makes for it. Private to pool.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "razor/base/out_of_memory.h"
#include "razor/base/random_stream.h"
#include "razor/pool/call_stages.h"
#include "razor/pool/selector.h"
#include "razor/runtime/address.h"
#include "razor/runtime/frame_pool.h"
#include "razor/runtime/timer.h"
#include "razor/stream/channel.h"

namespace razor::pool {

class PoolCall;
class PoolCore;
struct Connection;

/// One attempt: a call on one connection. Owns itself while it is under way.
class Attempt final : public stream::Exchange {
 public:
  static void* operator new(std::size_t bytes) { return runtime::FramePool::allocate(bytes); }
  static void operator delete(void* attempt, std::size_t bytes) noexcept {
    runtime::FramePool::deallocate(attempt, bytes);
  }

  Attempt(PoolCore& core, PoolCall& call, Connection& connection, std::uint64_t answers_before, bool is_hedge)
      : core_(core), call_(&call), connection_(connection), answers_before_(answers_before), is_hedge_(is_hedge) {}

  /// Null once nobody waits for it.
  PoolCall* call() const { return call_; }
  Connection& connection() const { return connection_; }
  bool is_hedge() const { return is_hedge_; }
  using Exchange::was_cut_off;
  /// How many answers its address had given when it was sent.
  std::uint64_t answers_before() const { return answers_before_; }
  /// Its call ends without it.
  void detach();

  void on_response(const wire::ResponseFrame& answer) override;
  void on_failed(base::CallError error) override;
  std::string describe() const override;

 private:
  PoolCore& core_;
  PoolCall* call_;
  Connection& connection_;
  std::uint64_t answers_before_;
  bool is_hedge_;
};

struct WaitingTag {};
struct AllCallsTag {};

/// Owned by its pool.
class PoolCall final : public stream::DeadlineEntry,
                       public base::ListLink<WaitingTag>,
                       public base::ListLink<AllCallsTag> {
 public:
  static void* operator new(std::size_t bytes) { return runtime::FramePool::allocate(bytes); }
  static void operator delete(void* call, std::size_t bytes) noexcept { runtime::FramePool::deallocate(call, bytes); }

  enum class State : std::uint8_t {
    begun,         // between `begin` and `commit`
    queued,        // waits for a connection, or for room
    backing_off,   // its timer is armed
    needs_token,   // of the retry budget
    under_way,     // one attempt at least is
    failing,       // its caller hears of it in the next turn
  };

  PoolCall(stream::Exchange& caller, const wire::Action& action, const stream::CallOptions& call_options)
      : user(&caller), options(call_options), is_name_(action.is_name()), number_(action.number()) {
    memory_refused = !base::with_memory([&] {
      name_and_message_.put(base::as_bytes(action.name()));
      name_bytes_ = action.name().size();
    });
  }

  wire::ByteSink& sink() { return name_and_message_; }
  wire::Action action() const {
    if (!is_name_) return wire::Action(number_);
    return wire::Action(base::as_text(name_and_message_.view().first(name_bytes_)));
  }
  base::ByteView message() const { return name_and_message_.view().subspan(name_bytes_); }
  base::ByteCount bytes() const { return name_and_message_.view().size() + blob.size(); }

  bool waits() const { return state == State::queued || state == State::backing_off || state == State::needs_token; }
  bool has_attempts() const { return first != nullptr || hedge != nullptr; }
  void drop(Attempt& attempt) { (first == &attempt ? first : hedge) = nullptr; }

  /// It was submitted when nothing was left of its time.
  bool has_no_time() const { return *options.timeout <= base::Duration::zero(); }

  // What only a call in trouble has.
  struct Tried {
    runtime::Address address;
    std::uint32_t times;
    std::string last_said;
  };
  struct CallTimer final : runtime::Timer {
    CallTimer(runtime::Clock& clock, PoolCore& owner, PoolCall& timed)
        : Timer(clock, [](Timer& timer) { static_cast<CallTimer&>(timer).fire(); }), core(owner), call(timed) {}
    void fire();
    PoolCore& core;
    PoolCall& call;
  };
  struct Trouble {
    explicit Trouble(runtime::Clock& clock, PoolCore& core, PoolCall& call) : timer(clock, core, call) {}
    CallTimer timer;  // of the back-off, or of the hedge
    std::vector<Tried> tried;
    std::optional<base::CallError> error;
  };

  stream::Exchange* user;
  base::Blob blob;
  base::ByteCount bytes_counted = 0;  // against the pool's limit
  stream::CallOptions options;  // its timeout and hedge_after are the effective ones
  State state = State::begun;
  base::Ran ran = base::Ran::no;      // over all attempts that have ended
  std::uint32_t attempts = 0;         // that were sent, and no error sent elsewhere
  std::uint32_t retries = 0;
  std::uint32_t redirects = 0;
  bool memory_refused;                // for its name
  bool has_token = false;             // of the retry budget, for its next attempt
  bool was_cut_off = false;           // its last attempt was: the next needs a token, though it is no retry
  bool left_silence = false;          // it was tried elsewhere because its connection is silent: once
  AddressId avoid = kNoAddress;
  AddressId target = kNoAddress;
  Attempt* first = nullptr;
  Attempt* hedge = nullptr;

  base::TimePoint deadline{};
  base::TimePoint stage_since{};
  base::Duration without_connection{};  // the pool's total when it began to wait
  CallStages stages;
  std::unique_ptr<Trouble> trouble;

 private:
  bool is_name_;
  std::uint32_t number_;
  std::size_t name_bytes_ = 0;
  wire::InlineSink<160> name_and_message_;
};

using WaitingCalls = base::IntrusiveList<PoolCall, WaitingTag>;
using AllCalls = base::IntrusiveList<PoolCall, AllCallsTag>;

}  // namespace razor::pool
