#pragma once
// What can go wrong, and whether the request ran when it did.
//
// `Errc` names a failure of the framework. `Ran` answers the one question that decides about a retry: was the request
// dispatched to a handler? A handler's own error is not an Errc: it travels as the E of `Reply<T, E>`.

#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>

namespace razor::base {

/// Framework failures. The numeric values mean nothing and are never sent.
enum class Errc {
  unreachable = 1,    ///< no connection, or none that takes calls any more; nothing was sent
  connection_lost,    ///< the connection ended while the call was under way
  deadline_exceeded,  ///< the call's deadline passed
  method_not_found,   ///< the server has the service but not the method
  service_not_found,  ///< the server does not have the service
  encode,             ///< the arguments or the result cannot be encoded
  decode,             ///< bytes do not decode into the declared type, or nobody handles the action
  internal,           ///< the handler threw, or dropped its responder
  invalid_version,    ///< the peer does not speak this protocol version
  overloaded,         ///< a queue or a cap on running handlers is full, or memory was refused (base/out_of_memory.h)
  draining,           ///< the server is closing and did not dispatch the request
  too_large,          ///< an action, message or blob is above its limit
  bad_frame,          ///< the peer broke the protocol; its connection is closed
  cancelled,          ///< the caller waits no more: it dropped the call, or the server ended its handler for that
  closed,             ///< this end was closed by its owner
  unsupported,        ///< the peer cannot do what the call needs
  denied,             ///< the caller may not call this
};

/// Whether a request was dispatched to a handler.
enum class Ran : std::uint8_t { no, maybe, yes };

/// What is known when only the code is: the safe answer, `no` only where the code alone proves it.
Ran ran(Errc errc);

std::string_view name_of(Errc errc);
std::string_view name_of(Ran ran);

/// Lets an Errc travel in a std::error_code, beside the errors of the transport.
const std::error_category& errc_category();
std::error_code make_error_code(Errc errc);

/// A call failed in the framework: what happened, whether the request ran, and a sentence for a person.
class [[nodiscard]] CallError {
 public:
  CallError(Errc errc, Ran ran, std::string detail = {}) : errc_(errc), ran_(ran), detail_(std::move(detail)) {}

  Errc errc() const { return errc_; }
  Ran ran() const { return ran_; }
  /// Names the action, the peer and the limit, as far as they are known; may be empty.
  const std::string& detail() const { return detail_; }
  /// "deadline_exceeded (ran: maybe): call CalculatorService.add on 127.0.0.1:8082: no answer within 20 s".
  std::string message() const;

 private:
  Errc errc_;
  Ran ran_;
  std::string detail_;
};

}  // namespace razor::base

template <>
struct std::is_error_code_enum<razor::base::Errc> : std::true_type {};

namespace razor {
using base::CallError;
using base::Errc;
using base::Ran;
}  // namespace razor
