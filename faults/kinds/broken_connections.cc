#include "faults/kinds/broken_connections.h"

namespace razor::faults {

using namespace std::chrono_literals;

BrokenConnections::BrokenConnections(const Fault& fault, const FaultContext& context, Break how)
    : RuleFault(context.world),
      break_(how),
      one_(context.world.host(fault.where[0])),
      other_(context.world.host(fault.where[1])),
      all_(fault.word_of("connections", "all") == "all"),
      byte_(static_cast<base::ByteCount>(fault.number_of("byte", 0))),
      random_(context.random),
      later_(context.world) {
  if (byte_ == 0) break_now();
}

void BrokenConnections::break_now() {
  const std::vector<std::uint64_t> connections = fabric().connections_between(one_, other_);
  is_done_ = true;
  if (connections.empty()) return;
  if (!all_) {
    break_one(connections[random_.below(connections.size())]);
    return;
  }
  for (const std::uint64_t connection : connections) break_one(connection);
}

void BrokenConnections::break_one(std::uint64_t connection) {
  if ((fabric().*break_)(connection)) act();
}

bool BrokenConnections::covers(const sim::Segment& segment) const {
  return !is_done_ && ((&segment.from == &one_ && &segment.to == &other_) ||
                       (&segment.from == &other_ && &segment.to == &one_));
}

BrokenConnections::Progress& BrokenConnections::progress(const sim::Segment& segment) {
  const std::pair key(segment.connection, segment.end);
  return progress_.try_emplace(key, Progress{segment.position + byte_}).first->second;
}

// The byte is the last of its segment.
std::size_t BrokenConnections::split(const sim::Segment& segment) {
  if (!covers(segment)) return 0;
  const base::ByteCount breaks_at = progress(segment).breaks_at;
  if (segment.position >= breaks_at || breaks_at >= segment.position + segment.bytes.size()) return 0;
  act();
  return static_cast<std::size_t>(breaks_at - segment.position);
}

void BrokenConnections::on_arrived(const sim::Segment& segment) {
  if (!covers(segment)) return;
  const auto found = progress_.find({segment.connection, segment.end});
  if (found == progress_.end() || found->second.is_broken) return;
  if (segment.position + segment.bytes.size() < found->second.breaks_at) return;
  found->second.is_broken = true;
  is_done_ = !all_;
  later_.soon([this, connection = segment.connection] { break_one(connection); });
}

bool BrokenConnections::draw(Fault& fault, Draw& draw) {
  if (draw.roles.servers.empty() || draw.roles.callers.empty()) return false;
  fault.where = {draw.caller(), draw.server()};
  fault.set("connections", draw.random.one_in(2) ? "all" : "one");
  if (draw.random.one_in(3)) return true;
  fault.set("byte", static_cast<std::int64_t>(1 + draw.random.below(draw.random.one_in(4) ? 65'536 : 256)));
  fault.lasts = draw.duration(100ms, 30s);
  return true;
}

std::string BrokenConnections::check(const Fault& fault) {
  Check check(fault);
  check.hosts(2).number("byte", 1, 1'000'000'000'000).word("connections", {"all", "one"});
  if (fault.parameters.contains("byte")) {
    check.lasts();
  } else {
    check.over_at_once();
  }
  return check.wrong();
}

}  // namespace razor::faults
