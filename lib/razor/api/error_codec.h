#pragma once
// How the error types of methods travel.
//   Unit                                  number 0
//   integers and enums of up to 32 bits   number, its sign kept by two's complement
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
#include "razor/base/format.h"
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
  if constexpr ((std::is_integral_v<E> || std::is_enum_v<E>) && sizeof(E) <= 4) return ErrorForm::number;
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
    wire::Encoder to(respond.begin());
    try {
      wire::encode(to, error);
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

template <class T, class E>
Reply<T, E> undeclared_error(std::string_view method, std::string what) {
  return base::CallError(base::Errc::decode, base::Ran::yes,
                         base::format("{} answered {}, which is not the error it declares", method, what));
}

template <class T, class E>
Reply<T, E> reply_of_error_number(std::uint32_t number, std::string_view method) {
  if constexpr (error_form<E>() == ErrorForm::unit) {
    if (number == 0) return Fail<E>();
  }
  if constexpr (error_form<E>() == ErrorForm::number) {
    E error{};
    if (error_of_number(number, error)) return Fail<E>(error);
  }
  return undeclared_error<T, E>(method, base::format("error number {}", static_cast<std::int32_t>(number)));
}

template <class T, class E>
Reply<T, E> reply_of_error_bytes(base::ByteView bytes, std::string_view method) {
  if (const auto errc = wire::errc_of(base::as_text(bytes))) {
    // On plain version 1 a handler may send any of the framework's texts itself: the call may have run.
    return base::CallError(*errc, base::Ran::maybe, base::format("{} answered {}", method, base::as_text(bytes)));
  }
  if constexpr (error_form<E>() == ErrorForm::text) return Fail<E>(E(base::as_text(bytes)));
  if constexpr (error_form<E>() == ErrorForm::msgpack) {
    E error{};
    if (wire::decode_all(bytes, error)) return Fail<E>(std::move(error));
  }
  return undeclared_error<T, E>(method, base::format("an error of {} bytes", bytes.size()));
}

/// Decodes the result where it stays.
template <class T, class E>
void decode_result(base::ByteView msg, std::string_view method, std::optional<Reply<T, E>>& reply) {
  std::string why;
  if constexpr (std::is_void_v<T>) {
    wire::Unit nothing;
    reply.emplace();
    if (wire::decode_all(msg, nothing, &why)) [[likely]] return;
  } else {
    reply.emplace(std::in_place);
    if (wire::decode_all(msg, **reply, &why)) [[likely]] return;
  }
  reply.emplace(base::CallError(base::Errc::decode, base::Ran::yes,
                                base::format("the result of {} does not decode: {}", method, why)));
}

template <class T, class E>
void decode_answer(const wire::ResponseFrame& frame, std::string_view method, std::optional<Reply<T, E>>& reply) {
  switch (static_cast<wire::ResponseFlag>(frame.head.flag)) {
    case wire::ResponseFlag::success: return detail::decode_result<T, E>(frame.msg, method, reply);
    case wire::ResponseFlag::error_number:
      reply.emplace(detail::reply_of_error_number<T, E>(frame.head.msg_bytes_or_number, method));
      return;
    case wire::ResponseFlag::error_bytes:
      reply.emplace(detail::reply_of_error_bytes<T, E>(frame.blob, method));
      return;
  }
  reply.emplace(base::CallError(base::Errc::bad_frame, base::Ran::maybe, "an answer with an unknown flag"));
}

}  // namespace detail

/// What an answer means for a method with these types. An answer without the declared result is an error, never a
/// default value. Throws nothing: what does not decode because an adaptor threw is `decode`, and `overloaded` what found no
/// memory; ran: yes.
template <class T, class E>
void decode_reply(const wire::ResponseFrame& frame, std::string_view method, std::optional<Reply<T, E>>& reply) {
  try {
    detail::decode_answer(frame, method, reply);
  } catch (...) {
    reply.emplace(wire::decode_failure(frame));
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
        std::optional<Reply<void, E>> reply;
        decode_reply(frame, {}, reply);
        if (reply->has_error()) return failover_of(reply->error());
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
  std::optional<Reply<T, E>> reply;
  decode_reply(frame, method, reply);
  return *std::move(reply);
}

}  // namespace razor::api
