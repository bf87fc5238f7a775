#pragma once
// Server: serves the methods of one or several services to callers on the network.
//
//   razor::Server server(runtime);
//   server.add(std::make_shared<CalculatorImpl>());
//   auto address = server.listen(*razor::Address::parse("127.0.0.1:0"));
//   ...
//   co_await server.close(5s);

#include "razor/api/dispatch.h"
#include "razor/stream/rpc_server.h"

namespace razor::api {

class Server {
 public:
  /// Ends with `runtime`, if that goes first.
  explicit Server(runtime::Runtime& runtime, const stream::ServerConfig& config = {})
      : rpc_server_(runtime, dispatch_, config) {}

  /// Serves `implementation`. Two services of one name end the program, with a line that names it.
  template <class Implementation>
  void add(std::shared_ptr<Implementation> implementation) {
    const wire::WireFormat* format = format_of<typename Implementation::RazorService>();
    if (format != nullptr) rpc_server_.accept_format(*format);
    dispatch_.add(std::move(implementation));
  }
  /// Serves numeric actions, and names without a dot, which no service is meant for. Outlives the server.
  void set_fallback(stream::Dispatch& fallback) { dispatch_.set_fallback(fallback); }

  /// As RpcServer's.
  void accept_format(const wire::WireFormat& format) { rpc_server_.accept_format(format); }
  base::Result<runtime::Address> listen(const runtime::Address& address) { return rpc_server_.listen(address); }
  void serve(std::unique_ptr<runtime::ByteStream> stream) { rpc_server_.serve(std::move(stream)); }
  runtime::Task<void> close(base::Duration limit) { return rpc_server_.close(limit); }
  stream::ServerStats stats() const { return rpc_server_.stats(); }
  std::vector<stream::ConnectionStats> connections() const { return rpc_server_.connections(); }

  /// The RpcServer that accepts, reads and answers for this Server.
  stream::RpcServer& rpc_server() { return rpc_server_; }
  /// What is served: "CalculatorService.add" …, sorted.
  std::vector<std::string> methods() const { return dispatch_.methods(); }

 private:
  ServiceDispatch dispatch_;
  stream::RpcServer rpc_server_;
};

}  // namespace razor::api

namespace razor {
using api::Server;
}  // namespace razor
