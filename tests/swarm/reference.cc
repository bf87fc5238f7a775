#include "tests/swarm/reference.h"

#include <fmt/format.h>

#include "razor/runtime/task_scope.h"
#include "razor/wire/codec.h"
#include "razor/wire/wire_error.h"

namespace razor::swarm {

using faults::HandlerAnswer;
using runtime::Task;
using test::ReferenceClient;
using test::ReferenceReply;
using test::ReferenceServer;

namespace {

ReferenceReply error_of(std::string_view text) {
  return {ReferenceReply::Kind::error_bytes, base::to_bytes(base::as_bytes(text))};
}

// Calls on one connection at a time, below every cap of a server.
constexpr int kUnderWayMax = 6;

}  // namespace

// --- ReferenceWorker -------------------------------------------------------------------------------------------------

ReferenceWorker::ReferenceWorker(Scene& scene, std::string name) : scene_(scene), name_(std::move(name)) {
  host().start([this](Runtime& runtime) { return serve(runtime); });
}

Task<void> ReferenceWorker::serve(Runtime& runtime) {
  ReferenceServer server(runtime);
  server.add("Work", "once", [this, &runtime](base::Bytes message) { return work(*this, runtime, std::move(message)); });
  server.add("Work", "often", [this, &runtime](base::Bytes message) { return work(*this, runtime, std::move(message)); });
  server.add("Work", "led", [this, &runtime](base::Bytes message) { return lead(*this, runtime, std::move(message)); });
  co_await server.serve(Address::tcp("0.0.0.0", kPort));
}

bool ReferenceWorker::begin(base::ByteView message, Order& order) {
  if (!wire::decode_whole(message, order)) return false;
  ++dispatched_;
  scene_.ledger.dispatched(order.id, name_, hash_of(order));
  return true;
}

ReferenceReply ReferenceWorker::product_of(const Order& order) {
  const Product product(order.id, bytes_of(order.id, order.answer_bytes));
  scene_.ledger.answered(order.id, HandlerAnswer::value, hash_of(product.payload));
  return {ReferenceReply::Kind::value, wire::encoded(product)};
}

Task<ReferenceReply> ReferenceWorker::work(ReferenceWorker& self, Runtime& runtime, base::Bytes message) {
  Order order;
  if (!self.begin(message, order)) co_return error_of("rpc_decode");
  if (order.milliseconds > 0) co_await runtime.clock().sleep_for(std::chrono::milliseconds(order.milliseconds));
  if (order.throws) {
    self.scene_.ledger.answered(order.id, HandlerAnswer::threw);
    co_return error_of("rpc_internal_err");
  }
  if (order.fails) {
    const std::string error = fmt::format("order {} is refused", order.id);
    self.scene_.ledger.answered(order.id, HandlerAnswer::error, hash_of(error));
    co_return error_of(error);
  }
  co_return self.product_of(order);
}

Task<ReferenceReply> ReferenceWorker::lead(ReferenceWorker& self, Runtime& runtime, base::Bytes message) {
  Order order;
  if (!self.begin(message, order)) co_return error_of("rpc_decode");
  if (self.scene_.leader != self.name_) {
    self.scene_.ledger.answered(order.id, HandlerAnswer::refused);
    const Elsewhere error(self.scene_.leader_is_known ? Scene::address_of(self.scene_.leader).to_string() : std::string());
    co_return ReferenceReply(ReferenceReply::Kind::error_bytes, wire::encoded(error));
  }
  co_await runtime.clock().sleep_for(std::chrono::milliseconds(order.milliseconds));
  co_return self.product_of(order);
}

// --- ReferenceCaller -------------------------------------------------------------------------------------------------

ReferenceCaller::ReferenceCaller(Scene& scene, std::string name, std::vector<std::string> servers)
    : scene_(scene), name_(std::move(name)), servers_(std::move(servers)) {
  host().start([this](Runtime& runtime) { return run(runtime); });
}

Task<void> ReferenceCaller::run(Runtime& runtime) {
  sim::RandomStream random(runtime.random().seed_for("calls of the reference caller"));
  while (!stopping_) {
    if (resting_) {
      co_await runtime.clock().sleep_for(100ms);
      continue;
    }
    const std::string& server = servers_[random.below(servers_.size())];
    const std::unique_ptr<ReferenceClient> client = co_await ReferenceClient::connect(runtime, Scene::address_of(server));
    if (client != nullptr) co_await use(runtime, *client, random);
    co_await runtime.clock().sleep_for(random.between(100ms, 1s));
  }
  finished_ = true;
}

// Until the connection ends, or it is to stop and the last call has ended.
Task<void> ReferenceCaller::use(Runtime& runtime, ReferenceClient& client, sim::RandomStream& random) {
  const Settings& settings = scene_.settings;
  const auto most = static_cast<std::uint64_t>(settings.payload_max);
  // It does not look whether its machine's packets arrive: what faults did to its connection may last longer than they do.
  const bool connected_in_the_calm = must_succeed_;
  runtime::TaskScope calls(runtime.executor());
  // A reference pool looks after its connections, too, and makes new ones: after some calls we do.
  std::int64_t left = 5 + static_cast<std::int64_t>(random.below(60));
  while (client.is_open() && (under_way_ > 0 || (left > 0 && !stopping_))) {
    if (left > 0 && under_way_ < kUnderWayMax && !stopping_ && !resting_) {
      --left;
      Order order;
      order.fails = random.one_in(20);
      order.milliseconds = static_cast<std::uint32_t>(random.between(0ns, settings.handler_max) / 1ms);
      // Its pings meet a call that is owed, and calls behind it.
      if (random.one_in(8)) order.milliseconds = static_cast<std::uint32_t>(random.between(1s, 6s) / 1ms);
      order.answer_bytes = static_cast<std::uint32_t>(random.below(most + 1));
      order.payload = bytes_of(random.bits(), random.below(most + 1));
      const bool is_often = random.one_in(2);
      faults::CallTerms terms;
      terms.name = is_often ? "Work.often by a reference client" : "Work.once by a reference client";
      terms.caller = name_;
      terms.timeout = ReferenceClient::kTimeout;
      terms.request_hash = hash_of(order);
      terms.may_end_unsent = true;
      // A server of few handlers says rpc_overloaded, or lets it wait; an answer above the limit is refused.
      terms.must_succeed = connected_in_the_calm && settings.has_ample_room() && !settings.has_small_frames();
      order.id = scene_.ledger.submitted(terms);
      order.serial = ++scene_.calls_made;
      ++under_way_;
      calls.run_inline("a call of the reference caller",
                       call(*this, client, order.id, is_often ? "Work.often" : "Work.once", std::move(order)));
    }
    co_await runtime.clock().sleep_for(random.between(0ns, 800ms));
    // Behind the last call of a run, connections are given up: nothing is owed.
    if (stopping_ && under_way_ == 0) break;
    if (resting_ && under_way_ == 0) break;
  }
  while (under_way_ > 0) co_await runtime.clock().sleep_for(100ms);
  // Its server made it wait for what had come already: CONTRACT 18 as a reference client needs it.
  RAZOR_RULE("pong", client.stopped().empty(), "{}: its reader has stopped: {}", name_, client.stopped());
}

Task<void> ReferenceCaller::call(ReferenceCaller& self, ReferenceClient& client, std::uint64_t id, std::string method,
                                 Order order) {
  const base::Bytes message = wire::encoded(order);
  const ReferenceReply reply = co_await client.call(std::move(method), message);
  --self.under_way_;
  self.ended(id, reply);
}

void ReferenceCaller::ended(std::uint64_t id, const ReferenceReply& reply) {
  faults::Ledger& ledger = scene_.ledger;
  switch (reply.kind) {
    case ReferenceReply::Kind::value: {
      Product product;
      const bool decodes = wire::decode_whole(reply.bytes, product);
      RAZOR_RULE(7, decodes, "{}: its result does not decode", faults::Ledger::name_of_call(id));
      ledger.succeeded(id, hash_of(product.payload));
      return;
    }
    case ReferenceReply::Kind::error_number: ledger.ended_with_error(id, reply.number); return;
    case ReferenceReply::Kind::error_bytes:
      if (const auto errc = wire::errc_of(reply.text())) {
        ledger.failed(id, {*errc, base::Ran::maybe});
      } else {
        ledger.ended_with_error(id, hash_of(reply.text()));
      }
      return;
    case ReferenceReply::Kind::timeout: ledger.failed(id, {base::Errc::deadline_exceeded, base::Ran::maybe}); return;
    case ReferenceReply::Kind::lost: ledger.failed(id, {base::Errc::connection_lost, base::Ran::maybe}); return;
  }
}

}  // namespace razor::swarm
