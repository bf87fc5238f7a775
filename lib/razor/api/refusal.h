#pragma once
// refusal_of: a Refusal (stream/call_hook.h) that a service's caller sees as the error of its method.
//
//   std::optional<razor::Refusal> on_start(const razor::CallInfo& call) override {
//     if (is_allowed(call)) return std::nullopt;
//     return razor::refusal_of(StoreError::not_allowed);   // Reply<T, StoreError>::error() at the caller
//   }

#include "razor/api/error_codec.h"
#include "razor/stream/call_hook.h"

namespace razor::api {

/// `error` is a value of the error type of the method.
template <class E>
stream::Refusal refusal_of(E error) {
  constexpr ErrorForm form = error_form<E>();
  static_assert(form != ErrorForm::none, "a method without an error type is refused with an Errc: razor::Refusal(Errc)");
  if constexpr (form == ErrorForm::unit) {
    return stream::Refusal::with_number(0);
  } else if constexpr (form == ErrorForm::number) {
    return stream::Refusal::with_number(static_cast<std::uint32_t>(error));
  } else if constexpr (form == ErrorForm::text) {
    return stream::Refusal::with_bytes(base::to_bytes(base::as_bytes(error)));
  } else {
    return stream::Refusal::with_value([error = std::move(error)](wire::Encoder& to) { wire::encode(to, error); });
  }
}

}  // namespace razor::api

namespace razor {
using api::refusal_of;
}  // namespace razor
