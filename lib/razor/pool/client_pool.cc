#include "razor/pool/client_pool.h"

#include "razor/pool/internal/pool_core.h"
#include "razor/stream/end_elsewhere.h"

namespace razor::pool {
namespace {

// One address: there is nowhere else to go.
FailoverPoolConfig of_one_address(const ClientPoolConfig& config) {
  FailoverPoolConfig whole;
  whole.pool = config;
  whole.health.timeouts_max = 0;
  whole.redirects_max = 0;
  return whole;
}

}  // namespace

ClientPool::ClientPool(runtime::Runtime& runtime, runtime::Address address, const ClientPoolConfig& config)
    : core_(base::make_ref<PoolCore>(runtime, std::vector{std::move(address)}, of_one_address(config))) {}

ClientPool::ClientPool(ClientPool&&) noexcept = default;

ClientPool& ClientPool::operator=(ClientPool&& other) noexcept {
  std::swap(core_, other.core_);
  return *this;
}

ClientPool::~ClientPool() { stream::end_with_handle(core_); }

void ClientPool::submit(stream::ClientTask task) { stream::submit(*core_, std::move(task)); }
runtime::Task<void> ClientPool::close(base::Duration limit) { return PoolCore::close(core_, limit); }
PoolState ClientPool::state() const { return core_->state(); }
stream::Channel& ClientPool::channel() { return *core_; }

}  // namespace razor::pool
