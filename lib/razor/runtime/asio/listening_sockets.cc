#include "razor/runtime/asio/listening_sockets.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

namespace razor::asio {

using runtime::Address;

ListeningSockets::~ListeningSockets() {
  for (const InheritedListener& listener : not_adopted_) ::close(listener.descriptor);
}

std::optional<InheritedListener> ListeningSockets::adopt(const Address& requested, const std::string& socket_name) {
  const bool any_port = requested.family() == Address::Family::tcp && requested.port() == 0;
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find_if(not_adopted_, [&](const InheritedListener& listener) {
    return any_port ? listener.requested == requested : listener.socket_name == socket_name;
  });
  if (found == not_adopted_.end()) return std::nullopt;
  InheritedListener adopted = std::move(*found);
  not_adopted_.erase(found);
  return adopted;
}

ListeningSockets::Id ListeningSockets::add(InheritedListener listener) {
  const std::lock_guard lock(mutex_);
  open_.emplace(next_id_, Open{std::move(listener), nullptr});
  return next_id_++;
}

bool ListeningSockets::remove(Id id) {
  const std::lock_guard lock(mutex_);
  const auto found = open_.find(id);
  if (found == open_.end()) return false;
  const InheritedListener listener = std::move(found->second.listener);
  open_.erase(found);
  return listener.removes_path && (is_ready_ || !listener.is_from_predecessor);
}

bool ListeningSockets::is_ready() const {
  const std::lock_guard lock(mutex_);
  return is_ready_;
}

void ListeningSockets::wake_when_ready(Id id, std::function<void()> wake) {
  const std::lock_guard lock(mutex_);
  if (is_ready_) return wake();
  const auto found = open_.find(id);
  if (found != open_.end()) found->second.wake = std::move(wake);
}

std::vector<Address> ListeningSockets::not_adopted() const {
  const std::lock_guard lock(mutex_);
  std::vector<Address> addresses;
  for (const InheritedListener& listener : not_adopted_) addresses.push_back(listener.bound);
  return addresses;
}

void ListeningSockets::set_ready(base::LogSink& log) {
  const std::lock_guard lock(mutex_);
  is_ready_ = true;
  for (const InheritedListener& listener : std::exchange(not_adopted_, {})) {
    log.log(base::LogLevel::warning, "restart: was given the socket of {}, and listens elsewhere: it is closed",
            listener.bound);
    const Address& bound = listener.bound;
    const bool has_path = bound.family() == Address::Family::unix_socket && !bound.is_abstract();
    if (has_path && listener.removes_path) ::unlink(bound.host().c_str());
    ::close(listener.descriptor);
  }
  for (auto& [id, open] : open_) {
    if (const std::function<void()> wake = std::exchange(open.wake, nullptr)) wake();
  }
}

std::vector<ListeningSockets::Id> ListeningSockets::give(
    const std::function<void(const std::vector<InheritedListener>&)>& start) {
  const std::lock_guard lock(mutex_);
  std::vector<Id> ids;
  std::vector<InheritedListener> listeners;
  for (const auto& [id, open] : open_) {
    ids.push_back(id);
    listeners.push_back(open.listener);
  }
  start(listeners);
  return ids;
}

void ListeningSockets::given(const std::vector<Id>& ids) {
  const std::lock_guard lock(mutex_);
  for (const Id id : ids) {
    if (const auto found = open_.find(id); found != open_.end()) found->second.listener.removes_path = false;
  }
}

}  // namespace razor::asio
