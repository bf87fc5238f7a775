// lib/razor/api/README.md, "More cores": a server on four threads, each with handlers of its own.

#include <razor/razor.h>

#include <cstdio>
#include <map>
#include <memory>

using namespace std::chrono_literals;

struct Counter {
  virtual razor::Call<int> increment() = 0;
  RAZOR_SERVICE(Counter, increment)
};

// [quote:service]
class CounterImpl final : public Counter {
 public:
  razor::Call<int> increment() override { return ++count_; }  // no lock: it is called on one thread only

 private:
  int count_ = 0;
};
// [/quote]

// [quote:serve]
razor::Task<razor::Address> begin(razor::AsioThreads& threads, std::unique_ptr<razor::ServerGroup>& group) {
  group = std::make_unique<razor::ServerGroup>(threads.runtimes());
  group->add([](razor::Runtime&) { return std::make_shared<CounterImpl>(); });  // once for each thread
  co_return group->listen(razor::Address::tcp("127.0.0.1", 0)).value();
}
razor::Task<void> end(std::unique_ptr<razor::ServerGroup>& group) {
  co_await group->close(5s);
  group.reset();
}
// [/quote]

razor::Task<std::map<int, int>> count(razor::Runtime& runtime, razor::Address address) {
  std::map<int, int> connections_by_count;
  std::vector<razor::ClientStream> streams;
  for (int i = 0; i < 8; ++i) {
    auto stream = co_await razor::ClientStream::connect(runtime, address);
    streams.push_back(std::move(stream).value());
    const razor::Client<Counter> counter(streams.back());
    ++connections_by_count[*co_await counter.increment()];
  }
  co_return connections_by_count;
}

int main() {
  std::unique_ptr<razor::ServerGroup> group;
  razor::AsioThread caller;
  std::map<int, int> counted;
  {
    // [quote:threads]
    razor::AsioThreads threads(4);
    const razor::Address address = threads.block_on([&] { return begin(threads, group); });
    // [/quote]
    counted = caller.block_on([&] { return count(caller.runtime(), address); });
    // [quote:close]
    threads.block_on([&] { return end(group); });
    // [/quote]
  }
  // Each of the four counters was used by two of the eight connections.
  std::printf("%d connections were the first of their thread, %d the second\n", counted[1], counted[2]);
}
