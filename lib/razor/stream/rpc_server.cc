#include "razor/stream/rpc_server.h"

#include "razor/base/check.h"
#include "razor/base/format.h"
#include "razor/base/out_of_memory.h"
#include "razor/runtime/with_deadline.h"
#include "razor/stream/internal/server_stream.h"

namespace razor::stream {

using base::LogLevel;
using base::Ref;

// One address that is served, with the loop that accepts there.
struct RpcServer::Listening {
  Listening(runtime::Executor& executor, std::unique_ptr<runtime::Listener> listener_there)
      : listener(std::move(listener_there)), loop(executor) {}
  std::unique_ptr<runtime::Listener> listener;
  runtime::TaskScope loop;
};

RpcServer::RpcServer(runtime::Runtime& runtime, Dispatch& dispatch, const ServerConfig& config)
    : RuntimeObject(runtime.executor()), shared_(base::make_ref<ServerShared>(runtime, config)) {
  shared_->dispatch = &dispatch;
}

RpcServer::~RpcServer() {
  if (runtime_is_gone()) return;
  check_use();
  end();
}

void RpcServer::end() {
  listening_.clear();
  shared_->dispatch = nullptr;
  shared_->common.takes_requests = false;
  while (!shared_->connections.empty()) shared_->connections.front().close("the server is gone");
  shared_->handlers.cancel();
  shared_->stall_timer.disarm();
}

std::string RpcServer::object_name() const {
  std::string name = "the server";
  for (const auto& listening : listening_) {
    name += base::format("{} {}", listening == listening_.front() ? " on" : ",", listening->listener->address());
  }
  return name;
}

base::Result<runtime::Address> RpcServer::listen(const runtime::Address& address) {
  check_use();
  const ServerConfig& config = shared_->common.config;
  runtime::Transport& transport = config.transport != nullptr ? *config.transport : shared_->runtime.network();
  auto listener = transport.listen(address, {.backlog = config.backlog});
  if (!listener) return {listener.error(), listener.message()};
  auto& listening = *listening_.emplace_back(std::make_unique<Listening>(shared_->runtime.executor(), *std::move(listener)));
  listening.loop.spawn("RpcServer::accept_loop", accept_loop(shared_, *listening.listener));
  return listening.listener->address();
}

void RpcServer::serve(std::unique_ptr<runtime::ByteStream> stream) {
  check_use();
  ++shared_->common.stats.connections_accepted;
  const auto served = base::make_ref<ServerStream>(shared_, std::move(stream));
  served->start();
  if (shared_->is_closing) served->drain();
}

void RpcServer::join(std::shared_ptr<GroupMember> member) {
  check_use();
  shared_->common.member = std::move(member);
  const std::uint32_t connections_max = shared_->common.config.connections_max;
  if (connections_max > 0) shared_->connections_max = connections_max;
}

void RpcServer::hand_over_to(std::shared_ptr<ConnectionTaker> taker) {
  check_use();
  shared_->taker = std::move(taker);
}

void RpcServer::accept_on() { shared_->connection_closed.set(); }

runtime::Task<void> RpcServer::accept_loop(Ref<ServerShared> shared, runtime::Listener& listener) {
  runtime::Runtime& runtime = shared->runtime;
  const std::uint32_t connections_max = shared->common.config.connections_max > 0 ? shared->common.config.connections_max
                                                                                  : runtime.network().connections_max();
  shared->connections_max = connections_max;
  while (true) {
    const auto has_room = [&] {
      return shared->taker != nullptr ? shared->taker->has_room() : shared->common.stats.connections < connections_max;
    };
    while (!has_room()) {
      shared->connection_closed.reset();
      co_await shared->connection_closed.wait();
    }
    std::error_code error;
    try {
      auto stream = co_await listener.accept();
      if (stream) {
        if (shared->taker != nullptr) {
          shared->taker->take(*std::move(stream));
        } else {
          ++shared->common.stats.connections_accepted;
          base::make_ref<ServerStream>(shared, *std::move(stream))->start();
        }
        continue;
      }
      error = stream.error();
    } catch (const std::bad_alloc&) {
      error = std::make_error_code(std::errc::not_enough_memory);
    }
    ++shared->common.stats.accept_errors;
    runtime.log().log(LogLevel::warning, "accept on {}: {} (failure {}, next try in {} ms)", listener.address(),
                      error.message(), shared->common.stats.accept_errors,
                      std::chrono::duration_cast<std::chrono::milliseconds>(shared->common.config.accept_pause).count());
    co_await runtime.clock().sleep_for(shared->common.config.accept_pause);
  }
}

namespace {

runtime::Task<void> until_all_are_closed(Ref<ServerShared> shared) {
  while (!shared->connections.empty()) {
    shared->connection_closed.reset();
    co_await shared->connection_closed.wait();
  }
}

}  // namespace

void RpcServer::accept_format(const wire::WireFormat& format) {
  RAZOR_CHECK(format.id() > 0 && format.id() <= wire::WireFormat::kIdMax, "the format {} has the id {}: ids go from 1 to {}",
              format.name(), format.id(), wire::WireFormat::kIdMax);
  const wire::WireFormat* same = shared_->common.find_format(format.id());
  if (same == &format) return;
  RAZOR_CHECK(same == nullptr, "the format {} has the id {}, which {} has already", format.name(), format.id(),
              same->name());
  shared_->common.formats.push_back(&format);
}

runtime::Task<void> RpcServer::close(base::Duration limit) {
  check_use();
  const Ref<ServerShared> shared = shared_;
  listening_.clear();
  shared->is_closing = true;
  const base::Duration notice = std::min(shared->common.config.drain_notice, limit / 4);
  shared->connections.for_each([notice](ServerStream& connection) { connection.drain(notice); });
  const base::TimePoint until = base::saturating_add(shared->runtime.clock().now(), limit);
  const auto all_closed = co_await runtime::with_deadline(shared->runtime.clock(), until, until_all_are_closed(shared));
  if (all_closed) co_return;
  while (!shared->connections.empty()) shared->connections.front().close("the server's limit for closing has passed");
  shared->handlers.cancel();
}

ServerStats RpcServer::stats() const { return shared_->common.stats; }

std::vector<ConnectionStats> RpcServer::connections() const {
  std::vector<ConnectionStats> all;
  shared_->connections.for_each([&all](ServerStream& connection) { all.push_back(connection.stats()); });
  return all;
}

}  // namespace razor::stream
