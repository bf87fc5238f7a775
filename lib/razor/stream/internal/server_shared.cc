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

}  // namespace razor::stream
