#include "razor/base/error.h"

#include <fmt/format.h>

#include <array>

#include "razor/base/check.h"

namespace razor::base {
namespace {

struct ErrcFacts {
  Errc errc;
  Ran ran;
  std::string_view name;
  std::string_view wire_text;  // empty: never travels
};

// The reference knows the texts up to rpc_invalid_ver, in this order; `fail_internal(n)` of the test node counts on it.
constexpr std::array kFacts = {
    ErrcFacts{Errc::unreachable, Ran::no, "unreachable", "rpc_unreachable"},
    ErrcFacts{Errc::connection_lost, Ran::maybe, "connection_lost", "rpc_io_err"},
    ErrcFacts{Errc::deadline_exceeded, Ran::maybe, "deadline_exceeded", "rpc_timeout"},
    ErrcFacts{Errc::method_not_found, Ran::maybe, "method_not_found", "rpc_method_notfound"},
    ErrcFacts{Errc::service_not_found, Ran::maybe, "service_not_found", "rpc_service_notfound"},
    ErrcFacts{Errc::encode, Ran::maybe, "encode", "rpc_encode"},
    ErrcFacts{Errc::decode, Ran::maybe, "decode", "rpc_decode"},
    ErrcFacts{Errc::internal, Ran::maybe, "internal", "rpc_internal_err"},
    ErrcFacts{Errc::invalid_version, Ran::maybe, "invalid_version", "rpc_invalid_ver"},
    ErrcFacts{Errc::overloaded, Ran::maybe, "overloaded", "rpc_overloaded"},
    ErrcFacts{Errc::draining, Ran::maybe, "draining", "rpc_draining"},
    ErrcFacts{Errc::too_large, Ran::maybe, "too_large", "rpc_too_large"},
    ErrcFacts{Errc::bad_frame, Ran::maybe, "bad_frame", ""},
    ErrcFacts{Errc::cancelled, Ran::no, "cancelled", ""},
    ErrcFacts{Errc::closed, Ran::maybe, "closed", ""},
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

std::string_view wire_text_of(Errc errc) {
  const std::string_view text = facts_of(errc).wire_text;
  return text.empty() ? facts_of(Errc::internal).wire_text : text;
}

std::optional<Errc> errc_from_wire_text(std::string_view text) {
  if (!text.starts_with("rpc_")) return std::nullopt;
  for (const ErrcFacts& facts : kFacts) {
    if (facts.wire_text == text) return facts.errc;
  }
  return std::nullopt;
}

const std::error_category& errc_category() {
  static const ErrcCategory category;
  return category;
}

std::error_code make_error_code(Errc errc) { return {static_cast<int>(errc), errc_category()}; }

std::string CallError::message() const {
  std::string text = fmt::format("{} (ran: {})", name_of(errc_), name_of(ran_));
  if (!detail_.empty()) text += ": " + detail_;
  return text;
}

}  // namespace razor::base
