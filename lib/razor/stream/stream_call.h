#pragma once
// StreamCall: a call of the stream interface that a coroutine awaits.

#include <optional>

#include "razor/base/out_of_memory.h"
#include "razor/runtime/coroutine.h"
#include "razor/stream/call_awaiter.h"
#include "razor/stream/client_task.h"

namespace razor::stream {

/// A Response that owns its bytes.
class OwnedResponse {
 public:
  explicit OwnedResponse(const wire::ResponseFrame& frame)
      : msg_(base::to_bytes(frame.msg)), blob_(frame.take_blob()), answer_(owned(frame)) {}
  explicit OwnedResponse(base::CallError error) : answer_(std::move(error)) {}

  OwnedResponse(OwnedResponse&&) noexcept = default;
  OwnedResponse& operator=(OwnedResponse&&) noexcept = default;

  const Response& operator*() const { return answer_; }
  const Response* operator->() const { return &answer_; }

 private:
  Response owned(wire::ResponseFrame frame) const {
    frame.msg = msg_;
    frame.blob = blob_;
    frame.source = nullptr;
    return Response(frame, blob_);
  }

  // Bytes keep their address when they are moved, so the views of `answer_` stay valid.
  base::Bytes msg_;
  base::Blob blob_;
  Response answer_;
};

/// `co_await` gives an OwnedResponse. Started when it is made; movable, also while it is under way.
class [[nodiscard]] StreamCall final : public CallAwaiter {
 public:
  template <std::invocable<wire::Encoder&> Encode>
  StreamCall(Channel& channel, const wire::Action& action, const CallOptions& options, Encode encode, base::Blob blob = {})
      : action_(action.name()), number_(action.number()) {
    start_call(channel, *this, action, options, encode, std::move(blob));
  }
  /// With a message that is encoded already.
  StreamCall(Channel& channel, const wire::Action& action, const CallOptions& options, base::ByteView message,
             base::Blob blob = {})
      : action_(action.name()), number_(action.number()) {
    start_encoded(channel, *this, action, options, message, std::move(blob));
  }
  StreamCall(StreamCall&&) noexcept = default;

  OwnedResponse await_resume() { return *std::move(answer_); }

 private:
  void on_response(const wire::ResponseFrame& frame) override {
    if (!base::catching_bad_alloc([&] { answer_.emplace(frame); })) answer_.emplace(base::out_of_memory(wire::ran(frame)));
    finish_now();
  }
  void on_failed(base::CallError error) override {
    answer_.emplace(std::move(error));
    finish_soon();
  }
  std::string describe() const override;

  std::string action_;
  std::uint32_t number_;
  std::optional<OwnedResponse> answer_;
};

}  // namespace razor::stream

namespace razor {
using stream::OwnedResponse;
using stream::StreamCall;
}  // namespace razor
