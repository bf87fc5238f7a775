#include "razor/runtime/asio/name_lookup.h"

#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>

#include <boost/asio/ip/tcp.hpp>
#include <cerrno>
#include <cstring>
#include <deque>
#include <map>
#include <mutex>
#include <new>
#include <optional>
#include <thread>
#include <utility>

#include "razor/runtime/lookup_error.h"

namespace razor::asio {
namespace {

std::error_code error_of(int failure) {
  using runtime::LookupError;
  switch (failure) {
    case EAI_NONAME: return make_error_code(LookupError::no_such_name);
    case EAI_NODATA:
    case EAI_ADDRFAMILY: return make_error_code(LookupError::no_address);
    case EAI_AGAIN: return make_error_code(LookupError::no_answer);
    case EAI_MEMORY: return make_error_code(std::errc::not_enough_memory);
    case EAI_SYSTEM: return {errno, std::generic_category()};
    default: return make_error_code(LookupError::lookup_failed);
  }
}

// No name server has to be asked for it (RFC 6761, 6.4).
bool is_invalid_by_definition(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  return name == "invalid" || name.ends_with(".invalid");
}

// While it lives, a thread that is started takes no signals: they are for the program's own threads.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;
  ~SignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

}  // namespace

Resolved resolve_with_the_system(const std::string& name) {
  Resolved resolved;
  if (is_invalid_by_definition(name)) {
    resolved.error = make_error_code(runtime::LookupError::no_such_name);
    return resolved;
  }
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  if (const int failure = ::getaddrinfo(name.c_str(), nullptr, &hints, &list); failure != 0) {
    resolved.error = error_of(failure);
    return resolved;
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(list, &::freeaddrinfo);
  for (const addrinfo* entry = list; entry != nullptr; entry = entry->ai_next) {
    boost::asio::ip::tcp::endpoint endpoint;
    if (entry->ai_addrlen > endpoint.capacity()) continue;
    std::memcpy(endpoint.data(), entry->ai_addr, entry->ai_addrlen);
    endpoint.resize(entry->ai_addrlen);
    resolved.addresses.push_back(endpoint.address());
  }
  if (resolved.addresses.empty()) resolved.error = make_error_code(runtime::LookupError::no_address);
  return resolved;
}

struct NameLookup::State {
  State(Resolver resolve_names, std::size_t max) : resolve(std::move(resolve_names)), threads_max(max) {}

  const Resolver resolve;
  const std::size_t threads_max;

  std::mutex mutex;  // guards all below
  std::size_t threads = 0;
  std::map<std::string, std::vector<std::weak_ptr<Asker>>> askers;  // of each name that waits or is looked up
  std::deque<std::string> waiting;

  // The next name that somebody still waits for. Without one the calling thread ends.
  std::optional<std::string> next() {
    const std::lock_guard lock(mutex);
    while (!waiting.empty()) {
      std::string name = std::move(waiting.front());
      waiting.pop_front();
      const auto found = askers.find(name);
      std::erase_if(found->second, [](const std::weak_ptr<Asker>& asker) { return asker.expired(); });
      if (!found->second.empty()) return name;
      askers.erase(found);
    }
    --threads;
    return std::nullopt;
  }

  std::vector<std::weak_ptr<Asker>> take_askers(const std::string& name) {
    const std::lock_guard lock(mutex);
    return std::move(askers.extract(name).mapped());
  }
};

NameLookup::NameLookup(Resolver resolver, std::size_t at_a_time)
    : state_(std::make_shared<State>(std::move(resolver), at_a_time)) {}

NameLookup& NameLookup::of_this_process() {
  static NameLookup& lookup = *new NameLookup(resolve_with_the_system);
  return lookup;
}

std::error_code NameLookup::ask(const std::string& name, const std::shared_ptr<Asker>& asker) {
  const std::lock_guard lock(state_->mutex);
  const auto [place, is_new] = state_->askers.try_emplace(name);
  std::erase_if(place->second, [](const std::weak_ptr<Asker>& other) { return other.expired(); });
  place->second.push_back(asker);
  if (!is_new) return {};
  state_->waiting.push_back(name);
  if (state_->threads == state_->threads_max) return {};
  try {
    start_thread(state_);
  } catch (const std::system_error&) {
    if (state_->threads > 0) return {};  // one of the others will do it
    state_->waiting.pop_back();
    state_->askers.erase(place);
    return make_error_code(std::errc::resource_unavailable_try_again);
  }
  ++state_->threads;
  return {};
}

void NameLookup::start_thread(const std::shared_ptr<State>& state) {
  const SignalsBlocked blocked;
  std::thread([state] { run(*state); }).detach();
}

void NameLookup::run(State& state) {
  while (const std::optional<std::string> name = state.next()) {
    Resolved resolved;
    try {
      resolved = state.resolve(*name);
    } catch (const std::bad_alloc&) {
      resolved.error = make_error_code(std::errc::not_enough_memory);
    }
    for (const std::weak_ptr<Asker>& asker : state.take_askers(*name)) {
      if (const std::shared_ptr<Asker> waiting = asker.lock()) waiting->found(resolved);
    }
  }
}

}  // namespace razor::asio
