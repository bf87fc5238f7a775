#include "tests/runtime/conformance_test.h"

#include "razor/runtime/when.h"
#include "razor/runtime/with_deadline.h"

namespace razor::test {

void RuntimeConformance::run(runtime::Task<void> task) {
  EXPECT_TRUE(maker_->run(std::move(task))) << "did not end in time";
}

std::unique_ptr<runtime::Listener> RuntimeConformance::listen() {
  const runtime::Address address = maker_->address_to_listen_on();
  base::Result<std::unique_ptr<runtime::Listener>> listener = network().listen(address);
  RAZOR_CHECK(listener.ok(), "listen {}: {}", address, listener.error().message());
  return *std::move(listener);
}

runtime::Task<StreamPair> RuntimeConformance::connected_pair() {
  const std::unique_ptr<runtime::Listener> listener = listen();
  auto [client, server] = co_await when_all(network().connect(listener->address()), listener->accept());
  RAZOR_CHECK(client.ok() && server.ok(), "connect {}: {}, accept: {}", listener->address(), client.error().message(),
              server.error().message());
  co_return StreamPair(*std::move(client), *std::move(server));
}

}  // namespace razor::test
