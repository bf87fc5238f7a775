// The examples of lib/razor/wire/types.md.

#include <razor/razor.h>

#include <map>
#include <memory>

#include "tests/examples/example_checks.h"

using examples::costs;
using examples::sends;

struct Item {
  int id = 0;
  std::string name;
  std::vector<std::string> tags;
  RAZOR_FIELDS(Item, id, name, tags)
};

void structs() {
  // [quote:structs]
  sends(Item(7, "lamp", {"new"}), R"({"id": 7, "name": "lamp", "tags": ["new"]})");
  // [/quote]
}

enum class Priority { low, normal, high };
RAZOR_ENUM(Priority, low, normal, high)

enum class Level { debug, info };  // no RAZOR_ENUM: its integer

class Account {
 public:
  int balance() const { return balance_; }

 private:
  int balance_ = 0;
  std::string owner_;
  RAZOR_FIELDS(Account, RAZOR_FIELD_AS(balance_, "balance"), RAZOR_FIELD_AS(owner_, "owner"))
};

struct Event {
  std::uint64_t id = 0;
  Priority priority = Priority::normal;
  RAZOR_FIELDS(Event, id, priority)
};
struct Payment : Event {
  int amount = 0;
  RAZOR_FIELDS(Payment, RAZOR_BASE(Event), amount)
};

template <class T>
struct Page {
  std::vector<T> items;
  bool more = false;
  RAZOR_FIELDS(Page, items, more)
};

struct Rgb {
  int r = 0, g = 0, b = 0;
  RAZOR_TUPLE(Rgb, r, g, b)
};
struct UserId {
  std::uint64_t value = 0;
  RAZOR_NEWTYPE(UserId, value)
};

void names() {
  sends(Priority::high, R"("high")");
  sends(Level::info, "1");
  sends(Account(5, "Ada"), R"({"balance": 5, "owner": "Ada"})");
  sends(Payment(Event(3, Priority::low), 50), R"({"id": 3, "priority": "low", "amount": 50})");
  sends(Page<int>({1, 2}, true), R"({"items": [1, 2], "more": true})");
  sends(Rgb(255, 128, 0), "[255, 128, 0]");
  sends(UserId(7), "7");
}

struct Idle {
  RAZOR_UNIT(Idle)
};
struct Failed {
  std::string why;
  RAZOR_NEWTYPE(Failed, why)
};
struct Running {
  int done = 0;
  int of = 0;
  RAZOR_FIELDS(Running, done, of)
};
using State = std::variant<Idle, Failed, Running>;

void variants() {
  sends(State(Idle()), R"("Idle")");
  sends(State(Failed("no disk")), R"({"Failed": "no disk"})");
  sends(State(Running(1, 3)), R"({"Running": {"done": 1, "of": 3}})");
}

// money.h, of another library
class Money {
 public:
  static Money of_cents(std::int64_t cents) { return Money(cents); }
  Money() = default;
  std::int64_t cents() const { return cents_; }

 private:
  explicit Money(std::int64_t cents) : cents_(cents) {}
  std::int64_t cents_ = 0;
};

template <>
struct razor::Codec<Money> {
  static void encode(Encoder& to, const Money& money) { razor::encode(to, money.cents()); }
  static bool decode(Decoder& from, Money& money) {
    std::int64_t cents = 0;
    if (!razor::decode(from, cents)) return false;
    if (cents < 0) return from.fail("an amount is never negative");
    money = Money::of_cents(cents);
    return true;
  }
};

void types_of_others() {
  sends(Money::of_cents(150), "150");
  sends(std::map<std::string, Money>{{"lamp", Money::of_cents(999)}}, R"({"lamp": 999})");
}

struct List {
  int value = 0;
  std::unique_ptr<List> next;
  RAZOR_FIELDS(List, value, next)
};

struct Lists {
  virtual razor::Call<std::unique_ptr<List>> push(std::unique_ptr<List> list, int value) = 0;
  RAZOR_SERVICE(Lists, push)
};

struct ListsImpl final : Lists {
  razor::Call<std::unique_ptr<List>> push(std::unique_ptr<List> list, int value) override {
    return std::make_unique<List>(value, std::move(list));
  }
};

razor::Task<void> use(razor::Client<Lists> lists) {
  auto list = std::make_unique<List>(1, nullptr);
  auto longer = co_await lists.push(std::move(list), 2);
  if (!longer.ok()) co_return;
  const std::unique_ptr<List> taken = *std::move(longer);
  CHECK(taken->value == 2 && taken->next->value == 1);
}

void sizes() {
  costs(std::vector<std::uint8_t>(1000, 200), 2003);  // an array of integers: two bytes for each of 128 and more
  costs(razor::Bytes(1000), 1003);                    // bin: copied as a whole
  costs(Item(7, "lamp", {}), 21);                     // 13 of them are the names of the fields
  costs(Rgb(1, 2, 3), 4);                             // a RAZOR_TUPLE has none
  costs(Priority::high, 5);                           // a RAZOR_ENUM is its name
  costs(Level::info, 1);
  costs(std::vector<int>{1, 127, 128, 65536}, 10);    // integers are as short as their values
  costs(std::vector<double>{1, 2}, 19);               // a double takes nine bytes, a float five
}

void shared_objects() {
  const auto name = std::make_shared<std::string>("lamp");
  sends(std::vector{name, name}, R"(["lamp", "lamp"])");
}

int main() {
  structs();
  names();
  variants();
  types_of_others();
  sizes();
  shared_objects();
  razor::AsioRuntime runtime;
  runtime.block_on(use(razor::Client<Lists>(std::make_shared<ListsImpl>())));
  std::puts("as the guide says");
}
