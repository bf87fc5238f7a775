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

base::CallError unknown_flag() { return {base::Errc::bad_frame, base::Ran::maybe, "a response with an unknown flag"}; }

std::optional<base::CallError> framework_error(const wire::ResponseFrame& answer, std::string_view method) {
  const std::optional<wire::AnsweredFailure> failure = wire::answered_failure(answer);
  if (!failure) return std::nullopt;
  return base::CallError(failure->errc, failure->ran, base::format("{} answered {}", method, failure->text()));
}

}  // namespace razor::api::detail
