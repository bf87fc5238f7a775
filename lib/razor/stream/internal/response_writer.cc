#include "razor/stream/internal/response_writer.h"

#include "razor/base/out_of_memory.h"
#include "razor/wire/frame_writer.h"
#include "razor/wire/framework_error.h"
#include "razor/wire/wire_error.h"

namespace razor::stream {

using base::Errc;

namespace {

wire::ResponseHead head_of(wire::Seq seq, wire::ResponseFlag flag) {
  wire::ResponseHead head;
  head.flag = static_cast<std::uint8_t>(flag);
  head.seq = seq;
  return head;
}

}  // namespace

wire::ByteSink& ResponseWriter::begin(bool counts) {
  draft_counts_ = counts;
  draft_has_memory_ = true;
  if (counts) {
    try {
      out_.responses().begin_frame();
      wire::begin_response(out_.responses());
      return out_.responses();
    } catch (const std::bad_alloc&) {
      out_.responses().abandon_frame();
      draft_has_memory_ = false;
    }
  }
  dropped_.clear();
  return dropped_;
}

std::optional<Errc> ResponseWriter::commit(wire::Seq seq, wire::ResponseFlag flag, base::Blob&& blob) {
  if (!draft_has_memory_) {
    out_.responses().abandon_frame();
    return Errc::overloaded;
  }
  const std::size_t body = draft_bytes();
  const bool is_error = flag == wire::ResponseFlag::error_bytes;
  if (body > (is_error ? limits_.blob_bytes_max : limits_.msg_bytes_max) || blob.size() > limits_.blob_bytes_max) {
    out_.responses().abandon_frame();
    return Errc::too_large;
  }
  wire::ResponseHead head = head_of(seq, flag);
  if (is_error) {
    head.blob_bytes = static_cast<std::uint32_t>(body);
  } else {
    head.msg_bytes_or_number = static_cast<std::uint32_t>(body);
    head.blob_bytes = static_cast<std::uint32_t>(blob.size());
  }
  wire::store_head(out_.responses().frame().data(), head);
  if (!base::catching_bad_alloc([&] { out_.responses().end_frame(std::move(blob)); })) {
    out_.responses().abandon_frame();
    return Errc::overloaded;
  }
  return std::nullopt;
}

bool ResponseWriter::put_number(wire::Seq seq, std::uint32_t number) {
  wire::ResponseHead head = head_of(seq, wire::ResponseFlag::error_number);
  head.msg_bytes_or_number = number;
  return append(head, {}, {});
}

bool ResponseWriter::put_failure(wire::Seq seq, const Failure& failure, FailureForm form) {
  // What has no number is a handler's: it stays a text that says so.
  const std::optional<std::uint32_t> code = form == FailureForm::number ? wire::code_of(failure.errc) : std::nullopt;
  if (code) {
    wire::FrameworkError error;
    error.ran = failure.ran;
    error.retry_after = failure.retry_after;
    error.text = failure.detail;
    base::Bytes body;
    if (!base::catching_bad_alloc([&] { body = wire::encode_body(error); })) return false;
    wire::ResponseHead head = head_of(seq, wire::ResponseFlag::framework_error);
    head.msg_bytes_or_number = *code;
    head.blob_bytes = static_cast<std::uint32_t>(body.size());
    return append(head, {}, body);
  }
  const bool with_detail = form == FailureForm::detailed;
  const std::string_view text = wire::text_of(failure.errc);
  base::Bytes detail;
  if (with_detail && !failure.detail.empty()) {
    (void)base::catching_bad_alloc([&] { detail = wire::encoded_detail(failure.ran, failure.detail); });
  }
  wire::ResponseHead head = head_of(seq, wire::ResponseFlag::error_bytes);
  head.msg_bytes_or_number = static_cast<std::uint32_t>(detail.size());
  head.blob_bytes = static_cast<std::uint32_t>(text.size());
  return append(head, detail, base::as_bytes(text));
}

bool ResponseWriter::put_pong(wire::Seq seq, base::ByteView hello) {
  wire::ResponseHead head = wire::pong_head(seq);
  head.blob_bytes = static_cast<std::uint32_t>(hello.size());
  return append(head, {}, hello);
}

bool ResponseWriter::put_control(const wire::ServerControl& control) {
  const auto frame = wire::control_response(control);
  const base::ByteView body = base::ByteView(frame).subspan(wire::kResponseHeadBytes);
  return append(wire::load_response_head(frame.data()), {}, body);
}

bool ResponseWriter::put_prompt_pong(wire::Seq seq) {
  return base::catching_bad_alloc([&] { out_.put_prompt_pong(seq); });
}

bool ResponseWriter::append(const wire::ResponseHead& head, base::ByteView msg, base::ByteView blob) {
  try {
    out_.responses().begin_frame();
    wire::begin_response(out_.responses());
    out_.responses().put(msg);
    out_.responses().put(blob);
  } catch (const std::bad_alloc&) {
    out_.responses().abandon_frame();
    return false;
  }
  wire::store_head(out_.responses().frame().data(), head);
  out_.responses().end_frame();
  return true;
}

}  // namespace razor::stream
