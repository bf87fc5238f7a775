// says: this type inherits the macro of its base class
// says: RAZOR_FIELDS(Derived, RAZOR_BASE(Base), field...)
// says: Payment
#include "razor/wire/codec.h"

struct Event {
  int id = 0;
  RAZOR_FIELDS(Event, id)
};
struct Payment : Event {
  int amount = 0;
};

razor::Bytes encode(const Payment& payment) { return razor::wire::encoded(payment); }
