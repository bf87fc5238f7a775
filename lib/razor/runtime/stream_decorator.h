#pragma once
// StreamDecorator: a ByteStream over another one, which it owns. As it stands it passes everything through; what derives from
// it overrides what it changes: it may count, log, delay or transform.

#include <utility>

#include "razor/runtime/byte_stream.h"

namespace razor::runtime {

class StreamDecorator : public ByteStream {
 public:
  /// `inner` is not null.
  explicit StreamDecorator(std::unique_ptr<ByteStream> inner) : inner_(std::move(inner)) {}

  base::Result<void> shutdown_write() override { return inner_->shutdown_write(); }
  void reset() override { inner_->reset(); }
  bool input_pending() const override { return inner_->input_pending(); }
  std::optional<Unacknowledged> unacknowledged() const override { return inner_->unacknowledged(); }
  bool is_broken() const override { return inner_->is_broken(); }
  const Address& local_address() const override { return inner_->local_address(); }
  const Address& peer_address() const override { return inner_->peer_address(); }

 protected:
  ByteStream& inner() { return *inner_; }
  const ByteStream& inner() const { return *inner_; }

  bool start(Read& read) override { return start_on(*inner_, read); }
  bool start(Write& write) override { return start_on(*inner_, write); }
  void cancel(Read& read) override { cancel_on(*inner_, read); }
  void cancel(Write& write) override { cancel_on(*inner_, write); }

 private:
  std::unique_ptr<ByteStream> inner_;
};

}  // namespace razor::runtime

namespace razor {
using runtime::StreamDecorator;
}  // namespace razor
