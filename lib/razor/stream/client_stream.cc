#include "razor/stream/client_stream.h"

#include "razor/base/out_of_memory.h"
#include "razor/runtime/with_deadline.h"
#include "razor/stream/end_elsewhere.h"
#include "razor/stream/internal/client_stream_core.h"

namespace razor::stream {

runtime::Task<base::Result<ClientStream>> ClientStream::connect(runtime::Runtime& runtime, runtime::Address address,
                                                                ClientStreamConfig config) {
  const base::TimePoint until = base::saturating_add(runtime.clock().now(), config.connect_timeout);
  runtime::Transport& transport = config.transport != nullptr ? *config.transport : runtime.network();
  auto stream = co_await runtime::with_deadline(runtime.clock(), until, transport.connect(std::move(address)));
  if (!stream) co_return base::Result<ClientStream>(stream.error(), stream.message());
  std::optional<ClientStream> made;
  if (!base::catching_bad_alloc([&] { made.emplace(runtime, *std::move(stream), config); })) {
    co_return std::make_error_code(std::errc::not_enough_memory);
  }
  co_return *std::move(made);
}

ClientStream::ClientStream(runtime::Runtime& runtime, std::unique_ptr<runtime::ByteStream> stream, ClientStreamConfig config)
    : core_(base::make_ref<ClientStreamCore>(runtime, std::move(stream), config)) {
  try {
    core_->start();
  } catch (...) {
    core_->shut_down();  // one of its loops may have begun
    throw;
  }
}

ClientStream::ClientStream(ClientStream&&) noexcept = default;

ClientStream& ClientStream::operator=(ClientStream&& other) noexcept {
  std::swap(core_, other.core_);
  return *this;
}

ClientStream::~ClientStream() { end_with_handle(core_); }

void ClientStream::submit(ClientTask task) { stream::submit(*core_, std::move(task)); }

StreamCall ClientStream::call_encoded(const wire::Action& action, base::ByteView message, const CallOptions& options,
                                      base::Blob blob) {
  return StreamCall(channel(), action, options, message, std::move(blob));
}

runtime::Task<void> ClientStream::close(base::Duration limit) { return ClientStreamCore::close(core_, limit); }

StreamCall ClientStream::ping(const CallOptions& options) {
  return StreamCall(core_->pings(), wire::kPing, options, base::ByteView());
}

bool ClientStream::has_room() const { return core_->has_room(); }
bool ClientStream::is_silent() const { return core_->connection().is_silent(); }
base::TimePoint ClientStream::heard_at() const { return core_->connection().heard_at(); }
bool ClientStream::has_seqs() const { return core_->connection().has_seqs(); }
HelloState ClientStream::hello() const { return core_->connection().hello(); }
bool ClientStream::was_asked_to_leave() const { return core_->connection().was_asked_to_leave(); }
bool ClientStream::was_closed_on_hello() const { return core_->connection().was_closed_on_hello(); }
void ClientStream::watch(ClientStreamWatcher* watcher) { core_->connection().watch(watcher); }
bool ClientStream::is_open() const { return core_->connection().state() == ClientConnection::State::open; }
std::string ClientStream::end_reason() const { return core_->connection().end_reason(); }
const runtime::Address& ClientStream::peer_address() const { return core_->peer(); }
ClientStats ClientStream::stats() const { return core_->connection().stats(); }
Channel& ClientStream::channel() { return *core_; }

}  // namespace razor::stream
