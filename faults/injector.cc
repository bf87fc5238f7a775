#include "faults/injector.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/scenario.h"

namespace razor::faults {

struct Injector::Entry {
  Fault fault;
  const FaultKind* kind = nullptr;    // one of these two
  const Action* action = nullptr;
  std::unique_ptr<ActiveFault> active;
  bool begun = false;
  bool over = false;
  std::uint64_t effects = 0;
  base::TimePoint over_at{};
};

namespace {

// Empty when all hosts of the fault are there.
std::string unknown_host(sim::World& world, const Fault& fault) {
  for (const std::string& name : fault.where) {
    const auto& hosts = world.fabric().hosts();
    if (std::ranges::none_of(hosts, [&name](const auto& host) { return host->name() == name; })) {
      return fmt::format("there is no host {}", name);
    }
  }
  return {};
}

}  // namespace

Injector::Injector(sim::World& world, const Plan& plan, const Actions& actions)
    : world_(world), actions_(actions), conditions_(world), self_(std::make_shared<Injector*>(this)) {
  const base::TimePoint start = world_.now();
  for (const Fault& fault : plan.faults) {
    Entry& entry = *entries_.emplace_back(std::make_unique<Entry>());
    entry.fault = fault;
    entry.kind = find_kind(fault.what);
    if (const auto found = actions_.find(fault.what); found != actions_.end()) entry.action = &found->second;
    RAZOR_REQUIRE(entry.kind != nullptr || entry.action != nullptr, "{}: no kind of fault and no action is called {}",
                  fault.to_string(), fault.what);
    const std::string wrong = entry.kind != nullptr ? entry.kind->check(fault) : std::string();
    RAZOR_REQUIRE(wrong.empty(), "{}: {}", fault.to_string(), wrong);
    const std::string unknown = unknown_host(world_, fault);
    RAZOR_REQUIRE(unknown.empty(), "{}: {}", fault.to_string(), unknown);
    const std::shared_ptr<Injector*> self = self_;
    world_.at(base::saturating_add(start, fault.at), [self, &entry] {
      if (*self != nullptr) (*self)->begin(entry);
    });
  }
}

Injector::~Injector() {
  heal();
  *self_ = nullptr;
}

void Injector::begin(Entry& entry) {
  if (entry.begun || entry.over) return;
  entry.begun = true;
  world_.note(fmt::format("fault {}", entry.fault.to_string()));
  const sim::Seed seed = world_.engine().seed().of("fault").of(entry.fault.number);
  if (entry.action != nullptr) {
    base::RandomStream random = seed.stream();
    entry.action->fire(entry.fault, random);
    entry.effects = 1;
    entry.over = true;
    entry.over_at = world_.now();
    return;
  }
  entry.active = entry.kind->begin(entry.fault, FaultContext{world_, conditions_, seed.stream()});
  if (entry.active == nullptr) {
    entry.over = true;
    entry.over_at = world_.now();
    return;
  }
  const std::shared_ptr<Injector*> self = self_;
  world_.after(entry.fault.lasts, [self, &entry] {
    if (*self != nullptr) (*self)->end(entry);
  });
}

void Injector::end(Entry& entry) {
  if (entry.over) return;
  entry.over = true;
  entry.over_at = world_.now();
  if (entry.active == nullptr) return;
  world_.note(fmt::format("fault #{} ends", entry.fault.number));
  // What its end does may count, too.
  entry.active->end();
  entry.effects = entry.active->effects();
  entry.active.reset();
}

void Injector::heal() {
  for (const auto& entry : entries_) end(*entry);
}

bool Injector::touched(const Entry& entry, std::string_view host, base::Duration span) const {
  if (!entry.begun || (entry.over && world_.now() - entry.over_at > span)) return false;
  const std::vector<std::string>& where = entry.fault.where;
  return where.empty() || std::ranges::find(where, host) != where.end();
}

bool Injector::touched(std::string_view host, base::Duration span, std::string_view except) const {
  return std::ranges::any_of(entries_,
                             [&](const auto& entry) { return entry->fault.what != except && touched(*entry, host, span); });
}

bool Injector::touched_by(std::string_view kind, std::string_view host, base::Duration span) const {
  return std::ranges::any_of(entries_,
                             [&](const auto& entry) { return entry->fault.what == kind && touched(*entry, host, span); });
}

std::vector<FaultReport> Injector::reports() const {
  std::vector<FaultReport> reports;
  for (const auto& entry : entries_) {
    const std::uint64_t effects = entry->active != nullptr ? entry->active->effects() : entry->effects;
    reports.push_back({entry->fault, entry->begun, entry->over, effects});
  }
  return reports;
}

}  // namespace razor::faults
