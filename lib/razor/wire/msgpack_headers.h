#pragma once
// msgpack-cxx, configured as the library needs it: without Boost (its Debian 12 package wants another Boost than ours).

#ifndef MSGPACK_NO_BOOST
#define MSGPACK_NO_BOOST
#endif
#include <msgpack.hpp>

#include "razor/wire/msgpack_guards.h"
