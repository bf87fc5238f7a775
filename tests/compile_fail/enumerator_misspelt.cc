// says: hihg
#include "razor/wire/codec.h"

enum class Priority { low, high };
RAZOR_ENUM(Priority, low, hihg)
