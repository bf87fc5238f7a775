#pragma once
// Failover: what an application error asks of a pool of several addresses.
//
// A handler that answers with such an error promises that it did nothing: the call may go to another address as if it had
// never been sent. How a service's own error type says so: `failover_of(const E&)`, found beside E; see api/error_codec.h.

#include <string>
#include <utility>

namespace razor::stream {

class Failover {
 public:
  enum class Kind : unsigned char {
    stop,          ///< the error is for the caller, as every error that says nothing else
    next_address,  ///< another address may know better
    to_address,    ///< the one named knows: the leader has moved
  };

  Failover() = default;
  static Failover stop() { return Failover(); }
  static Failover next_address() { return Failover(Kind::next_address, {}); }
  /// `address` is in the form that Address::parse reads; it may be one that the pool was not told of. One that does not
  /// parse stands for `next_address`.
  static Failover to(std::string address) { return Failover(Kind::to_address, std::move(address)); }

  Kind kind() const { return kind_; }
  const std::string& address() const { return address_; }

 private:
  Failover(Kind kind, std::string address) : kind_(kind), address_(std::move(address)) {}

  Kind kind_ = Kind::stop;
  std::string address_;
};

}  // namespace razor::stream

namespace razor {
using stream::Failover;
}  // namespace razor
