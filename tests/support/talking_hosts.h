#pragma once
// TalkingHosts: a world of three hosts on which nothing but plain ByteStreams is spoken: `server` accepts on port 7000 and
// reads, `client` connects and writes. What each of them sees is kept.

#include <gtest/gtest.h>

#include <optional>
#include <set>

#include "sim/world.h"
#include "tests/support/streams.h"

namespace razor::test {

class TalkingHosts : public testing::Test {
 protected:
  static constexpr std::uint16_t kPort = 7000;
  static constexpr base::Duration kLatency = std::chrono::milliseconds(10);

  TalkingHosts() {
    sim::LinkConfig link;
    link.latency = {kLatency, {}};
    link.split_one_in = 0;
    world_.fabric().set_link_config(link);
    server_.start([this](razor::Runtime& runtime) { return serve(runtime); });
    world_.run_for(std::chrono::milliseconds(1));
  }

  // --- What the client does. `streams_` has what it connected, in order.
  void start_connect() { client_.runtime().executor().spawn("connect", connect_one(client_.runtime())); }
  /// Which must come about.
  void connect() {
    const std::size_t before = streams_.size();
    start_connect();
    ASSERT_TRUE(world_.run_until([&] { return streams_.size() > before; }, std::chrono::minutes(3)));
    world_.run_for(kLatency);
  }
  /// Unless it still writes there.
  void write(std::size_t count, std::size_t stream = 0) {
    if (!writing_.insert(stream).second) return;
    client_.runtime().executor().spawn("write", write_once(stream, count));
  }
  void read(std::size_t stream = 0) { client_.runtime().executor().spawn("read", read_at_client(*streams_[stream])); }

  sim::World world_{1};
  sim::Host& client_ = world_.host("client");
  sim::Host& server_ = world_.host("server");
  sim::Host& other_ = world_.host("other");

  // --- What the client saw
  std::vector<std::unique_ptr<runtime::ByteStream>> streams_;
  std::vector<std::error_code> connect_errors_;
  base::Duration connect_ended_at_{};
  std::optional<std::error_code> write_error_;
  std::optional<std::error_code> client_read_error_;
  std::size_t echoed_ = 0;  ///< bytes that came back

  // --- What the server saw
  bool echoes_ = false;
  int starts_ = 0;
  int accepts_ = 0;
  std::vector<std::error_code> accept_errors_;
  base::Duration accepted_at_{};
  base::Bytes received_;
  std::vector<std::size_t> reads_;
  base::Duration received_at_{};
  std::optional<std::error_code> server_read_error_;

 private:
  runtime::Task<void> serve(razor::Runtime& runtime) {
    ++starts_;
    auto listener = runtime.network().listen(runtime::Address::tcp("0.0.0.0", kPort));
    while (true) {
      auto stream = co_await (*listener)->accept();
      if (!stream) {
        accept_errors_.push_back(stream.error());
        continue;
      }
      ++accepts_;
      accepted_at_ = world_.elapsed();
      runtime.executor().spawn("read", read_at_server(std::move(*stream)));
    }
  }
  runtime::Task<void> read_at_server(std::unique_ptr<runtime::ByteStream> stream) {
    base::Bytes buffer(65'536);
    while (true) {
      const auto count = co_await stream->read(buffer);
      if (!count) server_read_error_ = count.error();
      if (!count || *count == 0) co_return;
      received_at_ = world_.elapsed();
      reads_.push_back(*count);
      received_.insert(received_.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(*count));
      if (echoes_) (void)co_await write_owned(*stream, base::Bytes(*count));
    }
  }
  runtime::Task<void> connect_one(razor::Runtime& runtime) {
    auto stream = co_await runtime.network().connect(server_.address(kPort));
    connect_ended_at_ = world_.elapsed();
    if (stream) {
      streams_.push_back(std::move(*stream));
    } else {
      connect_errors_.push_back(stream.error());
    }
  }
  runtime::Task<void> write_once(std::size_t stream, std::size_t count) {
    const base::Bytes bytes = Pattern::bytes(count);
    const auto written = co_await write_all(*streams_[stream], bytes);
    if (!written) write_error_ = written.error();
    writing_.erase(stream);
  }
  runtime::Task<void> read_at_client(runtime::ByteStream& stream) {
    base::Bytes buffer(65'536);
    while (true) {
      const auto count = co_await stream.read(buffer);
      if (!count) client_read_error_ = count.error();
      if (!count || *count == 0) co_return;
      echoed_ += *count;
    }
  }

  std::set<std::size_t> writing_;
};

}  // namespace razor::test
