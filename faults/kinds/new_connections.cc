#include "faults/kinds/new_connections.h"

#include <algorithm>

#include "faults/kinds/kinds.h"

namespace razor::faults {

bool draw_reset_within(const Fault& fault, Fault& partner, Draw& draw) {
  using namespace std::chrono_literals;
  if (draw.roles.callers.empty()) return false;
  // Where two hosts are named, one of them is the caller.
  const auto is_caller = [&draw](const std::string& host) {
    return std::ranges::find(draw.roles.callers, host) != draw.roles.callers.end();
  };
  const auto is_server = [&draw](const std::string& host) {
    return std::ranges::find(draw.roles.servers, host) != draw.roles.servers.end();
  };
  const auto caller = std::ranges::find_if(fault.where, is_caller);
  const auto server = std::ranges::find_if(fault.where, is_server);
  if (server == fault.where.end()) return false;
  partner.what = reset_kind().name();
  partner.where = {caller != fault.where.end() ? *caller : draw.caller(), *server};
  partner.set("connections", "all");
  // Behind its beginning, and soon enough that what connects anew meets it still.
  partner.at = fault.at + draw.random.between(0ns, fault.lasts / 2) / 1ms * 1ms;
  return true;
}

}  // namespace razor::faults
