#include "faults/kinds/connect_fault.h"

#include <algorithm>
#include <limits>

namespace razor::faults {

using namespace std::chrono_literals;

ConnectFault::ConnectFault(const Fault& fault, const FaultContext& context, sim::ConnectVerdict verdict)
    : RuleFault(context.world),
      verdict_(verdict),
      one_in_(static_cast<std::uint64_t>(fault.number_of("one_in", 1))),
      random_(context.random) {
  for (const std::string& name : fault.where) hosts_.push_back(&context.world.host(name));
}

sim::ConnectVerdict ConnectFault::on_connect(const sim::Connecting& connecting) {
  const bool is_from_there =
      hosts_.size() == 1 || std::find(hosts_.begin() + 1, hosts_.end(), &connecting.from) != hosts_.end();
  if (&connecting.to != hosts_.front() || &connecting.from == &connecting.to || !is_from_there) {
    return sim::ConnectVerdict::proceed;
  }
  // Where nobody listens, it is refused without us.
  if (verdict_ == sim::ConnectVerdict::refuse && !connecting.somebody_listens) return sim::ConnectVerdict::proceed;
  if (!random_.one_in(one_in_)) return sim::ConnectVerdict::proceed;
  act();
  return verdict_;
}

bool ConnectFault::draw(Fault& fault, Draw& draw) {
  if (draw.roles.servers.empty()) return false;
  fault.where = {draw.server()};
  if (!draw.roles.callers.empty() && draw.random.one_in(4)) fault.where.push_back(draw.caller());
  // Those that its partner has reset connect again within a second or two, and not often.
  fault.lasts = draw.duration(3s, 60s);
  fault.set("one_in", std::int64_t{2} >> draw.number(0, 1));
  return true;
}

std::string ConnectFault::check(const Fault& fault) {
  return Check(fault).hosts(1, std::numeric_limits<std::size_t>::max()).lasts().number("one_in", 1, 1'000'000'000).wrong();
}

}  // namespace razor::faults
