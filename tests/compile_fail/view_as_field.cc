// says: a view cannot be decoded into
#include "razor/wire/codec.h"

struct Text {
  std::string_view text;
  RAZOR_FIELDS(Text, text)
};

bool decode(razor::Decoder& from, Text& text) { return razor::decode(from, text); }
