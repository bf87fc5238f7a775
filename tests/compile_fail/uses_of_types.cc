// Compiles: what the other files about types differ from.
#include "razor/service.h"
#include "razor/wire/msgpack_adaptor.h"

struct Event {
  int id = 0;
  RAZOR_FIELDS(Event, id)
};
struct Payment : Event {
  std::unique_ptr<int> amount;
  RAZOR_FIELDS(Payment, RAZOR_BASE(Event), amount)
};
struct Item {
  int id = 0;
  MSGPACK_DEFINE_MAP(id)
};

razor::Bytes encode(const Payment& payment, const Item& item) {
  (void)razor::wire::encoded(item);
  return razor::wire::encoded(payment);
}
