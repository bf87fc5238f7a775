#pragma once
// msgpack-cxx, configured as the library needs it: without Boost (its Debian 12 package wants another Boost than ours).
// Only msgpack_adaptor.h brings it: programs without types that need it never include it.

#ifndef MSGPACK_NO_BOOST
#define MSGPACK_NO_BOOST
#endif
#include <msgpack.hpp>
