// says: wrong_format
#include "razor/base/check.h"

void check(int seq, int last) { RAZOR_CHECK(seq > last, "seq={} last={}", seq); }
