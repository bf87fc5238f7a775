#include "tests/support/reference_server.h"

#include <array>

namespace razor::test {

using runtime::ByteStream;
using runtime::Task;

// What waits to be written.
struct ReferenceServer::Outbox {
  explicit Outbox(runtime::Executor& executor) : changed(executor), empty(executor) {}

  void put(base::Bytes frame) {
    frames.push_back(std::move(frame));
    changed.set();
  }

  std::deque<base::Bytes> frames;
  runtime::Event changed;
  runtime::Event empty;  // or nobody takes it
};

Task<void> ReferenceServer::serve(const Address& address) {
  auto listening = runtime_.network().listen(address);
  if (!listening) co_return;
  const std::unique_ptr<runtime::Listener> listener = *std::move(listening);
  runtime::TaskScope talks(runtime_.executor());
  while (true) {
    auto accepted = co_await listener->accept();
    if (!accepted) continue;
    talks.spawn("a connection of the reference server", talk(*this, *std::move(accepted)));
  }
}

Task<void> ReferenceServer::write_all(Outbox& out, ByteStream& stream) {
  while (true) {
    while (out.frames.empty()) {
      out.empty.set();
      out.changed.reset();
      co_await out.changed.wait();
    }
    out.empty.reset();
    const base::Bytes frame = std::move(out.frames.front());
    out.frames.pop_front();
    base::ByteView left(frame);
    while (!left.empty()) {
      const std::array<base::ByteView, 1> buffers{left};
      const auto taken = co_await stream.write(buffers);
      if (!taken) {
        out.empty.set();
        co_return;
      }
      left = left.subspan(*taken);
    }
  }
}

const ReferenceServer::Handler* ReferenceServer::find(std::string_view name, std::string_view& refusal) const {
  const std::size_t dot = name.find('.');
  refusal = "rpc_decode";
  if (dot == name.npos) return nullptr;
  const auto service = services_.find(name.substr(0, dot));
  refusal = "rpc_service_notfound";
  if (service == services_.end()) return nullptr;
  const auto method = service->second.find(name.substr(dot + 1));
  refusal = "rpc_method_notfound";
  return method == service->second.end() ? nullptr : &method->second;
}

Task<void> ReferenceServer::talk(ReferenceServer& self, std::unique_ptr<ByteStream> stream) {
  Outbox out(self.runtime_.executor());
  runtime::TaskScope writing(self.runtime_.executor());
  writing.spawn("the writer of a reference server", write_all(out, *stream));
  FrameCutter<SeenRequest> frames;
  std::vector<std::byte> buffer(64 * 1024);
  while (!frames.broken()) {
    const auto count = co_await stream->read(buffer);
    if (!count) co_return;
    if (*count == 0) break;
    frames.add(base::ByteView(buffer).first(*count));
    for (const SeenRequest& request : frames.take()) {
      if (request.action == 0 && request.name.empty() && request.msg.empty()) {
        ++self.pings_;
        out.put(answer(request.seq));
        continue;
      }
      ++self.requests_;
      std::string_view refusal;
      const Handler* handler = self.find(request.name, refusal);
      if (handler == nullptr) {
        out.put(error_text(request.seq, refusal));
        continue;
      }
      const ReferenceReply reply = co_await (*handler)(bytes_of(request.msg));
      switch (reply.kind) {
        case ReferenceReply::Kind::value: out.put(answer(request.seq, reply.text())); break;
        case ReferenceReply::Kind::error_number: out.put(error_number(request.seq, reply.number)); break;
        case ReferenceReply::Kind::error_bytes: out.put(error_text(request.seq, reply.text())); break;
        case ReferenceReply::Kind::timeout:
        case ReferenceReply::Kind::lost: break;  // it never answers
      }
    }
  }
  if (frames.broken()) co_return;
  co_await out.empty.wait();
}

}  // namespace razor::test
