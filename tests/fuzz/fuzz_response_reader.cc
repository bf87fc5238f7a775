// What a client reads, cut into frames.

#include "tests/fuzz/sliced_reading.h"

RAZOR_FUZZ_TARGET(response_reader) { razor::fuzz::check_slicing<razor::wire::ResponseFrame>(input); }
