#pragma once
// failover_rule_of: what errors of a type ask of a pool of several addresses (stream/failover.h).

#include "razor/api/error_codec.h"
#include "razor/stream/failover.h"

namespace razor::api {

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

}  // namespace razor::api
