#include "razor/wire/wire_error.h"

#include <algorithm>
#include <array>
#include <exception>

#include "razor/base/out_of_memory.h"
#include "razor/wire/decoder.h"
#include "razor/wire/encoder.h"
#include "razor/wire/framework_error.h"

namespace razor::wire {
namespace {

using base::Errc;

struct ErrorText {
  Errc errc;
  std::string_view text;
};

constexpr std::array kTexts = {
    ErrorText{Errc::unreachable, "rpc_unreachable"},
    ErrorText{Errc::connection_lost, "rpc_io_err"},
    ErrorText{Errc::deadline_exceeded, "rpc_timeout"},
    ErrorText{Errc::method_not_found, "rpc_method_notfound"},
    ErrorText{Errc::service_not_found, "rpc_service_notfound"},
    ErrorText{Errc::encode, "rpc_encode"},
    ErrorText{Errc::decode, "rpc_decode"},
    ErrorText{Errc::internal, "rpc_internal_err"},
    ErrorText{Errc::invalid_version, "rpc_invalid_ver"},
    ErrorText{Errc::overloaded, "rpc_overloaded"},
    ErrorText{Errc::draining, "rpc_draining"},
    ErrorText{Errc::too_large, "rpc_too_large"},
};

// Of the exception that is being handled.
base::CallError codec_failure(Errc errc, base::Ran ran) {
  try {
    throw;
  } catch (const std::bad_alloc&) {
    return base::out_of_memory(ran);
  } catch (const std::exception& error) {
    return {errc, ran, base::text_or_empty([&] { return std::string(error.what()); })};
  } catch (...) {
    return {errc, ran, base::text_or_empty([] { return std::string("an adaptor threw"); })};
  }
}

}  // namespace

std::string_view text_of(Errc errc) {
  for (const ErrorText& known : kTexts) {
    if (known.errc == errc) return known.text;
  }
  return text_of(Errc::internal);
}

std::optional<Errc> errc_of(std::string_view text) {
  if (!text.starts_with("rpc_")) return std::nullopt;
  for (const ErrorText& known : kTexts) {
    if (known.text == text) return known.errc;
  }
  return std::nullopt;
}

std::span<const Errc> framework_errors() {
  static constexpr auto errors = [] {
    std::array<Errc, kTexts.size()> in_order{};
    for (std::size_t i = 0; i < kTexts.size(); ++i) in_order[i] = kTexts[i].errc;
    return in_order;
  }();
  return errors;
}

namespace {

constexpr std::array kRanByNumber = {base::Ran::no, base::Ran::maybe, base::Ran::yes};

// What a detail says; false: there is none.
bool read_detail(base::ByteView message, base::Ran& ran, std::string_view& text) {
  if (message.empty()) return false;
  Decoder from(message);
  std::uint32_t count = 0;
  std::uint64_t number = 0;
  if (!from.read_array(count) || count != 2) return false;
  if (!from.read_unsigned(number, kRanByNumber.size() - 1) || !from.read_text(text)) return false;
  ran = kRanByNumber[number];
  return true;
}

bool is_framework_error(const ResponseFrame& answer) {
  return static_cast<ResponseFlag>(answer.head.flag) == ResponseFlag::framework_error;
}

std::optional<Errc> failure_in(const ResponseFrame& answer) {
  if (static_cast<ResponseFlag>(answer.head.flag) != ResponseFlag::error_bytes) return std::nullopt;
  return errc_of(base::as_text(answer.blob));
}

}  // namespace

std::string printable(std::string_view text) {
  std::string safe(text.substr(0, kDetailBytesMax));
  std::ranges::replace_if(safe, [](char c) { return c < ' ' || c > '~'; }, '?');
  return safe;
}

base::Bytes encoded_detail(base::Ran ran, std::string_view text) {
  BytesSink sink;
  Encoder to(sink);
  to.put_array(2);
  to.put_unsigned(static_cast<std::uint64_t>(std::ranges::find(kRanByNumber, ran) - kRanByNumber.begin()));
  to.put_text(printable(text));
  return std::move(sink).take();
}

std::string AnsweredFailure::text() const {
  std::string text(text_of(errc));
  if (!detail.empty()) text += ": " + detail;
  return text;
}

std::optional<AnsweredFailure> answered_failure(const ResponseFrame& answer) {
  if (is_framework_error(answer)) {
    const FrameworkError error = framework_error_of(answer);
    return AnsweredFailure{.errc = error.errc,
                           .ran = error.ran,
                           .detail = printable(error.text),
                           .retry_after = error.retry_after,
                           .no_retry = error.no_retry};
  }
  const std::optional<Errc> errc = failure_in(answer);
  if (!errc) return std::nullopt;
  AnsweredFailure failure{.errc = *errc, .ran = base::Ran::maybe, .detail = {}, .retry_after = {}, .no_retry = false};
  std::string_view detail;
  if (read_detail(answer.msg, failure.ran, detail)) failure.detail = printable(detail);
  return failure;
}

base::Ran ran(const ResponseFrame& answer) {
  if (is_framework_error(answer)) return framework_error_of(answer).ran;
  if (!failure_in(answer)) return base::Ran::yes;
  base::Ran ran = base::Ran::maybe;
  std::string_view detail;
  read_detail(answer.msg, ran, detail);
  return ran;
}

base::CallError encode_failure() noexcept { return codec_failure(Errc::encode, base::Ran::no); }
base::CallError decode_failure(const ResponseFrame& answer) noexcept { return codec_failure(Errc::decode, ran(answer)); }

}  // namespace razor::wire
