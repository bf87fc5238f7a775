#include "tests/support/reference_client.h"

#include <fmt/format.h>

#include <array>
#include <optional>

#include "razor/runtime/with_deadline.h"

namespace razor::test {

using namespace std::chrono_literals;
using runtime::ByteStream;
using runtime::Task;

struct ReferenceClient::Waiting {
  explicit Waiting(runtime::Executor& executor) : ended(executor) {}
  runtime::Event ended;
  std::optional<ReferenceReply> reply;
};

namespace {

ReferenceReply reply_of(const SeenAnswer& answer) {
  switch (answer.flag) {
    case 0: return {ReferenceReply::Kind::value, bytes_of(answer.msg)};
    case 1: return {ReferenceReply::Kind::error_number, {}, answer.number};
    default: return {ReferenceReply::Kind::error_bytes, bytes_of(answer.blob)};
  }
}

}  // namespace

Task<std::unique_ptr<ReferenceClient>> ReferenceClient::connect(Runtime& runtime, Address server) {
  auto connected = co_await runtime::with_deadline(runtime.clock(), runtime.clock().now() + 10s,
                                                   runtime.network().connect(std::move(server)));
  if (!connected) co_return nullptr;
  co_return std::make_unique<ReferenceClient>(runtime, *std::move(connected));
}

ReferenceClient::ReferenceClient(Runtime& runtime, std::unique_ptr<ByteStream> stream)
    : runtime_(runtime),
      client_id_(runtime.random().seed_for("reference client")),
      stream_(std::move(stream)),
      has_frames_(runtime.executor()),
      loops_(runtime.executor()) {
  loops_.spawn("the reader of a reference client", read_all(*this));
  loops_.spawn("the writer of a reference client", write_all(*this));
  loops_.spawn("the timer of a reference client", ping_each_second(*this));
}

// It has what it likes in `format` and in client_id.
base::Bytes ReferenceClient::request(std::uint64_t seq, std::string_view action, base::ByteView message) const {
  RequestBytes frame;
  frame.seq = seq;
  frame.format = (client_id_ & 1) != 0 ? 0x40 : 0;
  frame.client_id = client_id_;
  frame.action = 0x8000'0000u | static_cast<std::uint32_t>(action.size());
  frame.msg_length = static_cast<std::uint32_t>(message.size());
  frame.body = joined(bytes_of(action), message);
  return frame.bytes();
}

void ReferenceClient::put(base::Bytes frame) {
  frames_.push_back(std::move(frame));
  has_frames_.set();
}

Task<ReferenceReply> ReferenceClient::call(std::string action, base::Bytes message) {
  if (!is_open_) co_return ReferenceReply(ReferenceReply::Kind::lost, {});
  Waiting waiting(runtime_.executor());
  const std::uint64_t seq = ++seq_;
  waiting_.emplace(seq, &waiting);
  put(request(seq, action, message));
  runtime::Clock& clock = runtime_.clock();
  (void)co_await runtime::with_deadline(clock, clock.now() + kTimeout, runtime::until_set(waiting.ended));
  waiting_.erase(seq);
  if (!waiting.reply) co_return ReferenceReply(ReferenceReply::Kind::timeout, {});
  co_return *std::move(waiting.reply);
}

void ReferenceClient::end_all() {
  is_open_ = false;
  for (const auto& [seq, waiting] : waiting_) {
    if (!waiting->reply) waiting->reply.emplace(ReferenceReply::Kind::lost, base::Bytes());
    waiting->ended.set();
  }
}

void ReferenceClient::on_answer(const SeenAnswer& answer) {
  if (answer.seq == 0) return;
  if (const auto call = waiting_.find(answer.seq); call != waiting_.end()) {
    if (call->second->reply) return;  // a second answer
    call->second->reply = reply_of(answer);
    call->second->ended.set();
    return;
  }
  if (pings_.erase(answer.seq) == 0) return;  // of a call that has timed out
  ++pongs_;
  for (const auto& [seq, waiting] : waiting_) {
    if (seq > answer.seq) break;
    if (waiting->reply) continue;
    stopped_ = fmt::format("the pong to #{} came before the answer to #{}", answer.seq, seq);
    return;
  }
}

Task<void> ReferenceClient::read_all(ReferenceClient& self) {
  FrameCutter<SeenAnswer> frames;
  std::vector<std::byte> buffer(64 * 1024);
  while (!frames.broken()) {
    const auto count = co_await self.stream_->read(buffer);
    if (!count || *count == 0) break;
    frames.add(base::ByteView(buffer).first(*count));
    for (const SeenAnswer& answer : frames.take()) {
      self.on_answer(answer);
      if (!self.stopped_.empty()) co_return;
    }
  }
  self.end_all();
}

Task<void> ReferenceClient::write_all(ReferenceClient& self) {
  while (true) {
    while (self.frames_.empty()) {
      self.has_frames_.reset();
      co_await self.has_frames_.wait();
    }
    const base::Bytes frame = std::move(self.frames_.front());
    self.frames_.pop_front();
    base::ByteView left(frame);
    while (!left.empty()) {
      const std::array<base::ByteView, 1> buffers{left};
      const auto taken = co_await self.stream_->write(buffers);
      if (!taken) {
        self.end_all();
        co_return;
      }
      left = left.subspan(*taken);
    }
  }
}

Task<void> ReferenceClient::ping_each_second(ReferenceClient& self) {
  while (self.is_open_) {
    co_await self.runtime_.clock().sleep_for(1s);
    if (self.waiting_.empty()) continue;
    const std::uint64_t seq = ++self.seq_;
    self.pings_.insert(seq);
    self.put(ping(seq));
  }
}

}  // namespace razor::test
