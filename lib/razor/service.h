#pragma once
// This header brings what the definition of a service needs, and nothing else of the library: Call, RAZOR_SERVICE, and the macros and types of
// what travels (RAZOR_FIELDS, RAZOR_ENUM, Unit, Bytes). For headers that many files include; no sockets, pools or Asio.

#include "razor/api/service.h"
#include "razor/wire/codec.h"
