#pragma once
// A ClientStream whose server is played by the test: it sees every request and says every byte of every answer.

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "razor/stream/client_stream.h"
#include "tests/support/frames.h"
#include "tests/support/manual_world.h"
#include "tests/support/plain_config.h"

namespace razor::stream {

using namespace std::chrono_literals;
using base::Duration;
using base::Errc;
using base::Ran;
using base::TimePoint;

/// How a call ended, if it did.
struct Outcome {
  int times = 0;
  TimePoint at{};
  std::optional<Response::Kind> kind;
  std::string msg;
  std::string blob;
  std::uint32_t number = 0;
  std::optional<Errc> errc;
  Ran ran = Ran::yes;
  std::string detail;
  std::function<void()> then = [] {};  // what its completion does

  bool ended() const { return times > 0; }
  bool succeeded_with(std::string_view text) const { return times == 1 && kind == Response::Kind::success && msg == text; }
  bool failed_with(Errc with, Ran and_ran) const { return times == 1 && errc == with && ran == and_ran; }

  void note(const Response& answer, TimePoint now) {
    ++times;
    at = now;
    kind = answer.kind();
    msg = base::as_text(answer.msg());
    blob = base::as_text(answer.blob());
    number = answer.number();
    if (kind == Response::Kind::failed) {
      errc = answer.error().errc();
      ran = answer.error().ran();
      detail = answer.error().message();
    }
    then();
  }
};

inline std::ostream& operator<<(std::ostream& out, const Outcome& outcome) {
  out << "ended " << outcome.times << " times";
  if (outcome.errc) return out << ": " << outcome.detail;
  if (outcome.kind) out << ": kind " << static_cast<int>(*outcome.kind) << ", msg '" << outcome.msg.substr(0, 40) << "'";
  return out;
}

/// The server of one connection, played by hand.
class ScriptedServer {
 public:
  explicit ScriptedServer(test::ManualPeer peer) : peer_(std::move(peer)) {}

  /// Takes what the client has sent.
  void look() {
    cutter_.add(peer_.take());
    for (test::SeenRequest& request : cutter_.take()) {
      EXPECT_EQ(request.seq, ++last_seq_) << "seqs count 1, 2, 3 ...";
      (request.is_ping ? pings : calls).push_back(std::move(request));
    }
    EXPECT_FALSE(cutter_.broken());
  }

  void send(const base::Bytes& bytes) { peer_.send(bytes); }
  /// Answers the n-th call, from 0.
  void answer(std::size_t nth, std::string_view msg = {}, std::string_view blob = {}) {
    send(test::answer(calls.at(nth).seq, msg, blob));
  }
  void answer_pings() {
    for (; pings_answered_ < pings.size(); ++pings_answered_) send(test::answer(pings[pings_answered_].seq));
  }
  /// Bytes that came of a request that is not whole yet.
  std::size_t partial() const { return cutter_.partial(); }

  test::ManualPeer& peer() { return peer_; }

  std::vector<test::SeenRequest> calls;
  std::vector<test::SeenRequest> pings;

 private:
  test::ManualPeer peer_;
  test::FrameCutter<test::SeenRequest> cutter_;
  std::uint64_t last_seq_ = 0;
  std::size_t pings_answered_ = 0;
};

class ClientStreamFixture : public testing::Test {
 protected:
  explicit ClientStreamFixture(ClientStreamConfig config = test::plain_config()) { connect(config); }
  ~ClientStreamFixture() override {
    stream_.reset();
    world_.run();
    EXPECT_EQ(world_.clock().timers_armed(), 0u);
    EXPECT_EQ(world_.executor().roots_count(), 0u);
    for (const Outcome& outcome : outcomes_) EXPECT_EQ(outcome.times, 1) << outcome;
  }

  /// A new connection, in place of the one there is.
  void connect(const ClientStreamConfig& new_config) {
    config_ = new_config;
    auto [stream, peer] = world_.network().connected_to_hand();
    server_.emplace(std::move(peer));
    stream_.emplace(world_, std::move(stream), config_);
    world_.after_each_turn = [this] {
      if (server_takes_) server_->look();
    };
    run();
  }
  /// From now on the server leaves what the client sends where it is.
  void server_takes_nothing(std::size_t room) {
    server_takes_ = false;
    server_->peer().in().set_room(room);
  }
  void server_takes_again() {
    server_takes_ = true;
    server_->peer().in().set_room(1024 * 1024);
    server_->look();
    run();
  }

  void run() {
    if (server_takes_) server_->look();
    world_.run();
  }
  void advance(Duration span) { world_.advance(span); }
  Duration since_start() const { return world_.now() - start_; }

  ClientTask task(const wire::Action& action, std::string_view msg, Outcome& outcome) {
    return ClientTask::with_encoded(action, base::as_bytes(msg),
                                    [this, &outcome](const Response& answer) { outcome.note(answer, world_.now()); });
  }
  /// Submits a call and lets the loops run.
  Outcome& submit(std::string_view msg = {}, const CallOptions& options = {}) {
    Outcome& outcome = submit_only(msg, options);
    run();
    return outcome;
  }
  /// Submits a call; nothing runs yet.
  Outcome& submit_only(std::string_view msg = {}, const CallOptions& options = {}) {
    Outcome& outcome = outcomes_.emplace_back();
    stream_->submit(task(kAction, msg, outcome).with_options(options));
    return outcome;
  }

  /// Awaits `call` in a coroutine of its own.
  void await(StreamCall call, Outcome& outcome) {
    world_.executor().spawn("await", await_one(std::move(call), outcome, world_));
  }

  static runtime::Task<void> await_one(StreamCall call, Outcome& outcome, test::ManualWorld& world) {
    const OwnedResponse answer = co_await call;
    outcome.note(*answer, world.now());
  }

  static constexpr std::uint32_t kAction = 5;

  ClientStreamConfig config_;
  test::ManualWorld world_;
  const TimePoint start_ = world_.now();
  std::deque<Outcome> outcomes_;
  std::optional<ScriptedServer> server_;
  std::optional<ClientStream> stream_;
  bool server_takes_ = true;
};

}  // namespace razor::stream
