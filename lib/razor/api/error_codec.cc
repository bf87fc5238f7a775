#include "razor/api/error_codec.h"

#include "razor/base/format.h"

namespace razor::api::detail {
namespace {

base::CallError undeclared_error(std::string_view method, const std::string& what) {
  return {base::Errc::decode, base::Ran::yes,
          base::format("{} answered {}, which is not the error it declares", method, what)};
}

}  // namespace

base::CallError undeclared_error_number(std::uint32_t number, std::string_view method) {
  return undeclared_error(method, base::format("error number {}", static_cast<std::int32_t>(number)));
}

base::CallError undeclared_error_bytes(std::size_t bytes, std::string_view method) {
  return undeclared_error(method, base::format("an error of {} bytes", bytes));
}

base::CallError undecodable_result(std::string_view method, const std::string& why) {
  return {base::Errc::decode, base::Ran::yes, base::format("the result of {} does not decode: {}", method, why)};
}

base::CallError unknown_flag() { return {base::Errc::bad_frame, base::Ran::maybe, "an answer with an unknown flag"}; }

std::optional<base::CallError> framework_error(base::ByteView bytes, std::string_view method) {
  const auto errc = wire::errc_of(base::as_text(bytes));
  if (!errc) return std::nullopt;
  // On plain version 1 a handler may send any of the framework's texts itself: the call may have run.
  return base::CallError(*errc, base::Ran::maybe, base::format("{} answered {}", method, base::as_text(bytes)));
}

}  // namespace razor::api::detail
