#pragma once
// ReferenceServer: a server as the reference implementation (razor-rpc 0.3 .. 0.9) behaves on the wire, so that our clients can
// be run against it in simulation. Written from protocol.md and from what reference programs did; nothing of razor/stream:
//
//  - One reader for each connection. It runs the handlers of services inline, one behind the other: while one takes its time,
//    nothing behind it is read, pings included.
//  - Answers leave in the order in which they were made; that to a ping behind those to the requests before it.
//  - `format` and `client_id` are ignored. A ping is action 0 without a message; a blob is dropped.
//  - A name is split at its first dot. A number other than 0, and a name without a dot, are answered rpc_decode.
//  - Another magic or version ends the connection without a word.

#include <deque>
#include <functional>
#include <map>
#include <string>

#include "razor/runtime/event.h"
#include "razor/runtime/task_scope.h"
#include "tests/support/frames.h"

namespace razor::test {

/// How a call ended, as the wire has it.
struct ReferenceReply {
  enum class Kind : std::uint8_t {
    value,
    error_number,
    error_bytes,  ///< of the application, or one of the texts of the framework
    timeout,  ///< at a client only, as the next
    lost,
  };
  ReferenceReply(Kind how, base::Bytes content, std::uint32_t error = 0)
      : kind(how), bytes(std::move(content)), number(error) {}
  Kind kind;
  base::Bytes bytes;
  std::uint32_t number;

  std::string_view text() const { return base::as_text(bytes); }
};

class ReferenceServer {
 public:
  /// A plain function that returns a coroutine's task: it is given the message.
  using Handler = std::function<runtime::Task<ReferenceReply>(base::Bytes message)>;

  explicit ReferenceServer(Runtime& runtime) : runtime_(runtime) {}
  ReferenceServer(const ReferenceServer&) = delete;

  void add(std::string service, std::string method, Handler handler) {
    services_[std::move(service)][std::move(method)] = std::move(handler);
  }
  /// For ever. The server outlives it.
  runtime::Task<void> serve(const Address& address);

  std::uint64_t pings() const { return pings_; }
  std::uint64_t requests() const { return requests_; }

 private:
  struct Outbox;
  static runtime::Task<void> talk(ReferenceServer& self, std::unique_ptr<runtime::ByteStream> stream);
  static runtime::Task<void> write_all(Outbox& out, runtime::ByteStream& stream);
  // Null: `refusal` is answered.
  const Handler* find(std::string_view name, std::string_view& refusal) const;

  Runtime& runtime_;
  std::map<std::string, std::map<std::string, Handler, std::less<>>, std::less<>> services_;
  std::uint64_t pings_ = 0;
  std::uint64_t requests_ = 0;
};

}  // namespace razor::test
