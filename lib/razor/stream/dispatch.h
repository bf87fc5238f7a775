#pragma once
// Dispatch: what a user of the stream interface writes to serve requests; api/dispatch is one, for services.
//
//   struct FileServer final : razor::Dispatch {
//     void dispatch(const razor::Request& request, razor::Responder respond) override {
//       if (request.action == razor::Action(kOpen)) return respond.reply(open(request));
//       respond.fail(razor::Errc::decode);
//     }
//   };

#include "razor/stream/request.h"
#include "razor/stream/responder.h"

namespace razor::stream {

/// Receives every request of a server, of all its connections, pings excepted.
///
/// Order:   per connection, in the order of the frames.
/// Errors:  an exception that escapes is logged; the request is answered rpc_internal_err.
/// Threads: the server's runtime's.
class Dispatch {
 public:
  virtual ~Dispatch() = default;
  virtual void dispatch(const Request& request, Responder respond) = 0;
};

}  // namespace razor::stream

namespace razor {
using stream::Dispatch;
}  // namespace razor
