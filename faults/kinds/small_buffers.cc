// small_buffers: connections that are made meanwhile have small buffers, and keep them.

#include <algorithm>

#include "faults/kinds/kinds.h"
#include "faults/kinds/links.h"
#include "faults/kinds/new_connections.h"
#include "faults/kinds/rule_fault.h"

namespace razor::faults {
namespace {

using namespace std::chrono_literals;

class SmallBuffersBetween final : public RuleFault {
 public:
  SmallBuffersBetween(const Fault& fault, const FaultContext& context)
      : RuleFault(context.world),
        links_(fault, context.world),
        bytes_(static_cast<std::size_t>(fault.number_of("bytes", 1))) {}

 private:
  void on_connection(const sim::Connected& made, sim::SocketConfig& sockets) override {
    if (!links_.covers(made.client, made.server)) return;
    if (sockets.send_buffer <= bytes_ && sockets.receive_buffer <= bytes_) return;
    sockets.send_buffer = std::min(sockets.send_buffer, bytes_);
    sockets.receive_buffer = std::min(sockets.receive_buffer, bytes_);
    act();
  }

  const Links links_;
  const std::size_t bytes_;
};

class SmallBuffers final : public FaultKind {
 public:
  std::string_view name() const override { return "small_buffers"; }
  std::string_view help() const override {
    return "small_buffers HOST [HOST] for TIME bytes=N [way=both|there|back]: connections made there meanwhile hold N bytes "
           "at each end, for as long as they live";
  }
  bool draw(Fault& fault, Draw& draw) const override {
    if (!Links::draw(fault, draw)) return false;
    fault.parameters.clear();  // both ways: who connects does not matter
    fault.lasts = draw.duration(3s, 60s);
    fault.set("bytes", std::int64_t{65'536} >> draw.number(0, 14));
    return true;
  }
  bool draw_partner(const Fault& fault, Fault& partner, Draw& draw) const override {
    return draw_reset_within(fault, partner, draw);
  }
  std::string check(const Fault& fault) const override {
    Check check(fault);
    return Links::check(check).lasts().required("bytes").number("bytes", 1, 1'000'000'000).wrong();
  }
  std::unique_ptr<ActiveFault> begin(const Fault& fault, FaultContext context) const override {
    return std::make_unique<SmallBuffersBetween>(fault, context);
  }
};

}  // namespace

const FaultKind& small_buffers_kind() {
  static const SmallBuffers kind;
  return kind;
}

}  // namespace razor::faults
