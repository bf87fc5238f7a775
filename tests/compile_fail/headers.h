#pragma once
// What nearly all files here include, to be precompiled.

#include "faults/rule.h"  // IWYU pragma: keep
#include "razor/razor.h"  // IWYU pragma: keep
#include "razor/service.h"  // IWYU pragma: keep
