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
#include "razor/stream/pending_call.h"
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

namespace detail {
/// A result with a Blob beside it.
template <class T>
inline constexpr bool is_with_blob = false;
template <class T>
inline constexpr bool is_with_blob<std::pair<T, base::Blob>> = true;
}  // namespace detail

/// Answers with `result`: in the message, but a Blob beside it.
template <class T>
void respond_with_result(stream::Responder& respond, const T& result) {
  if constexpr (std::is_same_v<T, base::Blob>) {
    respond.reply(wire::Unit(), result);
  } else if constexpr (detail::is_with_blob<T>) {
    respond.reply(result.first, result.second);
  } else {
    respond.reply(result);
  }
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

/// The result that `frame` carries: in its message, but a Blob beside it.
template <class T>
bool decode_result(const wire::ResponseFrame& frame, T& result, std::string& why) {
  if constexpr (std::is_same_v<T, base::Blob>) {
    result = frame.take_blob();
    return true;
  } else if constexpr (is_with_blob<T>) {
    result.second = frame.take_blob();
    return decode_result(frame, result.first, why);
  } else {
    return wire::decode_all(frame.msg, result, &why, frame.format);
  }
}

template <class T, class E>
void decode_answer(const wire::ResponseFrame& frame, std::string_view method, Reply<T, E>& reply) {
  switch (static_cast<wire::ResponseFlag>(frame.head.flag)) {
    case wire::ResponseFlag::success: {
      std::string why;
      if (!decode_result(frame, reply.begin_result(), why)) [[unlikely]] reply = undecodable_result(method, why);
      return;
    }
    case wire::ResponseFlag::error_number:
    case wire::ResponseFlag::error_bytes: {
      E error{};
      if (auto failure = decode_error(frame, method, error)) {
        reply = *std::move(failure);
      } else {
        reply = Fail<E>(std::move(error));
      }
      return;
    }
  }
  reply = unknown_flag();
}

}  // namespace detail

/// What an answer means for a method with these types. An answer without the declared result is an error, never a
/// default value. Throws nothing: what does not decode because a codec threw is `decode`, and `overloaded` what found no
/// memory; ran: yes.
template <class T, class E>
void decode_reply(const wire::ResponseFrame& frame, std::string_view method, Reply<T, E>& reply) {
  try {
    detail::decode_answer(frame, method, reply);
  } catch (...) {
    reply = wire::decode_failure(frame);
  }
}

template <class E>
concept HasFailover = requires(const E& error) {
  { failover_of(error) } -> std::same_as<stream::Failover>;
};

/// What errors of this type ask of a pool; null: nothing. One that does not decode, or a `failover_of` that throws, asks
/// nothing.
template <class E>
constexpr stream::FailoverRule failover_rule_of() {
  if constexpr (HasFailover<E>) {
    return [](const wire::ResponseFrame& frame) {
      try {
        E error{};
        if (!detail::decode_error(frame, {}, error)) return failover_of(error);
      } catch (...) {
      }
      return stream::Failover::stop();
    };
  }
  return nullptr;
}

/// As decode_reply, given back.
template <class T, class E>
Reply<T, E> reply_of(const wire::ResponseFrame& frame, std::string_view method) {
  Reply<T, E> reply{detail::NothingYet()};
  decode_reply(frame, method, reply);
  return reply;
}

}  // namespace razor::api
