#pragma once
// What an oracle says when a rule of CONTRACT.md, or one of the user's own, is broken. The text begins with the rule, by
// which failures are told apart: "rule 12: call 17 ran twice".
//
//   RAZOR_RULE(12, runs <= 1, "call {} ran {} times", id, runs);
//   RAZOR_RULE("money", sum == before, "{} of {} are left", sum, before);

#include "sim/scenario.h"

/// Records that the rule is broken, and goes on, unless `condition` holds. `rule`: a number or a word.
#define RAZOR_RULE(rule, condition, ...) \
  RAZOR_EXPECT(condition, "rule {}: {}", rule, ::fmt::format(__VA_ARGS__))
