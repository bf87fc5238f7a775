// says: only points in time of std::chrono::system_clock travel
#include "razor/wire/codec.h"

razor::Bytes encode(std::chrono::steady_clock::time_point time) { return razor::wire::encoded(time); }
