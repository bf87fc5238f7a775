#pragma once
// InProcess: streams between Runtimes of one process, or within one, without the system's network: no descriptors, no ports, no
// other machine to lose. For services that share a process, and for tests on real threads.
//
//   razor::InProcess in_process;
//   razor::ServerConfig server_config;  server_config.transport = &in_process.on(server_runtime);
//   razor::ClientStreamConfig config;   config.transport = &in_process.on(client_runtime);
//   server.listen(*razor::Address::parse("@store"));   …   ClientStream::connect(client_runtime, "@store", config)

#include <memory>

#include "razor/runtime/runtime.h"

namespace razor::runtime {

struct InProcessConfig {
  /// Bytes of each direction that are written and not read. Above it a write waits.
  std::size_t capacity = 256 * base::kKiB;
};

/// Threads: any. Its Transports and streams are those of their Runtime.
class InProcess {
 public:
  explicit InProcess(const InProcessConfig& config = {});
  InProcess(const InProcess&) = delete;
  /// Streams and listeners may live on. The Transports go.
  ~InProcess();

  /// Makes the streams of `runtime`; asked again, the same Transport.
  ///
  /// Address: a name, in the form of a Unix socket's: "@store", "unix:store". No file is made. Connecting where nobody listens
  ///          is refused at once.
  /// Life:    as long as the InProcess. Streams end before their Runtime does; those of servers, ClientStreams and pools do.
  Transport& on(Runtime& runtime);

 private:
  class OnRuntime;
  struct Registry;

  std::shared_ptr<Registry> registry_;
};

/// Both ends of a connection: the first belongs to `a`, the second to `b`, which may be the same.
std::pair<std::unique_ptr<ByteStream>, std::unique_ptr<ByteStream>> in_process_pair(Runtime& a, Runtime& b,
                                                                                    const InProcessConfig& config = {});

}  // namespace razor::runtime

namespace razor {
using runtime::InProcess;
using runtime::InProcessConfig;
}  // namespace razor
