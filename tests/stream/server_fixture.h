#pragma once
// An RpcServer whose clients are played by the test, frame by frame or byte by byte, and whose handlers answer when the
// test says so.

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "razor/stream/rpc_server.h"
#include "tests/support/frames.h"
#include "tests/support/manual_world.h"

namespace razor::stream {

using namespace std::chrono_literals;
using base::Duration;
using base::Errc;
using base::TimePoint;

/// What its handlers do is in the action.
class ScriptedDispatch final : public Dispatch {
 public:
  static constexpr std::uint32_t kEcho = 1;  ///< answers at once
  static constexpr std::uint32_t kHold = 2;  ///< answers when the test says so
  static constexpr std::uint32_t kOther = 3;  ///< does what `other` does

  struct Seen {
    std::uint64_t seq;
    std::uint32_t action;
    std::string name;
    std::string msg;
    std::string blob;
    runtime::Address peer;
  };

  void dispatch(const Request& request, Responder respond) override {
    seen.push_back({request.seq, request.action.number(), std::string(request.action.name()),
                    std::string(base::as_text(request.msg)), std::string(base::as_text(request.blob)), request.peer});
    if (request.action == wire::Action(kEcho)) {
      respond.reply_encoded(request.msg, base::to_bytes(request.blob));
    } else if (request.action == wire::Action(kHold)) {
      held.push_back(std::move(respond));
    } else {
      other(request, std::move(respond));
    }
  }

  std::vector<Seen> seen;
  std::deque<Responder> held;
  std::function<void(const Request&, Responder)> other = [](const Request&, Responder respond) {
    respond.fail(Errc::decode);
  };
};

/// A client of the server, played by hand.
class ScriptedClient {
 public:
  explicit ScriptedClient(test::ManualPeer peer) : peer_(std::move(peer)) {}

  void send(base::ByteView bytes) { peer_.send(bytes); }
  /// Takes what has come.
  void look() {
    cutter_.add(peer_.take());
    for (test::SeenAnswer& answer : cutter_.take()) answers.push_back(std::move(answer));
    EXPECT_FALSE(cutter_.broken());
  }
  /// Seqs of the answers, in the order they came.
  std::vector<std::uint64_t> seqs() const {
    std::vector<std::uint64_t> seqs;
    for (const test::SeenAnswer& answer : answers) seqs.push_back(answer.seq);
    return seqs;
  }
  /// The answer with this seq; an empty one when there is none, or more than one.
  test::SeenAnswer answer(std::uint64_t seq) const {
    test::SeenAnswer found;
    int count = 0;
    for (const test::SeenAnswer& answer : answers) {
      if (answer.seq != seq) continue;
      found = answer;
      ++count;
    }
    EXPECT_EQ(count, 1) << "answers with seq " << seq;
    return count == 1 ? found : test::SeenAnswer();
  }
  std::size_t partial() const { return cutter_.partial(); }

  /// It has read all that the server sent, and the server has closed in order.
  bool sees_end() const { return peer_.sees_end(); }
  bool sees_reset() const { return peer_.sees_reset(); }
  bool sees_open() const { return peer_.sees_open(); }
  test::ManualPeer& peer() { return peer_; }

  std::vector<test::SeenAnswer> answers;
  bool reads = true;  // by itself

 private:
  test::ManualPeer peer_;
  test::FrameCutter<test::SeenAnswer> cutter_;
};

class ServerFixture : public testing::Test {
 protected:
  static constexpr std::uint32_t kEcho = ScriptedDispatch::kEcho;
  static constexpr std::uint32_t kHold = ScriptedDispatch::kHold;
  static constexpr std::uint32_t kOther = ScriptedDispatch::kOther;

  explicit ServerFixture(const ServerConfig& config = {}) { serve(config); }
  ~ServerFixture() override {
    server_.reset();
    dispatch_.held.clear();
    world_.run();
    EXPECT_EQ(world_.clock().timers_armed(), 0u);
    EXPECT_EQ(world_.executor().roots_count(), 0u);
  }

  /// A new server, in place of the one there is.
  void serve(const ServerConfig& config) {
    server_.reset();
    config_ = config;
    server_.emplace(world_, dispatch_, config_);
    EXPECT_TRUE(server_->listen(address_));
    world_.after_each_turn = [this] {
      for (ScriptedClient& client : clients_) {
        if (client.reads) client.look();
      }
    };
    run();
  }
  ScriptedClient& connect() {
    ScriptedClient& client = clients_.emplace_back(world_.network().connect_by_hand(address_));
    run();
    return client;
  }
  void run() {
    world_.run();
    world_.after_each_turn();
    world_.run();
  }
  void advance(Duration span) { world_.advance(span); }
  Duration since_start() const { return world_.now() - start_; }

  /// Sends and lets the loops run.
  void send(ScriptedClient& client, const base::Bytes& bytes) {
    client.send(bytes);
    run();
  }
  /// Answers the oldest request that is held.
  void answer_held(std::string_view msg = {}) {
    dispatch_.held.front().reply_encoded(base::as_bytes(msg));
    dispatch_.held.pop_front();
    run();
  }
  void expect_framework_error(const ScriptedClient& client, std::uint64_t seq, std::string_view text) {
    const test::SeenAnswer answer = client.answer(seq);
    EXPECT_EQ(answer.flag, 2);
    EXPECT_EQ(answer.blob, text);
  }

  const runtime::Address address_ = runtime::Address::tcp("server", 1);
  ServerConfig config_;
  test::ManualWorld world_;
  const TimePoint start_ = world_.now();
  ScriptedDispatch dispatch_;
  std::optional<RpcServer> server_;
  std::deque<ScriptedClient> clients_;
};

}  // namespace razor::stream
