#pragma once
// CallContext: what a handler may know about the call that it answers.
//
//   const razor::CallContext context = co_await razor::context();   // in a coroutine, at any time
//   const razor::CallContext context = razor::current_context();    // in a plain handler

#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "razor/runtime/coroutine.h"
#include "razor/runtime/task.h"
#include "razor/stream/caller.h"
#include "razor/stream/dispatch.h"

namespace razor::api {

/// A handler that is called in-process, by a test or behind a stub, has an empty context.
class CallContext {
 public:
  CallContext() = default;
  /// `responder` and `method` outlive the context.
  CallContext(const stream::Responder& responder, std::string_view method) : responder_(&responder), method_(method) {}

  /// Who called; the empty address for an in-process call.
  const runtime::Address& peer() const;
  /// "add".
  std::string_view method() const { return method_; }
  /// Until when the caller waits, on the server's clock, when it is known: callers on plain protocol version 1 do not say.
  std::optional<base::TimePoint> deadline() const;
  /// False where `work`, begun now, would end after the deadline: a handler that has waited for its turn looks at this before it
  /// works for nobody. The way back takes its time, too.
  bool has_time_for(base::Duration work) const;
  /// True once nobody waits for the answer any more: the caller dropped the call, its deadline has passed by a little (1/64 of the
  /// time it had, and 50 ms: clocks differ), or the connection is gone. The handler runs on all the same, unless its method is
  /// RAZOR_CANCELLABLE.
  bool cancelled() const { return responder_ != nullptr && responder_->cancelled(); }
  /// `co_await context.cancellation()` ends once `cancelled()` is true; without a caller, never.
  /// Cancel: destroying the Task stops waiting. It must not outlive the handler.
  runtime::Task<void> cancellation() const;
  /// The metadata that the caller has sent with the call (CallOptions::metadata); no key stands twice. The span lives until the
  /// handler has ended.
  std::span<const wire::MetadataItem> metadata() const;
  /// The value of one key, as text or bytes; none: the caller did not say.
  std::optional<std::string_view> metadata(std::string_view key) const;
  /// Where the call belongs in a trace; null: nowhere. Likewise.
  const wire::TraceContext* trace() const { return responder_ != nullptr ? responder_->trace() : nullptr; }
  /// For calls made on behalf of this one (Client::with); null for an in-process call.
  /// Errors: throws std::bad_alloc.
  std::shared_ptr<const stream::Caller> caller() const;
  /// The connection is to end, since the server closes or for its age: a handler that works for as long as it can should end.
  bool draining() const { return responder_ != nullptr && responder_->draining(); }

 private:
  const stream::Responder* responder_ = nullptr;
  std::string_view method_;
};

/// Of the handler that is being entered on this thread; empty when there is none. In a coroutine only until it first
/// suspends: use `co_await context()` there.
CallContext current_context();

namespace detail {

extern constinit thread_local const CallContext* entered_context;

/// While it lives, `current_context()` is this one.
class EnteredContext {
 public:
  explicit EnteredContext(const CallContext& context) : outer_(std::exchange(entered_context, &context)) {}
  EnteredContext(const EnteredContext&) = delete;
  EnteredContext& operator=(const EnteredContext&) = delete;
  ~EnteredContext() { entered_context = outer_; }

 private:
  const CallContext* outer_;
};

class ContextAwaiter {
 public:
  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> asking) noexcept {
    static_assert(
        requires { asking.promise().context(); },
        "co_await razor::context() works in the coroutine that is the handler (a Call), not in one that it "
        "calls: hand the context on");
    context_ = asking.promise().context();
    return false;
  }
  CallContext await_resume() const noexcept { return context_; }

 private:
  CallContext context_;
};

}  // namespace detail

/// `co_await razor::context()` in a handler.
inline detail::ContextAwaiter context() { return {}; }

}  // namespace razor::api

namespace razor {
using api::CallContext;
using api::context;
using api::current_context;
}  // namespace razor
