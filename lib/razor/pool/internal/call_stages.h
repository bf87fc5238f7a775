#pragma once
// CallStages: how long a call has spent in each stage of its life; for its error text. Pure.

#include <array>
#include <string>
#include <string_view>

#include "razor/base/format.h"
#include "razor/base/time.h"
#include "razor/base/time_text.h"

namespace razor::pool {

enum class CallStage : std::uint8_t {
  connecting,  ///< no address that may take it has a connection
  window,      ///< there are connections, and no room on them
  back_off,    ///< between two attempts
  sending,     ///< handed to a connection, and not sent
  waiting,     ///< sent, and not answered
};
inline constexpr std::size_t kCallStages = 5;

constexpr std::string_view name_of(CallStage stage) {
  switch (stage) {
    case CallStage::connecting: return "connecting";
    case CallStage::window: return "window";
    case CallStage::back_off: return "back-off";
    case CallStage::sending: return "sending";
    case CallStage::waiting: return "waiting";
  }
  return "?";
}

class CallStages {
 public:
  void add(CallStage stage, base::Duration span) { spent_[static_cast<std::size_t>(stage)] += span; }
  base::Duration of(CallStage stage) const { return spent_[static_cast<std::size_t>(stage)]; }

  /// "connecting 1.2 s, waiting 3 s": those that took any time; "no time" when none did.
  std::string to_string() const {
    std::string text;
    for (std::size_t i = 0; i < kCallStages; ++i) {
      if (spent_[i] <= base::Duration::zero()) continue;
      if (!text.empty()) text += ", ";
      text += base::format("{} {}", name_of(static_cast<CallStage>(i)), base::span_text(spent_[i]));
    }
    return text.empty() ? "no time" : text;
  }

 private:
  std::array<base::Duration, kCallStages> spent_{};
};

}  // namespace razor::pool
