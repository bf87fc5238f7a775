#pragma once
// A simulated world with a caller, a server `front`, and a server `back` that front calls on its callers' behalf.
//
//   Ended<std::string> call = run(front().relay(0));   // in virtual time
//
// Every way between two hosts takes 1 ms, and nothing else takes any time.

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "razor/api/client.h"
#include "razor/api/server.h"
#include "razor/pool/client_pool.h"
#include "razor/runtime/task_scope.h"
#include "razor/stream/call_hook.h"
#include "razor/stream/remote_channel.h"
#include "sim/world.h"
#include "tests/extended/reply_text.h"

namespace razor::test {

using namespace std::chrono_literals;

struct Back {
  /// All metadata of the call: "tenant=acme;", with the size of what is binary.
  virtual Call<std::string> describe() = 0;
  virtual Call<std::string> describe_after(int milliseconds) = 0;
  /// Of one key.
  virtual Call<std::string> value_of(std::string key) = 0;
  /// What else it knows: "trace abababab vendor=1; left 2000 ms; metadata 0".
  virtual Call<std::string> know() = 0;
  /// Takes so long, and is destroyed when nobody waits.
  virtual Call<bool> work(int milliseconds) = 0;
  RAZOR_SERVICE(Back, describe, describe_after, value_of, know, work)
  RAZOR_CANCELLABLE(work)
};

struct Front {
  /// Has back work for so long; 0: asks what it knows.
  virtual Call<std::string> relay(int milliseconds) = 0;
  /// Likewise, but begins after so long only.
  virtual Call<std::string> relay_late(int milliseconds) = 0;
  /// Goes on for so long when back has answered; less than 0: gives its call a completion, and goes on.
  virtual Call<std::string> relay_and_stay(int milliseconds) = 0;
  RAZOR_SERVICE(Front, relay, relay_late, relay_and_stay)
};

class RelayTest : public testing::Test, private ServerCallHook {
 protected:
  template <class T>
  struct Ended {
    Reply<T> reply;
    base::Duration took;
  };

  RelayTest() {
    world.fabric().set_link_config({.latency = {1ms, 0ms}, .split_one_in = 0});
    back_config_.hook = this;
    world.host("back").start([this](Runtime& runtime) { return serve_back(runtime, *this); });
    world.host("front").start([this](Runtime& runtime) { return serve_front(runtime, *this); });
    world.run_for(1us);  // they listen
    pool_.emplace(runtime(), world.host("back").address(kPort));
    front_pool_.emplace(runtime(), world.host("front").address(kPort));
  }
  ~RelayTest() override {
    pool_.reset();
    front_pool_.reset();
    world.run_for(1s);
    world.fabric().kill_all();
  }

  Runtime& runtime() { return world.host("client").runtime(); }
  ClientPool& pool() { return *pool_; }
  Client<Back> back() { return Client<Back>(*pool_); }
  Client<Front> front() { return Client<Front>(*front_pool_); }

  /// Until it ends.
  template <class T>
  Ended<T> run(ClientCall<T, api::NoError> call) {
    const base::TimePoint begun = world.now();
    std::optional<Reply<T>> reply;
    std::move(call).then([&reply](Reply<T> its) { reply.emplace(std::move(its)); });
    EXPECT_TRUE(world.run_until([&reply] { return reply.has_value(); }, 30s));
    return {*std::move(reply), world.now() - begun};
  }
  /// Waits for it for so long, and no longer.
  void drop_after(ClientCall<std::string, api::NoError> call, base::Duration time) {
    runtime::TaskScope scope(runtime().executor());
    scope.run_inline("caller", wait_for(std::move(call)));
    world.run_for(time);
  }
  /// The process ends at once, and a new one serves.
  void kill_back() {
    world.host("back").kill();
    world.host("back").start_again();
  }
  void restart_front() {
    world.host("front").kill();
    world.host("front").start_again();
    world.run_for(10ms);
  }
  void restart_back_with_hello(HelloMode mode) {
    back_config_.hello = mode;
    kill_back();
    world.run_for(10ms);
  }
  void refuse_tenant(std::string tenant) { refused_tenant_ = std::move(tenant); }

  sim::World world{11};
  bool relays_over_remote_channel = false;
  std::string front_saw;  ///< of its call of back
  std::string completion_saw;
  int back_destroyed = 0;

 private:
  static constexpr std::uint16_t kPort = 7000;

  static Task<void> wait_for(ClientCall<std::string, api::NoError> call) { (void)co_await std::move(call); }

  std::optional<Refusal> on_start(const CallInfo& call) override {
    for (const MetadataItem& item : call.metadata) {
      if (item.key == "tenant" && item.text() == refused_tenant_) return Refusal(Errc::denied);
    }
    return std::nullopt;
  }
  void on_end(const CallInfo&, const CallOutcome&, const CallTimings&) override {}

  class BackImpl final : public Back {
   public:
    BackImpl(Runtime& runtime, RelayTest& owner) : clock_(runtime.clock()), owner_(owner) {}

    Call<std::string> describe() override { return all_of(current_context()); }
    Call<std::string> describe_after(int milliseconds) override {
      const CallContext context = co_await razor::context();
      co_await clock_.sleep_for(std::chrono::milliseconds(milliseconds));
      co_return all_of(context);
    }
    Call<std::string> value_of(std::string key) override {
      return std::string(current_context().metadata(key).value_or("(none)"));
    }
    Call<std::string> know() override {
      const CallContext context = current_context();
      std::string text = "trace ";
      if (const TraceContext* trace = context.trace()) {
        for (int i = 0; i < 4; ++i) text += trace->trace_id[0] == std::byte{0xab} ? "ab" : "??";
        text += " " + std::string(trace->tracestate);
      } else {
        text += "none";
      }
      const auto left = context.deadline().value_or(base::TimePoint::max()) - clock_.now();
      text += "; left " + std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(left).count()) + " ms";
      return text + "; metadata " + std::to_string(context.metadata().size());
    }
    Call<bool> work(int milliseconds) override {
      struct Running {
        explicit Running(int& count) : destroyed(count) {}
        ~Running() { destroyed += is_done ? 0 : 1; }
        int& destroyed;
        bool is_done = false;
      };
      Running running(owner_.back_destroyed);
      co_await clock_.sleep_for(std::chrono::milliseconds(milliseconds));
      running.is_done = true;
      co_return true;
    }

   private:
    static std::string all_of(const CallContext& context) {
      std::string text;
      for (const MetadataItem& item : context.metadata()) {
        text += std::string(item.key) + "=" + std::string(item.text());
        if (item.is_binary) text += "(" + std::to_string(item.value.size()) + ")";
        text += ";";
      }
      return text;
    }
    runtime::Clock& clock_;
    RelayTest& owner_;
  };

  class FrontImpl final : public Front {
   public:
    FrontImpl(Runtime& runtime, RelayTest& owner, stream::Channel& back)
        : clock_(runtime.clock()), owner_(owner), back_(back) {}

    Call<std::string> relay(int milliseconds) override {
      const CallContext context = co_await razor::context();
      const Client<Back> back = back_.with(context);
      if (milliseconds == 0) {
        const Reply<std::string> knows = co_await back.know();
        co_return text_of(knows) + ": " + (knows.ok() ? *knows : "");
      }
      const Reply<bool> worked = co_await back.work(milliseconds);
      owner_.front_saw = text_of(worked);
      co_return owner_.front_saw;
    }
    Call<std::string> relay_late(int milliseconds) override {
      const CallContext context = co_await razor::context();
      co_await clock_.sleep_for(std::chrono::milliseconds(milliseconds));
      const Reply<bool> worked = co_await back_.with(context).work(10'000);
      owner_.front_saw = text_of(worked);
      co_return owner_.front_saw;
    }
    Call<std::string> relay_and_stay(int milliseconds) override {
      const CallContext context = co_await razor::context();
      const Client<Back> back = back_.with(context);
      if (milliseconds < 0) {
        back.work.start([&owner = owner_](const Reply<bool>& reply) { owner.completion_saw = text_of(reply); }, 10'000);
        milliseconds = 10'000;
      }
      ClientCall<std::string, api::NoError> call = back.describe();
      const Reply<std::string> described = co_await std::move(call);
      owner_.front_saw = text_of(described);
      co_await clock_.sleep_for(std::chrono::milliseconds(milliseconds));
      co_return owner_.front_saw;
    }

   private:
    runtime::Clock& clock_;
    RelayTest& owner_;
    Client<Back> back_;
  };

  static Task<void> serve(Runtime& runtime, Server& server) {
    const auto bound = server.listen(Address::tcp("0.0.0.0", kPort));
    EXPECT_TRUE(bound.ok()) << bound.error().message();
    co_await runtime.clock().sleep_for(1h);
  }
  static Task<void> serve_back(Runtime& runtime, RelayTest& self) {
    Server server(runtime, self.back_config_);
    server.add(std::make_shared<BackImpl>(runtime, self));
    co_await serve(runtime, server);
  }
  static Task<void> serve_front(Runtime& runtime, RelayTest& self) {
    ClientPool pool(runtime, self.world.host("back").address(kPort));
    RemoteChannel remote(runtime, pool);
    Server server(runtime);
    stream::Channel& channel = self.relays_over_remote_channel ? remote.channel() : pool.channel();
    server.add(std::make_shared<FrontImpl>(runtime, self, channel));
    co_await serve(runtime, server);
  }

  stream::ServerConfig back_config_;
  std::string refused_tenant_;
  std::optional<ClientPool> pool_;
  std::optional<ClientPool> front_pool_;
};

}  // namespace razor::test
