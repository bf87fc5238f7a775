// epoll_echo: the limit that the library is measured against. It moves the frames of the wire protocol over TCP with
// nothing but epoll, recv and send: no codec, no handler, no deadline, no allocation once running. It is both ends:
//
//   epoll_echo serve --listen 127.0.0.1:0                            answers every request with its own msg
//   epoll_echo load --connect ADDR --in-flight N --payload BYTES ... keeps N requests in flight and measures
//
// Either end may also face the library, to see what one side costs: the action and the msg of a load are a call of
// CalculatorService.echo with a msgpack string (for --action-bytes 22).
//
// How it works: echo_server.h, echo_load.h, over echo_io.h and echo_frames.h. Here is the command line.

#include <arpa/inet.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "echo_load.h"
#include "echo_server.h"

namespace bench {
namespace {

constexpr int kExitUsage = 64;  // EX_USAGE of <sysexits.h>

constexpr char kHelp[] =
    R"(A bare epoll echo of the frames of razor-rpc: the limit that the library is compared with.

epoll_echo serve --listen IP:PORT [options]
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

Options of both:
  --read-bytes N     the most that one recv takes (default 65536); grows where a frame needs more
  --send-bytes N     the most that one send is given (default 65536); less lets both ends work at the same time
  --socket-bytes N   size of the kernel's buffers (default: as the kernel sees fit)
  --spin-us N        ask for events without sleeping for N microseconds before sleeping (default 0)
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
    const bool ip_valid =
        colon != std::string::npos && inet_pton(AF_INET, text->substr(0, colon).c_str(), &address.sin_addr) == 1;
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

EchoOptions take_echo_options(Arguments& arguments) {
  EchoOptions options;
  auto take_bytes = [&](const char* name, size_t otherwise) {
    return arguments.take_number<size_t>(name, 1024, kFrameBytesMax).value_or(otherwise);
  };
  options.read_bytes = take_bytes("--read-bytes", options.read_bytes);
  options.send_bytes = take_bytes("--send-bytes", options.send_bytes);
  options.socket_bytes = take_bytes("--socket-bytes", options.socket_bytes);
  options.spin_ns = arguments.take_number<uint64_t>("--spin-us", 0, 1'000'000).value_or(0) * 1000;
  return options;
}

ServeOptions take_serve_options(Arguments& arguments) {
  ServeOptions options{take_echo_options(arguments)};
  options.listen = arguments.take_address("--listen");
  options.answer_bytes = arguments.take_number<size_t>("--answer-bytes", 0, kFrameBytesMax - ResponseHead::kBytes);
  return options;
}

LoadOptions take_load_options(Arguments& arguments) {
  LoadOptions options{take_echo_options(arguments)};
  options.connect = arguments.take_address("--connect");
  const auto in_flight = arguments.take_number<uint64_t>("--in-flight", 1, 1 << 20);
  const auto payload_bytes = arguments.take_number<size_t>("--payload", 0, kFrameBytesMax);
  if (!in_flight || !payload_bytes) fail_usage("load needs --in-flight and --payload");
  options.in_flight = *in_flight;
  options.payload_bytes = *payload_bytes;
  options.action_bytes = arguments.take_number<size_t>("--action-bytes", 0, kFrameBytesMax).value_or(0);
  options.blob_bytes = arguments.take_number<size_t>("--blob-bytes", 0, kFrameBytesMax).value_or(0);
  const RequestHead head = request_head_of(options);
  if (head.frame_bytes() > kFrameBytesMax) fail_usage("a request would be larger than 16 MiB");
  options.seconds = arguments.take_number<double>("--seconds", 0.001, 86400).value_or(1);
  options.connections = arguments.take_number<uint64_t>("--connections", 1, 10'000).value_or(1);
  options.json = arguments.take_flag("--json");
  return options;
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  using namespace bench;
  const std::string_view command = argc > 1 ? argv[1] : "";
  if (command == "--help") Arguments::print_help();
  if (command != "serve" && command != "load") fail_usage("the first argument is serve or load");
  Arguments arguments(argc, argv);
  if (command == "serve") {
    const ServeOptions options = take_serve_options(arguments);
    arguments.refuse_rest();
    Server(options).run();
  } else {
    const LoadOptions options = take_load_options(arguments);
    arguments.refuse_rest();
    Load(options).run();
  }
  return 0;
}
