// epoll_echo: the limit that the library is measured against. It moves the frames of the wire protocol over loopback with
// nothing but epoll, recv and send: no codec, no handler, no deadline, no allocation once running. Both ends are here:
//
//   epoll_echo serve --listen 127.0.0.1:0                            answers every request with its own msg
//   epoll_echo load --connect ADDR --in-flight N --payload BYTES ... keeps N requests in flight and measures
//
// Either end may also face the library, to see what one side costs. A server takes what is there in one recv and answers
// all of it in one send; a load sends all requests that a recv of answers made possible in one send.
//
// Order: what both ends share (sockets, buffers), Server, Load, command line.

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "echo_frames.h"
#include "latency_histogram.h"

namespace bench {
namespace {

// What both ends can be told.
struct CommonOptions {
  size_t read_bytes = 64 << 10;  // Of the buffer that one recv fills.
  size_t send_bytes = 64 << 10;  // Of the buffer that one send empties.
  uint64_t spin_ns = 0;
};

constexpr int kExitUsage = 64;  // EX_USAGE of <sysexits.h>

[[noreturn]] void fail(const char* action) {
  std::fprintf(stderr, "epoll_echo: %s: %s\n", action, std::strerror(errno));
  std::exit(1);
}

int check(int result, const char* action) {
  if (result < 0) fail(action);
  return result;
}

uint64_t now_ns() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { close(fd_); }
  int get() const { return fd_; }

 private:
  int fd_;
};

/// An epoll set whose events carry the descriptor. Level-triggered: one recv per event is then enough.
class Epoll {
 public:
  void add(int fd, uint32_t events) const { control(EPOLL_CTL_ADD, fd, events); }
  void change(int fd, uint32_t events) const { control(EPOLL_CTL_MOD, fd, events); }

  /// Waits for events; with `spin_ns`, asks without sleeping for that long first.
  int wait(epoll_event* events, int events_max, uint64_t spin_ns) const {
    if (spin_ns != 0) {
      const uint64_t spin_end = now_ns() + spin_ns;
      do {
        const int count = epoll_wait(fd_.get(), events, events_max, 0);
        if (count != 0) return count < 0 ? 0 : count;
      } while (now_ns() < spin_end);
    }
    const int count = epoll_wait(fd_.get(), events, events_max, -1);
    if (count < 0 && errno != EINTR) fail("epoll_wait");
    return std::max(count, 0);
  }

 private:
  void control(int operation, int fd, uint32_t events) const {
    epoll_event event{.events = events, .data = {.fd = fd}};
    check(epoll_ctl(fd_.get(), operation, fd, &event), "epoll_ctl");
  }

  Fd fd_{check(epoll_create1(0), "epoll_create1")};
};

enum class Io { kDone, kWouldBlock, kClosed };

Io failed_io() {
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? Io::kWouldBlock : Io::kClosed;
}

/// Bytes received and not yet consumed. The caller consumes whole frames; what is left of the last one moves to the
/// front before the next recv, so that every frame lies in one piece.
class InBuffer {
 public:
  explicit InBuffer(size_t capacity) : bytes_(capacity) {}

  const char* begin() const { return bytes_.data() + begin_; }
  const char* end() const { return bytes_.data() + end_; }
  void consume_to(const char* at) { begin_ = static_cast<size_t>(at - bytes_.data()); }

  Io receive(int fd) {
    if (begin_ != 0) {
      std::memmove(bytes_.data(), begin(), end_ - begin_);
      end_ -= begin_;
      begin_ = 0;
    }
    const ssize_t count = recv(fd, bytes_.data() + end_, bytes_.size() - end_, 0);
    if (count < 0) return failed_io();
    end_ += static_cast<size_t>(count);
    return count == 0 ? Io::kClosed : Io::kDone;
  }

  /// Makes room for a frame of `size` bytes at begin().
  void reserve(size_t size) {
    if (size > bytes_.size()) bytes_.resize(size);
  }

 private:
  std::vector<char> bytes_;
  size_t begin_ = 0;
  size_t end_ = 0;
};

/// Bytes to send. The owner writes at end(), within room(), and flushes.
class OutBuffer {
 public:
  explicit OutBuffer(size_t capacity) : bytes_(capacity) {}

  bool empty() const { return begin_ == end_; }
  char* end() { return bytes_.data() + end_; }
  size_t room() const { return bytes_.size() - end_; }
  void written_to(const char* at) { end_ = static_cast<size_t>(at - bytes_.data()); }

  /// Sends what is there. What the socket does not take stays and makes it kWouldBlock.
  Io flush(int fd) {
    const ssize_t count = send(fd, bytes_.data() + begin_, end_ - begin_, MSG_NOSIGNAL);
    if (count < 0) return failed_io();
    begin_ += static_cast<size_t>(count);
    if (begin_ != end_) return Io::kWouldBlock;
    begin_ = end_ = 0;
    return Io::kDone;
  }

  /// Makes room for a frame of `size` bytes. The buffer must be empty.
  void reserve(size_t size) {
    if (size > bytes_.size()) bytes_.resize(size);
  }

 private:
  std::vector<char> bytes_;
  size_t begin_ = 0;
  size_t end_ = 0;
};

void set_no_delay(int fd) {
  const int on = 1;
  check(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), "setsockopt TCP_NODELAY");
}

// ---- Server ---------------------------------------------------------------------------------------------------------

struct ServeOptions : CommonOptions {
  sockaddr_in listen{};
  std::optional<size_t> answer_bytes;  // None: the msg of the request is echoed.
};

class ServerConnection {
 public:
  /// `constant_answer` is the msg of every answer; null means echo.
  ServerConnection(int fd, const CommonOptions& options, const Epoll& epoll, const std::vector<char>* constant_answer)
      : fd_(fd), epoll_(epoll), constant_answer_(constant_answer), in_(options.read_bytes), out_(options.send_bytes) {
    set_no_delay(fd);
    epoll_.add(fd, EPOLLIN);
    if (constant_answer_ != nullptr) out_.reserve(ResponseHead::kBytes + constant_answer_->size());
  }

  /// False when the connection is over.
  bool on_event() {
    if (!out_.empty()) return resume();
    const Io received = in_.receive(fd_.get());
    if (received == Io::kDone) return answer_received();
    return received == Io::kWouldBlock;
  }

 private:
  enum class Stop { kNoWholeFrame, kOutFull, kBadFrame };

  // A peer that does not take its answers is not read from either: until they are gone, only EPOLLOUT is awaited.
  bool answer_received() {
    for (;;) {
      const Stop stop = write_answers();
      if (stop == Stop::kBadFrame) return false;
      if (out_.empty()) return true;
      const Io sent = out_.flush(fd_.get());
      if (sent == Io::kWouldBlock) epoll_.change(fd_.get(), EPOLLOUT);
      if (sent != Io::kDone) return sent == Io::kWouldBlock;
      if (stop == Stop::kNoWholeFrame) return true;
    }
  }

  bool resume() {
    const Io sent = out_.flush(fd_.get());
    if (sent != Io::kDone) return sent == Io::kWouldBlock;
    epoll_.change(fd_.get(), EPOLLIN);
    return answer_received();
  }

  // The hot loop. It works on locals, since the compiler must reload members after every store through a char*.
  Stop write_answers() {
    const char* const constant = constant_answer_ != nullptr ? constant_answer_->data() : nullptr;
    const size_t constant_len = constant_answer_ != nullptr ? constant_answer_->size() : 0;
    const char* at = in_.begin();
    const char* const end = in_.end();
    char* to = out_.end();
    char* const to_end = to + out_.room();
    uint64_t needed = 0;
    Stop stop = Stop::kNoWholeFrame;
    while (static_cast<size_t>(end - at) >= RequestHead::kBytes) {
      const RequestHead request = read_request_head(at);
      const uint64_t size = request.frame_bytes();
      if (!request.magic_valid || size > kFrameBytesMax) [[unlikely]] return Stop::kBadFrame;
      if (static_cast<size_t>(end - at) < size) {
        needed = size;
        break;
      }
      const size_t msg_len = constant != nullptr ? constant_len : request.msg_len;
      if (static_cast<size_t>(to_end - to) < ResponseHead::kBytes + msg_len) [[unlikely]] {
        stop = Stop::kOutFull;
        break;
      }
      write_response_head(to, {.seq = request.seq, .msg_len = static_cast<uint32_t>(msg_len)});
      const char* msg = constant != nullptr ? constant : at + RequestHead::kBytes + request.action_bytes();
      std::memcpy(to + ResponseHead::kBytes, msg, msg_len);
      to += ResponseHead::kBytes + msg_len;
      at += size;
    }
    in_.consume_to(at);
    out_.written_to(to);
    // An echo is shorter than its request: if both buffers hold the request, any answer fits an empty out_.
    in_.reserve(needed);
    out_.reserve(needed);
    return stop;
  }

  Fd fd_;
  const Epoll& epoll_;
  const std::vector<char>* const constant_answer_;
  InBuffer in_;
  OutBuffer out_;
};

class Server {
 public:
  explicit Server(const ServeOptions& options) : options_(options) {
    if (options.answer_bytes) {
      constant_answer_ = std::make_unique<std::vector<char>>(*options.answer_bytes);
      fill_msg(constant_answer_->data(), constant_answer_->size());
    }
    const int on = 1;
    check(setsockopt(listener_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), "setsockopt SO_REUSEADDR");
    check(bind(listener_.get(), reinterpret_cast<const sockaddr*>(&options.listen), sizeof(options.listen)), "bind");
    check(listen(listener_.get(), SOMAXCONN), "listen");
    epoll_.add(listener_.get(), EPOLLIN);
    epoll_.add(stop_signal_.get(), EPOLLIN);
  }

  /// Serves until SIGTERM or SIGINT.
  void run() {
    print_address();
    for (;;) {
      epoll_event events[64];
      const int count = epoll_.wait(events, 64, options_.spin_ns);
      for (int i = 0; i < count; ++i) {
        const int fd = events[i].data.fd;
        if (fd == stop_signal_.get()) return;
        if (fd == listener_.get()) {
          accept_one();
        } else if (auto& connection = connections_[static_cast<size_t>(fd)]; !connection->on_event()) {
          connection.reset();
        }
      }
    }
  }

 private:
  static int open_stop_signal() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    check(sigprocmask(SIG_BLOCK, &signals, nullptr), "sigprocmask");
    return check(signalfd(-1, &signals, 0), "signalfd");
  }

  void print_address() const {
    sockaddr_in address{};
    socklen_t length = sizeof(address);
    check(getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &length), "getsockname");
    char text[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, &address.sin_addr, text, sizeof(text));
    std::printf("listening %s:%u\n", text, unsigned{ntohs(address.sin_port)});
    std::fflush(stdout);
  }

  void accept_one() {
    const int fd = accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK);
    if (fd < 0) return;  // The peer has already gone, or we are out of descriptors: neither ends the others.
    const auto index = static_cast<size_t>(fd);
    if (connections_.size() <= index) connections_.resize(index + 1);
    connections_[index] = std::make_unique<ServerConnection>(fd, options_, epoll_, constant_answer_.get());
  }

  Fd listener_{check(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), "socket")};
  Fd stop_signal_{open_stop_signal()};
  Epoll epoll_;
  const CommonOptions options_;
  std::unique_ptr<std::vector<char>> constant_answer_;  // Null: echo.
  std::vector<std::unique_ptr<ServerConnection>> connections_;  // By descriptor.
};

// ---- Load -----------------------------------------------------------------------------------------------------------

struct LoadOptions : CommonOptions {
  sockaddr_in connect{};
  uint64_t in_flight = 1;
  size_t payload_bytes = 64;
  size_t action_bytes = 0;
  size_t blob_bytes = 0;
  double seconds = 1;
  uint64_t connections = 1;
  bool json = false;
};

std::vector<char> make_request(const LoadOptions& options) {
  const RequestHead head{
      .action = options.action_bytes == 0 ? 1 : kActionIsString | static_cast<uint32_t>(options.action_bytes),
      .seq = 0,
      .msg_len = static_cast<uint32_t>(options.payload_bytes),
      .blob_len = static_cast<uint32_t>(options.blob_bytes),
  };
  std::vector<char> frame(head.frame_bytes(), 'b');
  write_request_head(frame.data(), head);
  fill_action(frame.data() + RequestHead::kBytes, options.action_bytes);
  fill_msg(frame.data() + RequestHead::kBytes + options.action_bytes, options.payload_bytes);
  return frame;
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
    check(connect(fd_.get(), reinterpret_cast<const sockaddr*>(&options.connect), sizeof(options.connect)), "connect");
    check(fcntl(fd_.get(), F_SETFL, O_NONBLOCK), "fcntl O_NONBLOCK");
    set_no_delay(fd_.get());
    epoll_.add(fd_.get(), EPOLLIN);
    // All requests are alike but for their seq: the buffer is filled with them once, and only seqs are written later.
    const std::vector<char> request = make_request(options);
    request_bytes_ = request.size();
    batch_max_ = std::clamp<uint64_t>(options.send_bytes / request_bytes_, 1, in_flight_);
    out_.reserve(batch_max_ * request_bytes_);
    for (uint64_t i = 0; i < batch_max_; ++i) std::memcpy(out_.end() + i * request_bytes_, request.data(), request_bytes_);
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
      if (!answer.valid || size > kFrameBytesMax) [[unlikely]] fail_connection("bad answer");
      if (answer.seq != seq + 1) [[unlikely]] fail_connection("answer out of order");
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

// ---- Command line ---------------------------------------------------------------------------------------------------

constexpr char kHelp[] =
    R"(A bare epoll echo of the frames of razor-rpc: the limit that the library is compared with.

epoll_echo serve --listen IP:PORT [--answer-bytes N] [--spin-us N]
  Prints "listening IP:PORT" (port 0: a free one) and serves until SIGTERM or SIGINT.
  --answer-bytes N   answer with a constant msg of N bytes instead of the msg of the request

epoll_echo load --connect IP:PORT --in-flight N --payload BYTES [options]
  Keeps N requests in flight on every connection, and prints calls, rps, percentiles of the latency and
  the CPU time of this process. A warm-up of a tenth of the time, 0.5 s at most, comes before and is not counted.
  --action-bytes N   length of the action string; 0: a numeric action (default 0)
  --blob-bytes N     length of the blob (default 0)
  --seconds S        time to measure (default 1)
  --connections C    (default 1)
  --json             one JSON object instead of text

Both: --spin-us N    before sleeping, ask for events without sleeping for N microseconds (default 0)
)";

[[noreturn]] void fail_usage(const std::string& message) {
  std::fprintf(stderr, "epoll_echo: %s\nTry: epoll_echo --help\n", message.c_str());
  std::exit(kExitUsage);
}

// The options of one command: --name value, or --name alone for flags.
class Arguments {
 public:
  Arguments(int argc, char** argv) {
    for (int i = 2; i < argc; ++i) {
      const std::string name = argv[i];
      if (name == "--help") print_help();
      if (!name.starts_with("--")) fail_usage("unexpected argument " + name);
      const bool is_flag = name == "--json";
      if (!is_flag && i + 1 == argc) fail_usage(name + " needs a value");
      if (!values_.emplace(name, is_flag ? "" : argv[++i]).second) fail_usage(name + " is given twice");
    }
  }

  [[noreturn]] static void print_help() {
    std::fputs(kHelp, stdout);
    std::exit(0);
  }

  bool take_flag(const std::string& name) { return take(name).has_value(); }

  template <typename Number>
  std::optional<Number> take_number(const std::string& name, Number min, Number max) {
    const auto text = take(name);
    if (!text) return std::nullopt;
    Number value{};
    const char* const end = text->data() + text->size();
    const auto parsed = std::from_chars(text->data(), end, value);
    if (parsed.ec != std::errc() || parsed.ptr != end || !(value >= min && value <= max)) {
      fail_usage(name + " " + *text + ": not a number in range");
    }
    return value;
  }

  sockaddr_in take_address(const std::string& name) {
    const auto text = take(name);
    if (!text) fail_usage(name + " is missing");
    const size_t colon = text->find(':');
    sockaddr_in address{};
    address.sin_family = AF_INET;
    uint16_t port = 0;
    const char* const end = text->data() + text->size();
    const bool ip_valid = colon != std::string::npos &&
                          inet_pton(AF_INET, text->substr(0, colon).c_str(), &address.sin_addr) == 1;
    if (!ip_valid) fail_usage(name + " " + *text + ": not an IPv4 address and port");
    const auto parsed = std::from_chars(text->data() + colon + 1, end, port);
    if (parsed.ec != std::errc() || parsed.ptr != end) fail_usage(name + " " + *text + ": not a port");
    address.sin_port = htons(port);
    return address;
  }

  void refuse_rest() const {
    if (!values_.empty()) fail_usage("unknown option " + values_.begin()->first);
  }

 private:
  std::optional<std::string> take(const std::string& name) {
    const auto found = values_.find(name);
    if (found == values_.end()) return std::nullopt;
    std::string value = std::move(found->second);
    values_.erase(found);
    return value;
  }

  std::map<std::string, std::string> values_;
};

// So that head, action, msg and blob together stay below kFrameBytesMax.
constexpr size_t kPartBytesMax = kFrameBytesMax / 4;

void take_common(Arguments& arguments, CommonOptions& options) {
  options.read_bytes = arguments.take_number<size_t>("--read-bytes", 1024, kPartBytesMax).value_or(options.read_bytes);
  options.send_bytes = arguments.take_number<size_t>("--send-bytes", 1024, kPartBytesMax).value_or(options.send_bytes);
  options.spin_ns = arguments.take_number<uint64_t>("--spin-us", 0, 1'000'000).value_or(0) * 1000;
}

void run_serve(Arguments& arguments) {
  ServeOptions options;
  options.listen = arguments.take_address("--listen");
  options.answer_bytes = arguments.take_number<size_t>("--answer-bytes", 0, kPartBytesMax);
  take_common(arguments, options);
  arguments.refuse_rest();
  Server(options).run();
}

void run_load(Arguments& arguments) {
  LoadOptions options;
  options.connect = arguments.take_address("--connect");
  const auto in_flight = arguments.take_number<uint64_t>("--in-flight", 1, 1 << 20);
  const auto payload_bytes = arguments.take_number<size_t>("--payload", 0, kPartBytesMax);
  if (!in_flight || !payload_bytes) fail_usage("load needs --in-flight and --payload");
  options.in_flight = *in_flight;
  options.payload_bytes = *payload_bytes;
  options.action_bytes = arguments.take_number<size_t>("--action-bytes", 0, kPartBytesMax).value_or(0);
  options.blob_bytes = arguments.take_number<size_t>("--blob-bytes", 0, kPartBytesMax).value_or(0);
  options.seconds = arguments.take_number<double>("--seconds", 0.001, 86400).value_or(1);
  options.connections = arguments.take_number<uint64_t>("--connections", 1, 10'000).value_or(1);
  take_common(arguments, options);
  options.json = arguments.take_flag("--json");
  arguments.refuse_rest();
  Load(options).run();
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  using bench::Arguments;
  const std::string_view command = argc > 1 ? argv[1] : "";
  if (command == "--help") Arguments::print_help();
  if (command != "serve" && command != "load") bench::fail_usage("the first argument is serve or load");
  Arguments arguments(argc, argv);
  command == "serve" ? bench::run_serve(arguments) : bench::run_load(arguments);
  return 0;
}
