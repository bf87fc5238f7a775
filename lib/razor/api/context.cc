#include "razor/api/context.h"

#include <algorithm>

#include "razor/runtime/event.h"
#include "razor/runtime/with_deadline.h"

namespace razor::api {

constinit thread_local const CallContext* detail::entered_context = nullptr;

const runtime::Address& CallContext::peer() const {
  static const runtime::Address nobody;
  return responder_ != nullptr ? responder_->peer() : nobody;
}

std::optional<base::TimePoint> CallContext::deadline() const {
  const base::TimePoint deadline = responder_ != nullptr ? responder_->deadline() : base::TimePoint::max();
  if (deadline == base::TimePoint::max()) return std::nullopt;
  return deadline;
}

bool CallContext::has_time_for(base::Duration work) const {
  const std::optional<base::TimePoint> until = deadline();
  return !until || base::saturating_add(responder_->runtime().clock().now(), work) <= *until;
}

std::span<const wire::MetadataItem> CallContext::metadata() const {
  return responder_ != nullptr ? responder_->metadata() : std::span<const wire::MetadataItem>();
}

std::optional<std::string_view> CallContext::metadata(std::string_view key) const {
  const auto items = metadata();
  const auto found = std::ranges::find(items, key, &wire::MetadataItem::key);
  if (found == items.end()) return std::nullopt;
  return found->text();
}

std::shared_ptr<const stream::Caller> CallContext::caller() const {
  return responder_ != nullptr ? std::make_shared<const stream::Caller>(responder_->caller()) : nullptr;
}

namespace {

class CancelEvent final : public stream::CancelListener {
 public:
  explicit CancelEvent(runtime::Executor& executor) : event(executor) {}
  void on_cancelled() override { event.set(); }
  runtime::Event event;
};

runtime::Task<void> cancellation_of(const stream::Responder* responder) {
  if (responder == nullptr) {
    struct Never {
      bool await_ready() const noexcept { return false; }
      void await_suspend(std::coroutine_handle<>) const noexcept {}
      void await_resume() const noexcept {}
    };
    co_await Never();
  }
  runtime::Runtime& runtime = responder->runtime();
  CancelEvent cancelled(runtime.executor());
  responder->listen(cancelled);
  const auto ended =
      co_await runtime::with_deadline(runtime.clock(), responder->stop_at(), runtime::until_set(cancelled.event));
  (void)ended;  // by its time, or before
}

}  // namespace

runtime::Task<void> CallContext::cancellation() const { return cancellation_of(responder_); }

CallContext current_context() { return detail::entered_context != nullptr ? *detail::entered_context : CallContext(); }

}  // namespace razor::api
