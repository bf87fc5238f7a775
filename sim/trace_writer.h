#pragma once
// TraceWriter: what the traces of a world have in common: where they write, what time it is, and who is who in what they
// are told. Private to the traces; users see sim/trace.h.

#include <map>
#include <ostream>
#include <string>

#include "sim/world.h"

namespace razor::sim {

class TraceWriter : public Observer {
 public:
  ~TraceWriter() override { world_.unwatch(*this); }
  TraceWriter(const TraceWriter&) = delete;

 protected:
  /// The world and `out` outlive the trace.
  TraceWriter(World& world, std::ostream& out) : world_(world), out_(out) { world_.watch(*this); }

  /// Who has the ends of a connection, the client first.
  struct Ends {
    const Host* hosts[2] = {};
    std::string addresses[2];
    /// "client:32769 > server:8082": the link of what one end sends.
    std::string link_name(int from) const { return addresses[from] + " > " + addresses[1 - from]; }
  };
  /// A call or the like that has begun and not ended.
  struct Span {
    const Host* host;
    runtime::SpanStart::Side side;
    std::string name;
    std::string connection;  // as Ends::link_name(0)
    std::uint64_t number = 0;
    base::TimePoint began{};

    bool asks() const { return side == runtime::SpanStart::Side::asks; }
    /// The same for both sides of a call, once it has its number.
    std::string key() const { return connection + " #" + std::to_string(number); }
  };

  base::TimePoint now() const { return world_.now(); }
  World& world() const { return world_; }
  std::ostream& out() const { return out_; }

  /// Hosts and links in an Occurrence's `where`.
  const Host& host(std::uint64_t number) const { return *world_.fabric().hosts().at(number - 1); }
  /// Of the connection that `direction` is of; null for one that was gone before anybody asked.
  const Ends* ends_of(std::uint64_t direction);
  Span span_of(const Host& host, const runtime::SpanStart& start) const;

 private:
  World& world_;
  std::ostream& out_;
  std::map<std::uint64_t, Ends> ends_;  // by the connection's number
};

/// `text` with what is not printable ASCII, quotes and backslashes as \u00XX: names may come from a hostile peer.
std::string escaped(std::string_view text);

}  // namespace razor::sim
