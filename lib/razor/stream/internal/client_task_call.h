#pragma once
// The call inside a ClientTask: lives from the task's making until its completion has run. Private to stream.

#include "razor/runtime/frame_pool.h"
#include "razor/stream/channel.h"
#include "razor/stream/client_task.h"
#include "razor/wire/wire_error.h"

namespace razor::stream {

/// Owns itself once it is submitted: `on_response` or `on_failed` ends it.
class ClientTask::Call final : public Exchange {
 public:
  static void* operator new(std::size_t bytes) { return runtime::FramePool::allocate(bytes); }
  static void operator delete(void* call, std::size_t bytes) noexcept { runtime::FramePool::deallocate(call, bytes); }

  Call(const wire::Action& action, Completion call_completion)
      : completion(std::move(call_completion)), is_name_(action.is_name()), number_(action.number()) {
    name_and_message.put(base::as_bytes(action.name()));
    name_bytes_ = action.name().size();
  }

  wire::Action action() const {
    if (!is_name_) return wire::Action(number_);
    return wire::Action(base::as_text(name_and_message.view().first(name_bytes_)));
  }
  base::ByteView message() const { return name_and_message.view().subspan(name_bytes_); }

  /// Without completing it.
  void discard() { delete this; }

  void on_response(const wire::ResponseFrame& frame) override;
  void on_failed(base::CallError error) override;
  std::string describe() const override;
  FailoverRule failover_rule() const override { return rule; }

  wire::InlineSink<160> name_and_message;
  base::Blob blob;
  CallOptions options;
  std::unique_ptr<const wire::OwnedExtension> extension;  // that the options refer to
  Completion completion;
  FailoverRule rule = nullptr;
  bool is_written = false;  // its message, in the format of the options
  std::optional<base::CallError> refused_with;  // its message could not be encoded

 private:
  ~Call() = default;
  void complete(const Response& answer);

  bool is_name_;
  std::uint32_t number_;
  std::size_t name_bytes_;
};

}  // namespace razor::stream
