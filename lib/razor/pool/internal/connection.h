#pragma once
// Connection: one connection to an address of a pool. ConnectionList: all of an Endpoint's. Private to pool.

#include <memory>
#include <vector>

#include "razor/pool/internal/connect_policy.h"
#include "razor/stream/client_stream.h"

namespace razor::pool {

class Endpoint;

/// A connection to an endpoint's address. Stays where it is while attempts refer to it.
struct Connection final : stream::ClientStreamWatcher {
  Connection(Endpoint& owner, stream::ClientStream connected, base::TimePoint now);
  ~Connection();

  void on_room() override;
  void on_not_open() override;
  void on_silent() override;
  void on_heard() override;
  /// Takes calls, if it has room.
  bool is_usable() const { return !is_leaving && !stream.is_silent(); }
  /// A ping would go out on it.
  bool can_be_asked() const { return stream.is_open() && stream.has_seqs(); }
  /// For so long that it is given up.
  bool is_long_silent(base::TimePoint now) const { return stream.is_silent() && now - stream.heard_at() >= kSilenceMax; }
  /// It takes no more calls, and nobody waits for those that it has.
  bool is_forgotten() const { return is_leaving && awaited == 0 && !is_asked; }

  Endpoint& endpoint;
  bool is_leaving = false;  // takes no more calls
  bool is_asked = false;    // for a sign of life: it stays until that is over
  bool was_used = false;
  std::uint32_t attempts = 0;
  std::uint32_t awaited = 0;  // of them: those whose callers still wait
  base::TimePoint idle_since;  // while `attempts` is 0
  stream::ClientStream stream;
};

class ConnectionList {
 public:
  using Connections = std::vector<std::unique_ptr<Connection>>;

  /// That may take calls, oldest first; and those that are marked as leaving, until the next `tidy`.
  const Connections& open() const { return open_; }
  /// That take none, until what they carry has ended, oldest first.
  const Connections& leaving() const { return leaving_; }
  std::size_t size() const { return open_.size() + leaving_.size(); }

  /// The first with room; null when there is none. The first, so that those that are not needed become idle.
  Connection* with_room() const;
  /// One is usable, and its stream is open.
  bool any_usable() const;
  /// One is silent, and may carry calls that could be tried elsewhere.
  bool any_silent_with_calls() const;
  std::uint32_t silent_count() const;
  /// Fills in what `view` says of connections.
  void describe(EndpointView& view, base::TimePoint now) const;

  /// The connection that a `step` asks for a sign of life; null when that is another step.
  Connection* to_ask(ConnectStep::Kind step) const;
  /// The first that was given up and has shown that it works; null when there is none.
  Connection* left_and_heard() const;

  /// Errors: throws std::bad_alloc; leaving will not.
  void add(std::unique_ptr<Connection> connection);
  void leave_all();
  /// Marks as leaving the connections that have been silent for kSilenceMax.
  void leave_silent(base::TimePoint now);
  /// Ends a forgotten connection, of which there is one.
  void end_forgotten();
  /// It is not leaving any more.
  void take_back(Connection& connection);
  /// Those for which `is_over(connection)` leave; those that carry nothing any more are destroyed.
  template <class IsOver>
  void tidy(IsOver&& is_over) {
    for (auto& connection : open_) {
      if (!is_over(*connection)) continue;
      connection->is_leaving = true;
      leaving_.push_back(std::move(connection));
    }
    std::erase(open_, nullptr);
    std::erase_if(leaving_, [](const auto& one) { return one->attempts == 0 && !one->is_asked; });
  }

 private:
  // One with room before others.
  Connection* open_to_ask() const;
  Connection* left_to_ask() const;

  Connections open_;
  Connections leaving_;
};

/// The server answers a ping on `stream` in time.
/// Cancel: destroying the Task stops waiting. The stream may be gone by the time it ends.
runtime::Task<bool> answers_ping(runtime::Clock& clock, stream::ClientStream& stream, base::Duration timeout);

}  // namespace razor::pool
