// razor_node call: JSON in, JSON out, whatever the service.

#include <charconv>
#include <map>
#include <nlohmann/json.hpp>

#include "razor/razor.h"
#include "tests/node/addresses.h"
#include "tests/node/calculator.h"
#include "tests/node/commands.h"

namespace razor::node {
namespace {

using nlohmann::json;

/// How the error of a known method is to be shown.
struct KnownError {
  api::ErrorForm form = api::ErrorForm::none;
  bool is_signed = false;
};

template <auto... Methods>
struct KnownErrors {
  static std::map<std::string, KnownError> make() {
    std::map<std::string, KnownError> errors;
    auto method = CalculatorService::razor_method_names().begin();
    ((errors[api::MethodName{CalculatorService::razor_service_name(), *method++}.full()] = of<Methods>()), ...);
    return errors;
  }

  template <auto Method>
  static KnownError of() {
    using E = typename api::MethodTraits<decltype(Method)>::Error;
    return {api::error_form<E>(), std::is_signed_v<E>};
  }
};

json message_as_json(ByteView message) {
  if (message.empty()) return nullptr;
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(message.data());
  json value = json::from_msgpack(bytes, bytes + message.size());
  return value;
}

json error_bytes_as_json(ByteView bytes, const KnownError* known) {
  const bool is_msgpack = known != nullptr ? known->form == api::ErrorForm::msgpack : false;
  if (is_msgpack) return message_as_json(bytes);
  return std::string(as_text(bytes));
}

void print_error(const json& error) { fmt::print(stderr, "{}\n", error.dump(-1, ' ', false, json::error_handler_t::replace)); }

void print_call_error(const CallError& error) {
  print_error({{"call_error", base::name_of(error.errc())}, {"ran", base::name_of(error.ran())}, {"detail", error.detail()}});
}

int report(const Answer& answer, const KnownError* known) {
  switch (answer.kind()) {
    case Answer::Kind::success: {
      json result = message_as_json(answer.msg());
      if (!answer.blob().empty()) result = {{"message", result}, {"blob_bytes", answer.blob().size()}};
      fmt::print("{}\n", result.dump(-1, ' ', false, json::error_handler_t::replace));
      return kOk;
    }
    case Answer::Kind::error_number: {
      json number = answer.number();
      if (known != nullptr && known->form == api::ErrorForm::unit) number = nullptr;
      if (known != nullptr && known->is_signed) number = static_cast<std::int32_t>(answer.number());
      print_error({{"error", number}});
      return kApplicationError;
    }
    case Answer::Kind::error_bytes:
      print_error({{"error", error_bytes_as_json(answer.blob(), known)}});
      return kApplicationError;
    case Answer::Kind::failed: print_call_error(answer.error()); return kFrameworkError;
  }
  return kFrameworkError;
}

Task<int> call_once(AsioRuntime& runtime, Address address, Action action, ByteView message, base::Duration timeout,
                    const KnownError* known) {
  const base::TimePoint deadline = runtime.clock().now() + timeout;
  ClientStreamConfig config;
  config.connect_timeout = timeout;
  config.tick = std::min<base::Duration>(config.tick, std::chrono::milliseconds(50));
  auto stream = co_await ClientStream::connect(runtime, address, config);
  if (!stream) {
    print_call_error(CallError(Errc::unreachable, Ran::no,
                               fmt::format("connect {}: {}", address, stream.error().message())));
    co_return kFrameworkError;
  }
  CallOptions options;
  options.deadline = deadline;
  options.timeout = timeout;
  const OwnedAnswer answer = co_await stream->call_encoded(action, message, options);
  try {
    co_return report(*answer, known);
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
  std::uint32_t number = 0;
  const auto [end, failed] = std::from_chars(options.action.data(), options.action.data() + options.action.size(), number);
  const bool is_number = failed == std::errc() && end == options.action.data() + options.action.size();
  if (is_number) {
    if (number == 0 || number > Action::kNumberMax) {
      fmt::print(stderr, "razor_node: a stream action is a number from 1 to {}\n", Action::kNumberMax);
      return kUsageError;
    }
    action = Action(number);
  } else if (options.action.empty()) {
    fmt::print(stderr, "razor_node: name a method, as in CalculatorService.add, or give the number of a stream action\n");
    return kUsageError;
  }

  const auto known_errors = CalculatorService::RazorMethods<KnownErrors>::make();
  const auto known = known_errors.find(options.action);
  AsioRuntime runtime(AsioConfig{.log = &log});
  return runtime.block_on(call_once(
      runtime, addresses->front(), action, std::as_bytes(std::span(message)),
      std::chrono::duration_cast<base::Duration>(std::chrono::duration<double>(options.timeout_seconds)),
      known == known_errors.end() ? nullptr : &known->second));
}

}  // namespace razor::node
