#pragma once
// PoolLoad: the load of `razor_node load --pool`: callers through one FailoverPool over all addresses, and what is told about
// it.

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/node/load_callers.h"

namespace razor::node {

class PoolLoad {
 public:
  /// `load` outlives it.
  PoolLoad(Load& load, std::vector<Address> addresses);

  void update_addresses(std::vector<Address> addresses) { pool_.update_addresses(std::move(addresses)); }

  /// Calls until the load is stopping.
  Task<void> run() { return callers_.run(); }

  /// A line for each address: what is going on there, for people.
  std::vector<std::string> live_lines() const;
  /// Of each address its state, and totals of the pool.
  nlohmann::json state() const;
  /// What keeps calls from being answered.
  std::string trouble() const;

  /// Closes the pool: calls have some time to end; less once `hurry` is set.
  Task<void> close(Event& hurry);

 private:
  Task<void> close_in_a_hurry(Event& hurry);

  Load& load_;
  FailoverPool pool_;
  Callers<FailoverPool> callers_;
};

/// For people, what `state` gave.
void print_pool(const nlohmann::json& state);

}  // namespace razor::node
