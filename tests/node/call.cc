// razor_node call: JSON in, JSON out, whatever the service.

#include <fmt/format.h>

#include <charconv>
#include <map>
#include <nlohmann/json.hpp>

#include "razor/razor.h"
#include "tests/node/addresses.h"
#include "tests/node/calculator.h"
#include "tests/node/commands.h"

namespace razor::node {
namespace {

// Keeps the order of members: a struct travels as a map of its fields in the order of their declaration.
using json = nlohmann::ordered_json;

/// What an answer of a method that razor_node itself serves is held against.
struct KnownMethod {
  api::ErrorForm error_form = api::ErrorForm::none;
  bool error_is_signed = false;
  /// What is wrong with the answer, going by what the method declares.
  std::optional<CallError> (*misfit)(const wire::ResponseFrame& answer, std::string_view method) = nullptr;
};

template <auto... Methods>
struct KnownMethods {
  static std::map<std::string, KnownMethod, std::less<>> make() {
    std::map<std::string, KnownMethod, std::less<>> known;
    constexpr auto names = CalculatorService::razor_method_names();
    auto name = names.begin();
    ((known[api::MethodName{CalculatorService::razor_service_name(), *name++}.full()] = of<Methods>()), ...);
    return known;
  }

  template <auto Method>
  static KnownMethod of() {
    using T = typename api::MethodTraits<decltype(Method)>::Result;
    using E = typename api::MethodTraits<decltype(Method)>::Error;
    return {api::error_form<E>(), std::is_signed_v<E>,
            [](const wire::ResponseFrame& answer, std::string_view method) -> std::optional<CallError> {
              const Reply<T, E> reply = api::reply_of<T, E>(answer, method);
              if (reply.has_call_error()) return reply.call_error();
              return std::nullopt;
            }};
  }
};

wire::ResponseFrame frame_of(const Response& answer) {
  wire::ResponseFrame frame;
  switch (answer.kind()) {
    case Response::Kind::success: frame.msg = answer.msg(); break;
    case Response::Kind::error_number:
      frame.head.flag = static_cast<std::uint8_t>(wire::ResponseFlag::error_number);
      frame.head.msg_bytes_or_number = answer.number();
      break;
    case Response::Kind::error_bytes: frame.head.flag = static_cast<std::uint8_t>(wire::ResponseFlag::error_bytes); break;
    case Response::Kind::failed: RAZOR_CHECK(false, "no answer: {}", answer.message()); break;
  }
  frame.blob = answer.blob();
  return frame;
}

/// What is wrong with an answer that has come.
std::optional<CallError> misfit_of(const Response& answer, const Action& action, const KnownMethod* known) {
  if (known != nullptr) return known->misfit(frame_of(answer), action.name());
  if (!answer.ok()) return std::nullopt;
  // Only a stream action may succeed without a message: a method without a result answers nil.
  const bool is_method = action.name().find('.') != std::string_view::npos;
  if (answer.msg().empty() && !is_method) return std::nullopt;
  wire::Decoder message(answer.msg());
  if (message.skip() && message.finish()) return std::nullopt;
  return CallError(Errc::decode, Ran::yes, fmt::format("the result does not decode: {}", message.error_message()));
}

/// `message` is one msgpack value that is not nested too deep, or nothing.
json message_as_json(ByteView message) {
  if (message.empty()) return nullptr;
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(message.data());
  json value = json::from_msgpack(bytes, bytes + message.size());
  return value;
}

std::string text_of(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }

void print_error(const json& error) { fmt::print(stderr, "{}\n", text_of(error)); }

void print_call_error(const CallError& error) {
  print_error(
      {{"call_error", base::name_of(error.errc())}, {"ran", base::name_of(error.ran())}, {"detail", error.detail()}});
}

int report(const Response& answer, const Action& action, const KnownMethod* known) {
  if (answer.kind() == Response::Kind::failed) {
    print_call_error(answer.error());
    return kFrameworkError;
  }
  if (const auto misfit = misfit_of(answer, action, known)) {
    print_call_error(*misfit);
    return kFrameworkError;
  }
  const api::ErrorForm error_form = known != nullptr ? known->error_form : api::ErrorForm::none;
  switch (answer.kind()) {
    case Response::Kind::success: {
      json result = message_as_json(answer.msg());
      if (!answer.blob().empty()) result = {{"message", result}, {"blob_bytes", answer.blob().size()}};
      fmt::print("{}\n", text_of(result));
      return kOk;
    }
    case Response::Kind::error_number: {
      json number = answer.number();
      if (error_form == api::ErrorForm::unit) number = nullptr;
      if (known != nullptr && known->error_is_signed) number = static_cast<std::int32_t>(answer.number());
      print_error({{"error", number}});
      return kApplicationError;
    }
    case Response::Kind::error_bytes: {
      json error = std::string(as_text(answer.blob()));
      if (error_form == api::ErrorForm::msgpack) error = message_as_json(answer.blob());
      print_error({{"error", error}});
      return kApplicationError;
    }
    case Response::Kind::failed: break;
  }
  return kFrameworkError;
}

Task<int> call_once(AsioRuntime& runtime, Address address, Action action, ByteView message, base::Duration timeout,
                    HelloMode hello, const KnownMethod* known) {
  const base::TimePoint deadline = runtime.clock().now() + timeout;
  ClientStreamConfig config;
  config.connect_timeout = timeout;
  config.hello = hello;
  auto stream = co_await ClientStream::connect(runtime, address, config);
  if (!stream) {
    print_call_error(CallError(Errc::unreachable, Ran::no, fmt::format("connect {}: {}", address, stream.message())));
    co_return kFrameworkError;
  }
  CallOptions options;
  options.deadline = deadline;
  options.timeout = timeout;
  const OwnedResponse answer = co_await stream->call_encoded(action, message, options);
  try {
    co_return report(*answer, action, known);
  } catch (const json::exception& error) {
    print_call_error(CallError(Errc::decode, Ran::yes, fmt::format("the answer is no msgpack: {}", error.what())));
  }
  co_return kFrameworkError;
}

}  // namespace

int call(const CallCommandOptions& options, SpdlogSink& log) {
  const auto addresses = parse_addresses({options.address});
  if (!addresses) return kUsageError;

  std::vector<std::uint8_t> message = {0xc0};  // nil: no parameters
  if (!options.arguments.empty()) {
    try {
      message = json::to_msgpack(json::parse(options.arguments));
    } catch (const json::exception& error) {
      fmt::print(stderr, "razor_node: the arguments are no JSON: {}\n", error.what());
      return kUsageError;
    }
  }

  Action action(options.action);
  std::int64_t number = 0;
  const auto [end, failed] = std::from_chars(options.action.data(), options.action.data() + options.action.size(), number);
  const bool is_number = failed != std::errc::invalid_argument && end == options.action.data() + options.action.size();
  if (is_number) {
    if (failed != std::errc() || number <= 0 || number > Action::kNumberMax) {
      fmt::print(stderr, "razor_node: a stream action is a number from 1 to {}\n", Action::kNumberMax);
      return kUsageError;
    }
    action = Action(static_cast<std::uint32_t>(number));
  } else if (options.action.empty()) {
    fmt::print(stderr, "razor_node: name a method, as in CalculatorService.add, or give the number of a stream action\n");
    return kUsageError;
  }

  const auto known_methods = CalculatorService::RazorMethods<KnownMethods>::make();
  const auto known = known_methods.find(options.action);
  AsioRuntime runtime(AsioConfig{.log = &log});
  return runtime.block_on(
      call_once(runtime, addresses->front(), action, std::as_bytes(std::span(message)),
                std::chrono::duration_cast<base::Duration>(std::chrono::duration<double>(options.timeout_seconds)),
                hello_named(options.hello), known == known_methods.end() ? nullptr : &known->second));
}

}  // namespace razor::node
