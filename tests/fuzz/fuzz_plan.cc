// Plans of faults, which people write: a text that is one is printed, and read again, as the same plan.

#include "faults/plan.h"
#include "tests/fuzz/fuzz_target.h"

RAZOR_FUZZ_TARGET(plan) {
  using razor::faults::Plan;
  std::string error;
  const std::optional<Plan> plan = Plan::parse(input.text(), error);
  if (!plan) {
    RAZOR_CHECK(error.starts_with("line ") || error.starts_with("two faults"), "it says '{}'", error);
    return;
  }
  RAZOR_CHECK(error.empty(), "a plan with an error: {}", error);
  const std::string text = plan->to_string();
  const std::optional<Plan> again = Plan::parse(text, error);
  RAZOR_CHECK(again.has_value(), "its own text is no plan: {}", error);
  RAZOR_CHECK(*again == *plan, "its own text is another plan:\n{}", text);
  RAZOR_CHECK(again->to_string() == text, "its own text is printed as another");
  for (const razor::faults::Fault& fault : plan->faults) {
    RAZOR_CHECK(plan->find(fault.number) == &fault, "two faults have the number {}", fault.number);
  }
}
