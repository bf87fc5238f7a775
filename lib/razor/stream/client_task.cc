#include "razor/stream/client_task.h"

#include "razor/base/format.h"
#include "razor/base/out_of_memory.h"
#include "razor/stream/internal/client_task_call.h"

namespace razor::stream {

// --- Response --------------------------------------------------------------------------------------------------------

Response::Response(const wire::ResponseFrame& frame) {
  switch (static_cast<wire::ResponseFlag>(frame.head.flag)) {
    case wire::ResponseFlag::success:
      msg_ = frame.msg;
      blob_ = frame.blob;
      source_ = frame.source;
      format_ = frame.format;
      return;
    case wire::ResponseFlag::error_number:
      kind_ = Kind::error_number;
      number_ = frame.head.msg_bytes_or_number;
      return;
    case wire::ResponseFlag::error_bytes:
    case wire::ResponseFlag::framework_error: break;
  }
  if (const auto failure = wire::answered_failure(frame)) {
    kind_ = Kind::failed;
    const std::string said = failure->detail.empty() ? "" : ": " + failure->detail;
    error_.emplace(failure->errc, failure->ran, "answered by the server" + said);
    return;
  }
  kind_ = Kind::error_bytes;
  blob_ = frame.blob;
}

std::string Response::message() const {
  switch (kind_) {
    case Kind::success: return base::format("success: {} bytes of message, {} of blob", msg_.size(), blob_.size());
    case Kind::error_number: return base::format("error number {}", static_cast<std::int32_t>(number_));
    case Kind::error_bytes: return base::format("error of {} bytes", blob_.size());
    case Kind::failed: return error_->message();
  }
  return "?";
}

// --- ClientTask ------------------------------------------------------------------------------------------------------

ClientTask::ClientTask(const wire::Action& action, Completion completion) : call_(new Call(action, std::move(completion))) {}

ClientTask ClientTask::with_encoded(const wire::Action& action, base::ByteView message, Completion completion) {
  ClientTask task(action, std::move(completion));
  task.call_->is_written = true;
  if (!base::catching_bad_alloc([&] { task.message_sink().put(message); })) task.refuse(base::out_of_memory(base::Ran::no));
  return task;
}

ClientTask&& ClientTask::with_blob(base::Blob blob) && {
  call_->blob = std::move(blob);
  return std::move(*this);
}

ClientTask&& ClientTask::with_options(const CallOptions& options) && {
  call_->options = options;
  if (!base::catching_bad_alloc([&] { call_->extension = keep_extension(call_->options); })) {
    refuse(base::out_of_memory(base::Ran::no));
  }
  return std::move(*this);
}

void ClientTask::set_failover_rule(FailoverRule rule) { call_->rule = rule; }

wire::ByteSink& ClientTask::message_sink() { return call_->name_and_message; }

void ClientTask::refuse(base::CallError why) { call_->refused_with.emplace(std::move(why)); }

void ClientTask::Discard::operator()(Call* call) const { call->discard(); }

void ClientTask::DropCall::operator()(Call* call) const {
  call->on_failed(base::CallError(base::Errc::cancelled, base::Ran::no, "the task was dropped before it was submitted"));
}

void submit(Channel& channel, ClientTask task) {
  // Owns itself once it is drafted.
  std::unique_ptr<ClientTask::Call, ClientTask::Discard> owned(task.call_.release());
  ClientTask::Call& call = *owned;
  RequestDraft draft = channel.draft(call, call.action(), call.options);
  (void)owned.release();
  if (call.refused_with) return draft.refuse(*std::move(call.refused_with));
  try {
    if (call.options.format == nullptr || call.is_written || call.message().empty()) {
      draft.sink().put(call.message());
    } else {
      wire::translate(*call.options.format, call.message(), draft.sink());
    }
  } catch (...) {
    return draft.refuse(wire::encode_failure());
  }
  draft.commit(std::move(call.blob));
}

// --- The call inside -------------------------------------------------------------------------------------------------

void ClientTask::Call::on_response(const wire::ResponseFrame& frame) { complete(Response(frame)); }

void ClientTask::Call::on_failed(base::CallError error) { complete(Response(std::move(error))); }

void ClientTask::Call::complete(const Response& answer) {
  if (completion) run_completion([&] { completion(answer); });
  delete this;
}

std::string ClientTask::Call::describe() const {
  const wire::Action called = action();
  return called.is_name() ? std::string(called.name()) : base::format("action {}", called.number());
}

}  // namespace razor::stream
