#pragma once
// ReferenceClient: a client as the reference implementation (razor-rpc 0.3 .. 0.9) behaves on the wire, so that our servers can
// be run against it in simulation. Written from protocol.md and from what reference programs did; nothing of razor/stream:
//
//  - Calls are pipelined; their answers may come in any order.
//  - While a call is owed, it pings once a second, with `format` 0.
//  - Its reader takes a pong that comes before the answer to an earlier call for the answer to a request that is still to be
//    registered, waits for that, and reads no more. Its callers then wait for their timeout.
//  - A call ends with `timeout` after 20 s. Answers that come later, and those with seq 0, are dropped.

#include <map>
#include <memory>
#include <set>

#include "tests/support/reference_server.h"

namespace razor::test {

class ReferenceClient {
 public:
  static constexpr base::Duration kTimeout = std::chrono::seconds(20);

  /// Null when it cannot connect within 10 s. What it runs belongs to the runtime, which outlives it.
  static runtime::Task<std::unique_ptr<ReferenceClient>> connect(Runtime& runtime, Address server);
  ReferenceClient(Runtime& runtime, std::unique_ptr<runtime::ByteStream> stream);
  ReferenceClient(const ReferenceClient&) = delete;

  /// Sends now, and waits for the end. The client outlives it.
  runtime::Task<ReferenceReply> call(std::string action, base::Bytes message);

  bool is_open() const { return is_open_; }
  /// Why its reader reads no more, though the connection is fine; empty: it reads.
  const std::string& stopped() const { return stopped_; }
  std::uint64_t pongs() const { return pongs_; }

 private:
  struct Waiting;

  base::Bytes request(std::uint64_t seq, std::string_view action, base::ByteView message) const;
  void put(base::Bytes frame);
  void end_all();
  static runtime::Task<void> read_all(ReferenceClient& self);
  static runtime::Task<void> write_all(ReferenceClient& self);
  static runtime::Task<void> ping_each_second(ReferenceClient& self);
  void on_answer(const SeenAnswer& answer);

  Runtime& runtime_;
  const std::uint64_t client_id_;
  std::unique_ptr<runtime::ByteStream> stream_;
  std::uint64_t seq_ = 0;
  std::map<std::uint64_t, Waiting*> waiting_;  // calls, by seq
  std::set<std::uint64_t> pings_;  // that are not answered
  std::deque<base::Bytes> frames_;  // to be written
  runtime::Event has_frames_;
  bool is_open_ = true;
  std::string stopped_;
  std::uint64_t pongs_ = 0;
  runtime::TaskScope loops_;  // goes first
};

}  // namespace razor::test
