#pragma once
// AsioStream: a connected TCP or Unix socket as a ByteStream. Private to runtime/asio.
//
// A socket is read and written directly, without blocking; Asio is only asked when it would block, to say when it no
// longer does. So no buffer is ever lent to Asio, a cancelled read loses no bytes, and a batch costs no handler of its
// own on the way out.

#include <memory>
#include <optional>
#include <string>

#include "razor/runtime/asio/asio_socket.h"
#include "razor/runtime/byte_stream.h"

namespace razor::asio {

class AsioStream final : public runtime::ByteStream {
 public:
  // Shared by the stream and by the handlers that Asio holds.
  struct State : std::enable_shared_from_this<State> {
    explicit State(std::shared_ptr<AsioCore> runtime_core) : core(std::move(runtime_core)), socket(core->context()) {}

    /// Takes `descriptor` over, which does not block; closes it on failure.
    std::error_code adopt(int family, int descriptor);

    std::shared_ptr<AsioCore> core;
    Socket socket;
    Read* reader = nullptr;    // the read that waits
    Write* writer = nullptr;   // the write that waits
    bool read_wait_pending = false;
    bool write_wait_pending = false;
    bool maybe_readable = false;  // the last read filled its buffer: there may be more
    // The read that waits is tried when what is ready has run: answers to what was read before go out first.
    struct Retry final : runtime::Runnable {
      explicit Retry(State& owner)
          : Runnable([](Runnable& ready) { static_cast<Retry&>(ready).state.finish_read(); }), state(owner) {}
      State& state;
    };
    Retry retry{*this};
    EndedAtOnce writes_at_once;

    bool try_read(Read& read);
    void finish_read();
    bool try_write(Write& write);
    void wait_readable();
    void wait_writable();
    void close();
  };

  AsioStream(std::shared_ptr<State> state, runtime::Address local, runtime::Address peer)
      : state_(std::move(state)), local_(std::move(local)), peer_(std::move(peer)) {
    state_->core->count_handle(1);
  }
  ~AsioStream() override {
    state_->core->count_handle(-1);
    state_->close();
  }

  std::unique_ptr<runtime::DetachedStream> detach() override;

  base::Result<void> shutdown_write() override;
  void reset() override;
  bool input_pending() const override;
  bool is_broken() const override;
  std::optional<runtime::Unacknowledged> unacknowledged() const override;
  const runtime::Address& local_address() const override { return local_; }
  const runtime::Address& peer_address() const override { return peer_; }

 protected:
  bool start(Read& read) override;
  bool start(Write& write) override;
  void cancel(Read&) override {
    state_->retry.unlink();
    state_->reader = nullptr;
  }
  void cancel(Write&) override { state_->writer = nullptr; }

 private:
  std::shared_ptr<State> state_;
  runtime::Address local_;
  runtime::Address peer_;
};

/// A connected socket that belongs to no io_context.
class DetachedSocket final : public runtime::DetachedStream {
 public:
  /// Takes `descriptor` over.
  DetachedSocket(int of_family, int descriptor, runtime::Address local, runtime::Address peer)
      : family_(of_family), descriptor_(descriptor), local_(std::move(local)), peer_(std::move(peer)) {}
  DetachedSocket(const DetachedSocket&) = delete;
  ~DetachedSocket() override;

  /// The stream on the Runtime of `core`, whose thread this is. Once.
  base::Result<std::unique_ptr<runtime::ByteStream>> attach(std::shared_ptr<AsioCore> core);

 private:
  int family_;
  int descriptor_;  // -1 once it is attached
  runtime::Address local_;
  runtime::Address peer_;
};

/// Makes a connected socket ready for use; `unix_path` is that of its listener.
/// Errors: not_connected when the peer is gone already; connection_refused when the socket is connected with itself.
base::Result<std::unique_ptr<runtime::ByteStream>> finish_stream(std::shared_ptr<AsioStream::State> state,
                                                                 const std::string& unix_path);

}  // namespace razor::asio
