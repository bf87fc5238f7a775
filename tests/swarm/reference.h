#pragma once
// Peers of the reference implementation in the swarm: a server that our callers know beside ours, and a caller of our servers.
// Both are models (tests/support/reference_*.h). The ledger judges the calls of both kinds as it judges all others.

#include "tests/support/reference_client.h"
#include "tests/support/reference_server.h"
#include "tests/swarm/scene.h"

namespace razor::swarm {

/// Does the work of Work, one handler of a connection at a time.
class ReferenceWorker {
 public:
  ReferenceWorker(Scene& scene, std::string name);
  ReferenceWorker(const ReferenceWorker&) = delete;

  const std::string& name() const { return name_; }
  sim::Host& host() const { return scene_.world.host(name_); }
  std::uint64_t dispatched() const { return dispatched_; }

 private:
  runtime::Task<void> serve(Runtime& runtime);
  static runtime::Task<test::ReferenceReply> work(ReferenceWorker& self, Runtime& runtime, base::Bytes message);
  static runtime::Task<test::ReferenceReply> lead(ReferenceWorker& self, Runtime& runtime, base::Bytes message);
  bool begin(base::ByteView message, Order& order);
  test::ReferenceReply product_of(const Order& order);

  Scene& scene_;
  std::string name_;
  std::uint64_t dispatched_ = 0;
};

/// Calls one server after the other, each over one connection. Some handlers take seconds, so that pings are sent meanwhile.
class ReferenceCaller {
 public:
  ReferenceCaller(Scene& scene, std::string name, std::vector<std::string> servers);
  ReferenceCaller(const ReferenceCaller&) = delete;

  sim::Host& host() const { return scene_.world.host(name_); }
  /// It makes no more calls, and ends when the last has ended.
  void stop() { stopping_ = true; }
  void rest() { resting_ = true; }
  bool finished() const { return finished_; }
  /// From now on each call has to succeed: all is well again.
  void expect_success() { must_succeed_ = true; }

 private:
  runtime::Task<void> run(Runtime& runtime);
  runtime::Task<void> use(Runtime& runtime, test::ReferenceClient& client, sim::RandomStream& random);
  static runtime::Task<void> call(ReferenceCaller& self, test::ReferenceClient& client, std::uint64_t id, std::string method,
                                  Order order);
  void ended(std::uint64_t id, const test::ReferenceReply& reply);

  Scene& scene_;
  std::string name_;
  std::vector<std::string> servers_;
  int under_way_ = 0;
  bool stopping_ = false;
  bool resting_ = false;
  bool finished_ = false;
  bool must_succeed_ = false;
};

}  // namespace razor::swarm
