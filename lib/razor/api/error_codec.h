#pragma once
// How the error types of methods travel.
//   Unit                                  number 0
//   integers and enums of up to 32 bits   number, its sign kept by two's complement; but an enum with RAZOR_ENUM by its name
//   std::string                           its bytes, without msgpack around them
//   everything else                       msgpack
// Source: wire/protocol.md, "Errors of the application".
//
// An error type may send calls elsewhere, in a pool of several addresses (stream/failover.h): a function beside it says so.
//
//   struct NotLeader { std::string leader; RAZOR_FIELDS(NotLeader, leader) };
//   razor::Failover failover_of(const NotLeader& error) {
//     return error.leader.empty() ? razor::Failover::next_address() : razor::Failover::to(error.leader);
//   }

#include <limits>
#include <optional>

#include "razor/api/reply.h"
#include "razor/stream/dispatch.h"
#include "razor/stream/exchange.h"
#include "razor/wire/codec.h"
#include "razor/wire/wire_error.h"

namespace razor::api {

enum class ErrorForm { none, unit, number, text, msgpack };

template <class E>
constexpr ErrorForm error_form() {
  if constexpr (std::is_same_v<E, NoError>) return ErrorForm::none;
  if constexpr (std::is_same_v<E, wire::Unit>) return ErrorForm::unit;
  if constexpr (std::is_same_v<E, std::string>) return ErrorForm::text;
  if constexpr ((std::is_integral_v<E> || std::is_enum_v<E>) && sizeof(E) <= 4 && !wire::detail::NamedEnum<E>) {
    return ErrorForm::number;
  }
  return ErrorForm::msgpack;
}

/// Answers with `error`.
template <class E>
void respond_with_error(stream::Responder& respond, const E& error) {
  constexpr ErrorForm form = error_form<E>();
  if constexpr (form == ErrorForm::none) {
    respond.fail(base::Errc::internal);  // cannot happen: nobody makes a Fail<NoError>
  } else if constexpr (form == ErrorForm::unit) {
    respond.fail(std::uint32_t{0});
  } else if constexpr (form == ErrorForm::number) {
    respond.fail(static_cast<std::uint32_t>(error));
  } else if constexpr (form == ErrorForm::text) {
    respond.fail_bytes(base::as_bytes(error));
  } else {
    try {
      wire::encode_in(respond.format(), respond.begin(), [&](wire::Encoder& to) { wire::encode(to, error); });
    } catch (...) {
      respond.end_failed(wire::encode_failure().errc());
      return;
    }
    respond.end_error_bytes();
  }
}

namespace detail {

/// The number as the E that it was made from; false when no E gives this number.
template <class E>
bool error_of_number(std::uint32_t number, E& error) {
  if constexpr (std::is_enum_v<E>) {
    std::underlying_type_t<E> value;
    if (!error_of_number(number, value)) return false;
    error = static_cast<E>(value);
    return true;
  } else {
    error = static_cast<E>(number);
    return static_cast<std::uint32_t>(error) == number;
  }
}

base::CallError undeclared_error_number(std::uint32_t number, std::string_view method);
base::CallError undeclared_error_bytes(std::size_t bytes, std::string_view method);
base::CallError undecodable_result(std::string_view method, const std::string& why);
base::CallError unknown_flag();
/// The failure of the framework that `answer` says; nothing: it says something else.
std::optional<base::CallError> framework_error(const wire::ResponseFrame& answer, std::string_view method);

/// Decodes the error of `answer`, which is one, into `error`; what it is instead, where that does not decode.
template <class E>
std::optional<base::CallError> decode_error(const wire::ResponseFrame& answer, std::string_view method, E& error) {
  constexpr ErrorForm form = error_form<E>();
  if (static_cast<wire::ResponseFlag>(answer.head.flag) == wire::ResponseFlag::error_number) {
    const std::uint32_t number = answer.head.msg_bytes_or_number;
    if constexpr (form == ErrorForm::unit) {
      if (number == 0) return std::nullopt;
    }
    if constexpr (form == ErrorForm::number) {
      if (error_of_number(number, error)) return std::nullopt;
    }
    return undeclared_error_number(number, method);
  }
  if (auto failure = framework_error(answer, method)) return failure;
  if constexpr (form == ErrorForm::text) {
    error = E(base::as_text(answer.blob));
    return std::nullopt;
  }
  if constexpr (form == ErrorForm::msgpack) {
    if (wire::decode_all(answer.blob, error, nullptr, answer.format)) return std::nullopt;
  }
  return undeclared_error_bytes(answer.blob.size(), method);
}

}  // namespace detail
}  // namespace razor::api
