#include "faults/handler_trouble.h"

#include "sim/fabric.h"
#include "sim/running.h"

namespace razor::faults {

HandlerTrouble HandlerTrouble::of(const sim::Host& host) {
  const sim::Running simulator(nullptr);
  HandlerTrouble trouble;
  for (sim::Rule* rule : host.fabric().rules()) {
    if (auto* maker = dynamic_cast<TroubleMaker*>(rule)) maker->add_to(trouble, host);
  }
  return trouble;
}

}  // namespace razor::faults
