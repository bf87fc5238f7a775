#pragma once
// How replies travel: results in the message of a response, a Blob beside it, and errors as error_codec.h says.

#include "razor/api/error_codec.h"

namespace razor::api {

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

namespace detail {

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
      if (!decode_result(frame, reply.begin_result(), why)) [[unlikely]]
        reply = undecodable_result(method, why);
      return;
    }
    case wire::ResponseFlag::error_number:
    case wire::ResponseFlag::error_bytes:
    case wire::ResponseFlag::framework_error: {
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

/// As decode_reply, given back.
template <class T, class E>
Reply<T, E> reply_of(const wire::ResponseFrame& frame, std::string_view method) {
  Reply<T, E> reply{detail::NothingYet()};
  decode_reply(frame, method, reply);
  return reply;
}

}  // namespace razor::api
