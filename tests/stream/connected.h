#pragma once
// Connected: a ClientConnection without a Runtime. The test is its transport and its peer, and tells it the time.

#include <array>
#include <string_view>
#include <vector>

#include "razor/stream/internal/client_connection.h"
#include "tests/stream/noted_call.h"
#include "tests/support/frames.h"
#include "tests/support/manual_world.h"
#include "tests/support/plain_config.h"
#include "tests/support/time_points.h"

namespace razor::stream {

class Connected {
 public:
  static constexpr std::uint32_t kAction = 5;
  static constexpr std::uint64_t kClientId = 77;

  explicit Connected(const ClientStreamConfig& config = test::plain_config()) : connection(config, kClientId, peer_, log) {
    connection.start();
  }
  Connected(const Connected&) = delete;
  ~Connected() {
    connection.terminate(base::Errc::closed, "the test is over");
    connection.deliver_failures();
  }

  void submit(NotedCall& call, std::string_view msg = {}, const CallOptions& options = {}) {
    connection.begin(call, wire::Action(kAction), options).put(base::as_bytes(msg));
    connection.commit(call, {}, now);
  }
  void end_batch() { connection.end_batch(now); }
  /// The transport takes `count` bytes. Frames that are whole by now are in `seen`.
  void take(std::size_t count = ~std::size_t{0}) {
    std::array<base::ByteView, 16> views;
    while (count > 0 && connection.has_output()) {
      const std::size_t gathered = connection.gather(views);
      base::Bytes bytes;
      for (std::size_t i = 0; i < gathered; ++i) test::put_bytes(bytes, views[i]);
      const std::size_t taken = std::min(count, bytes.size());
      cutter_.add(base::ByteView(bytes).first(taken));
      connection.on_written(taken, now);
      count -= taken;
    }
    for (test::SeenRequest& request : cutter_.take()) seen.push_back(std::move(request));
  }
  /// The peer sends `bytes`.
  void receive(base::ByteView bytes) {
    while (!bytes.empty() && !connection.has_ended()) {
      const base::MutableBytes room = connection.prepare();
      const std::size_t count = std::min(room.size(), bytes.size());
      std::ranges::copy(bytes.first(count), room.begin());
      connection.on_bytes(count, now);
      bytes = bytes.subspan(count);
    }
  }

 private:
  const runtime::Address peer_ = runtime::Address::tcp("10.0.0.1", 80);

 public:
  test::KeptLog log;
  base::TimePoint now = test::kStart;
  ClientConnection connection;
  std::vector<test::SeenRequest> seen;

 private:
  test::FrameCutter<test::SeenRequest> cutter_;
};

}  // namespace razor::stream
