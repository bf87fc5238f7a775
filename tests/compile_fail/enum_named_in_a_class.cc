// says: RAZOR_ENUM(State, idle, running)
#include "razor/wire/codec.h"

struct Job {
  enum class State { idle, running };
  RAZOR_ENUM(State, idle, running)
};
razor::Bytes encode(Job::State state) { return razor::wire::encoded(state); }
