// A server's connection whose input is a script: the peer sends requests, pings and any bytes, handlers answer at once,
// later, or never, the transport takes responses, time passes, and the server drains. As long as the connection is not
// closed, each request and ping of it is answered once, in whole frames; no handler is answered twice, and none is
// forgotten.

#include <map>

#include "razor/stream/internal/server_connection.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/quiet_log.h"
#include "tests/fuzz/take_output.h"
#include "tests/support/frames.h"

namespace razor::fuzz {
namespace {

using namespace std::chrono_literals;
using base::Errc;
using base::TimePoint;
using stream::Drain;
using stream::ServerConfig;
using stream::ServerConnection;

constexpr std::uint32_t kLimit = 100;  // of messages, and of blobs

class Script final : public stream::RequestHandler {
 public:
  explicit Script(Input& input)
      : input_(input),
        is_closed_at_the_end_(input.flag()),
        common_(read_config(input), log_),
        expected_reader_(common_.config.limits),
        connection_(common_, peer_, *this, now_) {}

  void run() {
    while (!input_.empty()) {
      step();
      check();
    }
    if (is_closed_at_the_end_) connection_.close("the script is over");
    finish();
  }

  // --- RequestHandler
  void handle(const wire::RequestFrame& frame, const wire::WireFormat*, base::TimePoint) override {
    RAZOR_CHECK(connection_.state() == Drain::State::serving, "dispatched in state {}",
                static_cast<int>(connection_.state()));
    running_.push_back(frame.head.seq);
    // A handler that is a plain function answers below this.
    if (frame.msg.size() % 3 == 1) answer(running_.size() - 1, frame.msg.size());
  }
  void note_undecodable(std::string_view, std::string_view) override {}

 private:
  static ServerConfig read_config(Input& input) {
    ServerConfig config;
    config.handlers_per_connection_max = 1 + input.below(6);
    config.handlers_max = 1 + input.below(8);
    config.control_responses_max = 1 + input.below(5);
    config.write_queue_max = 1 + 4 * input.below(128);
    config.write_queue_hard_max = config.write_queue_max + 64 * input.below(32);
    config.limits = {.action_bytes_max = 16, .msg_bytes_max = kLimit, .blob_bytes_max = kLimit};
    config.linger_timeout = 100ms;
    return config;
  }

  void step() {
    switch (input_.below(16)) {
      case 0:
      case 1:
      case 2: put_request(); break;
      case 3: test::put_bytes(incoming_, test::ping(next_seq())); break;
      case 4: test::put_bytes(incoming_, test::prompt_ping(next_seq())); break;
      case 5: test::put_bytes(incoming_, input_.bytes(1 + input_.below(40))); break;
      case 6: receive(1 + input_.below(64)); break;
      case 7: receive(~std::size_t{0}); break;
      case 8:
      case 9: answer(input_.byte(), input_.byte()); break;
      case 10: take(input_.below(64)); break;
      case 11: take(~std::size_t{0}); break;
      case 12: now_ += 10ms * input_.below(256); break;
      case 13: on_timer(); break;
      case 14: end_of_input(); break;
      default:
        switch (input_.below(8)) {
          case 0: connection_.drain(!incoming_.empty()); break;
          case 1: connection_.close("the script says so"); break;
          case 2: connection_.set_crowded(input_.flag()); break;
          default: go_on(false); break;
        }
        break;
    }
    obey();
  }

  void check() {
    const stream::ConnectionStats stats = connection_.stats();
    RAZOR_CHECK(stats.handlers == running_.size() && common_.stats.handlers == running_.size(),
                "{} handlers are counted of {}", stats.handlers, running_.size());
    RAZOR_CHECK(
        running_.size() <= common_.config.handlers_per_connection_max && running_.size() <= common_.config.handlers_max,
        "{} handlers run", running_.size());
    RAZOR_CHECK(stats.bytes_sent == taken_ && stats.bytes_received == received_, "{} bytes sent of {}, {} received of {}",
                stats.bytes_sent, taken_, stats.bytes_received, received_);
    RAZOR_CHECK(!cutter_.broken(), "what goes out is no frame");
  }

  // --- The peer
  wire::Seq next_seq() {
    const std::uint8_t jump = input_.byte();
    return jump < 0xf0 ? ++last_seq_ : jump - 0xf0u;  // some peers count wrongly
  }
  void put_request() {
    const std::uint8_t how = input_.byte();
    test::RequestBytes frame;
    frame.seq = next_seq();
    if ((how & 1) != 0) {
      frame.body = test::bytes_of("A.b");
      frame.action = 0x8000'0003u;
    }
    if ((how & 6) == 6) frame.format = 1;  // not known here
    if ((how & 0x38) == 0x38) frame.version = input_.byte();
    frame.msg_length = how >> 4;
    const base::Bytes message = base::to_bytes(input_.bytes(frame.msg_length));
    frame.msg_length = static_cast<std::uint32_t>(message.size());
    frame.body = test::joined(std::move(frame.body), message);
    test::put_bytes(incoming_, frame.bytes());
  }

  // --- The loops, as in server_stream.cc
  void receive(std::size_t count) {
    while (count > 0 && !incoming_.empty() && !is_paused_ && !is_at_end_ && !connection_.is_closed()) {
      const base::MutableBytes room = connection_.prepare();
      RAZOR_CHECK(!room.empty(), "no room to read into");
      const std::size_t read = std::min({room.size(), count, incoming_.size()});
      std::copy_n(incoming_.begin(), read, room.begin());
      if (connection_.reads_requests()) expect(base::ByteView(incoming_).first(read));
      incoming_.erase(incoming_.begin(), incoming_.begin() + static_cast<std::ptrdiff_t>(read));
      received_ += read;
      count -= read;
      connection_.on_bytes(read, now_);
      if (connection_.reads_requests()) process();
      obey();
    }
  }
  void process() {
    if (connection_.process(now_) == ServerConnection::Progress::paused) {
      connection_.on_pause(now_);
      is_paused_ = true;
    } else if (!connection_.is_closed()) {
      connection_.end_read(now_);
    }
  }
  void go_on(bool is_broken) {
    if (!is_paused_ || !connection_.may_resume()) return;
    is_paused_ = false;
    if (!connection_.is_closed()) connection_.on_resume(now_, is_broken);
    process();
  }
  void end_of_input() {
    if (is_paused_ || is_at_end_ || connection_.is_closed()) return;
    // What is not whole by now is of nobody.
    receive(~std::size_t{0});
    if (is_paused_ || connection_.is_closed()) return;
    is_at_end_ = true;
    connection_.on_peer_closed(now_);
  }
  void take(std::size_t count) {
    if (connection_.is_closed() || !connection_.has_output()) return;
    connection_.on_write_begins(now_);
    const std::size_t taken = take_output(connection_, cutter_, count);
    if (taken == 0) return;
    taken_ += taken;
    connection_.on_written(taken, now_);
    if (connection_.wants_sample_after_write(now_)) connection_.on_acknowledged(now_, runtime::Unacknowledged{taken, taken});
    for (const test::SeenAnswer& response : cutter_.take()) note_response(response.seq);
  }
  void obey() {
    if (connection_.state() == Drain::State::serving || connection_.is_closed()) return;
    const bool is_draining = connection_.state() == Drain::State::draining;
    switch (connection_.next_step(is_draining && !incoming_.empty())) {
      case Drain::Step::none: break;
      case Drain::Step::close:
        expect_nothing_owed();
        connection_.close("the peer closed");
        break;
      case Drain::Step::shut_write:
        expect_nothing_owed();
        connection_.on_write_shut(now_);
        connection_.on_acknowledged(now_, runtime::Unacknowledged{0, 0});
        break;
    }
  }
  void on_timer() {
    if (connection_.is_closed()) return;
    const std::uint32_t lag = input_.byte();
    if (connection_.wants_sample(now_)) connection_.on_acknowledged(now_, runtime::Unacknowledged{lag, lag});
    (void)connection_.check(now_);
  }

  // --- Handlers
  void answer(std::size_t number, std::size_t how) {
    if (running_.empty()) return;
    const auto place = running_.begin() + static_cast<std::ptrdiff_t>(number % running_.size());
    const wire::Seq seq = *place;
    running_.erase(place);
    switch (how % 6) {
      case 0: connection_.commit_number(seq, static_cast<std::uint32_t>(how)); break;
      case 1:
        (void)connection_.begin(true);
        connection_.refuse(seq, stream::Failure(Errc::internal));
        break;
      case 2:  // one that does not count, then one that does
        connection_.begin(false).put(base::as_bytes("twice"));
        connection_.abandon();
        [[fallthrough]];
      default:
        connection_.begin(true).put(base::as_bytes(std::string(how / 2, 'm')));  // some are above the limit
        if ((how & 1) != 0) {
          connection_.commit(seq, wire::ResponseFlag::success, base::Blob::copy_of(std::string(how / 4, 'b')));
        } else {
          connection_.commit(seq, wire::ResponseFlag::error_bytes, {});
        }
        break;
    }
  }

  // --- What is owed
  void expect(base::ByteView bytes) {
    while (!bytes.empty() && !is_faulty_) {
      const base::MutableBytes room = expected_reader_.prepare();
      const std::size_t count = std::min(room.size(), bytes.size());
      std::copy_n(bytes.begin(), count, room.begin());
      bytes = bytes.subspan(count);
      expected_reader_.commit(count);
      wire::RequestReader::Found found{};
      while ((found = expected_reader_.next()) == wire::RequestReader::Found::frame)
        ++owed_[expected_reader_.frame().head.seq];
      if (found != wire::RequestReader::Found::fault) continue;
      is_faulty_ = true;
      if (expected_reader_.fault() != wire::HeadFault::magic) ++owed_[expected_reader_.faulty_head().seq];
    }
  }
  void note_response(wire::Seq seq) {
    const auto owed = owed_.find(seq);
    RAZOR_CHECK(owed != owed_.end(), "a response to seq {}, to which none is owed", seq);
    if (--owed->second == 0) owed_.erase(owed);
  }
  void expect_nothing_owed() const {
    RAZOR_CHECK(owed_.empty(), "it shuts its side and owes a response to seq {}", owed_.begin()->first);
    RAZOR_CHECK(cutter_.partial() == 0, "it shuts its side in the middle of a frame");
  }

  // The handlers end, the peer takes everything, and says nothing more.
  void finish() {
    const auto is_over = [this] {
      return running_.empty() && !is_paused_ &&
             (connection_.is_closed() || (!connection_.has_output() && (incoming_.empty() || is_at_end_)));
    };
    for (int turns = 0; !is_over(); ++turns) {
      RAZOR_CHECK(turns < 3000, "it is paused for ever");
      receive(~std::size_t{0});
      answer(0, 3);
      take(~std::size_t{0});
      go_on(false);
      obey();
      check();
    }
    if (!connection_.is_closed()) expect_nothing_owed();
  }

  Input& input_;
  const bool is_closed_at_the_end_;  // while handlers run; else everything is answered
  QuietLog log_;
  stream::ServerCommon common_;
  wire::RequestReader expected_reader_;  // what it should find; what it makes of bytes, fuzz_request_reader checks
  const runtime::Address peer_ = runtime::Address::tcp("10.0.0.9", 4000);
  TimePoint now_{1000s};
  std::vector<wire::Seq> running_;  // handlers, by what they answer
  ServerConnection connection_;

  wire::Seq last_seq_ = 0;
  base::Bytes incoming_;  // what the peer sent, and is not read
  base::ByteCount received_ = 0;
  base::ByteCount taken_ = 0;
  test::FrameCutter<test::SeenAnswer> cutter_;
  std::map<wire::Seq, std::uint32_t> owed_;  // responses, of all that has arrived
  bool is_faulty_ = false;
  bool is_paused_ = false;
  bool is_at_end_ = false;
};

}  // namespace
}  // namespace razor::fuzz

RAZOR_FUZZ_TARGET(server_connection) {
  razor::fuzz::Script script(input);
  script.run();
}
