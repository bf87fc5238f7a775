#pragma once
// Served: a ServerConnection without a Runtime. The test is its transport, its peer and its handlers, and tells it the time.

#include <array>
#include <map>
#include <string_view>
#include <vector>

#include "razor/stream/internal/server_connection.h"
#include "tests/support/frames.h"
#include "tests/support/manual_world.h"
#include "tests/support/time_points.h"

namespace razor::stream {

/// Keeps what is dispatched: the test answers.
struct KeptRequests final : RequestHandler {
  void handle(const wire::RequestFrame& frame, const wire::WireFormat*, base::TimePoint deadline) override {
    seqs.push_back(frame.head.seq);
    deadlines[frame.head.seq] = deadline;
  }
  void note_undecodable(std::string_view, std::string_view) override { ++undecodable; }

  std::vector<wire::Seq> seqs;  ///< in the order in which they were dispatched
  std::map<wire::Seq, base::TimePoint> deadlines;
  int undecodable = 0;
};

class Served {
 public:
  explicit Served(const ServerConfig& config = {}) : common(config, log), connection(common, peer_, handler, test::kStart) {}
  Served(const Served&) = delete;

  /// What a read loop does with bytes, which may have come up to `late_by` before now. True while it may read on.
  bool receive(base::ByteView bytes, base::Duration late_by = {}) {
    const base::MutableBytes room = connection.prepare();
    RAZOR_CHECK(room.size() >= bytes.size(), "the test's frames are small");
    std::ranges::copy(bytes, room.begin());
    connection.on_bytes(bytes.size(), now, late_by);
    return go_on();
  }
  bool go_on() {
    if (connection.process(now) == ServerConnection::Progress::paused) {
      connection.on_pause(now);
      return false;
    }
    connection.end_read(now);
    return true;
  }
  void answer(wire::Seq seq, std::string_view msg = {}) {
    connection.begin(true).put(base::as_bytes(msg));
    connection.commit(seq, wire::ResponseFlag::success, {});
  }
  /// The transport takes all that there is to write.
  std::vector<test::SeenAnswer> take() {
    std::array<base::ByteView, 16> views;
    while (connection.has_output()) {
      const std::size_t gathered = connection.gather(views);
      std::size_t count = 0;
      for (std::size_t i = 0; i < gathered; ++i) {
        cutter_.add(views[i]);
        test::put_bytes(written, views[i]);
        count += views[i].size();
      }
      connection.on_written(count, now);
    }
    return cutter_.take();
  }

  test::KeptLog log;
  ServerCommon common;
  KeptRequests handler;
  base::TimePoint now = test::kStart;
  base::Bytes written;  ///< all that was taken

 private:
  const runtime::Address peer_ = runtime::Address::tcp("10.0.0.9", 4000);

 public:
  ServerConnection connection;

 private:
  test::FrameCutter<test::SeenAnswer> cutter_{true};
};

}  // namespace razor::stream
