#include <gtest/gtest.h>
#include "razor/base/intrusive_list.h"
