#include "tests/api/carried.h"

#include <algorithm>

namespace razor::test {

using namespace std::chrono_literals;

std::string Carry::hex(std::string_view spaced) {
  std::string text(spaced);
  std::erase(text, ' ');
  return text;
}

std::string Carry::inside(const std::string& value, bool is_a_key) {
  const auto name = [](const char* text) { return encoded(std::string(text)); };
  return "85" + name("field") + value + name("elements") + "92" + value + value + name("alternative") + "81" +
         name("Alternative") + value + name("values") + "81" + name("a") + value + name("keys") +
         (is_a_key ? "81" + value + "05" : "c0");
}

Address Carry::listening(Server& server) {
  const auto address = server.listen(*Address::parse("127.0.0.1:0"));
  RAZOR_CHECK(address, "{}", address.error().message());
  return *address;
}

void Carry::begin() {
  outcome_ = {};
  left_ = 3;
  all_came_.reset();
}

void Carry::came(std::string& where, std::string what) {
  where = std::move(what);
  if (--left_ == 0) all_came_.set();
}

void Carry::wait() {
  runtime_.block_on([](Event& all_came) -> Task<void> { co_await all_came.wait(); }(all_came_));
}

void Carry::expect(const char* how, const std::string& value, const std::string& all) {
  EXPECT_EQ(outcome_.result, value) << how;
  EXPECT_EQ(outcome_.inside, all) << how;
  EXPECT_EQ(outcome_.error, value) << how << ", as an error";
}

void Carry::close(ClientPool& pool, Server& server) {
  runtime_.block_on([](ClientPool& pool, Server& server) -> Task<void> {
    co_await pool.close(1s);
    co_await server.close(1s);
  }(pool, server));
}

}  // namespace razor::test
