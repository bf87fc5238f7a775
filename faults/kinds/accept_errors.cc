// accept_errors: accepting fails, as when descriptors or memory are short.

#include <array>

#include "faults/kinds/check.h"
#include "faults/kinds/kinds.h"
#include "faults/kinds/new_connections.h"
#include "faults/kinds/rule_fault.h"

namespace razor::faults {
namespace {

using namespace std::chrono_literals;

struct Error {
  std::string_view name;
  std::errc value;
};
constexpr std::array kErrors = {
    Error{"too_many_files_open", std::errc::too_many_files_open},
    Error{"too_many_files_open_in_system", std::errc::too_many_files_open_in_system},
    Error{"no_buffer_space", std::errc::no_buffer_space},
    Error{"not_enough_memory", std::errc::not_enough_memory},
    Error{"connection_aborted", std::errc::connection_aborted},
    Error{"protocol_error", std::errc::protocol_error},
};

std::error_code error_of(const Fault& fault) {
  const std::string_view wanted = fault.word_of("error", kErrors.front().name);
  for (const Error& error : kErrors) {
    if (error.name == wanted) return std::make_error_code(error.value);
  }
  return std::make_error_code(kErrors.front().value);
}

class FailingAccepts final : public RuleFault {
 public:
  FailingAccepts(const Fault& fault, const FaultContext& context)
      : RuleFault(context.world),
        host_(context.world.host(fault.where.front())),
        error_(error_of(fault)),
        one_in_(static_cast<std::uint64_t>(fault.number_of("one_in", 1))),
        random_(context.random) {}

 private:
  sim::AcceptFault on_accept(const sim::Host& host) override {
    if (&host != &host_ || !random_.one_in(one_in_)) return {};
    act();
    return {.delay = {}, .error = error_};
  }

  const sim::Host& host_;
  const std::error_code error_;
  const std::uint64_t one_in_;
  base::RandomStream random_;
};

class AcceptErrors final : public FaultKind {
 public:
  std::string_view name() const override { return "accept_errors"; }
  std::string_view help() const override {
    return "accept_errors HOST for TIME [error=too_many_files_open|too_many_files_open_in_system|no_buffer_space|"
           "not_enough_memory|connection_aborted|protocol_error] [one_in=N]: one in N accepts of a waiting connection "
           "fails, and the connection waits on";
  }
  bool draw(Fault& fault, Draw& draw) const override {
    if (draw.roles.servers.empty()) return false;
    fault.where = {draw.server()};
    // As in connect_fault.cc.
    fault.lasts = draw.duration(3s, 60s);
    fault.set("error", kErrors[draw.random.below(kErrors.size())].name);
    fault.set("one_in", std::int64_t{2} >> draw.number(0, 1));
    return true;
  }
  bool draw_partner(const Fault& fault, Fault& partner, Draw& draw) const override {
    return draw_reset_within(fault, partner, draw);
  }
  std::string check(const Fault& fault) const override {
    static_assert(kErrors.size() == 6);
    return Check(fault)
        .hosts(1)
        .lasts()
        .word("error",
              {kErrors[0].name, kErrors[1].name, kErrors[2].name, kErrors[3].name, kErrors[4].name, kErrors[5].name})
        .number("one_in", 1, 1'000'000'000)
        .wrong();
  }
  std::unique_ptr<ActiveFault> begin(const Fault& fault, FaultContext context) const override {
    return std::make_unique<FailingAccepts>(fault, context);
  }
};

}  // namespace

const FaultKind& accept_errors_kind() {
  static const AcceptErrors kind;
  return kind;
}

}  // namespace razor::faults
