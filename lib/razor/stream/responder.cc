#include "razor/stream/responder.h"

#include "razor/base/out_of_memory.h"
#include "razor/stream/caller.h"

namespace razor::stream {

bool Responder::take_turn() {
  if (!answered_) return answered_ = true;
  outlet_->note_repeated_response();
  return false;
}

void Responder::reply_encoded(base::ByteView message, base::Blob blob) {
  wire::ByteSink& sink = begin();
  if (!base::catching_bad_alloc([&] { sink.put(message); })) return end_failed(base::Errc::overloaded);
  end_success(std::move(blob));
}

void Responder::fail_bytes(base::ByteView error) {
  wire::ByteSink& sink = begin();
  if (!base::catching_bad_alloc([&] { sink.put(error); })) return end_failed(base::Errc::overloaded);
  end_error_bytes();
}

void Responder::fail(std::uint32_t number) {
  if (!take_turn()) return;
  outlet_->commit_number(seq_, number);
}

void Responder::fail(const Failure& failure) {
  begin();
  end_failed(failure);
}

void Responder::fail_undecodable(std::string_view method, std::string_view why) {
  (void)base::catching_bad_alloc(
      [&] { outlet_->note_undecodable(method, wire::printable(why)); });  // it may quote the message
  fail(Failure(base::Errc::decode, base::Ran::no, why));
}

void Responder::fail_thrown(std::string_view method, const std::exception_ptr& exception) {
  outlet_->note_exception(method, exception);
  fail(base::Errc::internal);
}

wire::ByteSink& Responder::begin() { return outlet_->begin(!answered_); }

void Responder::end_success(base::Blob&& blob) {
  if (!take_turn()) return outlet_->abandon();
  outlet_->commit(seq_, wire::ResponseFlag::success, std::move(blob));
}

void Responder::end_error_bytes() {
  if (!take_turn()) return outlet_->abandon();
  outlet_->commit(seq_, wire::ResponseFlag::error_bytes, {});
}

void Responder::end_failed(const Failure& failure) {
  if (!take_turn()) return outlet_->abandon();
  outlet_->refuse(seq_, failure);
}

base::TimePoint Responder::deadline() const { return outlet_->deadline(seq_); }
base::TimePoint Responder::stop_at() const { return outlet_->stop_at(seq_); }
bool Responder::cancelled() const {
  if (outlet_->is_cancelled(seq_)) return true;
  const base::TimePoint stop_at = outlet_->stop_at(seq_);
  return stop_at != base::TimePoint::max() && outlet_->runtime().clock().now() >= stop_at;
}
void Responder::listen(CancelListener& listener) const { outlet_->listen(seq_, listener); }
bool Responder::draining() const { return outlet_->is_draining(); }

std::span<const wire::MetadataItem> Responder::metadata() const {
  const wire::OwnedExtension* extension = outlet_->extension(seq_);
  return extension == nullptr ? std::span<const wire::MetadataItem>() : extension->metadata();
}
const wire::TraceContext* Responder::trace() const {
  const wire::OwnedExtension* extension = outlet_->extension(seq_);
  return extension == nullptr ? nullptr : extension->trace();
}
Caller Responder::caller() const { return {outlet_, seq_}; }

bool Responder::peer_is_there() const { return outlet_->is_open(); }
const runtime::Address& Responder::peer() const { return outlet_->peer(); }
runtime::Runtime& Responder::runtime() const { return outlet_->runtime(); }
runtime::TaskScope& Responder::handlers() const { return outlet_->handlers(); }

}  // namespace razor::stream
