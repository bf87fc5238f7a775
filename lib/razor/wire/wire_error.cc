#include "razor/wire/wire_error.h"

#include <array>
#include <exception>

#include "razor/base/out_of_memory.h"

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
    return {errc, ran, base::text_with_memory([&] { return std::string(error.what()); })};
  } catch (...) {
    return {errc, ran, base::text_with_memory([] { return std::string("an adaptor threw"); })};
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

base::Ran ran(const ResponseFrame& answer) {
  const bool failed = static_cast<ResponseFlag>(answer.head.flag) == ResponseFlag::error_bytes &&
                      errc_of(base::as_text(answer.blob)).has_value();
  return failed ? base::Ran::maybe : base::Ran::yes;  // on plain version 1 a handler may send those texts itself
}

base::CallError encode_failure() noexcept { return codec_failure(Errc::encode, base::Ran::no); }
base::CallError decode_failure(const ResponseFrame& answer) noexcept { return codec_failure(Errc::decode, ran(answer)); }

}  // namespace razor::wire
