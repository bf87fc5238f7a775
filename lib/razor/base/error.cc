#include "razor/base/error.h"

#include <array>

#include "razor/base/check.h"
#include "razor/base/format.h"

namespace razor::base {
namespace {

struct ErrcFacts {
  Errc errc;
  Ran ran;
  std::string_view name;
};

constexpr std::array kFacts = {
    ErrcFacts{Errc::unreachable, Ran::no, "unreachable"},
    ErrcFacts{Errc::connection_lost, Ran::maybe, "connection_lost"},
    ErrcFacts{Errc::deadline_exceeded, Ran::maybe, "deadline_exceeded"},
    ErrcFacts{Errc::method_not_found, Ran::maybe, "method_not_found"},
    ErrcFacts{Errc::service_not_found, Ran::maybe, "service_not_found"},
    ErrcFacts{Errc::encode, Ran::maybe, "encode"},
    ErrcFacts{Errc::decode, Ran::maybe, "decode"},
    ErrcFacts{Errc::internal, Ran::maybe, "internal"},
    ErrcFacts{Errc::invalid_version, Ran::maybe, "invalid_version"},
    ErrcFacts{Errc::overloaded, Ran::maybe, "overloaded"},
    ErrcFacts{Errc::draining, Ran::maybe, "draining"},
    ErrcFacts{Errc::too_large, Ran::maybe, "too_large"},
    ErrcFacts{Errc::bad_frame, Ran::maybe, "bad_frame"},
    ErrcFacts{Errc::cancelled, Ran::no, "cancelled"},
    ErrcFacts{Errc::closed, Ran::maybe, "closed"},
    ErrcFacts{Errc::unsupported, Ran::maybe, "unsupported"},
    ErrcFacts{Errc::denied, Ran::maybe, "denied"},
};

const ErrcFacts& facts_of(Errc errc) {
  const auto index = static_cast<std::size_t>(errc) - 1;
  RAZOR_CHECK(index < kFacts.size() && kFacts[index].errc == errc, "no such Errc: {}", static_cast<int>(errc));
  return kFacts[index];
}

class ErrcCategory final : public std::error_category {
 public:
  const char* name() const noexcept override { return "razor"; }
  std::string message(int value) const override { return std::string(name_of(static_cast<Errc>(value))); }
};

}  // namespace

Ran ran(Errc errc) { return facts_of(errc).ran; }

std::string_view name_of(Errc errc) { return facts_of(errc).name; }

std::string_view name_of(Ran ran) {
  switch (ran) {
    case Ran::no: return "no";
    case Ran::maybe: return "maybe";
    case Ran::yes: return "yes";
  }
  return "?";
}

const std::error_category& errc_category() {
  static const ErrcCategory category;
  return category;
}

std::error_code make_error_code(Errc errc) { return {static_cast<int>(errc), errc_category()}; }

std::string CallError::message() const {
  std::string text = base::format("{} (ran: {})", name_of(errc_), name_of(ran_));
  if (!detail_.empty()) text += ": " + detail_;
  return text;
}

}  // namespace razor::base
