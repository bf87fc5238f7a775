#include "faults/kinds/links.h"

namespace razor::faults {

Links::Links(const Fault& fault, sim::World& world) : first_(&world.host(fault.where.front())) {
  if (fault.where.size() > 1) second_ = &world.host(fault.where[1]);
  const std::string_view way = fault.word_of("way", "both");
  forward_ = way != "back";
  reverse_ = way != "there";
}

bool draw_pair(Fault& fault, Draw& draw) {
  if (draw.roles.servers.empty() || draw.roles.callers.empty()) return false;
  fault.where = {draw.caller(), draw.server()};
  return true;
}

bool Links::draw(Fault& fault, Draw& draw) {
  if (draw.roles.servers.empty()) return false;
  if (draw.random.one_in(4) || !draw_pair(fault, draw)) fault.where = {draw.server()};
  if (draw.random.one_in(4)) fault.set("way", draw.random.one_in(2) ? "there" : "back");
  return true;
}

}  // namespace razor::faults
