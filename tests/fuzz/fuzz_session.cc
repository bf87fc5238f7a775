// Whole streams over the simulated network: a peer does what the script says, beside honest ones. The input: a byte that
// says what it attacks, a server or a client, then what it sends, and when. The server answers its honest client all the
// time, and closes when it is told to; each call of the attacked client ends by its deadline.

#include <array>
#include <vector>

#include "razor/stream/client_stream.h"
#include "razor/stream/rpc_server.h"
#include "sim/world.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/quiet_log.h"
#include "tests/support/frames.h"
#include "tests/support/streams.h"

namespace razor::fuzz {
namespace {

using namespace std::chrono_literals;
using base::ByteView;
using runtime::ByteStream;
using runtime::Task;

constexpr std::uint16_t kPort = 80;
constexpr std::uint32_t kEcho = 1;
constexpr std::uint32_t kLater = 2;
constexpr std::uint32_t kNever = 3;  // until the server goes
constexpr base::Duration kAttackLasts = 4s;
constexpr base::Duration kCallTimeout = 500ms;
constexpr base::Duration kRunLasts = 8s;

// --- The peer of the script -----------------------------------------------------------------------------------------

// A frame, honest but for what the script changes in its head.
base::Bytes frame_of(Input& input, bool is_request) {
  const std::uint8_t how = input.byte();
  const std::uint8_t seq = input.byte();
  const base::Bytes body = base::to_bytes(input.bytes(how >> 3));
  const auto length = static_cast<std::uint32_t>(body.size()) + ((how & 7) == 7 ? input.byte() * 0x10'0000u : 0);
  if (is_request) {
    test::RequestBytes frame;
    frame.seq = seq;
    frame.action = how & 3;  // 0 is a ping
    if ((how & 7) == 4) frame.format = 0x85;
    if ((how & 7) == 5) frame.format = 1;
    frame.msg_length = length;
    frame.body = body;
    return frame.bytes();
  }
  test::AnswerBytes frame;
  frame.seq = seq;
  frame.flag = how & 3;
  (frame.flag == 2 ? frame.blob_length : frame.msg_length) = length;
  if (frame.flag != 1) frame.body = body;
  return frame.bytes();
}

Task<void> attack(runtime::Clock& clock, std::unique_ptr<ByteStream> stream, Input& input, bool is_request) {
  bool may_write = true;
  bool may_read = true;
  std::array<std::byte, 300> buffer;
  while (!input.empty()) {
    base::Bytes bytes;
    switch (input.below(8)) {
      case 0: bytes = base::to_bytes(input.bytes(input.below(64))); break;
      case 1:
      case 2:
      case 3: bytes = frame_of(input, is_request); break;
      case 4: co_await clock.sleep_for(1ms * input.byte()); break;
      case 5:
        if (may_read && stream->input_pending()) {
          const auto count = co_await stream->read(base::MutableBytes(buffer).first(1 + input.byte()));
          may_read = count && *count > 0;
        }
        break;
      case 6:
        if (input.below(4) == 0 && std::exchange(may_write, false)) (void)stream->shutdown_write();
        break;
      default:
        switch (input.below(8)) {
          case 0: stream->reset(); co_return;
          case 1: co_return;  // closes it
          default: break;
        }
        break;
    }
    if (!may_write || bytes.empty()) continue;
    const base::Result<void> written = co_await test::write_owned(*stream, std::move(bytes));
    may_write = written.ok();
  }
  co_await clock.sleep_for(kRunLasts);  // says nothing more
}

Task<void> attack_server(razor::Runtime& runtime, runtime::Address server, Input& input) {
  auto stream = co_await runtime.network().connect(server);
  RAZOR_CHECK(stream, "nobody listens: {}", stream.message());
  co_await attack(runtime.clock(), std::move(*stream), input, true);
}

Task<void> attack_client(razor::Runtime& runtime, Input& input) {
  const auto listener = runtime.network().listen(runtime::Address::tcp("0.0.0.0", kPort));
  RAZOR_CHECK(listener, "nobody can listen: {}", listener.message());
  auto stream = co_await (*listener)->accept();
  RAZOR_CHECK(stream, "nobody connects: {}", stream.message());
  co_await attack(runtime.clock(), std::move(*stream), input, false);
}

// --- Those that are attacked ----------------------------------------------------------------------------------------

class Handlers final : public razor::Dispatch {
 public:
  explicit Handlers(runtime::Clock& clock) : clock_(clock) {}

  void dispatch(const razor::Request& request, razor::Responder respond) override {
    if (request.action == wire::Action(kEcho)) return respond.reply_encoded(request.msg, request.take_blob());
    if (request.action == wire::Action(kNever)) return kept_.push_back(std::move(respond));
    if (request.action != wire::Action(kLater)) return respond.fail(base::Errc::decode);
    runtime::TaskScope& handlers = respond.handlers();
    handlers.run_inline("later", answer_later(clock_, std::move(respond)));
  }

 private:
  static Task<void> answer_later(runtime::Clock& clock, razor::Responder respond) {
    co_await clock.sleep_for(70ms);
    respond.fail(7);
  }

  runtime::Clock& clock_;
  std::vector<razor::Responder> kept_;
};

struct Seen {
  bool server_has_closed = false;
  int submitted = 0;
  int ended = 0;
  bool client_has_closed = false;
};

Task<void> serve(razor::Runtime& runtime, Seen& seen) {
  Handlers handlers(runtime.clock());
  ServerConfig config;
  config.handlers_per_connection_max = 5;
  config.control_responses_max = 5;
  config.write_queue_max = 300;
  config.idle_timeout = config.head_timeout = config.body_progress_timeout = config.write_stall_timeout = 2s;
  config.limits = {.action_bytes_max = 16, .msg_bytes_max = 4096, .blob_bytes_max = 4096};
  razor::RpcServer server(runtime, handlers, config);
  RAZOR_CHECK(server.listen(runtime::Address::tcp("0.0.0.0", kPort)), "it cannot listen");
  co_await runtime.clock().sleep_for(kAttackLasts);
  const base::TimePoint asked = runtime.clock().now();
  co_await server.close(1s);
  RAZOR_CHECK(runtime.clock().now() <= asked + 1s, "closing took too long");
  seen.server_has_closed = true;
}

// While somebody attacks its server.
Task<void> call_honestly(razor::Runtime& runtime, runtime::Address server, Seen& seen) {
  auto stream = co_await razor::ClientStream::connect(runtime, server);
  RAZOR_CHECK(stream, "nobody listens: {}", stream.message());
  const base::TimePoint until = runtime.clock().now() + kAttackLasts - kCallTimeout;
  razor::CallOptions options;
  options.timeout = kCallTimeout;
  while (runtime.clock().now() < until) {
    const auto answer = co_await stream->call_encoded(kEcho, base::as_bytes("honest"), options);
    RAZOR_CHECK(answer->ok() && base::as_text(answer->msg()) == "honest", "an honest client is not served: {}",
                answer->message());
    ++seen.ended;
    co_await runtime.clock().sleep_for(250ms);
  }
}

// While its server attacks it.
Task<void> call_an_attacker(razor::Runtime& runtime, runtime::Address server, Seen& seen) {
  razor::ClientStreamConfig config;
  config.window = 4;
  config.queue_calls_max = 6;
  config.call_timeout = kCallTimeout;
  config.acquaint_interval = 100ms;
  config.ping_interval = 300ms;
  config.limits = {.action_bytes_max = 16, .msg_bytes_max = 4096, .blob_bytes_max = 4096};
  auto stream = co_await razor::ClientStream::connect(runtime, server, config);
  RAZOR_CHECK(stream, "nobody listens: {}", stream.message());
  for (int i = 0; i < 16; ++i) {
    ++seen.submitted;
    stream->submit(razor::ClientTask(kEcho, i, [&seen](const razor::Response&) { ++seen.ended; }));
    if (i % 2 == 1) co_await runtime.clock().sleep_for(100ms);
  }
  co_await runtime.clock().sleep_for(kCallTimeout + kCallTimeout / 4);
  RAZOR_CHECK(seen.ended == seen.submitted, "{} calls of {} have ended by their deadlines", seen.ended, seen.submitted);
  co_await stream->close(100ms);
  seen.client_has_closed = true;
}

}  // namespace
}  // namespace razor::fuzz

RAZOR_FUZZ_TARGET(session) {
  using namespace razor::fuzz;
  const std::uint8_t how = input.byte();
  QuietLog log;
  Seen seen;
  razor::sim::World world(how >> 1, {}, &log);
  razor::sim::Host& server = world.host("server");
  const razor::Address address = server.address(kPort);
  const bool server_is_attacked = (how & 1) == 0;
  if (server_is_attacked) {
    server.start([&seen](razor::Runtime& runtime) { return serve(runtime, seen); });
    world.host("honest").start([&](razor::Runtime& runtime) { return call_honestly(runtime, address, seen); });
    world.host("attacker").start([&](razor::Runtime& runtime) { return attack_server(runtime, address, input); });
  } else {
    server.start([&input](razor::Runtime& runtime) { return attack_client(runtime, input); });
    world.host("client").start([&](razor::Runtime& runtime) { return call_an_attacker(runtime, address, seen); });
  }
  world.run_for(kRunLasts);
  if (server_is_attacked) {
    RAZOR_CHECK(seen.server_has_closed && seen.ended > 10, "{} honest calls, and the server has closed: {}", seen.ended,
                seen.server_has_closed);
  } else {
    RAZOR_CHECK(seen.client_has_closed, "the client has not closed");
  }
}
