// Memory that is refused: the k-th allocation of 512 B or more that one end asks for, for every k, over an exchange of calls
// of all kinds and sizes between a client, its pool and a server.
//
// Without what contains it, the process ends at the first k; where only a part is contained, a call never ends, ends twice,
// or says wrongly whether it ran.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "faults/allocation.h"
#include "razor/api/client.h"
#include "razor/api/server.h"
#include "razor/pool/failover_pool.h"
#include "razor/runtime/frame_pool.h"
#include "razor/stream/client_stream.h"
#include "razor/stream/remote_channel.h"
#include "sim/running.h"
#include "sim/world.h"

namespace razor::test {
namespace {

using namespace std::chrono_literals;

constexpr std::uint16_t kPort = 7000;
constexpr std::size_t kCallsMax = 400;
constexpr std::uint32_t kEchoBlob = 1;

// What the test itself does is no concern of the library: its allocations are not refused.
using TestsOwn = sim::Running;

struct Trouble {
  std::string what;
  std::vector<std::uint32_t> where;
  RAZOR_FIELDS(Trouble, what, where)
};

struct Talk {
  virtual Call<std::string> echo(std::uint32_t id, std::string text) = 0;
  virtual Call<std::string> later(std::uint32_t id, std::string text) = 0;
  virtual Call<std::string> again(std::uint32_t id, std::string text) = 0;
  virtual Call<void, std::string> refuse(std::uint32_t id, std::string text) = 0;
  virtual Call<void, Trouble> trouble(std::uint32_t id, std::string text) = 0;
  RAZOR_SERVICE(Talk, echo, later, again, refuse, trouble)
  RAZOR_IDEMPOTENT(again)
};

// What became of the calls. Notes take no memory.
struct Ledger {
  struct Entry {
    bool is_submitted = false;
    int completed = 0;
    int dispatched = 0;
    int dispatched_max = 1;
    Ran ran = Ran::maybe;
    std::optional<Errc> errc;
    bool is_right = true;
  };

  std::uint32_t begin(int dispatched_max) {
    if (count == entries.size()) std::abort();
    entries[count].is_submitted = true;
    entries[count].dispatched_max = dispatched_max;
    return count++;
  }
  /// Its submission threw: it does not exist.
  void never_was(std::uint32_t id) { entries[id].is_submitted = false; }
  void ended(std::uint32_t id, Ran ran, std::optional<Errc> errc, bool is_right) {
    Entry& entry = entries[id];
    ++entry.completed;
    entry.ran = ran;
    entry.errc = errc;
    entry.is_right = is_right;
  }
  bool all_ended() const {
    for (std::uint32_t id = 0; id < count; ++id) {
      if (entries[id].is_submitted && entries[id].completed == 0) return false;
    }
    return true;
  }
  void check(std::string_view where) const {
    for (std::uint32_t id = 0; id < count; ++id) {
      const Entry& entry = entries[id];
      EXPECT_EQ(entry.completed, entry.is_submitted ? 1 : 0) << where << ": call " << id;
      EXPECT_LE(entry.dispatched, entry.is_submitted ? entry.dispatched_max : 0) << where << ": call " << id;
      EXPECT_TRUE(entry.is_right) << where << ": call " << id << " has a wrong answer";
      if (entry.completed == 0 || entry.ran == Ran::maybe) continue;
      EXPECT_EQ(entry.dispatched > 0, entry.ran == Ran::yes)
          << where << ": call " << id << " " << (entry.errc ? name_of(*entry.errc) : "answered");
    }
  }

  std::array<Entry, kCallsMax> entries{};
  std::uint32_t count = 0;
};

class TalkImpl final : public Talk {
 public:
  TalkImpl(Runtime& runtime, Ledger& ledger) : runtime_(runtime), ledger_(ledger) {}

  Call<std::string> echo(std::uint32_t id, std::string text) override {
    ++ledger_.entries[id].dispatched;
    return text;
  }
  Call<std::string> later(std::uint32_t id, std::string text) override {
    ++ledger_.entries[id].dispatched;
    co_await runtime_.clock().sleep_for(5ms);
    co_return text;
  }
  Call<std::string> again(std::uint32_t id, std::string text) override { return echo(id, std::move(text)); }
  Call<void, std::string> refuse(std::uint32_t id, std::string text) override {
    ++ledger_.entries[id].dispatched;
    return Fail(std::move(text));
  }
  Call<void, Trouble> trouble(std::uint32_t id, std::string text) override {
    ++ledger_.entries[id].dispatched;
    const TestsOwn own(nullptr);
    return Fail(Trouble{std::move(text), std::vector<std::uint32_t>(300, id)});
  }

 private:
  Runtime& runtime_;
  Ledger& ledger_;
};

// The message is the call's id; the blob comes back.
class Blobs final : public Dispatch {
 public:
  explicit Blobs(Ledger& ledger) : ledger_(ledger) {}
  void dispatch(const Request& request, Responder respond) override {
    std::uint32_t id = 0;
    if (!request.decode(id) || id >= kCallsMax) return respond.fail(Errc::decode);
    ++ledger_.entries[id].dispatched;
    Bytes blob;
    {
      const TestsOwn own(nullptr);
      blob = base::to_bytes(request.blob);
    }
    respond.reply(id, std::move(blob));
  }

 private:
  Ledger& ledger_;
};

// One exchange, in a world of its own.
class Exchange {
 public:
  Exchange() {
    world_.fabric().set_link_config({.latency = {1ms, 0ms}, .split_one_in = 0});
    serve();
    FailoverPoolConfig config;
    config.pool.stream = stream_config();
    config.pool.connections_max = 2;
    config.pool.retry.backoff_min = 10ms;
    pool_.emplace(client.runtime(), std::vector{server.address(kPort)}, config);
    other_ = &client.add_runtime();
    remote_.emplace(*other_, *pool_);
  }
  ~Exchange() {
    remote_.reset();
    pool_.reset();
    single_.reset();
    rpc_server_.reset();
    world_.fabric().kill_all();
  }

  /// Everything under the refusal, and then once more without.
  void run(sim::Host& host, std::uint64_t nth, std::uint64_t count, std::string_view where) {
    {
      const faults::AllocationRefusal refusal(host, 512, nth, count);
      connect();
      talk();
      world_.run_for(300ms);
      give_up();
      talk();
      finish(where);
      refused = refusal.refused();
    }
    if (!single_ || !single_->is_open()) connect();
    ASSERT_TRUE(single_) << where;
    world_.run_for(2s);
    const std::uint32_t first = ledger_.count;
    talk();
    finish(where);
    for (std::uint32_t id = first; id < ledger_.count; ++id) {
      EXPECT_FALSE(ledger_.entries[id].errc)
          << where << ": afterwards call " << id << " " << name_of(*ledger_.entries[id].errc);
    }
    ledger_.check(where);
  }

  std::uint64_t refused = 0;

 private:
  static ClientStreamConfig stream_config() {
    ClientStreamConfig config;
    config.window = 3;
    config.tick = 10ms;
    config.call_timeout = 5s;
    return config;
  }

  void serve() {
    ServerConfig config;
    config.accept_pause = 10ms;
    rpc_server_.emplace(server.runtime(), config);
    rpc_server_->add(std::make_shared<TalkImpl>(server.runtime(), ledger_));
    rpc_server_->set_fallback(blobs_);
    EXPECT_TRUE(rpc_server_->listen(Address::tcp("0.0.0.0", kPort)).ok());
    world_.run_for(1us);
  }

  auto done(std::uint32_t id, const std::string& text) {
    return [this, id, size = text.size()](const auto& reply) {
      const bool failed = reply.has_call_error();
      bool is_right = true;
      if constexpr (requires { reply->size(); }) is_right = !reply.ok() || reply->size() == size;
      ledger_.ended(id, failed ? reply.call_error().ran() : Ran::yes,
                    failed ? std::optional(reply.call_error().errc()) : std::nullopt, is_right);
    };
  }

  // A stream of the client's own, beside its pool_. Tried until it is there: this is where what it is made of may find none.
  void connect() {
    struct Connecting {
      static Task<void> run(Exchange& self) {
        for (int tries = 0; tries < 20; ++tries) {
          try {
            auto made = co_await ClientStream::connect(self.client.runtime(), self.server.address(kPort), stream_config());
            if (made.ok()) {
              self.single_.emplace(*std::move(made));
              co_return;
            }
          } catch (const std::bad_alloc&) {
          }
          co_await self.client.runtime().clock().sleep_for(10ms);
        }
      }
    };
    single_.reset();
    client.runtime().executor().spawn("connect", Connecting::run(*this));
    world_.run_until([this] { return single_.has_value(); }, 10s);
  }

  void talk() {
    std::vector<stream::Channel*> channels{&pool_->channel(), &remote_->channel()};
    if (single_) channels.push_back(&single_->channel());
    for (stream::Channel* channel : channels) {
      const Client<Talk> talk(*channel);
      for (const std::size_t size : {10, 700, 40'000}) {
        const std::string text(size, static_cast<char>('a' + size % 23));
        submit(1, [&](std::uint32_t id) { talk.echo.start(done(id, text), id, text); });
        submit(1, [&](std::uint32_t id) { talk.later.start(done(id, text), id, text); });
        submit(4, [&](std::uint32_t id) { talk.again.start(done(id, text), id, text); });
        submit(1, [&](std::uint32_t id) { talk.refuse.start(done(id, text), id, text); });
        submit(1, [&](std::uint32_t id) { talk.trouble.start(done(id, text), id, text); });
        submit(1, [&](std::uint32_t id) { send_blob(*channel, id, size); });
      }
      const std::string large(300'000, 'z');
      submit(4, [&](std::uint32_t id) { talk.again.start(done(id, large), id, large); });
      world_.run_for(20ms);
    }
    if (single_) {
      for (const std::size_t size : {10, 6'000, 300'000}) {
        submit(1, [&](std::uint32_t id) { await_blob(id, size); });
      }
    }
  }

  // Calls whose callers stop waiting.
  void give_up() {
    const Client<Talk> talk(*pool_);
    const std::string text(6'000, 'x');
    for (int i = 0; i < 5; ++i) {
      const std::uint32_t id = ledger_.begin(1);
      const sim::Running program(&client);
      try {
        const auto given_up = talk.later(id, text);
      } catch (const std::bad_alloc&) {
      }
      ledger_.ended(id, Ran::maybe, Errc::cancelled, true);
    }
  }

  template <class Start>
  void submit(int dispatched_max, Start start) {
    const std::uint32_t id = ledger_.begin(dispatched_max);
    const sim::Running program(&client);
    try {
      start(id);
    } catch (const std::bad_alloc&) {
      ledger_.never_was(id);
    }
  }

  static Bytes blob_of(std::size_t size) {
    const TestsOwn own(nullptr);
    return Bytes(size, std::byte{7});
  }
  void note(const Response& answer, std::uint32_t id, std::size_t size) {
    const bool failed = answer.kind() == Response::Kind::failed;
    ledger_.ended(id, failed ? answer.error().ran() : Ran::yes, failed ? std::optional(answer.error().errc()) : std::nullopt,
                  failed || answer.blob().size() == size);
  }
  void send_blob(stream::Channel& channel, std::uint32_t id, std::size_t size) {
    stream::submit(channel, ClientTask(wire::Action(kEchoBlob), id, [this, id, size](const Response& answer) {
                              note(answer, id, size);
                            }).with_blob(blob_of(size)));
  }
  void await_blob(std::uint32_t id, std::size_t size) {
    struct Awaiting {
      static Task<void> run(Exchange& self, stream::StreamCall call, std::uint32_t id, std::size_t size) {
        const stream::OwnedResponse answer = co_await std::move(call);
        self.note(*answer, id, size);
      }
    };
    stream::StreamCall call = single_->call(wire::Action(kEchoBlob), id, {}, blob_of(size));
    const TestsOwn own(nullptr);
    client.runtime().executor().spawn("await a blob", Awaiting::run(*this, std::move(call), id, size));
  }

  void finish(std::string_view where) {
    EXPECT_TRUE(world_.run_until([this] { return ledger_.all_ended(); }, 30s)) << where << ": calls hang";
    world_.run_for(100ms);
  }

  struct Silent final : base::LogSink {
    bool enabled(base::LogLevel) const override { return true; }
    void write(base::LogLevel, std::string_view) override {}
  };

  Silent log_;
  Ledger ledger_;
  Blobs blobs_{ledger_};
  sim::World world_{7, {}, &log_};

 public:
  sim::Host& client = world_.host("client");
  sim::Host& server = world_.host("server");

 private:
  std::optional<Server> rpc_server_;
  std::optional<FailoverPool> pool_;
  std::optional<ClientStream> single_;  // beside the pool
  Runtime* other_ = nullptr;
  std::optional<RemoteChannel> remote_;
};

class MemoryRefused : public testing::Test {
 protected:
  void SetUp() override {
    if (!faults::allocations_are_counted()) GTEST_SKIP() << "a sanitizer stands in front of malloc";
  }
  /// Gives how many allocations were refused; checks that all are given back.
  static std::uint64_t exchange(bool of_client, std::uint64_t nth, std::uint64_t count) {
    const std::string where = fmt::format("{} from number {} of the {}", count, nth, of_client ? "client" : "server");
    runtime::FramePool::trim();
    const std::uint64_t blocks_before = faults::allocations().live_blocks;
    std::uint64_t refused = 0;
    {
      Exchange exchange;
      exchange.run(of_client ? exchange.client : exchange.server, nth, count, where);
      refused = exchange.refused;
    }
    runtime::FramePool::trim();
    EXPECT_EQ(faults::allocations().live_blocks, blocks_before) << where;
    return refused;
  }
  /// Until an exchange asks for less often than that.
  void refuse_each(bool of_client, std::uint64_t count) {
    {
      Exchange first;  // makes what is made once
      first.run(first.client, kNever, 1, "without a refusal");
      ASSERT_EQ(first.refused, 0u);
    }
    std::uint64_t nth = 1;
    while (exchange(of_client, nth, count) > 0 && !testing::Test::HasFailure()) nth += count;
    EXPECT_GT(nth, 100u) << "the exchange is too small to tell";
  }

  static constexpr std::uint64_t kNever = 1'000'000'000;
};

TEST_F(MemoryRefused, AtTheClientOnce) { refuse_each(true, 1); }
TEST_F(MemoryRefused, AtTheServerOnce) { refuse_each(false, 1); }
TEST_F(MemoryRefused, AtTheClientForAWhile) { refuse_each(true, 10); }
TEST_F(MemoryRefused, AtTheServerForAWhile) { refuse_each(false, 10); }

}  // namespace
}  // namespace razor::test
