#pragma once
// TypedCall: what the calls of a method have in common, however they end: the method's name, and how its response is read.

#include <string>

#include "razor/api/failover_rule.h"
#include "razor/api/reply_codec.h"
#include "razor/stream/exchange.h"

namespace razor::api::detail {

/// `Base` is an Exchange. `action` outlives the call: it is a name that the compiler knows.
template <class T, class E, class Base = stream::Exchange>
class TypedCall : public Base {
 protected:
  explicit TypedCall(std::string_view action) : action_(action) {}
  /// Takes a call over that is under way.
  TypedCall(Base&& other, std::string_view action) : Base(std::move(other)), action_(action) {}
  TypedCall(TypedCall&&) noexcept = default;
  ~TypedCall() = default;

  std::string_view action() const { return action_; }
  void decode(const wire::ResponseFrame& frame, Reply<T, E>& reply) const { decode_reply(frame, action_, reply); }

 private:
  std::string describe() const override { return std::string(action_); }
  stream::FailoverRule failover_rule() const override { return failover_rule_of<E>(); }

  std::string_view action_;
};

}  // namespace razor::api::detail
