// says: a number of this type does not travel
#include "razor/wire/codec.h"

razor::Bytes encode(long double number) { return razor::wire::encoded(number); }
