#include "tests/swarm/untrusted_peers.h"

#include <fmt/format.h>

#include <array>

#include "razor/runtime/task_scope.h"
#include "razor/runtime/with_deadline.h"
#include "razor/wire/frame_reader.h"

namespace razor::swarm {
namespace {

using base::ByteView;
using runtime::ByteStream;
using runtime::Task;

// Longer than any time that a server gives a connection: silence, half a head, a stalled body, answers not taken.
constexpr base::Duration kServerPatience = 150s;
// A client that got an answer to what it never sent has this long to close.
constexpr base::Duration kClientPatience = 2s;
// Behind the last fault, what is lost has been sent again.
constexpr base::Duration kCalm = 20s;

void put(std::string& to, const wire::RequestHead& head) {
  std::array<std::byte, wire::kRequestHeadBytes> bytes{};
  wire::store_head(bytes.data(), head);
  to += base::as_text(bytes);
}
void put(std::string& to, const wire::ResponseHead& head) {
  std::array<std::byte, wire::kResponseHeadBytes> bytes{};
  wire::store_head(bytes.data(), head);
  to += base::as_text(bytes);
}

std::string garbage(base::RandomStream& random, std::uint64_t most) {
  std::string bytes(1 + random.below(most), '\0');
  for (char& byte : bytes) byte = static_cast<char>(random.bits());
  return bytes;
}

// A request for Waste.make(bytes): msgpack of one u32.
std::string request_of_waste(wire::Seq seq, std::uint32_t bytes) {
  constexpr std::string_view kAction = "Waste.make";
  std::string msg("\xce", 1);
  for (int shift = 24; shift >= 0; shift -= 8) msg += static_cast<char>(bytes >> shift);
  wire::RequestHead head;
  head.action = wire::Action::kNameBit | static_cast<std::uint32_t>(kAction.size());
  head.seq = seq;
  head.msg_bytes = static_cast<std::uint32_t>(msg.size());
  std::string frame;
  put(frame, head);
  return frame + std::string(kAction) + msg;
}

// What a hostile client sends; kinds from 0.
constexpr std::uint64_t kAttacks = 9;

std::string attack_of(std::uint64_t kind, base::RandomStream& random) {
  std::string bytes;
  wire::RequestHead head;
  head.seq = 1;
  head.action = 1 + static_cast<std::uint32_t>(random.below(100));
  switch (kind) {
    case 0: return garbage(random, 4000);
    case 1:  // far more than any limit
      head.msg_bytes = 0xffff'ffff;
      head.blob_bytes = 0xffff'ffff;
      put(bytes, head);
      return bytes + garbage(random, 2000);
    case 2:  // as much as the limits let pass, and then not sent
      head.blob_bytes = 60 * base::kMiB;
      put(bytes, head);
      return bytes + garbage(random, 2000);
    case 3: {  // half a head
      put(bytes, head);
      bytes.resize(1 + random.below(wire::kRequestHeadBytes - 1));
      return bytes;
    }
    case 4:
      head.version = static_cast<std::uint8_t>(2 + random.below(200));
      put(bytes, head);
      return bytes;
    case 5: {  // a message that is no msgpack, or claims to hold four billion elements
      std::string msg = random.one_in(2) ? garbage(random, 300) : std::string("\xdd\xff\xff\xff\xff", 5);
      if (random.one_in(3)) msg = std::string(1000, '\x91');  // deep nesting
      head.action = kStore;
      head.msg_bytes = static_cast<std::uint32_t>(msg.size());
      put(bytes, head);
      return bytes + msg;
    }
    case 6:  // pings, and nobody reads the answers
      head.action = 0;
      for (std::uint64_t i = 0; i < 3000; ++i) {
        head.seq = i + 1;
        put(bytes, head);
      }
      return bytes;
    case 7:  // large answers, and nobody reads them
      for (std::uint64_t i = 1; i <= kWasteRequests; ++i) bytes += request_of_waste(i, kWasteMax);
      return bytes;
    default: return {};  // says nothing
  }
}

Task<bool> send(ByteStream& stream, std::string bytes) {
  ByteView left = base::as_bytes(bytes);
  while (!left.empty()) {
    const std::array<ByteView, 1> buffers{left};
    const auto taken = co_await stream.write(buffers);
    if (!taken) co_return false;
    left = left.subspan(*taken);
  }
  co_return true;
}

// Until the peer ends the connection.
Task<void> drain(ByteStream& stream) {
  std::array<std::byte, 4096> buffer;
  while (true) {
    const auto count = co_await stream.read(buffer);
    if (!count || *count == 0) co_return;
  }
}

// Whether the server answers a ping on this connection.
Task<bool> is_served(ByteStream& stream, wire::Seq seq) {
  std::string ping;
  wire::RequestHead head;
  head.seq = seq;
  put(ping, head);
  if (!co_await send(stream, std::move(ping))) co_return false;
  std::array<std::byte, wire::kResponseHeadBytes> answer;
  std::size_t count = 0;
  while (count < answer.size()) {
    const auto more = co_await stream.read(base::MutableBytes(answer).subspan(count));
    if (!more || *more == 0) co_return false;
    count += *more;
  }
  co_return true;
}

}  // namespace

void Attacker::attack(const std::string& server, base::RandomStream& random) {
  if (!host().is_up()) return;
  const std::uint64_t seed = random.bits();
  Runtime& runtime = host().runtime();
  runtime.executor().spawn("an attack", run(runtime, scene_, name_, server, seed));
}

Task<void> Attacker::run(Runtime& runtime, Scene& scene, std::string attacker, std::string server, std::uint64_t seed) {
  base::RandomStream random(seed);
  runtime::Clock& clock = runtime.clock();
  auto connected =
      co_await runtime::with_deadline(clock, clock.now() + 5s, runtime.network().connect(Scene::address_of(server)));
  if (!connected) co_return;
  const std::unique_ptr<ByteStream> stream = *std::move(connected);
  // A connection beside it, on which nothing is wrong: CONTRACT 34.
  auto beside =
      co_await runtime::with_deadline(clock, clock.now() + 5s, runtime.network().connect(Scene::address_of(server)));
  bool was_served = false;
  if (beside.ok()) {
    const auto served = co_await runtime::with_deadline(clock, clock.now() + 5s, is_served(**beside, 1));
    was_served = served.ok() && *served;
  }
  const std::uint64_t kind = random.below(kAttacks);
  if (random.one_in(8)) {
    stream->reset();
    co_return;
  }
  const bool reads = kind != 6 && kind != 7;
  const auto sent =
      co_await runtime::with_deadline(clock, clock.now() + kServerPatience, send(*stream, attack_of(kind, random)));
  const faults::Injector& faults = scene.run.injector();
  if (was_served) {
    co_await clock.sleep_for(50ms);
    const auto served = co_await runtime::with_deadline(clock, clock.now() + 5s, is_served(**beside, 2));
    const bool is_fine = served.ok() && *served;
    RAZOR_RULE(34, is_fine || faults.touched(attacker, kCalm, "attack") || faults.touched(server, kCalm),
               "attack {} of {} on {} ended another connection", kind, attacker, server);
  }
  if (!reads) {
    // That who does not read is cut off is seen at the server (SwarmServer::wrong_stalls): here nothing arrives any more.
    co_await clock.sleep_for(30s);
    co_return;
  }
  const auto drained = co_await runtime::with_deadline(clock, clock.now() + kServerPatience, drain(*stream));
  const bool ended = drained.ok() || (sent.ok() && !*sent);
  RAZOR_RULE(24, ended || faults.touched(attacker, 200s, "attack") || faults.touched(server, 200s),
             "{} still holds the connection of {}, attack {}, after {} s", server, attacker, kind, kServerPatience / 1s);
}

// --- Impostor --------------------------------------------------------------------------------------------------------

namespace {

// What an impostor does with a request; kinds from 0.
constexpr std::uint64_t kLies = 10;
constexpr std::uint64_t kNeverAsked = 4;  // behind it, those that break the frames

// Bytes that answer `seq`.
std::string lie_of(std::uint64_t kind, wire::Seq seq, base::RandomStream& random) {
  std::string bytes;
  wire::ResponseHead head;
  head.seq = seq;
  const auto framework_error = [&](std::string_view text) {
    head.flag = static_cast<std::uint8_t>(wire::ResponseFlag::error_bytes);
    head.blob_bytes = static_cast<std::uint32_t>(text.size());
    put(bytes, head);
    bytes += text;
  };
  switch (kind) {
    case 0: put(bytes, head); return bytes;  // success, and no result
    case 1: {  // success, and no msgpack
      std::string msg = garbage(random, 100);
      msg.front() = '\xc1';
      head.msg_bytes_or_number = static_cast<std::uint32_t>(msg.size());
      put(bytes, head);
      return bytes + msg;
    }
    case 2: framework_error("rpc_internal_err"); return bytes;
    case 3:  // the same answer again, and again
      framework_error("rpc_internal_err");
      return bytes + bytes + bytes;
    case kNeverAsked:
      head.seq = seq + 1'000'000;
      put(bytes, head);
      return bytes;
    case 5:
      head.flag = static_cast<std::uint8_t>(3 + random.below(250));
      put(bytes, head);
      return bytes;
    case 6:  // far more than any limit
      head.msg_bytes_or_number = 0xffff'ffff;
      head.blob_bytes = 0xffff'ffff;
      put(bytes, head);
      return bytes + garbage(random, 500);
    case 7: {  // a result that stops half way, of as much as the limits let pass
      head.blob_bytes = 60 * base::kMiB;
      put(bytes, head);
      return bytes + garbage(random, 500);
    }
    case 8: return garbage(random, 500);
    default: return {};  // says nothing
  }
}

}  // namespace

Impostor::Impostor(Scene& scene, std::string name) : scene_(scene), name_(std::move(name)) {
  host().start([this](Runtime& runtime) { return serve(runtime, scene_, name_); });
}

Task<void> Impostor::serve(Runtime& runtime, Scene& scene, std::string name) {
  auto listening = runtime.network().listen(Address::tcp("0.0.0.0", kPort));
  RAZOR_REQUIRE(listening.ok(), "listen: {}", listening.error().message());
  const std::unique_ptr<runtime::Listener> listener = *std::move(listening);
  sim::RandomStream random(runtime.random().seed_for("lies"));
  runtime::TaskScope talks(runtime.executor());
  while (true) {
    auto accepted = co_await listener->accept();
    if (!accepted) continue;
    const std::uint64_t seed = random.bits();
    talks.spawn("an impostor's talk", talk(runtime, scene, name, *std::move(accepted), seed));
  }
}

Task<void> Impostor::talk(Runtime& runtime, Scene& scene, std::string name, std::unique_ptr<ByteStream> stream,
                          std::uint64_t seed) {
  base::RandomStream random(seed);
  runtime::Clock& clock = runtime.clock();
  wire::RequestReader reader{wire::FrameLimits{}};
  bool in_step = true;
  while (true) {
    const auto count = co_await stream->read(reader.prepare());
    if (!count || *count == 0) co_return;
    reader.commit(*count);
    while (reader.next() == wire::RequestReader::Found::frame) {
      const wire::RequestHead head = reader.frame().head;
      std::uint64_t kind = random.below(kLies);
      if (head.is_ping()) kind = random.one_in(2) ? 0 : kLies - 1;  // an answer to a ping has no result
      const bool sent = co_await send(*stream, lie_of(kind, head.seq, random));
      if (!sent) co_return;
      if (kind != kNeverAsked || !in_step) {
        in_step = in_step && kind < kNeverAsked;  // behind half a frame everything is a part of it
        continue;
      }
      const auto ended = co_await runtime::with_deadline(clock, clock.now() + kClientPatience, drain(*stream));
      const faults::Injector& faults = scene.run.injector();
      RAZOR_RULE(9, ended.ok() || faults.touched(name, 1min) || faults.touched(stream->peer_address().host(), 1min),
                 "{} was sent an answer to what it never asked, and goes on", stream->peer_address());
      co_return;
    }
  }
}

}  // namespace razor::swarm
