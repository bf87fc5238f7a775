// What a server reads, cut into frames.

#include "tests/fuzz/sliced_reading.h"

RAZOR_FUZZ_TARGET(request_reader) { razor::fuzz::check_slicing<razor::wire::RequestFrame>(input); }
