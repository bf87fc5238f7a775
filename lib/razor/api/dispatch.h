#pragma once
// ServiceDispatch: routes requests to services by name. "CalculatorService.add" goes to `add` of the service that was
// added as CalculatorService: its arguments are decoded, the handler is started, and its outcome is encoded into the
// answer. Names with dots in them are found whole: "pkg.Store.put" is `put` of pkg.Store.
//
// A plain handler costs no frame. A coroutine is started right here; only one that suspends is registered, with the
// Runtime and the server, and answers when it has finished (call.h).

#include <array>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "razor/api/error_codec.h"
#include "razor/api/method.h"
#include "razor/stream/dispatch.h"

namespace razor::api {

namespace detail {

/// Decodes the arguments, calls the method, and answers. One is made for each method.
using Invoke = void (*)(void* implementation, const stream::Request& request, stream::Responder respond,
                        std::string_view method);

template <auto... Methods>
struct InvokeTable;

}  // namespace detail

class ServiceDispatch final : public stream::Dispatch {
 public:
  /// Serves `implementation` under its service's name. The program ends, with a line that says why, when a service of that name is
  /// there already, or when, with dots in names, one of its methods has the full name of a method that is.
  /// Owns:    one reference, until the dispatch is destroyed.
  template <class Implementation>
  void add(std::shared_ptr<Implementation> implementation);

  /// Takes requests that no service is meant for: numeric actions, names without a dot. Outlives the dispatch.
  /// Without it they are answered rpc_decode.
  void set_fallback(stream::Dispatch& fallback) { fallback_ = &fallback; }

  /// What is served: "CalculatorService.add" …, sorted.
  std::vector<std::string> methods() const;

  /// Errors: rpc_service_notfound, rpc_method_notfound, rpc_decode; rpc_overloaded when there is no memory for the
  ///         arguments; rpc_internal_err when the handler throws.
  void dispatch(const stream::Request& request, stream::Responder respond) override;

 private:
  struct Entry {
    void* implementation = nullptr;
    detail::Invoke invoke = nullptr;
    std::string_view method;
  };
  struct NameHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view name) const { return std::hash<std::string_view>{}(name); }
  };
  template <class Value>
  using ByName = std::unordered_map<std::string, Value, NameHash, std::equal_to<>>;

  void add_entries(std::string_view service, std::shared_ptr<void> owner, void* implementation,
                   std::span<const std::string_view> methods, std::span<const detail::Invoke> invokes);
  void refuse(const stream::Request& request, stream::Responder respond) const;
  /// Whether `action` begins with the name of a service and a dot.
  bool names_a_service(std::string_view action) const;

  ByName<std::shared_ptr<void>> services_;
  ByName<Entry> entries_;  // by full name; never iterated in an order that shows
  std::pair<const std::string, Entry>* last_ = nullptr;  // the same method is asked for again and again
  stream::Dispatch* fallback_ = nullptr;
};

// ---------------------------------------------------------------------------------------------------------------------

namespace detail {

/// Answers that arguments did not decode: rpc_decode, or overloaded where memory was refused. `why`, or `thrown` by a codec.
/// `action`: the method's full name.
void refuse_arguments(stream::Responder& respond, std::string_view action, std::string_view why,
                      const std::exception_ptr& thrown);

/// The argument that travels beside the message, where there is one.
template <class... Args>
void take_blob(const stream::Request& request, std::tuple<Args...>& arguments) {
  constexpr std::size_t kBlobs = (0 + ... + (wire::is_blob<Args> ? 1 : 0));
  if constexpr (kBlobs == 1) std::get<base::Blob>(arguments) = request.take_blob();  // more are refused in method.h
}

/// False: they do not decode, and the call was answered so.
template <class... Args>
bool decode_arguments(const stream::Request& request, stream::Responder& respond, std::tuple<Args...>& arguments) {
  std::string why;
  std::exception_ptr thrown;
  try {
    base::Bytes storage;
    wire::Decoder from(wire::values_of(request.format, request.msg, storage));
    if (wire::decode_parameters(from, arguments) && from.finish()) [[likely]] {
      take_blob(request, arguments);
      return true;
    }
    why = wire::error_of(from, request.format);
  } catch (...) {  // no memory, or a codec of the user's
    thrown = std::current_exception();
  }
  refuse_arguments(respond, request.action.name(), why, thrown);
  return false;
}

template <auto Method, bool kIsCancellable>
void invoke(void* implementation, const stream::Request& request, stream::Responder respond, std::string_view method) {
  using Traits = MethodTraits<decltype(Method)>;
  using T = typename Traits::Result;
  using E = typename Traits::Error;
  typename Traits::Arguments arguments{};
  if (!decode_arguments(request, respond, arguments)) return;
  try {
    const CallContext context(respond, method);
    const EnteredContext entered(context);
    auto& service = *static_cast<typename Traits::Service*>(implementation);
    Call<T, E> call = std::apply([&](auto&... args) { return (service.*Method)(std::move(args)...); }, arguments);
    if (call.immediate()) [[likely]] {
      respond_with_outcome<T, E>(respond, call.immediate());
    } else {
      call.release_coroutine()->serve(std::move(respond), method, kIsCancellable);
    }
  } catch (...) {
    respond.fail_thrown(method, std::current_exception());
  }
}

/// Null where the compiler has said why the parameters cannot be received.
template <auto Method, std::size_t Index>
constexpr Invoke invoke_of() {
  if constexpr (MethodTraits<decltype(Method)>::kParametersAreReceived) {
    return &invoke<Method, is_cancellable<typename MethodTraits<decltype(Method)>::Service, Index>()>;
  }
  return nullptr;
}
template <auto... Methods, std::size_t... Indices>
constexpr std::array<Invoke, sizeof...(Methods)> invokes_of(std::index_sequence<Indices...>) {
  return {invoke_of<Methods, Indices>()...};
}

template <auto... Methods>
struct InvokeTable {
  static constexpr auto kInvokes = invokes_of<Methods...>(std::make_index_sequence<sizeof...(Methods)>());
};

}  // namespace detail

template <class Implementation>
void ServiceDispatch::add(std::shared_ptr<Implementation> implementation) {
  using Service = typename Implementation::RazorService;
  static_assert(detail::check_service<Service>());
  Service* service = implementation.get();
  add_entries(Service::razor_service_name(), std::move(implementation), service, Service::razor_method_names(),
              Service::template RazorMethods<detail::InvokeTable>::kInvokes);
}

}  // namespace razor::api
