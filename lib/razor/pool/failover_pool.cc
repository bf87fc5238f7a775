#include "razor/pool/failover_pool.h"

#include "razor/pool/internal/pool_core.h"
#include "razor/stream/end_elsewhere.h"

namespace razor::pool {

FailoverPool::FailoverPool(runtime::Runtime& runtime, std::vector<runtime::Address> addresses,
                           const FailoverPoolConfig& config)
    : core_(base::make_ref<PoolCore>(runtime, std::move(addresses), config)) {}

FailoverPool::FailoverPool(FailoverPool&&) noexcept = default;

FailoverPool& FailoverPool::operator=(FailoverPool&& other) noexcept {
  std::swap(core_, other.core_);
  return *this;
}

FailoverPool::~FailoverPool() { stream::end_with_handle(core_); }

void FailoverPool::submit(stream::ClientTask task) { stream::submit(*core_, std::move(task)); }
void FailoverPool::update_addresses(std::vector<runtime::Address> addresses) {
  core_->update_addresses(std::move(addresses));
}
runtime::Task<void> FailoverPool::close(base::Duration limit) { return PoolCore::close(core_, limit); }
PoolState FailoverPool::state() const { return core_->state(); }
stream::Channel& FailoverPool::channel() { return *core_; }

}  // namespace razor::pool
