#pragma once
// Attempt: one attempt of a pool's call: a call on one connection. Private to pool.

#include "razor/pool/internal/endpoint.h"
#include "razor/pool/internal/pool_call.h"

namespace razor::pool {

/// Owns itself from `send` until it is over, which its CallDriver hears of.
class Attempt final : public stream::Exchange {
 public:
  static void* operator new(std::size_t bytes) { return runtime::FramePool::allocate(bytes); }
  static void operator delete(void* attempt, std::size_t bytes) noexcept { runtime::FramePool::deallocate(attempt, bytes); }

  Attempt(CallDriver& driver, PoolCall& call, Connection& connection, bool is_hedge)
      : driver_(driver),
        call_(&call),
        connection_(connection),
        answers_before_(connection.endpoint.answers()),
        is_hedge_(is_hedge) {}

  /// Null once its caller waits no more.
  PoolCall* call() const { return call_; }
  Connection& connection() const { return connection_; }
  bool is_hedge() const { return is_hedge_; }
  using Exchange::was_cut_off;
  /// How many answers its address had given when it was sent.
  std::uint64_t answers_before() const { return answers_before_; }

  /// Sends the call's message with what is left of its time. False: memory was refused, and the attempt will fail.
  bool send(base::TimePoint now);
  /// Its call ends without it.
  void detach() {
    call_ = nullptr;
    tell_unwanted();
    Endpoint::on_forgotten(connection_);
  }
  /// It is over. `answered`: there was a response.
  void leave_connection(bool answered) {
    if (call_ != nullptr) Endpoint::on_forgotten(connection_);
    connection_.endpoint.on_attempt_over(connection_, answered);
  }
  /// What `response`, an error of the handler, asks of the pool.
  stream::Failover failover_of(const wire::ResponseFrame& response) const;

  void on_response(const wire::ResponseFrame& response) override;
  void on_failed(base::CallError error) override;
  std::string describe() const override;

 private:
  CallDriver& driver_;
  PoolCall* call_;
  Connection& connection_;
  std::uint64_t answers_before_;
  bool is_hedge_;
};

}  // namespace razor::pool
