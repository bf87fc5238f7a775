#pragma once
// PassThroughTransport: every stream of another Transport, behind a decorator that changes nothing.

#include <memory>

#include "razor/runtime/stream_decorator.h"
#include "razor/runtime/transport.h"

namespace razor::test {

class PassThroughTransport final : public runtime::Transport {
 public:
  /// `inner` outlives it.
  explicit PassThroughTransport(runtime::Transport& inner) : inner_(inner) {}

  runtime::Task<base::Result<std::unique_ptr<runtime::ByteStream>>> connect(runtime::Address address) override {
    auto stream = co_await inner_.connect(std::move(address));
    co_return decorated(std::move(stream));
  }
  base::Result<std::unique_ptr<runtime::Listener>> listen(const runtime::Address& address,
                                                          runtime::ListenOptions options) override {
    auto listener = inner_.listen(address, options);
    if (!listener) return listener;
    return std::unique_ptr<runtime::Listener>(std::make_unique<PassingListener>(*std::move(listener)));
  }

 private:
  using Made = base::Result<std::unique_ptr<runtime::ByteStream>>;

  static Made decorated(Made stream) {
    if (!stream) return stream;
    return std::unique_ptr<runtime::ByteStream>(std::make_unique<runtime::StreamDecorator>(*std::move(stream)));
  }

  class PassingListener final : public runtime::Listener {
   public:
    explicit PassingListener(std::unique_ptr<runtime::Listener> inner) : inner_(std::move(inner)) {}
    // Not a coroutine: destroying the listener ends the inner accept, which must not come back to it.
    runtime::Task<Made> accept() override { return accept_from(inner_->accept()); }
    const runtime::Address& address() const override { return inner_->address(); }

   private:
    static runtime::Task<Made> accept_from(runtime::Task<Made> accept) {
      auto stream = co_await std::move(accept);
      co_return decorated(std::move(stream));
    }
    std::unique_ptr<runtime::Listener> inner_;
  };

  runtime::Transport& inner_;
};

}  // namespace razor::test
