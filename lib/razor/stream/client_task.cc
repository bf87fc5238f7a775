#include "razor/stream/client_task.h"

#include "razor/base/format.h"
#include "razor/base/out_of_memory.h"
#include "razor/stream/client_task_call.h"

namespace razor::stream {

// --- Answer ----------------------------------------------------------------------------------------------------------

Answer::Answer(const wire::ResponseFrame& frame) {
  switch (static_cast<wire::ResponseFlag>(frame.head.flag)) {
    case wire::ResponseFlag::success:
      msg_ = frame.msg;
      blob_ = frame.blob;
      return;
    case wire::ResponseFlag::error_number:
      kind_ = Kind::error_number;
      number_ = frame.head.msg_bytes_or_number;
      return;
    case wire::ResponseFlag::error_bytes: break;
  }
  // On plain version 1 a handler may send any of the framework's texts itself: the call may have run.
  if (const auto errc = wire::errc_of(base::as_text(frame.blob))) {
    kind_ = Kind::failed;
    error_.emplace(*errc, base::Ran::maybe, "answered by the server");
    return;
  }
  kind_ = Kind::error_bytes;
  blob_ = frame.blob;
}

std::string Answer::message() const {
  switch (kind_) {
    case Kind::success: return base::format("success: {} bytes of message, {} of blob", msg_.size(), blob_.size());
    case Kind::error_number: return base::format("error number {}", static_cast<std::int32_t>(number_));
    case Kind::error_bytes: return base::format("error of {} bytes", blob_.size());
    case Kind::failed: return error_->message();
  }
  return "?";
}

// --- ClientTask ------------------------------------------------------------------------------------------------------

ClientTask::ClientTask(const wire::Action& action, Completion completion)
    : call_(new Call(action, std::move(completion))) {}

ClientTask ClientTask::with_encoded(const wire::Action& action, base::ByteView message, Completion completion) {
  ClientTask task(action, std::move(completion));
  if (!base::with_memory([&] { task.message_sink().put(message); })) task.refuse(base::out_of_memory(base::Ran::no));
  return task;
}

ClientTask&& ClientTask::with_blob(base::Bytes blob) && {
  call_->blob = std::move(blob);
  return std::move(*this);
}

ClientTask&& ClientTask::with_options(const CallOptions& options) && {
  call_->options = options;
  return std::move(*this);
}

void ClientTask::set_failover_rule(FailoverRule rule) { call_->rule = rule; }

wire::ByteSink& ClientTask::message_sink() { return call_->name_and_message; }

void ClientTask::refuse(base::CallError why) { call_->refused_with.emplace(std::move(why)); }

void ClientTask::DropCall::operator()(Call* call) const {
  call->failed(base::CallError(base::Errc::cancelled, base::Ran::no, "the task was dropped before it was submitted"));
}

void submit(Channel& channel, ClientTask task) {
  ClientTask::Call& call = *task.call_.release();  // owns itself from here on
  wire::ByteSink* sink = nullptr;
  try {
    sink = &channel.begin(call, call.action(), call.options);
  } catch (...) {
    call.discard();
    throw;
  }
  if (call.refused_with) return channel.refuse(call, *std::move(call.refused_with));
  if (!base::with_memory([&] { sink->put(call.message()); })) {
    return channel.refuse(call, base::out_of_memory(base::Ran::no));
  }
  channel.commit(call, std::move(call.blob));
}

// --- The call inside -------------------------------------------------------------------------------------------------

void ClientTask::Call::answered(const wire::ResponseFrame& frame) { complete(Answer(frame)); }

void ClientTask::Call::failed(base::CallError error) { complete(Answer(std::move(error))); }

void ClientTask::Call::complete(const Answer& answer) {
  if (completion) run_completion([&] { completion(answer); });
  delete this;
}

std::string ClientTask::Call::describe() const {
  const wire::Action called = action();
  return called.is_name() ? std::string(called.name()) : base::format("action {}", called.number());
}

}  // namespace razor::stream
