#pragma once
// For programs that are written with Boost.Asio: razor calls inside asio::awaitable, and with completion tokens
// (razor::asio::use, razor::asio::start).

#include "razor/razor.h"
#include "razor/runtime/asio/interop.h"
