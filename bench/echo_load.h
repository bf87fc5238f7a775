// The asking end of the bare echo: keeps a window of requests in flight on every connection and measures. What one recv
// of answers made possible is sent by one send; the clock is read once for both.
#pragma once

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/timerfd.h>

#include <bit>
#include <memory>
#include <string>

#include "echo_frames.h"
#include "echo_io.h"
#include "latency_histogram.h"

namespace bench {

struct LoadOptions : EchoOptions {
  sockaddr_in connect{};
  uint64_t in_flight = 1;
  size_t payload_bytes = 64;
  size_t action_bytes = 0;
  size_t blob_bytes = 0;
  double seconds = 1;
  uint64_t connections = 1;
  bool json = false;
};

inline RequestHead request_head_of(const LoadOptions& options) {
  return {
      .action = options.action_bytes == 0 ? 1 : kActionIsString | static_cast<uint32_t>(options.action_bytes),
      .seq = 0,
      .msg_len = static_cast<uint32_t>(options.payload_bytes),
      .blob_len = static_cast<uint32_t>(options.blob_bytes),
  };
}

inline std::string make_request(const LoadOptions& options) {
  std::string head(RequestHead::kBytes, '\0');
  write_request_head(head.data(), request_head_of(options));
  return head + make_action(options.action_bytes) + make_msg(options.payload_bytes) + std::string(options.blob_bytes, 'b');
}

/// Keeps `in_flight` requests on their way. Answers must come in the order of the requests.
class LoadConnection {
 public:
  LoadConnection(const LoadOptions& options, const Epoll& epoll, LatencyHistogram& latencies)
      : epoll_(epoll),
        latencies_(latencies),
        in_(options.read_bytes),
        in_flight_(options.in_flight),
        sent_(std::bit_ceil(options.in_flight)) {
    set_options(fd_.get(), options);
    check(connect(fd_.get(), reinterpret_cast<const sockaddr*>(&options.connect), sizeof(options.connect)), "connect");
    check(fcntl(fd_.get(), F_SETFL, O_NONBLOCK), "fcntl O_NONBLOCK");
    epoll_.add(fd_.get(), EPOLLIN);
    // All requests are alike but for their seq: the buffer is filled with them once, and only seqs are written later.
    const std::string request = make_request(options);
    request_bytes_ = request.size();
    batch_max_ = std::clamp<uint64_t>(options.send_bytes / request_bytes_, 1, in_flight_);
    out_.reserve(batch_max_ * request_bytes_);
    for (uint64_t i = 0; i < batch_max_; ++i) {
      std::memcpy(out_.end() + i * request_bytes_, request.data(), request_bytes_);
    }
  }

  int fd() const { return fd_.get(); }

  void on_event(uint32_t events) {
    if ((events & ~uint32_t{EPOLLOUT}) != 0) {
      const Io received = in_.receive(fd_.get());
      if (received == Io::kClosed) fail_connection("closed by the server");
      if (received == Io::kDone) take_answers();
    }
    // One clock reading per batch: it is the time of the answers and that of the requests they make room for.
    const uint64_t now = now_ns();
    record_latencies(now);
    send_requests(now);
  }

  /// Sends as many requests as the window and the socket have room for.
  void send_requests(uint64_t now) {
    for (;;) {
      if (out_.empty() && !write_batch(now)) break;
      const Io sent = out_.flush(fd_.get());
      if (sent == Io::kClosed) fail_connection("send failed");
      if (sent == Io::kWouldBlock) break;
    }
    const bool blocked = !out_.empty();
    if (blocked != awaits_writable_) {
      awaits_writable_ = blocked;
      epoll_.change(fd_.get(), blocked ? EPOLLIN | EPOLLOUT : EPOLLIN);
    }
  }

 private:
  // Requests that were written into out_ together and share a time.
  struct SentBatch {
    uint64_t last_seq;
    uint64_t at_ns;
  };

  [[noreturn]] void fail_connection(const char* why) const {
    std::fprintf(stderr, "epoll_echo: %s after seq=%llu\n", why, static_cast<unsigned long long>(answered_seq_));
    std::exit(1);
  }

  // False if the window is full.
  bool write_batch(uint64_t now) {
    const uint64_t count = std::min(in_flight_ - (sent_seq_ - answered_seq_), batch_max_);
    if (count == 0) return false;
    char* to = out_.end() + kRequestSeqOffset;
    for (uint64_t seq = sent_seq_ + 1; seq <= sent_seq_ + count; ++seq, to += request_bytes_) {
      store(to, seq);
    }
    sent_seq_ += count;
    sent_[sent_tail_++ & (sent_.size() - 1)] = {sent_seq_, now};
    out_.written_to(out_.end() + count * request_bytes_);
    return true;
  }

  void take_answers() {
    const char* at = in_.begin();
    const char* const end = in_.end();
    uint64_t seq = answered_seq_;
    uint64_t needed = 0;
    while (static_cast<size_t>(end - at) >= ResponseHead::kBytes) {
      const ResponseHead answer = read_response_head(at);
      const uint64_t size = answer.frame_bytes();
      if (!answer.valid || size > kFrameBytesMax) [[unlikely]] {
        fail_connection("bad answer");
      }
      if (answer.seq != seq + 1) [[unlikely]] {
        fail_connection("answer out of order");
      }
      if (static_cast<size_t>(end - at) < size) {
        needed = size;
        break;
      }
      seq = answer.seq;
      at += size;
    }
    if (seq > sent_seq_) fail_connection("answer to a request that was not sent");
    answered_seq_ = seq;
    in_.consume_to(at);
    in_.reserve(needed);
  }

  // The answers of one recv are recorded batch by batch: the cost per call is next to nothing.
  void record_latencies(uint64_t now) {
    while (recorded_seq_ != answered_seq_) {
      const SentBatch& batch = sent_[sent_head_ & (sent_.size() - 1)];
      const uint64_t last = std::min(batch.last_seq, answered_seq_);
      latencies_.record(now - batch.at_ns, last - recorded_seq_);
      if (last == batch.last_seq) ++sent_head_;
      recorded_seq_ = last;
    }
  }

  Fd fd_{check(socket(AF_INET, SOCK_STREAM, 0), "socket")};
  const Epoll& epoll_;
  LatencyHistogram& latencies_;
  InBuffer in_;
  OutBuffer out_{0};
  size_t request_bytes_ = 0;
  uint64_t batch_max_ = 0;  // Requests that out_ holds.
  const uint64_t in_flight_;
  uint64_t sent_seq_ = 0;      // The last one written to out_.
  uint64_t answered_seq_ = 0;  // The last one answered.
  uint64_t recorded_seq_ = 0;  // The last one whose latency is recorded.
  bool awaits_writable_ = false;
  // A ring. Every entry has an unanswered request, so in_flight entries are enough.
  std::vector<SentBatch> sent_;
  uint64_t sent_head_ = 0;
  uint64_t sent_tail_ = 0;
};

class Load {
 public:
  explicit Load(const LoadOptions& options) : options_(options) {
    epoll_.add(timer_.get(), EPOLLIN);
    for (uint64_t i = 0; i < options.connections; ++i) {
      auto connection = std::make_unique<LoadConnection>(options, epoll_, latencies_);
      const auto index = static_cast<size_t>(connection->fd());
      if (connections_.size() <= index) connections_.resize(index + 1);
      connections_[index] = std::move(connection);
    }
  }

  void run() {
    for (auto& connection : connections_) {
      if (connection) connection->send_requests(now_ns());
    }
    run_for(std::min(options_.seconds * 0.1, 0.5));  // Warm-up: buffers and the kernel's windows reach their size.
    latencies_.clear();
    const uint64_t start_ns = now_ns();
    const double start_cpu_us = cpu_us();
    run_for(options_.seconds);
    report(static_cast<double>(now_ns() - start_ns) / 1e9, cpu_us() - start_cpu_us);
  }

 private:
  // The end comes as an event, so that neither a deadline nor a timeout costs anything on the way.
  void run_for(double seconds) {
    const auto ns = std::max<int64_t>(1, static_cast<int64_t>(seconds * 1e9));
    const itimerspec end{.it_interval = {}, .it_value = {.tv_sec = ns / 1'000'000'000, .tv_nsec = ns % 1'000'000'000}};
    check(timerfd_settime(timer_.get(), 0, &end, nullptr), "timerfd_settime");
    for (;;) {
      epoll_event events[64];
      const int count = epoll_.wait(events, 64, options_.spin_ns);
      for (int i = 0; i < count; ++i) {
        const int fd = events[i].data.fd;
        if (fd == timer_.get()) return;
        connections_[static_cast<size_t>(fd)]->on_event(events[i].events);
      }
    }
  }

  static double cpu_us() {
    rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    auto us = [](const timeval& time) { return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_usec); };
    return us(usage.ru_utime) + us(usage.ru_stime);
  }

  void report(double elapsed_s, double cpu_spent_us) const {
    const auto calls = static_cast<double>(latencies_.total());
    std::printf(options_.json ? "{\"calls\": %.0f, \"rps\": %.0f, \"p50_us\": %.2f, \"p99_us\": %.2f, \"p999_us\": %.2f, "
                                "\"cpu_us_per_call\": %.4f}\n"
                              : "calls %.0f, rps %.0f, p50 %.2f us, p99 %.2f us, p99.9 %.2f us, cpu %.4f us/call\n",
                calls, calls / elapsed_s, latencies_.percentile_us(0.5), latencies_.percentile_us(0.99),
                latencies_.percentile_us(0.999), calls > 0 ? cpu_spent_us / calls : 0.0);
  }

  const LoadOptions options_;
  Epoll epoll_;
  Fd timer_{check(timerfd_create(CLOCK_MONOTONIC, 0), "timerfd_create")};
  LatencyHistogram latencies_;
  std::vector<std::unique_ptr<LoadConnection>> connections_;  // By descriptor.
};

}  // namespace bench
