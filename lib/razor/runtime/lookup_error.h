#pragma once
// LookupError: why the name of a server has led to no address.

#include <system_error>

namespace razor::runtime {

/// What `Network::connect` reports when it finds no address to connect to. All equal std::errc::address_not_available,
/// so one comparison finds them; comparing with one of these tells them apart:
///
///   if (stream.error() == razor::LookupError::no_such_name) give_up(); else try_again_later();
enum class LookupError {
  no_such_name = 1,   ///< the name servers say that there is none
  no_address,         ///< the name is known and has no address
  no_answer,          ///< the name server does not answer, or cannot for now: trying again may help
  lookup_failed,      ///< the name server answers with a failure
  no_such_interface,  ///< the zone of an IPv6 address (fe80::1%eth0) names no network interface of this machine
};

std::error_code make_error_code(LookupError error);

}  // namespace razor::runtime

template <>
struct std::is_error_code_enum<razor::runtime::LookupError> : std::true_type {};

namespace razor {
using runtime::LookupError;
}  // namespace razor
