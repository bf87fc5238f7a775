// says: msgpack_adaptor.h
#include "razor/wire/codec.h"

struct Item {
  int id = 0;
  template <class Packer>
  void msgpack_pack(Packer& packer) const {
    packer.pack(id);
  }
};

razor::Bytes encode(const Item& item) { return razor::wire::encoded(item); }
