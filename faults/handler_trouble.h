#pragma once
// HandlerTrouble: what faults want the user's own code to do wrong. Handlers of a scenario ask, once for each request:
//
//   const faults::HandlerTrouble trouble = faults::HandlerTrouble::of(host);
//   if (trouble.throws) throw std::runtime_error("a fault");
//
// It is about whatever the scenario calls a request: nothing here knows of calls.

#include "razor/base/time.h"
#include "sim/rule.h"

namespace razor::faults {

struct HandlerTrouble {
  base::Duration delay{};  ///< first, it takes so much longer
  bool throws = false;     ///< then it ends with an exception
  bool drops = false;      ///< or forgets to answer

  /// For the next request of this host, of all faults that are at work there. Counts as one.
  static HandlerTrouble of(const sim::Host& host);
};

/// Who makes such trouble: a rule (Fabric::add_rule).
class TroubleMaker : public sim::Rule {
 public:
  /// For one request; adds to `trouble`.
  virtual void add_to(HandlerTrouble& trouble, const sim::Host& host) = 0;
};

}  // namespace razor::faults
