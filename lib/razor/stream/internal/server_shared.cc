#include "razor/stream/internal/server_shared.h"

#include "razor/stream/internal/server_stream.h"

namespace razor::stream {

void ServerShared::note_connections() {
  const std::uint64_t now = common.stats.connections;
  const bool is_crowded = crowded ? 2 * now >= connections_max : 4 * now > std::uint64_t{3} * connections_max;
  if (is_crowded == crowded) return;
  crowded = is_crowded;
  connections.for_each([this](ServerStream& connection) { connection.set_crowded(crowded); });
}

void ServerShared::on_stall_timer() {
  stall.on_tick(runtime.clock().now());
  if (stall.next_tick() != base::TimePoint::max()) stall_timer.arm(stall.next_tick());
}

base::TimePoint ServerShared::oldest_age(base::TimePoint now) {
  const base::Duration age = common.config.max_connection_age;
  if (age == base::Duration::max()) return base::TimePoint::max();
  if (!ages) ages.emplace(runtime.random().seed_for("RpcServer max_connection_age"));
  return base::saturating_add(now, ages->between(age - age / 10, age + std::min(age / 10, base::Duration::max() - age)));
}

}  // namespace razor::stream
