#include "razor/pool/internal/connection.h"

#include <algorithm>

#include "razor/pool/internal/endpoint.h"
#include "razor/runtime/with_deadline.h"

namespace razor::pool {

Connection::Connection(Endpoint& owner, stream::ClientStream connected, base::TimePoint now)
    : endpoint(owner), idle_since(now), stream(std::move(connected)) {
  stream.watch(this);
}
Connection::~Connection() { stream.watch(nullptr); }

void Connection::on_room() { endpoint.on_room(); }
void Connection::on_not_open() { endpoint.on_connection_over(*this); }
void Connection::on_silent() { endpoint.on_connection_silent(*this); }
void Connection::on_heard() { endpoint.on_connection_heard(); }

Connection* ConnectionList::with_room() const {
  for (const auto& connection : open_) {
    if (connection->is_usable() && connection->stream.has_room()) return connection.get();
  }
  return nullptr;
}

bool ConnectionList::any_usable() const {
  return std::ranges::any_of(open_, [](const auto& one) { return one->is_usable() && one->stream.is_open(); });
}

bool ConnectionList::any_silent_with_calls() const {
  const auto is_silent = [](const auto& one) { return one->attempts > 0 && one->stream.is_silent(); };
  return std::ranges::any_of(open_, is_silent) || std::ranges::any_of(leaving_, is_silent);
}

std::uint32_t ConnectionList::silent_count() const {
  const auto is_silent = [](const auto& one) { return one->stream.is_silent(); };
  return static_cast<std::uint32_t>(std::ranges::count_if(open_, is_silent) + std::ranges::count_if(leaving_, is_silent));
}

void ConnectionList::describe(EndpointView& view, TimePoint now) const {
  for (const auto& one : open_) {
    if (one->is_usable()) {
      view.has_open = view.has_open || one->stream.is_open();
      view.has_room = view.has_room || one->stream.has_room();
      view.can_ask_open = view.can_ask_open || one->can_be_asked();
    } else if (one->is_leaving) {
      view.can_ask_left = view.can_ask_left || one->can_be_asked();
    } else {
      view.has_long_silent = view.has_long_silent || one->is_long_silent(now);
    }
  }
  for (const auto& one : leaving_) {
    view.has_forgotten = view.has_forgotten || one->is_forgotten();
    view.can_ask_left = view.can_ask_left || one->can_be_asked();
  }
}

Connection* ConnectionList::to_ask(ConnectStep::Kind step) const {
  switch (step) {
    case ConnectStep::Kind::ask_open: return open_to_ask();
    case ConnectStep::Kind::ask_left: return left_to_ask();
    case ConnectStep::Kind::nothing:
    case ConnectStep::Kind::wait:
    case ConnectStep::Kind::connect:
    case ConnectStep::Kind::replace:
    case ConnectStep::Kind::give_up: break;
  }
  return nullptr;
}

Connection* ConnectionList::open_to_ask() const {
  Connection* first = nullptr;
  for (const auto& one : open_) {
    if (!one->is_usable() || !one->can_be_asked()) continue;
    if (one->stream.has_room()) return one.get();
    first = first == nullptr ? one.get() : first;
  }
  return first;
}

Connection* ConnectionList::left_to_ask() const {
  for (const auto* list : {&leaving_, &open_}) {
    for (const auto& one : *list) {
      if (one->is_leaving && one->can_be_asked()) return one.get();
    }
  }
  return nullptr;
}

Connection* ConnectionList::left_and_heard() const {
  for (const auto* list : {&open_, &leaving_}) {
    for (const auto& one : *list) {
      if (one->is_leaving && one->can_be_asked() && !one->stream.is_silent()) return one.get();
    }
  }
  return nullptr;
}

// What leaving will need is taken now: it cannot fail.
void ConnectionList::add(std::unique_ptr<Connection> connection) {
  open_.reserve(size() + 1);
  leaving_.reserve(size() + 1);
  open_.push_back(std::move(connection));
}

void ConnectionList::leave_all() {
  for (const auto& connection : open_) connection->is_leaving = true;
}

void ConnectionList::leave_silent(TimePoint now) {
  for (const auto& connection : open_) {
    if (connection->is_long_silent(now)) connection->is_leaving = true;
  }
}

void ConnectionList::end_forgotten() {
  const auto found = std::ranges::find_if(leaving_, [](const auto& one) { return one->is_forgotten(); });
  const std::unique_ptr<Connection> ended = std::move(*found);
  leaving_.erase(found);
}

void ConnectionList::take_back(Connection& connection) {
  connection.is_leaving = false;
  const auto found = std::ranges::find(leaving_, &connection, &std::unique_ptr<Connection>::get);
  if (found == leaving_.end()) return;  // nobody has tidied up since it was given up
  open_.push_back(std::move(*found));
  leaving_.erase(found);
}

// --- Signs of life -----------------------------------------------------------------------------------------------------

runtime::Task<bool> answers_ping(runtime::Clock& clock, stream::ClientStream& stream, base::Duration timeout) {
  struct Ping {
    static runtime::Task<bool> of(stream::StreamCall call) {
      const stream::OwnedResponse answer = co_await std::move(call);
      co_return answer->ok();
    }
  };
  stream::CallOptions options;
  options.timeout = timeout;
  const TimePoint until = base::saturating_add(clock.now(), timeout);
  const auto answered = co_await runtime::with_deadline(clock, until, Ping::of(stream.ping(options)));
  co_return answered.ok() && *answered;
}

}  // namespace razor::pool
