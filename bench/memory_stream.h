#pragma once
// Two connected ByteStreams in memory, without a kernel in between: what is left of a call is the library's own cost.

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "razor/runtime/event.h"
#include "razor/runtime/runtime.h"

namespace razor::bench {

class MemoryStream final : public runtime::ByteStream {
 public:
  static std::pair<std::unique_ptr<MemoryStream>, std::unique_ptr<MemoryStream>> make_pair(runtime::Executor& executor) {
    auto to_a = std::make_shared<Pipe>();
    auto to_b = std::make_shared<Pipe>();
    return {std::unique_ptr<MemoryStream>(new MemoryStream(executor, to_a, to_b)),
            std::unique_ptr<MemoryStream>(new MemoryStream(executor, to_b, to_a))};
  }
  ~MemoryStream() override { end(); }

  base::Result<void> shutdown_write() override {
    out_->ended = true;
    wake(*out_);
    return {};
  }
  void reset() override { end(); }
  bool input_pending() const override { return in_->bytes.size() > in_->taken; }
  bool is_broken() const override { return in_->ended && out_->ended; }
  std::optional<runtime::Unacknowledged> unacknowledged() const override { return std::nullopt; }
  const runtime::Address& local_address() const override { return address_; }
  const runtime::Address& peer_address() const override { return address_; }

 private:
  struct Pipe {
    std::vector<std::byte> bytes;
    std::size_t taken = 0;
    bool ended = false;
    Read* reader = nullptr;
  };

  MemoryStream(runtime::Executor& executor, std::shared_ptr<Pipe> in, std::shared_ptr<Pipe> out)
      : executor_(executor), in_(std::move(in)), out_(std::move(out)) {}

  bool start(Read& read) override {
    // Never at once, so that both ends take turns.
    in_->reader = &read;
    wake(*in_);
    return false;
  }
  bool start(Write& write) override {
    std::size_t count = 0;
    for (const base::ByteView view : write.buffers()) {
      out_->bytes.insert(out_->bytes.end(), view.begin(), view.end());
      count += view.size();
    }
    write.finish(count);
    wake(*out_);
    return true;
  }
  void cancel(Read&) override { in_->reader = nullptr; }
  void cancel(Write&) override {}

  void wake(Pipe& pipe) {
    if (pipe.reader == nullptr) return;
    const std::size_t available = pipe.bytes.size() - pipe.taken;
    if (available == 0 && !pipe.ended) return;
    Read& read = *std::exchange(pipe.reader, nullptr);
    const std::size_t count = std::min(available, read.buffer().size());
    std::memcpy(read.buffer().data(), pipe.bytes.data() + pipe.taken, count);
    pipe.taken += count;
    if (pipe.taken == pipe.bytes.size()) {
      pipe.bytes.clear();
      pipe.taken = 0;
    }
    read.finish(count);
    executor_.schedule(read);
  }

  void end() {
    in_->ended = out_->ended = true;
    if (in_->reader != nullptr) wake(*in_);
    if (out_->reader != nullptr) wake(*out_);
  }

  runtime::Executor& executor_;
  std::shared_ptr<Pipe> in_;
  std::shared_ptr<Pipe> out_;
  runtime::Address address_;
};

/// A Network on which one listener and its clients meet in memory.
class MemoryNetwork final : public runtime::Network {
 public:
  explicit MemoryNetwork(runtime::Executor& executor) : executor_(executor), connected_(executor) {}

  runtime::Task<base::Result<std::unique_ptr<runtime::ByteStream>>> connect(runtime::Address) override {
    auto [client, server] = MemoryStream::make_pair(executor_);
    waiting_.push_back(std::move(server));
    connected_.set();
    co_return std::unique_ptr<runtime::ByteStream>(std::move(client));
  }
  base::Result<std::unique_ptr<runtime::Listener>> listen(const runtime::Address&, runtime::ListenOptions) override {
    return std::unique_ptr<runtime::Listener>(std::make_unique<MemoryListener>(*this));
  }
  std::uint32_t connections_max() const override { return 1000; }

 private:
  class MemoryListener final : public runtime::Listener {
   public:
    explicit MemoryListener(MemoryNetwork& network) : network_(network) {}
    runtime::Task<base::Result<std::unique_ptr<runtime::ByteStream>>> accept() override { return accept_on(network_); }
    const runtime::Address& address() const override { return address_; }

   private:
    static runtime::Task<base::Result<std::unique_ptr<runtime::ByteStream>>> accept_on(MemoryNetwork& network) {
      while (network.waiting_.empty()) {
        network.connected_.reset();
        co_await network.connected_.wait();
      }
      std::unique_ptr<runtime::ByteStream> stream = std::move(network.waiting_.front());
      network.waiting_.erase(network.waiting_.begin());
      co_return stream;
    }
    MemoryNetwork& network_;
    runtime::Address address_;
  };

  runtime::Executor& executor_;
  runtime::Event connected_;
  std::vector<std::unique_ptr<runtime::ByteStream>> waiting_;
};

/// An AsioRuntime whose network is in memory.
class MemoryRuntime final : public runtime::Runtime {
 public:
  explicit MemoryRuntime(runtime::Runtime& real) : real_(real), network_(real.executor()) {}
  runtime::Clock& clock() override { return real_.clock(); }
  runtime::Executor& executor() override { return real_.executor(); }
  runtime::Random& random() override { return real_.random(); }
  runtime::Network& network() override { return network_; }
  base::LogSink& log() override { return real_.log(); }

 private:
  runtime::Runtime& real_;
  MemoryNetwork network_;
};

}  // namespace razor::bench
