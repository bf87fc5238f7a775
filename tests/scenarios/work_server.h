#pragma once
// WorkServer: serves Work on one host and notes its handlers in the ledger. Scenarios say through the hooks of WorkHooks how
// slow or broken a server is, and who leads.

#include <algorithm>
#include <memory>
#include <optional>
#include <string>

#include "razor/api/server.h"
#include "sim/running.h"
#include "tests/support/work_service.h"

namespace razor::test {

using namespace std::chrono_literals;
using work::Elsewhere;
using work::Order;
using work::Product;
using work::Work;

inline constexpr std::uint16_t kWorkPort = 7000;

/// The name of the host whose program calls this.
inline const std::string& this_host() { return sim::running_host()->name(); }

/// How one server treats its calls. Outlives the server.
class WorkHooks {
 public:
  virtual ~WorkHooks() = default;

  /// The error of `led` where this server does not lead.
  virtual std::optional<Elsewhere> elsewhere(const Order&) { return std::nullopt; }
  /// A handler begins to serve a call. True: it will fail with Errc::internal.
  virtual bool begin(const Order&) { return false; }
  /// How long the handler takes.
  virtual base::Duration time_of(const Order& order) { return std::chrono::milliseconds(order.milliseconds); }
  /// The handler is about to return.
  virtual void end(const Order&) {}

  int running = 0;  ///< handlers at this moment
  int running_peak = 0;  ///< the most at a time
};

class WorkService final : public Work {
 public:
  WorkService(Runtime& runtime, faults::Ledger& ledger, WorkHooks& hooks)
      : runtime_(runtime), ledger_(ledger), hooks_(hooks), server_(this_host()) {}

  Call<Product, std::string> once(Order order) override { return serve<std::string>(std::move(order)); }
  Call<Product, std::string> often(Order order) override { return serve<std::string>(std::move(order)); }
  Call<Product, Elsewhere> led(Order order) override {
    std::optional<Elsewhere> elsewhere = hooks_.elsewhere(order);
    if (!elsewhere) return serve<Elsewhere>(std::move(order));
    ledger_.dispatched(order.id, server_, work::hash_of(order));
    ledger_.answered(order.id, faults::HandlerAnswer::refused);
    return Fail(*std::move(elsewhere));
  }
  Call<> refuse_to_encode(work::Unencodable) override { return {}; }

 private:
  // In the frame of a handler, so that one that is destroyed counts no more either.
  struct Running {
    explicit Running(WorkHooks& of) : hooks(of) { hooks.running_peak = std::max(hooks.running_peak, ++hooks.running); }
    Running(const Running&) = delete;
    ~Running() { --hooks.running; }
    WorkHooks& hooks;
  };

  template <class Error>
  Call<Product, Error> serve(Order order) {
    const Running running(hooks_);
    ledger_.dispatched(order.id, server_, work::hash_of(order));
    const bool fails = hooks_.begin(order);
    if (const base::Duration time = hooks_.time_of(order); time > 0ns) co_await runtime_.clock().sleep_for(time);
    hooks_.end(order);
    if (fails) {
      ledger_.answered(order.id, faults::HandlerAnswer::threw);
      co_return base::Errc::internal;
    }
    Product product(order.id, std::move(order.payload));
    ledger_.answered(order.id, faults::HandlerAnswer::value, work::hash_of(product.payload));
    co_return product;
  }

  Runtime& runtime_;
  faults::Ledger& ledger_;
  WorkHooks& hooks_;
  std::string server_;
};

/// Serves until its host ends it.
inline Task<void> serve_work(Runtime& runtime, faults::Ledger& ledger, WorkHooks& hooks, ServerConfig config = {}) {
  Server server(runtime, config);
  server.add(std::make_shared<WorkService>(runtime, ledger, hooks));
  const auto bound = server.listen(Address::tcp("0.0.0.0", kWorkPort));
  RAZOR_REQUIRE(bound.ok(), "listen: {}", bound.error().message());
  co_await runtime.clock().sleep_until(base::TimePoint::max());
}

/// An order that echoes `payload`.
inline Order order_of(std::uint32_t milliseconds, std::string payload) {
  Order order;
  order.milliseconds = milliseconds;
  order.payload = std::move(payload);
  return order;
}

/// Submits to the ledger a call of `order`, which gets its id.
inline void note_submitted(faults::Ledger& ledger, Order& order, faults::CallTerms terms) {
  terms.request_hash = work::hash_of(order);
  order.id = ledger.submitted(terms);
}

/// Every call has ended, and each was told the truth.
inline void check_all_ended(faults::Ledger& ledger) {
  ledger.check_all();
  RAZOR_EXPECT(ledger.under_way() == 0, "{} calls have not ended", ledger.under_way());
}

}  // namespace razor::test
